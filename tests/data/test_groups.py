"""Rows that belong together stay together: groups, near-duplicates, the file's own sides, folds."""

import random
import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.data import find_near_duplicates, folds, groups_of, near_duplicates, place, prepare, text_key, with_own_files
from steering.data.near import SIMILAR, _shingles
from steering.errors import DataError, SpecError
from steering.spec import SIDES, Example

WORDS = [
    "parcel",
    "order",
    "late",
    "broken",
    "refund",
    "card",
    "account",
    "login",
    "blue",
    "green",
    "window",
    "summer",
    "price",
    "weather",
    "river",
    "garden",
    "music",
    "train",
    "coffee",
    "letter",
]


CHINESE = "我的包裹在上个星期就应该送到了但是到现在还没有收到请你们尽快告诉我它现在到底在哪里"


def sentences(count, seed=0):
    chosen = random.Random(seed)
    return [" ".join(chosen.choices(WORDS, k=14)) for _ in range(count)]


def make(rows):
    """Examples of (group, target)."""
    return [
        Example(row=row, values={"text": f"text {row}", "who": group}, target=target, key=text_key(f"text {row}"))
        for row, (group, target) in enumerate(rows)
    ]


def near_of(texts):
    return find_near_duplicates([str(index) for index in range(len(texts))], texts)


def csv(rows, header):
    return "\n".join(["\t".join(header), *("\t".join(row) for row in rows)]).encode()


# Near-duplicates.


def test_copies_with_a_small_change_are_found_and_others_are_not():
    texts = sentences(300)
    copies = [f"{text[:-1]}?" if index % 2 else f"  {text.upper()} !" for index, text in enumerate(texts[:40])]
    found = near_of([*texts, *copies])
    assert found.groups == tuple((str(index), str(300 + index)) for index in range(40))
    assert found.forms == () and found.done == 1.0


def test_groups_are_stars_so_that_a_chain_of_small_changes_does_not_join_everything():
    start = sentences(1)[0].split()
    chain = [" ".join([*(["changed"] * count), *start[count:]]) for count in range(len(start))]
    for group in near_of(chain).groups:
        head, *rest = (_shingles(chain[int(key)]) for key in group)
        assert all(len(head & other) >= SIMILAR * len(head | other) for other in rest)
    assert len(near_of(chain).groups) != 1 or len(near_of(chain).groups[0]) < len(chain)


def test_short_texts_that_differ_by_a_number_are_not_the_same():
    assert near_of([f"message number {i}" for i in range(60)]).groups == ()


def test_a_form_that_was_filled_in_is_no_group_of_copies():
    texts = [f"thank you for your order {i}, it will be with you by the end of the week, your friends at the shop" for i in range(60)]
    found = near_of([*texts, *sentences(100)])
    assert found.groups == () and [len(group) for group in found.forms] == [60]


def test_scripts_without_spaces_and_odd_texts():
    assert near_of([CHINESE, f"{CHINESE}!", "", "a", "\ud800"]).groups == (("0", "1"),)
    assert near_of([]).groups == () and near_of(["one"]).groups == ()


def test_the_search_says_how_far_it_is():
    steps = [look.done for look in near_duplicates([str(i) for i in range(5000)], sentences(5000))]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 1 and len(steps) > 3


@pytest.mark.parametrize("texts", [["the same words again and again"] * 20_000, [f"{'dear customer of our shop ' * 6}{i}" for i in range(20_000)]])
def test_the_search_does_not_grow_with_the_square(texts):
    start = time.perf_counter()
    near_of(texts)
    assert time.perf_counter() - start < 20  # all pairs would be 200 million comparisons


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=30))
def test_any_texts(texts):
    found = near_of(texts)
    members = [key for group in (*found.groups, *found.forms) for key in group]
    assert len(members) == len(set(members))


# Groups on one side.

GROUPED = st.lists(st.tuples(st.integers(0, 12).map(str), st.sampled_from("ab")), min_size=1, max_size=80)


@settings(max_examples=60, deadline=None)
@given(GROUPED, st.randoms(use_true_random=False))
def test_a_group_stands_on_one_side_whatever_the_order(rows, chosen):
    examples = make(rows)
    groups = groups_of(examples, "who", None)
    placed = place(examples, {}, groups=groups)
    where = {}
    for example in placed:
        assert where.setdefault(example.values["who"], example.side) == example.side
    shuffled = examples.copy()
    chosen.shuffle(shuffled)
    assert {e.key: e.side for e in place(shuffled, {}, groups=groups)} == {e.key: e.side for e in placed}


