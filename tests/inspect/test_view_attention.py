"""Views ``attention`` and ``label_effect``: planted prefixes draw and push exactly what was planted."""

from dataclasses import replace

import pytest
import tiny
import torch
from measured import TASK, examples, soft
from test_inspect_truths import prefix_of

from steering.errors import ModelError
from steering.inspect import Subject, final, look

IDS = tuple(range(60, 65))


def prefixed(lm, vectors, **given):
    return Subject(name="tried", vectors=vectors, **{"task": TASK, "rows": examples(12), **given})


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_every_architecture_is_read_and_the_split_adds_up(name):
    lm = tiny.build(name, scale=1.5)
    result = final(look("attention", lm, prefixed(lm, prefix_of(lm, IDS), start_ids=IDS)))
    heat, sink, share, ranks = result.parts
    assert heat.rows == ("1", "2", "3") and len(heat.columns) == 4 and heat.centre == 0.0
    assert float(result.caption.split("within ")[1].split(" ")[0].rstrip(".")) < 1e-4
    assert all(len(line.y) == 3 for part in (sink, share, ranks) for line in part.lines)


def test_the_manual_prompt_differs_from_itself_in_nothing(lm):
    from steering.inspect.subjects import of_text

    subject = of_text(lm, TASK.prompt, task=TASK, rows=examples(12))
    heat, _, share, ranks = final(look("attention", lm, subject)).parts
    assert max(abs(value) for row in heat.values for value in row) < 1e-5
    for part in (share, ranks):
        learned, manual = part.lines
        assert learned.y == pytest.approx(manual.y, abs=1e-3)


def test_a_planted_sink_draws_everything_and_adds_nothing(lm):
    """A key that every query finds, with a value of zero: attention says all, the share of what is added says nothing."""
    vectors = prefix_of(lm, IDS)
    seen = final(look("attention", lm, prefixed(lm, vectors)))
    vectors["prefix_values"] *= 1e-6
    silent = final(look("attention", lm, prefixed(lm, vectors)))
    assert max(silent.parts[2].lines[0].y) < 1e-3 < min(seen.parts[2].lines[0].y)
    assert min(silent.parts[1].lines[0].y) > 0.1  # attention alone does not notice


def test_one_virtual_token_adds_one_direction_a_head(lm):
    _, _, _, ranks = final(look("attention", lm, prefixed(lm, prefix_of(lm, IDS[:1])))).parts
    assert max(ranks.lines[0].y) <= 4 + 1e-6  # four heads


def test_an_empty_manual_prompt_draws_nothing(lm):
    result = final(look("attention", lm, prefixed(lm, prefix_of(lm, IDS), task=replace(TASK, prompt=""))))
    assert "Your manual prompt is empty: it draws none." in result.caption and "your manual prompt 0%" in result.parts[0].caption


def test_its_own_attention_says_nothing():
    lm = tiny.build(layout="padded")
    for view in ("attention", "label_effect"):
        with pytest.raises(ModelError, match="does not tell what it looks at"):
            final(look(view, lm, prefixed(lm, prefix_of(lm, IDS))))


# -- direct label effect ----------------------------------------------------------------------------------------------------------------------
def test_a_planted_push_is_found_at_its_place(lm):
    """One value in the last layer is made to write "good" against "bad": the only effect, and all of it direct."""
    from steering.lm.layers import parts

    vectors = {name: t.clone() for name, t in prefix_of(lm, IDS).items()}
    labels = replace(TASK, label_words={"pos": "good", "neg": "bad"}, template="{text}\n")
    good, bad = lm.encode("good")[0], lm.encode("bad")[0]
    found = parts(lm)
    direction = found.norm.weight * (found.head.weight[good] - found.head.weight[bad])
    write = (direction @ found.output[2].weight).view(lm.shape.K, -1, lm.shape.D).mean(1)  # [K, D]
    vectors["prefix_values"][2, :, 3] += 50 * write / write.norm()
    plain = final(look("label_effect", lm, prefixed(lm, prefix_of(lm, IDS), task=labels)))
    pushed = final(look("label_effect", lm, prefixed(lm, vectors, task=labels)))
    bars = {bar.label: bar.value for bar in pushed.parts[0].bars}
    assert max(bars, key=bars.get) == "v4"
    changed = [[abs(a - b) for a, b in zip(*rows, strict=True)] for rows in zip(pushed.parts[1].values, plain.parts[1].values, strict=True)]
    assert changed[2][3] == max(map(max, changed)) and changed[2][3] > 10 * max(*changed[0], *changed[1])


