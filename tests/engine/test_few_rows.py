"""Fewer rows than a test side needs: every row is looked at by one fold that never learned from it, and groups stay together."""

from collections import Counter

import pytest

from steering.engine.beginning import parts_of
from steering.errors import SpecError
from steering.spec import Example, Recipe, RunSpec, TaskSpec

ROWS = [Example(row=i, values={"text": f"words of row {i}"}, target="ab"[i % 2], key=f"{i:04}") for i in range(31)]


def _spec(seed=0):
    return RunSpec(name="few", dataset="d", task=TaskSpec(kind="classification"), method="prompt_tuning", recipe=Recipe(seed=seed))


def test_every_row_is_in_one_fold_and_every_fold_has_every_class():
    parts = parts_of(_spec(), ROWS, {})
    assert len(parts) == 5 and Counter(row.key for part in parts for row in part) == {row.key: 1 for row in ROWS}
    for part in parts:
        assert 6 <= len(part) <= 7 and {row.target for row in part} == {"a", "b"}
    assert parts == parts_of(_spec(), ROWS, {}) != parts_of(_spec(seed=1), ROWS, {})
    assert {frozenset(row.key for row in part) for part in parts} == {
        frozenset(row.key for row in part) for part in parts_of(_spec(), ROWS[::-1], {})
    }, "whatever the order of the file"


def test_groups_stay_together():
    groups = {row.key: f"c{row.row // 3}" for row in ROWS}
    for part in parts_of(_spec(), ROWS, groups):
        held = {row.key for row in part}
        assert all(row.key in held for row in ROWS if groups[row.key] in {groups[key] for key in held})


def test_fewer_groups_than_folds():
    two = {row.key: str(row.row % 2) for row in ROWS}
    assert len(parts_of(_spec(), ROWS, two)) == 2
    with pytest.raises(SpecError, match="1 folds of 1 rows or groups"):
        parts_of(_spec(), ROWS, dict.fromkeys(two, "one"))
