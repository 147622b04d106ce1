"""Sides: stratified, stable, disjoint, whatever the order of the rows."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.data import place, text_key
from steering.errors import SpecError
from steering.spec import Example

CLASSES = "abcdefgh"


def make(targets, start=0):
    made = []
    for row, target in enumerate(targets, start=start):
        text = f"text {row}"
        made.append(Example(row=row, values={"text": text}, target=target, key=text_key(text)))
    return made


def sides(placed):
    return {example.key: example.side for example in placed}


TARGETS = st.lists(st.sampled_from(CLASSES), min_size=1, max_size=80)
SHARES = st.tuples(st.sampled_from([0.0, 0.2, 0.3, 0.4]), st.sampled_from([0.0, 0.1, 0.2, 0.5]))


def test_the_default_is_50_20_30_within_every_class():
    placed = place(make("ab" * 100 + "c" * 50), {})
    assert Counter(example.side for example in placed) == {"train": 125, "validation": 50, "test": 75}
    for name in "abc":
        counts = Counter(example.side for example in placed if example.target == name)
        assert abs(counts["train"] / counts.total() - 0.5) < 0.03 and abs(counts["test"] / counts.total() - 0.3) < 0.03


def test_many_tiny_classes_still_fill_every_side():
    placed = place(make([f"c{i // 2}" for i in range(154)]), {})
    counts = Counter(example.side for example in placed)
    assert counts["train"] == 77 and counts["validation"] >= 25 and counts["test"] >= 40


@settings(max_examples=60, deadline=None)
@given(TARGETS, SHARES, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_nothing_is_lost(targets, shares, random):
    rows = make(targets)
    placed = place(rows, {}, test=shares[0], validation=shares[1])
    assert [replace(example, side="train") for example in placed] == rows
    shuffled = rows.copy()
    random.shuffle(shuffled)
    assert sides(place(shuffled, {}, test=shares[0], validation=shares[1])) == sides(placed)


@settings(max_examples=60, deadline=None)
@given(TARGETS, SHARES)
def test_shares_are_kept_within_a_class_and_no_class_is_untrained(targets, shares):
    test, validation = shares
    placed = place(make(targets), {}, test=test, validation=validation)
    wanted = {"train": 1 - test - validation, "validation": validation, "test": test}
    for name in set(targets):
        counts = Counter(example.side for example in placed if example.target == name)
        assert counts["train"] >= 1
        assert all(abs(counts[side] - share * counts.total()) < 2.5 for side, share in wanted.items())
    present = {example.side for example in placed}
    assert all(side in present or not share or len(set(targets)) + 2 > len(targets) for side, share in wanted.items())
    assert all(wanted[side] > 0 for side in present)


@settings(max_examples=60, deadline=None)
@given(TARGETS, TARGETS, TARGETS)
def test_adding_rows_never_moves_a_placed_one(first, second, third):
    stored = {}
    rows = []
    for targets in (first, second, third):
        rows = [*make(targets, start=len(rows)), *rows]
        placed = sides(place(rows, stored))
        assert all(placed[key] == side for key, side in stored.items())
        stored = placed
    counts = Counter(stored.values())
    assert all(
        abs(counts[side] / len(rows) - share) <= 10 / len(rows) + 0.1 for side, share in {"train": 0.5, "validation": 0.2, "test": 0.3}.items()
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(CLASSES)), min_size=1, max_size=60))
def test_a_text_stands_on_one_side_even_if_it_comes_twice(pairs):
    rows = [Example(row=i, values={}, target=target, key=text_key(str(number))) for i, (number, target) in enumerate(pairs)]
    where = {}
    for example in place(rows, {}):
        assert where.setdefault(example.key, example.side) == example.side


def test_a_fixed_side_takes_new_rows_only():
    rows = make("ab" * 10)
    stored = {rows[0].key: "train"}
    placed = place(rows, stored, fixed="test")
    assert [example.side for example in placed] == ["train"] + ["test"] * 19


def test_generation_is_not_stratified():
    placed = place(make([f"answer {i}" for i in range(100)]), {}, kind="generation")
    assert Counter(example.side for example in placed) == {"train": 50, "validation": 20, "test": 30}


def test_few_rows_reach_every_side():
    assert {example.side for example in place(make("aaa"), {})} == {"train", "validation", "test"}
    assert Counter(example.side for example in place(make("aabb"), {})) == {"train": 2, "test": 1, "validation": 1}
    assert {example.side for example in place(make("abc"), {})} == {"train"}
    assert place([], {}) == []


@pytest.mark.parametrize("shares", [(0.6, 0.4), (-0.1, 0.2), (float("nan"), 0.2)])
def test_impossible_shares(shares):
    with pytest.raises(SpecError, match=r"leave no training rows. They must add up to less than 1"):
        place([], {}, test=shares[0], validation=shares[1])


def test_the_salted_order_is_pinned():
    """A change here would move rows between the sides of every dataset whose split is not stored."""
    assert "".join(example.side[:2] for example in place(make("ab" * 8), {})) == "trtetetrvatevatrtrtrtevatrtetrtr"
