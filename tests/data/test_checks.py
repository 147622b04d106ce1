"""Rows to examples: what is left out and why, and every check of the table."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.data import CHECKS, REASONS, Mapping, clean, examples, normalise, prepare, read, text_key

GOOD = [(f"message number {i}", "good" if i % 2 else "bad") for i in range(40)]


def jsonl(rows):
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows).encode()


def cleaned(rows, kind="classification", **options):
    return clean(read("f", jsonl(rows)), Mapping(text="text", label="label", kind=kind), **options)


def relabel(*labels):
    """Twenty rows of each label, or as many as (label, count) says."""
    pairs = [label if isinstance(label, tuple) else (label, 20) for label in labels]
    labels = [label for label, count in pairs for _ in range(count)]
    return [(f"text {i}", label) for i, label in enumerate(labels)]


BAD = {
    "too_few_rows": (GOOD[:10], "10 usable rows, at least 16 are needed."),
    "one_class": (relabel("only"), "every usable row has the label 'only'; at least two classes are needed."),
    "no_repeated_class": ([(f"t{i}", f"c{i}") for i in range(20)], "each of the 20 labels occurs only once."),
    "missing_text": ([*GOOD, ("", "good"), (" \u200b", "bad"), ("NaN", "bad")], "3 rows without a text in 'text' (lines 41, 42, 43)."),
    "missing_label": (
        [*GOOD, ("a", ""), ("b", None), ("c", "N/A")],
        "3 rows without a label in 'label' (written 'N/A' or empty) (lines 41, 42, 43).",
    ),
    "conflicts": ([*GOOD, ("Message  NUMBER 0", "good")], "2 rows with the same text but different labels (lines 1, 41)."),
    "label_spellings": (
        relabel("good", "bad", ("Good", 2)),
        "labels that differ only in case, spaces or hyphens: 'good' (20), 'Good' (2).",
    ),
    "similar_labels": (
        relabel("positive", "negative", ("positve", 5), ("neg", 5)),
        "labels that look alike: 'neg' (5) and 'negative' (20), 'positve' (5) and 'positive' (20).",
    ),
    "numeric_labels": (relabel("0", "1"), "2 labels are bare numbers: 0, 1."),
    "small_classes": (relabel("good", "bad", ("rare", 4)), "1 class with fewer than 5 rows: 'rare' (4)."),
    "duplicates": ([*GOOD, ("MESSAGE number 1 ", "good")], "1 row repeats the text and the label of an earlier one (line 41)."),
    "label_in_text": (
        [*GOOD, *[(f"bought {i} of them: refund please", "Refund") for i in range(8)], ("no refund for 9", "good")],
        "texts name their own label: 'Refund' in 8 of its 8 rows and 1 others (lines 41, 42, 43, 44, 45, ...).",
    ),
    "too_long": (
        [*GOOD, ("word " * 1300, "good"), ("字" * 1600, "bad")],
        "2 rows are very long (lines 41, 42); the longest has 6,500 characters, about 1,300 words.",
    ),
    "constant_texts": ([*GOOD, ("----", "good"), ("test test test", "bad")], "2 rows say one thing over and over (lines 41, 42)."),
    "control_characters": (
        [*GOOD, ("a\u202eb", "good"), ("c\x07", "bad"), ("d", "go\u2066od")],
        "3 rows with control characters or marks that turn the direction of writing around (lines 41, 42, 43).",
    ),
    "personal_data": (
        [*GOOD, ("write to ann@example.org", "good"), ("call +49 30 1234567 or (030) 1234567", "bad"), ("card 4111 1111 1111 1111", "bad")],
        "3 rows may hold personal data: card number in 1 row (line 43), e-mail address in 1 row (line 41), phone number in 1 row (line 42).",
    ),
    "scripts": (
        [*GOOD, ("Где моя посылка?", "good"), ("荷物はどこですか", "bad"), ("내 소포는 어디", "bad")],
        "the texts are in 4 scripts: 40 rows in Latin, others in Cyrillic (1), Han or Kana (1), Hangul (1) (lines 41, 42, 43).",
    ),
    "imbalance": (relabel(("much", 60), ("little", 10)), "the largest class 'much' has 6 times the rows of the smallest, 'little' (60 and 10)."),
}


@pytest.mark.parametrize("name", CHECKS)
def test_good_data_passes_every_check(name):
    assert CHECKS[name](cleaned(GOOD)) is None


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_named_with_its_remedy(name):
    rows, message = BAD[name]
    problem = CHECKS[name](cleaned(rows))
    assert problem is not None and (problem.kind, problem.message) == (name, message)
    assert problem.hint and problem.count > 0


def test_every_check_has_a_bad_case_here():
    assert set(BAD) | {"other_answers", "merged_spellings", "constant_columns"} == set(CHECKS)


def test_similar_labels_that_are_other_labels_stay_unmentioned():
    rows = relabel("book restaurant", ("book", 3), "category 1", ("category 2", 3), "good", ("mood", 3), "positive", "positively")
    assert CHECKS["similar_labels"](cleaned(rows)) is None


def test_constant_columns():
    made = prepare("f", b"text,label,source\n" + b"".join(f"words {i},{'a' if i % 2 else 'b'},web\n".encode() for i in range(60)))
    (problem,) = made.report.problems
    assert problem.message == "1 column says the same in every row: source."


def test_generation_keeps_the_first_answer():
    data = cleaned([("same", "one answer"), ("Same", "another answer"), ("same", "one answer"), *GOOD], kind="generation")
    assert [data.lines(reason) for reason in ("duplicates", "other_answers", "conflicts")] == [[3], [2], []]
    assert data.examples[0].target == "one answer" and data.examples[0].references == ("another answer",)
    assert CHECKS["other_answers"](data).message == "1 row gives another answer to the text of an earlier one (line 2)."
    assert data.classes == {}


def test_spellings_are_merged_on_request_only():
    rows = relabel("good", "bad", ("Good ", 3), ("GOOD", 2))
    assert cleaned(rows).classes == {"bad": 20, "good": 20, "Good": 3, "GOOD": 2}
    data = cleaned(rows, merge_spellings=True)
    assert data.classes == {"good": 25, "bad": 20}
    assert CHECKS["merged_spellings"](data).message == "2 spellings merged: 'Good' as 'good', 'GOOD' as 'good'."


def test_a_frequent_none_is_a_class():
    assert cleaned(relabel("none", "some")).classes == {"none": 20, "some": 20}
    assert cleaned(relabel("some", "other", ("none", 2))).missing_spellings == ("none",)


def test_values_hold_every_column_but_the_label():
    table = read("f", b"text,label,lang\n" + b"".join(f"words {i}, a ,en\n".encode() for i in range(20)))
    made, problems = examples(table, Mapping(text="text", label="label", kind="classification"))
    assert made[0].values == {"text": "words 0", "lang": "en"} and made[0].target == "a" and made[0].row == 2
    assert [problem.kind for problem in problems] == ["one_class", "constant_columns"]  # gravest first


def test_keys_are_stable():
    assert normalise("  Straße\u00a0ﬁne\n") == "strasse fine"
    assert text_key("Hello  World") == text_key("hello world") == "b94d27b9934d3e08"


LABEL = st.sampled_from(["good", "bad", "Good", " bad", "", None, "nan", "none"])
TEXT = st.sampled_from(["a", "A", "b", " b", "", "c d", "c  d", "nan", None, "e"]) | st.text(max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, LABEL), min_size=1, max_size=40), st.booleans(), st.sampled_from(["classification", "generation"]))
def test_the_count_invariant(rows, merge, kind):
    data = cleaned([(text, label) for text, label in rows], kind=kind, merge_spellings=merge)
    gone = [item.row.line for item in data.left_out]
    assert {item.reason for item in data.left_out} <= set(REASONS)
    assert sorted([*gone, *(example.row for example in data.examples)]) == list(range(1, len(rows) + 1))
    assert data.rows_read == len(data.examples) + len(gone)
    assert len({example.key for example in data.examples}) == len(data.examples)
    assert all(example.target == example.target.strip() != "" for example in data.examples)
