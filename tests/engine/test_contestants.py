"""Every form of contestant: what it is made of, that it answers as it says, and words for what it cannot do."""

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import save_file

from steering import artifact
from steering.engine.contestants import Context, build
from steering.engine.controls import is_control
from steering.engine.demonstrations import nearest
from steering.engine.judging import answers, front_of, judge
from steering.engine.search import found, proposed
from steering.errors import DataError, NotFoundError, SpecError
from steering.evaluate.results import Comparison
from steering.lm.encode import encode_examples, encode_labels
from steering.lm.generate import Answer, Decoding, generate
from steering.methods.few_shot import demonstrations
from steering.spec import Example, RunSpec, TaskSpec
from steering.store import Store

TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})


@pytest.fixture(scope="module")
def lm():
    torch.set_num_threads(1)
    return tiny.build(scale=8.0)


def rows(start, count):
    kinds = (("great", "pos"), ("awful", "neg"))
    return [
        Example(row=i + 2, values={"text": f"film {i} {kinds[i % 2][0]}"}, target=kinds[i % 2][1], key=f"{i:04}") for i in range(start, start + count)
    ]


def context(task=TASK, train=None, **more):
    return Context(task, rows(0, 24) if train is None else train, [], **more)


def scores(lm, made, over, task=TASK):
    working = answers(lm, task, [made], over)
    while True:
        try:
            next(working)
        except StopIteration as end:
            return torch.from_numpy(end.value[0].log_probs)


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_no_prompt_is_the_untouched_model(name):
    """Against transformers' own attention on the plain token ids, without anything of ours in between."""
    ours = tiny.build(name)
    torch.manual_seed(0)
    import transformers as hf

    plain = hf.AutoModelForCausalLM.from_config(tiny.config(name), attn_implementation="eager").float().eval()
    over = rows(40, 5)
    inputs = encode_examples(ours, TASK, over, 0).inputs
    labels = encode_labels(ours, TASK).full()

    def whole(ids, word):
        with torch.no_grad():
            logp = plain(torch.tensor([ids + word])).logits[0].log_softmax(-1)
        return sum(logp[len(ids) - 1 + i, token] for i, token in enumerate(word))

    wanted = torch.stack([torch.stack([whole(ids, word) for word in labels]) for ids in inputs])
    torch.testing.assert_close(scores(ours, build(ours, "none", context()), over), wanted, atol=1e-5, rtol=1e-5)


def test_majority_says_the_training_shares_whatever_is_asked(lm):
    train = rows(0, 9)
    made = build(lm, "majority", context(train=train))
    got = scores(lm, made, rows(40, 3)).exp()
    torch.testing.assert_close(got, torch.tensor([[6 / 11, 5 / 11]]).expand(3, -1))
    assert is_control(made) and made.made == {"label": "pos"} and made.seen == {row.key for row in train}
    for task, rows_given, said in (
        (replace(TASK, kind="generation", label_words={}), train, "majority is for classification; this task is generation. Leave it out."),
        (TASK, [], "majority needs training rows to count, and there are none. Give training rows (--train FILE)."),
    ):
        with pytest.raises((SpecError, DataError)) as caught:
            build(lm, "majority", context(task, rows_given))
        assert str(caught.value) == said


def test_random_vectors_are_drawn_once_a_seed(lm):
    one, same, other = (build(lm, spec, context()) for spec in ("random:5", "random:5@0", "random:5@1"))
    assert one.root.length == 5 and one.fingerprint == same.fingerprint != other.fingerprint and is_control(one)
    assert build(lm, "random", context()).root.length == len(lm.encode("the film\n\n"))
    assert build(lm, "random", context(replace(TASK, prompt=""))).root.length == 8
    for spec in ("random:x", "random:0", "random:5@x"):
        with pytest.raises(SpecError, match=r"is not a number of vectors\. Write random, random:16, or random:16@1"):
            build(lm, spec, context())


