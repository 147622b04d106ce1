"""Fewer than 60 rows: enough left to train on, every row judged once a repeat, groups together, and said so."""

from collections import Counter

import pytest

from steering.data import cross_validation, prepare, shares
from steering.errors import SpecError


def content(rows, groups=False):
    head = "customer,text,label\n" if groups else "text,label\n"
    return (head + "".join(f"{f'c{i // 3},' if groups else ''}words of row {i},{'abc'[i % 2]}\n" for i in range(rows))).encode()


@pytest.mark.parametrize("rows", [16, 20, 33, 59])
def test_a_tiny_set_keeps_enough_to_train_on(rows):
    made = prepare("f", content(rows))
    sides = made.report.sides
    assert sides["train"] >= 0.55 * rows and sides["validation"] >= 2 and sides["test"] >= 2 and made.report.cross_validate
    assert {example.target for example in made.on("train")} == {"a", "b"}


def test_from_60_rows_on_there_is_a_test_side():
    made = prepare("f", content(60))
    assert made.report.sides == {"train": 30, "validation": 12, "test": 18} and not made.report.cross_validate
    assert "small_set" not in {problem.kind for problem in made.report.problems}
    assert shares(60) == (0.3, 0.2) and shares(59) == (0.2, 0.2)


def test_what_will_happen_is_said():
    (problem,) = [problem for problem in prepare("f", content(40)).report.problems if problem.kind == "small_set"]
    assert problem.message == (
        "40 usable rows, fewer than 60: a test side of its own would be too small to show anything. Every row is judged by prompts that never saw "
        "it (cross-validation in 5 folds), and the result is called a cross-validated estimate."
    )
    assert problem.hint == "With 60 rows or more the result comes from test rows that are kept aside." and problem.severity == "note"


def test_a_test_side_of_the_persons_own_is_kept_to():
    own = prepare(
        "f", b"text,label,split\n" + b"".join(b"row %d,%s,%s\n" % (i, b"ab"[i % 2 : i % 2 + 1], [b"train", b"test"][i % 4 == 0]) for i in range(40))
    )
    assert own.report.sides["test"] == 10 and not own.report.cross_validate
    assert not prepare("f", content(40), test=0.0).report.cross_validate and not prepare("f", content(40), fixed="test").report.cross_validate
    assert not prepare("f", content(10)).report.cross_validate  # refused for another reason


def test_every_row_is_judged_once_a_repeat_and_never_by_what_saw_it():
    examples = prepare("f", content(31)).examples
    rounds = list(cross_validation(examples))
    assert len(rounds) == 25 and all([e.key for e in placed] == [e.key for e in examples] for placed in rounds)
    for repeat in range(5):
        tested = Counter(e.key for placed in rounds[5 * repeat : 5 * repeat + 5] for e in placed if e.side == "test")
        assert tested == {e.key: 1 for e in examples}
    for placed in rounds:
        sides = Counter(e.side for e in placed)
        assert 6 <= sides["test"] <= 7 and sides["validation"] >= 4 and {e.target for e in placed if e.side == "train"} == {"a", "b"}
    tests = {tuple(e.key for e in placed if e.side == "test") for placed in rounds}
    assert len(tests) > 20, "another division every time"
    assert rounds == list(cross_validation(examples)) != list(cross_validation(examples, seed=1))


def test_groups_stay_together_and_travel_with_the_report():
    made = prepare("f", content(36, groups=True), group_column="customer")
    groups = made.report.groups
    assert len(set(groups.values())) == 12 and made.report.as_dict()["groups"] == groups
    for placed in cross_validation(made.examples, groups=groups, repeats=1):
        sides = {}
        for example in placed:
            sides.setdefault(groups[example.key], set()).add(example.side)
        assert all(len(found) == 1 for found in sides.values())
    assert prepare("f", content(90, groups=True), group_column="customer").report.groups == {}


def test_fewer_groups_than_folds():
    examples = prepare("f", content(18)).examples
    two = {example.key: str(i % 2) for i, example in enumerate(examples)}
    assert len(list(cross_validation(examples, groups=two, repeats=1))) == 2
    with pytest.raises(SpecError, match="1 folds of 1 rows or groups"):
        next(cross_validation(examples, groups=dict.fromkeys(two, "one")))
