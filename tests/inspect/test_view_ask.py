"""View ``ask``: the words of the task never stand in the question, every control is asked the same, and an echo is called one."""

from dataclasses import replace

import pytest
import torch
from measured import TASK, examples, soft

from steering.inspect import Subject, final, look
from steering.inspect.ask import LEARNED, RANDOM, SHUFFLED, START, task_words
from steering.inspect.asking import EXAMPLES, _patched, ask, levels, question
from steering.spec import TaskSpec

IDS = tuple(range(60, 65))


def done(work):
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
    return end.value.value


def test_all_controls_are_asked_the_same(lm):
    vectors = lm.embed(IDS) + 0.05 * torch.randn(5, lm.shape.H, generator=torch.Generator().manual_seed(1))
    bars, table = final(look("ask", lm, soft(lm, vectors, IDS))).parts
    assert [bar.label for bar in bars.bars] == [LEARNED, START, RANDOM, SHUFFLED]
    asked = {whose: [(row["source"], row["target"]) for row in table.rows if row["whose"] == whose] for whose in (LEARNED, START, RANDOM, SHUFFLED)}
    assert len({tuple(pairs) for pairs in asked.values()}) == 1 and len(asked[LEARNED]) == len(levels(lm))


def test_without_rows_and_start_what_is_missing_is_said(lm):
    result = final(look("ask", lm, Subject(name="t", vectors={"soft_prompt": lm.embed(IDS)})))
    assert [bar.label for bar in result.parts[0].bars] == [LEARNED, RANDOM]
    assert "Left out: the start is not recorded; a control that learned from shuffled labels needs" in result.caption


def test_vectors_equal_to_their_start_answer_like_it_and_nothing_is_read(lm):
    result = final(look("ask", lm, soft(lm, lm.embed(IDS), IDS)))
    table = result.parts[1]
    mine, its = ([row["answer"] for row in table.rows if row["whose"] == whose] for whose in (LEARNED, START))
    assert mine == its and result.note.endswith("No more than a control does: nothing can be read from these answers.")


def test_no_example_names_the_task(lm):
    task = TaskSpec(kind="classification", prompt="Name the metal or the city of the message", label_words={"a": "winter", "b": "bread"})
    words = task_words(task)
    assert {"winter", "bread", "metal", "message"} <= words and "the" not in words
    ids, places = question(lm, words, 3)
    text = lm.decode(ids)
    assert not [word for word in words if word in text.split(":")[0] or f" {word}" in text] and text.endswith("xxx") and len(places) == 3
    assert len(EXAMPLES) >= 6


def test_placeholders_are_replaced_at_their_level_and_nothing_before(lm):
    ids, places = question(lm, set(), 3)
    states = torch.randn(3, lm.shape.H, generator=torch.Generator().manual_seed(2))
    plain = lm.to_kv(_patched(lm, ids, places, lm.embed(ids[-3:]), 0)).kv
    for target in (0, 1, 2):
        kv = _patched(lm, ids, places, states, target).kv
        for layer, ((key, _), (before, _)) in enumerate(zip(kv, plain, strict=True)):
            assert torch.allclose(key[:, : places.start], before[:, : places.start], atol=1e-5)
            same = torch.allclose(key[:, places.start :], before[:, places.start :], atol=1e-5)
            assert same == (layer < target)  # layer n reads level n


def test_placeholders_themselves_give_no_lift(lm):
    ids, places = question(lm, set(), 4)
    rows = lm.embed(ids[places.start : places.stop])
    found = done(ask(lm, {LEARNED: rows}, 0, set(), "asking"))
    direct = next(one for one in found if (one.source, one.target) == (0, 0))
    assert direct.lift == pytest.approx(0.0, abs=1e-4)


def test_the_shuffled_control_goes_as_far_from_the_same_start(lm):
    from steering.inspect.shuffled import shuffled

    start = lm.embed(IDS)
    learned = start + 0.05 * torch.randn(5, lm.shape.H, generator=torch.Generator().manual_seed(1))
    learned[0] = start[0]
    made = done(shuffled(lm, soft(lm, learned, IDS), start, learned))
    torch.testing.assert_close((made - start).norm(dim=1), (learned - start).norm(dim=1), atol=1e-5, rtol=1e-4)
    assert torch.equal(made, done(shuffled(lm, soft(lm, learned, IDS), start, learned))) and not torch.allclose(made, learned)


def test_free_text_has_no_shuffled_labels(lm):
    task = replace(TASK, kind="generation", label_words={})
    result = final(look("ask", lm, Subject(name="t", vectors={"soft_prompt": lm.embed(IDS)}, start_ids=IDS, task=task, rows=examples(4))))
    assert SHUFFLED not in [bar.label for bar in result.parts[0].bars]