def test_demonstrations_drawn_chosen_and_plain(lm):
    plain, draw0, draw7 = (build(lm, spec, context()) for spec in ("few-shot:4", "few-shot:4@0", "few-shot:4@7"))
    torch.testing.assert_close(plain.root.embeds, draw0.root.embeds)
    assert plain.root.length != draw7.root.length or not torch.equal(plain.root.embeds, draw7.root.embeds)
    lines = build(lm, "few-shot:@5,2", context())
    assert lines.text == "the film\n\nfilm 3 awful label bad\n\nfilm 0 great label good\n\n" and lines.made == {"lines": [5, 2]}
    for spec, said in (
        ("few-shot:@99", "line 99 of the training rows is not there. Name lines as `check` and the page number them."),
        ("few-shot:@a", "few-shot:@a is not a list of lines. Write few-shot:@3,17 with line numbers of the training file."),
        ("few-shot:4@far", "few-shot:4@far is not known. Write few-shot:4@7 (another draw), few-shot:4@nearest, or few-shot:@3,17 (lines)."),
        ("few-shot:999@1", "few-shot:999@1 is not a number of demonstrations. Write few-shot:4, for example."),
    ):
        with pytest.raises((SpecError, DataError)) as caught:
            build(lm, spec, context())
        assert str(caught.value) == said


def test_what_stands_in_front_is_said_in_its_own_unit(lm):
    def said(spec):
        found = front_of(build(lm, spec, context()), len(lm.header))
        return None if found is None else found.said

    tokens = len(lm.encode("the film\n\n"))
    assert said("none") == "" and said("prompt:the film") == said("manual+bias") == f"{tokens} prompt tokens"
    assert said("random:3") == "3 vectors" and said("few-shot:2@nearest") is None
    fast = "steps=1,batch_size=2,folds=0"
    assert said(f"tune:prompt_tuning,virtual_tokens=3,{fast}") == "3 vectors"
    assert said(f"tune:prefix_tuning,virtual_tokens=3,{fast}") == "a prefix of 3 slots"
    assert said(f"tune:lora,{fast}") == f"changed weights and {tokens} prompt tokens"


def test_nearest_demonstrations_are_found_and_each_row_has_its_own_root(lm, monkeypatch):
    pick = nearest(TASK, rows(0, 24), 2)
    probe = Example(row=1, values={"text": "film 7 awful"}, target="neg", key="x")
    assert pick(probe)[-1].values["text"] == "film 7 awful", "the nearest stands next to the input"
    made = build(lm, "few-shot:2@nearest", context())
    monkeypatch.setattr(lm, "tokens_per_slice", 60)
    over = rows(40, 5)
    got = scores(lm, made, over)
    inputs, labels = encode_examples(lm, TASK, over, made.root.length).inputs, encode_labels(lm, TASK)
    for i, row in enumerate(over):
        root = lm.text_root(demonstrations(TASK, pick(row)))
        (wanted,) = (log_probs for _, log_probs in made.scorer(lm, root, [inputs[i]], labels))
        torch.testing.assert_close(got[i : i + 1], wanted, atol=1e-5, rtol=1e-5)
    task = replace(TASK, kind="generation", label_words={}, max_new_tokens=3)
    made = build(lm, "few-shot:2@nearest", context(task))
    *_, result = judge(lm, task, [made], over)
    assert isinstance(result, Comparison)
    root = lm.text_root(demonstrations(task, nearest(task, rows(0, 24), 2)(over[0])))
    inputs = encode_examples(lm, task, over, made.root.length).inputs
    *_, (answer,) = generate(lm, [(root, inputs[0])], Decoding(max_new_tokens=3, stop_newline=True))
    assert result.contestants[0].predictions[0] == answer.text


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def vectors(lm, seed):
    return torch.randn(4, lm.shape.H, generator=torch.Generator().manual_seed(seed))