def test_direct_effects_are_those_of_the_written_out_formula(lm):
    """c = sum over heads of A (u g / sigma)^T W_O v, computed here for one input without any hook of ours."""
    from steering.inspect.pushes import pushes
    from steering.lm.attended import attended
    from steering.lm.features import features
    from steering.lm.layers import parts
    from steering.lm.root import Root

    subject = prefixed(lm, prefix_of(lm, IDS), rows=examples(1), task=replace(TASK, template="{text}\n"))
    work = pushes(lm, subject, 8)
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
    found = end.value.value
    root = Root(kv=tuple(zip(subject.vectors["prefix_keys"], subject.vectors["prefix_values"], strict=True)))
    from steering.inspect.subjects import bench

    inputs = bench(lm, subject, subject.rows, root).inputs
    model = parts(lm)
    good, bad = lm.encode("good")[0], lm.encode("bad")[0]
    after = next(rows for _, rows in features(lm, root, inputs))[0]
    heard = []
    handle = model.norm.register_forward_pre_hook(lambda module, given: heard.append(given[0][0, -1]))
    from steering.lm.forest import Branch, Tree

    with torch.no_grad():
        lm.logits([Tree(root, (Branch(inputs[0], 1),))])
    handle.remove()
    before = heard[0]
    scale = float((after / model.norm.weight / before).median())  # 1 / sigma
    u = (model.head.weight[good] - model.head.weight[bad]) * model.norm.weight * scale
    for found_layers in attended(lm, root, inputs):
        for one in found_layers:
            weight = model.output[one.layer].weight.view(lm.shape.H, -1, lm.shape.D)  # [H, heads, D]
            effect = torch.einsum("hs,hsd,Hhd,H->s", one.weights[0], one.values[0], weight, u)
            assert found.slots[0, one.layer].tolist() == pytest.approx(effect[:5].tolist(), abs=1e-4)
    assert float(found.change[0]) != 0


def test_layers_without_the_prefix_push_nothing(lm):
    vectors = {name: tensor[[0, 2]] for name, tensor in prefix_of(lm, IDS).items()} | {"prefix_layers": torch.tensor([1.0, 0.0, 1.0])}
    heat = final(look("label_effect", lm, prefixed(lm, vectors, task=replace(TASK, template="{text}\n")))).parts[1]
    assert set(heat.values[1]) == {0.0} and any(heat.values[0]) and any(heat.values[2])


def test_a_soft_prompt_and_its_own_prefix_push_the_same(lm):
    task = replace(TASK, template="{text}\n")
    one = final(look("label_effect", lm, replace(soft(lm, lm.embed(IDS), IDS), task=task, rows=examples(12))))
    other = final(look("label_effect", lm, prefixed(lm, prefix_of(lm, IDS), task=task, start_ids=IDS)))
    for mine, its in zip(one.parts[1].values, other.parts[1].values, strict=True):
        assert mine == pytest.approx(its, abs=1e-4)


def test_label_words_that_begin_alike_are_told_apart_where_they_part(lm):
    task = replace(TASK, template="{text} label")  # " good" and " bad" begin with a space of its own here
    alike = final(look("label_effect", lm, prefixed(lm, prefix_of(lm, IDS), task=task)))
    assert "behind the tokens that all of them begin with" in alike.caption
    nested = replace(TASK, label_words={"a": "good", "b": "goodgood"}, template="{text}\n")
    assert final(look("label_effect", lm, prefixed(lm, prefix_of(lm, IDS), task=nested, rows=examples(4, target="a")))).parts[0].bars


@pytest.mark.parametrize(
    ("words", "shared"),
    [([(1, 2, 3), (1, 2, 4)], (1, 2)), ([(1,), (2,)], ()), ([(5, 1, 9), (6, 1, 9)], ()), ([(1, 2), (1, 2, 3)], (1, 2)), ([(4, 4)], (4, 4))],
)
def test_common_prefix(words, shared):
    from steering.inspect.pushes import commonprefix

    assert commonprefix(words) == shared


def test_free_text_has_a_margin_too(lm):
    task = replace(TASK, kind="generation", label_words={}, max_new_tokens=4)
    result = final(look("label_effect", lm, prefixed(lm, prefix_of(lm, IDS), task=task)))
    assert "the first token of the right text against the likeliest other token" in result.caption
