"""Fitted contestants: on training rows only, judged by the same judge, in slices, and in words where they cannot be."""

from dataclasses import replace

import pytest
import tiny
import torch

from steering.engine import contestants
from steering.engine.contestants import Context, build, enter, parse
from steering.engine.judging import judge
from steering.engine.references import sides
from steering.errors import DataError, SpecError
from steering.evaluate.results import Comparison
from steering.lm.encode import encode_examples, encode_labels, prompt_text
from steering.lm.features import features
from steering.lm.forest import Branch, Tree
from steering.spec import Example, Recipe, TaskSpec

TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})
NAMES = ("lora", "probe", "manual+bias")


@pytest.fixture(scope="module")
def lm():
    """A random model with large weights: its answers depend on the input, so that there is something to fit."""
    torch.set_num_threads(1)
    return tiny.build(scale=8.0)


def _rows(start: int, count: int) -> list[Example]:
    kinds = (("great", "pos"), ("awful", "neg"))
    texts = [(f"film {i} {kinds[i % 2][0]}", kinds[i % 2][1]) for i in range(start, start + count)]
    return [Example(row=i, values={"text": text}, target=label, key=f"{start + i:04}") for i, (text, label) in enumerate(texts)]


def _context(task=TASK, train=None, validation=()) -> Context:
    return Context(task, _rows(0, 24) if train is None else train, [], validation)


def test_all_of_them_are_judged_like_everybody_else(lm, monkeypatch):
    import steering.engine.references as references

    monkeypatch.setattr(references, "Recipe", lambda: Recipe(steps=20, batch_size=4, evaluate_every=5))
    before = lm.weights_hash()
    task = replace(TASK, template="{text}")  # the telling word stands last: even a random model has it at hand there
    context = _context(task)
    entered = [build(lm, name, context) for name in ("prompt:the film", *NAMES)]
    assert [c.kind for c in entered] == ["manual", "lora", "linear_probe", "manual_bias"]
    *_, result = judge(lm, task, entered, context.train)  # the fits must show where they were made
    assert isinstance(result, Comparison)
    scores = {c.name: c for c in result.contestants}
    assert scores["probe"].accuracy > 0.9 and scores["lora"].nll < scores["manual"].nll
    assert scores["manual+bias"].nll <= scores["manual"].nll + 0.05
    assert lm.weights_hash() == before
    assert len({c.fingerprint for c in entered}) == len(entered)


@pytest.mark.parametrize("name", NAMES)
def test_fitting_takes_many_slices_and_gives_the_same_again(lm, name, monkeypatch):
    import steering.engine.references as references

    monkeypatch.setattr(references, "Recipe", lambda: Recipe(steps=2, batch_size=4))
    monkeypatch.setattr(lm, "tokens_per_slice", 40)
    results = []
    for _ in range(2):
        making, slices = enter(lm, name, _context()), 0
        while True:
            try:
                next(making)
                slices += 1
                assert torch.is_grad_enabled()
            except StopIteration as end:
                made = end.value
                break
        assert slices >= 3
        data = encode_examples(lm, TASK, _rows(50, 6), made.root.length)
        results.append(torch.cat([part for _, part in made.scorer(lm, made.root, data.inputs, encode_labels(lm, TASK))]))
        assert made.fingerprint == build(lm, name, _context()).fingerprint
    assert torch.equal(*results)
    assert made.fingerprint != build(lm, name, _context(train=_rows(1, 24))).fingerprint


def test_biases_are_one_constant_a_label(lm):
    context = _context()
    made, plain = build(lm, "manual+bias", context), build(lm, "prompt:the film", context)
    data, labels = encode_examples(lm, TASK, _rows(50, 6), made.root.length), encode_labels(lm, TASK)
    with_bias, without = (torch.cat([p for _, p in c.scorer(lm, c.root, data.inputs, labels)]) for c in (made, plain))
    difference = with_bias - without
    torch.testing.assert_close(difference, difference[:1].expand_as(difference), atol=1e-5, rtol=0)


@pytest.mark.parametrize("layout", ["forest", "padded"])
@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_features_are_what_the_output_layer_reads(name, layout):
    lm = tiny.build(name, layout=layout)
    root = lm.text_root(prompt_text("the film"))
    inputs = [(5, 6, 7), (8, 9), (3, 1, 4, 1, 5)]
    found = torch.cat([rows for _, rows in features(lm, root, inputs)])
    with torch.no_grad():
        wanted = lm.logits([Tree(root, tuple(Branch(ids, 1) for ids in inputs))])
        torch.testing.assert_close(lm.model.get_output_embeddings()(found), wanted, atol=1e-5, rtol=1e-5)
    assert found.shape == (3, lm.shape.H)
    assert not lm.model.get_output_embeddings()._forward_pre_hooks, "nothing keeps listening"


def test_validation_rows_choose_and_test_rows_are_never_seen():
    own = _context(validation=_rows(40, 8))
    assert sides(own, "x") == (list(own.train), list(own.validation))
    train, held = sides(_context(), "x")
    assert len(train) == 18 and len(held) == 6 and {r.target for r in held} == {"pos", "neg"}
    assert not {r.key for r in train} & {r.key for r in held}
    train, held = sides(_context(train=_rows(0, 2)), "x")
    assert (len(train), len(held)) == (1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_without_rows_they_are_refused_in_words(lm, name):
    with pytest.raises(DataError) as caught:
        build(lm, name, _context(train=_rows(0, 1)))
    assert str(caught.value) == f"{name} needs training rows to be fitted on, and there are 1. Give training rows (--train FILE)."


@pytest.mark.parametrize("name", ["probe", "manual+bias"])
def test_what_needs_labels_says_so(lm, name):
    task = TaskSpec(kind="generation", template="{text} answer", prompt="the film")
    with pytest.raises(SpecError) as caught:
        build(lm, name, _context(task))
    assert str(caught.value) == f"{name} is for classification; this task is generation. Leave it out."


def test_lora_is_fitted_for_generation_too(lm, monkeypatch):
    import steering.engine.references as references

    monkeypatch.setattr(references, "Recipe", lambda: Recipe(steps=2, batch_size=4))
    task = replace(TASK, kind="generation", label_words={}, max_new_tokens=4)
    made = build(lm, "lora", _context(task))
    *_, result = judge(lm, task, [made, build(lm, "none", _context(task))], _rows(60, 4))
    assert isinstance(result, Comparison) and result.contestants[0].kind == "lora"


@pytest.mark.parametrize("spec", ["lora:8", "probe:x", "manual+bias:", "none:", "prompt:", "saved", "lor"])
def test_forms_are_written_exactly(spec):
    if spec in ("manual+bias:", "none:"):
        assert parse(spec)[1] == ""
        return
    with pytest.raises(SpecError) as caught:
        parse(spec)
    assert str(caught.value).startswith(
        f"contestant {spec!r} is not known. Use none, prompt:TEXT, few-shot:K[@SEED|@nearest], few-shot:@LINE,LINE, saved:NAME"
    )


def test_the_table_and_its_bare_forms_agree():
    assert set(contestants.BARE) | set(contestants.VALUED) | set(contestants.FITTED) < set(contestants.FORMS)
    assert {shape.partition(":")[0].partition("[")[0] for shape in contestants.SHAPES} == set(contestants.FORMS)