def keep(lm, folder, name, tensor, task=TASK, dataset="gone"):
    card = artifact.Card(
        name=name, method="prompt_tuning", model=lm.id, revision="", fingerprint=lm.fingerprint, task=task, dataset=dataset, virtual_tokens=4
    )
    folder.mkdir(exist_ok=True)
    artifact.write(folder, artifact.Artifact(card, {"soft_prompt": tensor.numpy()}))


def test_an_ensemble_is_the_mean_of_its_members_log_probabilities(lm, home):
    for name, seed in (("a", 1), ("b", 2)):
        keep(lm, home, name, vectors(lm, seed))
    place = Context(TASK, (), [home])
    both, a, b = (build(lm, spec, place) for spec in ("ensemble:a+b", "saved:a", "saved:b"))
    over = rows(40, 6)
    wanted = torch.stack([scores(lm, one, over).log_softmax(-1) for one in (a, b)]).mean(0)
    torch.testing.assert_close(scores(lm, both, over), wanted)
    inputs = encode_examples(lm, TASK, over, 4).inputs
    asked = torch.cat([part for _, part in both.scorer(lm, both.root, inputs, encode_labels(lm, TASK))])
    torch.testing.assert_close(asked, wanted, atol=1e-5, rtol=1e-5)
    assert both.seen is None and both.made["members"] == ["saved:a", "saved:b"]
    for spec, said in (
        ("ensemble:a", "ensemble:a does not name several learned prompts."),
        ("ensemble:a+a", "ensemble:a+a does not name several learned prompts."),
        ("ensemble:a+prompt:x", "ensemble:a+prompt:x does not name several learned prompts."),
        ("ensemble:a+c", "there is no saved prompt 'c'. Saved prompts: a, b."),
    ):
        with pytest.raises((SpecError, NotFoundError)) as caught:
            build(lm, spec, place)
        assert str(caught.value).startswith(said)


def test_vectors_of_another_task_are_refused(lm, home):
    keep(lm, home, "a", vectors(lm, 1), replace(TASK, label_words={"x": "good", "y": "bad"}))
    with pytest.raises(SpecError) as caught:
        build(lm, "saved:a", Context(TASK, (), [home]))
    assert str(caught.value) == "saved:a was trained for the labels x, y; here they are neg, pos. Compare contestants of one task."
    keep(lm, home, "b", vectors(lm, 1), replace(TASK, kind="generation", label_words={}))
    with pytest.raises(SpecError, match=r"saved:b is for generation, and this is classification\."):
        build(lm, "saved:b", Context(TASK, (), [home]))


def test_recorded_steps_of_a_run_and_what_it_was_trained_on(lm, home):
    store = Store(home / "store")
    examples = tuple(replace(row, side=side) for row, side in zip(rows(0, 3), ("train", "validation", "test"), strict=True))
    store.add_dataset("films", "d1", {"problems": []}, examples)
    run = store.add_run(RunSpec(name="r", dataset="d1", task=TASK, method="prompt_tuning", model=lm.id))
    place = Context(TASK, (), [home], store=store)
    with pytest.raises(NotFoundError) as caught:
        build(lm, f"run:{run}@10", place)
    assert str(caught.value) == f"run {run!r} kept no trail of its steps. Use run:ID for its best vectors."
    steps = {f"{step}/soft_prompt": vectors(lm, step).half() for step in (0, 10)}
    save_file(steps, store.run_folder(run) / "trail.safetensors")
    made = build(lm, f"run:{run}@10", place)
    torch.testing.assert_close(made.root.embeds, vectors(lm, 10).half().float())
    assert made.name == f"run:{run}@10" and made.seen == {"0000", "0001"}, "the test row is free"
    assert build(lm, f"run:{run}@0", place).fingerprint != made.fingerprint
    with pytest.raises(NotFoundError) as caught:
        build(lm, f"run:{run}@7", place)
    assert str(caught.value) == f"run {run!r} recorded no step '7'. Recorded steps: 0, 10."
    assert build(lm, f"run:{run}", place).kind == "manual", "before its first checkpoint a run is its prompt"
    store.delete_run(run)
    with pytest.raises(NotFoundError, match="there is no run"):
        build(lm, f"run:{run}", place)


