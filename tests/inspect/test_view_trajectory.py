"""View ``trajectory``: a planted course is told step by step; what was not recorded is said to be missing."""

import pytest
import torch

from steering.inspect import Subject, final, look

IDS = tuple(range(60, 65))


def by_title(result):
    return {part.title: part for part in result.parts}


def planted(lm, steps=(0, 10, 20, 30)):
    """The first vector walks from its token to another's; the second doubles in length; the others stay."""
    start = lm.embed(IDS)
    trail = []
    for step in steps:
        share = step / steps[-1]
        now = start.clone()
        now[0] = (1 - share) * start[0] + share * lm.embed([70])[0]
        now[1] = start[1] * (1 + share)
        trail.append((step, {"soft_prompt": now.half().float()}))
    losses = tuple((step, 1.0 - step / 100, 1.2 - step / 100 if step % 20 == 0 else None) for step in range(0, 31, 10))
    return Subject(name="tried", vectors=trail[-1][1], start_ids=IDS, trail=tuple(trail), losses=losses)


def test_a_planted_course(lm):
    parts = by_title(final(look("trajectory", lm, planted(lm))))
    assert list(parts) == ["Loss", "Length", "Drift from the start", "Direction", "Closest entry over training"]
    training, validation = parts["Loss"].lines
    assert training.x == (0, 10, 20, 30) and validation.x == (0, 20) and validation.y == (1.2, 1.0)
    drift = parts["Drift from the start"].lines[0]
    assert drift.x == (0, 10, 20, 30) and drift.low == (0, 0, 0, 0) and drift.y == (0, 0, 0, 0)
    table = parts["Closest entry over training"].rows
    assert table[0]["timeline"][0]["id"] == IDS[0] and table[0]["timeline"][-1]["id"] == 70
    assert table[0]["changes"] >= 1 and table[2]["changes"] == 0 and len(table[0]["moments"]) == 4
    assert table[1]["drift"] == pytest.approx(1.0, abs=1e-2) and table[1]["cosine"] == pytest.approx(1.0, abs=1e-3)
    assert table[1]["norm"] == pytest.approx(2 * float(lm.embed([IDS[1]]).norm()), rel=1e-2)


def test_the_vocabulary_band(lm):
    length = by_title(final(look("trajectory", lm, planted(lm))))["Length"]
    from steering.inspect.vocabulary import vocabulary

    work = vocabulary(lm)
    with pytest.raises(StopIteration) as end:
        next(work)
    norms = lm.embed(end.value.value.ids.tolist()).norm(dim=1)
    assert [mark.value for mark in length.marks] == pytest.approx([float(norms.quantile(q)) for q in (0.01, 0.5, 0.99)], abs=1e-3)


def test_long_and_far_vectors_are_warned_of(lm):
    start = lm.embed(IDS)
    trail = tuple((step, {"soft_prompt": start * (1 + step)}) for step in (0, 2, 4, 6))
    result = final(look("trajectory", lm, Subject(name="tried", vectors=trail[-1][1], start_ids=IDS, trail=trail)))
    assert (
        "from step 2 on: closest entries are unreliable there" in result.note and "Drift passed 3 times the start's length at step 4" in result.note
    )


def test_without_a_trail_only_start_and_end_are_shown(lm):
    result = final(look("trajectory", lm, Subject(name="tried", vectors={"soft_prompt": lm.embed(IDS) * 1.5}, start_ids=IDS)))
    assert "only the start (0) and the end (1) are shown" in result.caption
    assert by_title(result)["Drift from the start"].lines[0].y == (0, 0.5)


def test_without_start_and_trail_nothing_can_be_shown(lm):
    result = final(look("trajectory", lm, Subject(name="tried", vectors={"soft_prompt": lm.embed(IDS)})))
    assert result.paragraphs == ("Nothing can be shown. Neither the course nor the start of these vectors is recorded.",)


def test_a_trail_of_another_shape_or_with_nan_is_left_out(lm):
    good = planted(lm)
    odd = ((5, {"soft_prompt": torch.ones(2, lm.shape.H)}), (6, {"soft_prompt": torch.full((5, lm.shape.H), float("nan"))}), (7, {}))
    result = final(
        look("trajectory", lm, Subject(name="t", vectors=good.vectors, start_ids=IDS, trail=tuple(sorted((*good.trail, *odd), key=lambda s: s[0]))))
    )
    assert by_title(result)["Direction"].lines[0].x == (0, 10, 20, 30)


def test_long_courses_are_thinned_evenly(lm):
    start = lm.embed(IDS)
    trail = tuple((step, {"soft_prompt": start + step / 1000}) for step in range(0, 1010, 10))
    x = by_title(final(look("trajectory", lm, Subject(name="t", vectors=trail[-1][1], start_ids=IDS, trail=trail))))["Direction"].lines[0].x
    assert len(x) == 26 and x[0] == 0 and x[-1] == 1000


def test_a_prefix_has_a_course_of_keys_and_values(lm):
    from test_inspect_truths import prefix_of

    start = prefix_of(lm, IDS)
    trail = tuple((step, {"prefix_keys": start["prefix_keys"] * (1 + step / 10), "prefix_values": start["prefix_values"]}) for step in (0, 10))
    result = final(look("trajectory", lm, Subject(name="t", vectors=trail[-1][1], start_ids=IDS, trail=trail)))
    keys, values = by_title(result)["Drift from the start"].lines
    assert (keys.name, keys.y) == ("keys", (0, 1)) and (values.name, values.y) == ("values", (0, 0))
    assert "Length" not in by_title(result)