def test_groups_keep_the_shares_and_the_classes():
    placed = place(examples := make([(str(i // 4), "ab"[(i // 4) % 2]) for i in range(400)]), {}, groups=groups_of(examples, "who", None))
    counts = Counter((example.side, example.target) for example in placed)
    assert all(abs(counts[side, target] / 200 - share) <= 0.03 for side, share in zip(SIDES, (0.5, 0.2, 0.3), strict=True) for target in "ab")


def test_new_rows_follow_their_group_and_placed_rows_do_not_move():
    examples = make([("x", "a"), ("y", "b")] * 20)
    stored = {examples[0].key: "test"}
    placed = place(examples, stored, groups=groups_of(examples, "who", None))
    assert {example.side for example in placed if example.values["who"] == "x"} == {"test"}


def test_one_group_of_everything_is_for_training():
    examples = make([("x", "a"), ("x", "b")] * 20)
    assert {example.side for example in place(examples, {}, groups=groups_of(examples, "who", None))} == {"train"}


def test_groups_and_near_duplicates_join():
    examples = make([("x", "a"), ("x", "a"), ("y", "a"), ("z", "a"), ("", "a"), ("", "a")])
    near = find_near_duplicates([], [])
    near = type(near)(done=1.0, groups=((examples[1].key, examples[2].key),))
    groups = groups_of(examples, "who", near)
    assert [groups.get(example.key) is not None for example in examples] == [True, True, True, False, False, False]
    assert len(set(groups.values())) == 1


def test_prepare_keeps_groups_together_and_says_so():
    texts = sentences(100)
    rows = [(text, "ab"[i % 2], f"c{i // 5}") for i, text in enumerate(texts)] + [(f"{text}!", "ab"[i % 2], "") for i, text in enumerate(texts[:20])]
    made = prepare("f", csv(rows, ("text", "label", "customer")), group_column="customer", near=True)
    where = {}
    for example in made.examples:
        for name in (example.values["customer"], example.values["text"].rstrip("!")):
            assert not name or where.setdefault(name, example.side) == example.side
    assert made.report.suggestions.group_columns == ("customer",) and made.report.group_column == "customer"
    problem = next(problem for problem in made.report.problems if problem.kind == "near_duplicates")
    assert problem.message.startswith(
        "20 rows are nearly the same as an earlier one (lines 102, 103, 104, 105, 106, ...), for example line 2 and line 102"
    )
    assert prepare("f", csv(rows, ("text", "label", "customer")), group_column="customer", near=near_of([])).report.problems == ()


def test_what_was_found_before_can_be_handed_over():
    content = csv([(text, "ab"[i % 2]) for i, text in enumerate([*sentences(40), *(f"{text}!" for text in sentences(5))])], ("text", "label"))
    first = prepare("f", content)
    found = find_near_duplicates([e.key for e in first.examples], [e.values["text"] for e in first.examples])
    assert prepare("f", content, near=found) == prepare("f", content, near=True)
    gone = type(found)(groups=(("no such key", first.examples[0].key),), forms=(("no such key",),))
    assert prepare("f", content, near=gone) == replace(first, report=replace(first.report, near_looked=True))


def test_a_group_column_that_is_not_there():
    with pytest.raises(DataError, match=r"column 'customr' is not in the file .* Did you mean 'customer'\?"):
        prepare("f", csv([("a b c", "x", "1")] * 20, ("text", "label", "customer")), group_column="customr")


# The file's own sides.


def split_file(sides, texts=None):
    texts = texts or sentences(len(sides))
    return csv([(text, "ab"[i % 2], side) for i, (text, side) in enumerate(zip(texts, sides, strict=True))], ("text", "label", "split"))


def test_the_files_own_sides_are_kept_to():
    made = prepare("f", split_file(["train"] * 20 + ["dev"] * 6 + ["Test"] * 14))
    assert made.report.sides == {"train": 20, "validation": 6, "test": 14} and made.report.split_column == "split"
    assert made.report.problems[0].message == "the column 'split' says which rows are for what: 20 train, 6 validation, 14 test."
    assert all(example.side == {"train": "train", "dev": "validation", "Test": "test"}[example.values["split"]] for example in made.examples)


def test_validation_rows_are_taken_from_training_where_the_file_names_none():
    made = prepare("f", split_file(["train"] * 30 + ["test"] * 10))
    assert made.report.sides == {"train": 24, "validation": 6, "test": 10}
    assert {example.side for example in made.examples if example.values["split"] == "test"} == {"test"}


def test_the_files_own_sides_can_be_set_aside():
    assert prepare("f", split_file(["train"] * 30 + ["test"] * 10), split_column="").report.sides == {"train": 24, "validation": 8, "test": 8}
    assert prepare("f", split_file(["train"] * 30 + ["test"] * 10), fixed="test").report.sides == {"train": 0, "validation": 0, "test": 40}


def test_the_files_own_sides_win_over_stored_ones_and_odd_values_are_placed():
    stored = {example.key: "train" for example in prepare("f", split_file(["train"] * 30 + ["test"] * 10)).examples}
    made = prepare("f", split_file(["train"] * 30 + ["test"] * 10), stored=stored)
    assert made.report.sides["test"] == 10
    assert prepare("f", split_file(["train"] * 30 + ["a"] * 10)).report.split_column is None


def test_a_text_on_both_of_the_files_sides_is_for_testing():
    texts = sentences(30)
    content = csv(
        [(text, "ab"[i % 2], "train") for i, text in enumerate(texts)] + [(texts[i], "ab"[i % 2], "test") for i in range(3)],
        ("text", "label", "split"),
    )
    made = prepare("f", content)
    assert made.report.sides["test"] == 3
    problem = next(problem for problem in made.report.problems if problem.kind == "shared_texts")
    assert problem.message == "3 texts on more than one side of the column 'split' (lines 2, 3, 4, 32, 33, ...)."


# The person's own files.


def test_own_files_keep_their_rows_and_what_they_share_is_said():
    texts = sentences(60)

    def rows(chosen, labels="ab"):
        return csv([(text, labels[i % 2]) for i, text in enumerate(chosen)], ("text", "label"))

    main = prepare("f", rows(texts[:40]), test=0.0, validation=0.0)
    own = {
        "test": prepare("t", rows([*texts[:2], *texts[40:50], f"{texts[5]}!"], "aB"), fixed="test", kind="classification"),
        "validation": prepare("v", rows([texts[0], *texts[50:56]]), fixed="validation", kind="classification"),
    }
    made = with_own_files(main, own)
    assert made.report.sides == {"train": 38, "validation": 6, "test": 13} and made.report.detectable_gap_points == 34.7
    assert [(problem.kind, problem.message) for problem in made.report.problems if problem.severity == "warning"] == [
        ("shared_texts", "2 texts on more than one side of your files (lines 2, 3)."),
        ("shared_own_texts", "1 text is in your validation file and in your test file."),
        ("unknown_labels", "1 label of your test file that the main file does not have: 'B' (6)."),
        ("near_own", "1 row of the main file nearly the same as a row of your own files (line 7)."),
    ]
    assert with_own_files(main, {}) == main


# Folds.


@settings(max_examples=40, deadline=None)
@given(GROUPED, st.integers(2, 5), st.integers(0, 3), st.randoms(use_true_random=False))
def test_folds_hold_groups_together_whatever_the_order(rows, k, seed, chosen):
    examples = make(rows)
    groups = groups_of(examples, "who", None)
    if len({groups.get(example.key, example.key) for example in examples}) < k:
        with pytest.raises(SpecError, match=rf"{k} folds of \d+ rows or groups. Choose 2 folds or more"):
            folds(examples, k, seed, groups=groups)
        return
    found = dict(zip((example.key for example in examples), folds(examples, k, seed, groups=groups), strict=True))
    assert set(found.values()) <= set(range(k))
    assert all(found[a] == found[b] for a in groups for b in groups if groups[a] == groups[b])
    shuffled = examples.copy()
    chosen.shuffle(shuffled)
    assert folds(shuffled, k, seed, groups=groups) == [found[example.key] for example in shuffled]


@pytest.mark.parametrize("k", [2, 3, 5])
def test_folds_are_stratified_and_even(k):
    examples = make([("", "a")] * 30 + [("", "b")] * 12)
    counts = Counter(zip(folds(examples, k), (example.target for example in examples), strict=True))
    assert all(abs(counts[fold, target] - total / k) < 1 for fold in range(k) for target, total in (("a", 30), ("b", 12)))
    sizes = Counter(folds(examples, k, seed=1))
    assert max(sizes.values()) - min(sizes.values()) <= 1
    assert folds(examples, k, seed=1) != folds(examples, k, seed=2)
    assert len(Counter(folds(examples, k, kind="generation"))) == k