def test_a_method_trained_on_the_spot(lm):
    made = build(lm, "tune:prompt_tuning,steps=2,batch_size=4,virtual_tokens=3", context())
    assert (made.kind, made.root.length, made.made["trainable_parameters"], made.made["steps"]) == ("prompt_tuning", 3, 96, 2)
    assert made.made["file_bytes"] == 4 * 96 and made.seen == {row.key for row in rows(0, 24)}
    again = build(lm, "tune:prompt_tuning,steps=2,batch_size=4,virtual_tokens=3", context())
    assert again.fingerprint == made.fingerprint
    for spec, said in (
        ("tune:manual", "tune:manual names no method that learns. Choose one of: prompt_tuning, "),
        (
            "tune:prompt_tuning,depth=3",
            "tune:prompt_tuning, 'depth=3' is no setting of prompt_tuning. Write NAME=VALUE with one of: virtual_tokens, ",
        ),
        ("tune:prompt_tuning,steps=0", "steps is 0, expected 1 to 5000."),
    ):
        with pytest.raises(SpecError) as caught:
            build(lm, spec, context())
        assert str(caught.value).startswith(said)


def test_the_search_stays_in_its_budget_and_keeps_the_best_of_the_full_rows(lm):
    place = context(validation=rows(30, 16))
    made = build(lm, "search:200", place)
    way = made.made
    assert way["budget"] == 200 and 100 < way["spent"] <= 200 and way["rows"] == 16
    full = [one for one in way["candidates"] if one["rows"] == 16]
    assert way["found"]["nll"] == min(one["nll"] for one in full) and made.text == way["found"]["text"]
    assert {one["source"] for one in way["candidates"]} >= {"manual prompt", "template"} and len(full) > 1
    assert made.seen == place.fitted_on and made.spoken == f"the best of {way['tried']} searched prompts"
    assert build(lm, "search:200", place).made == way, "the same search finds the same"
    nll = -scores(lm, made, rows(30, 16)).log_softmax(-1)[range(16), [0, 1] * 8].mean()
    assert way["found"]["nll"] == pytest.approx(float(nll), abs=1e-5)
    for spec in ("search:much", "search:3"):
        with pytest.raises(SpecError, match=r"is no budget\. Write search:1000: how many answers to single rows it may take \(40 to 1,000,000\)\."):
            build(lm, spec, context())


def test_the_search_yields_and_works_for_generation_and_few_rows(lm, monkeypatch):
    monkeypatch.setattr(lm, "tokens_per_slice", 60)
    task = replace(TASK, kind="generation", label_words={}, prompt="", max_new_tokens=4)
    slices = sum(1 for _ in found(lm, "60", context(task)))
    assert slices > 20
    made = build(lm, "search:60", context(task))
    assert made.made["found"]["accuracy"] is None and made.made["spent"] <= 60
    assert build(lm, "search:40", context(train=rows(0, 3))).made["rows"] == 1


def test_the_model_proposes_instructions_of_its_own(lm, monkeypatch):
    """What it writes is cleaned, wanted in 3 to 40 words, and each once."""
    import steering.engine.search as search

    written = ['"Say  which  label"', "Say which label", "No", "word " * 60, "Name the label of it."]

    def speak(lm, requests, decoding):
        assert len(requests) == 8 and decoding.temperature > 0
        yield [Answer(text, 5, -1.0, True) for text in [*written, "", "", ""]]

    monkeypatch.setattr(search, "generate", speak)
    making = proposed(lm, TASK, rows(0, 24))
    next(making)
    with pytest.raises(StopIteration) as end:
        next(making)
    assert end.value.value == [("Say which label", "the model"), ("Name the label of it.", "the model")]
