"""Fewer than 60 rows: enough left to train on, and what will happen is said (tests/engine/test_few_rows.py: that it does)."""

import pytest

from steering.data import prepare, shares


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
        "it (cross-validation), and the result is called a cross-validated estimate."
    )
    assert problem.hint == "With 60 rows or more the result comes from test rows that are kept aside." and problem.severity == "note"


def test_a_test_side_of_the_persons_own_is_kept_to():
    own = prepare(
        "f", b"text,label,split\n" + b"".join(b"row %d,%s,%s\n" % (i, b"ab"[i % 2 : i % 2 + 1], [b"train", b"test"][i % 4 == 0]) for i in range(40))
    )
    assert own.report.sides["test"] == 10 and not own.report.cross_validate
    assert not prepare("f", content(40), test=0.0).report.cross_validate and not prepare("f", content(40), fixed="test").report.cross_validate
    assert not prepare("f", content(10)).report.cross_validate  # refused for another reason


def test_groups_travel_with_the_report():
    made = prepare("f", content(36, groups=True), group_column="customer")
    groups = made.report.groups
    assert len(set(groups.values())) == 12 and made.report.as_dict()["groups"] == groups
    assert prepare("f", content(90, groups=True), group_column="customer").report.groups == {}
