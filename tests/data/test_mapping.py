"""Which columns are the text and the label, and which kind of task it is."""

import pytest

from steering.data import guess, read
from steering.errors import DataError


def table(columns, rows):
    return read("f", "\n".join(["\t".join(columns), *("\t".join(row) for row in rows)]).encode())


def texts(count, start="a message of some length"):
    return [f"{start}, number {i} of them" for i in range(count)]


def classes(count):
    return ["billing" if i % 2 else "delivery" for i in range(count)]


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        (("text", "label"), "text", "label"),
        (("label", "text"), "label", "text"),
        (("Ticket text", "Category"), "Ticket text", "Category"),
        (("utterance", "intent"), "utterance", "intent"),
        (("foo", "bar"), "foo", "bar"),
        (("MessageBody", "target_class"), "MessageBody", "target_class"),
        (("Nachricht", "Kategorie"), "Nachricht", "Kategorie"),
    ],
)
def test_names_and_content(columns, text, label):
    swap = columns[0] == "label"
    rows = list(zip(texts(20), classes(20), strict=True))
    found = guess(table(columns, [row[::-1] for row in rows] if swap else rows))
    assert (found.text, found.label, found.kind) == (("text", "label") if swap else (text, label)) + ("classification",)


def test_content_beats_an_identifier_and_numbers_lose_to_words():
    rows = [(f"T-{i}", text, str(i % 2), label, "2024-05-01") for i, (text, label) in enumerate(zip(texts(20), classes(20), strict=True))]
    found = guess(table(("id", "message", "label", "label_text", "date"), rows))
    assert (found.text, found.label) == ("message", "label_text")


@pytest.mark.parametrize(
    "columns", [("input", "target"), ("question", "answer"), ("instruction", "output"), ("document", "summary"), ("prompt", "completion")]
)
def test_generation_pairs(columns):
    found = guess(table(columns, zip(texts(20), texts(20, "an answer of its own"), strict=True)))
    assert (found.text, found.label, found.kind) == (*columns, "generation")


def test_candidates_come_best_first_and_leave_out_numbers():
    rows = [(str(i % 4), f"title {i}", text, str(i)) for i, text in enumerate(texts(20))]
    found = guess(table(("class", "title", "description", "count"), rows))
    assert found.label == "class" and set(found.candidates) == {"title", "description"} and found.candidates[0] == found.text


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (classes(40), "classification"),
        ([f"class {i % 10}" for i in range(40)], "classification"),
        ([f"tag{i % 15}" for i in range(40)], "classification"),  # one to three words: up to half as many classes as rows
        ([f"a longer label with number {i % 15}" for i in range(40)], "generation"),
        ([f"w{i}" for i in range(40)], "generation"),
        ([("yes, this is a whole sentence of an answer", "no, and this is another whole one")[i % 2] for i in range(40)], "generation"),
        (["none" if i % 2 else "some" for i in range(40)], "classification"),
    ],
)
def test_kind(labels, kind):
    assert guess(table(("text", "label"), zip(texts(40), labels, strict=True))).kind == kind


def test_choices_of_the_person_win():
    made = table(("text", "label", "note"), zip(texts(20), classes(20), texts(20, "a remark"), strict=True))
    found = guess(made, text_column="note", label_column="text", kind="generation")
    assert (found.text, found.label, found.kind) == ("note", "text", "generation")
    assert guess(made, kind="generation").kind == "generation"


def test_wrong_names_are_refused_with_what_is_there():
    made = table(("text", "label"), zip(texts(20), classes(20), strict=True))
    with pytest.raises(DataError) as caught:
        guess(made, label_column="lable")
    assert str(caught.value) == "column 'lable' is not in the file (columns: text, label). Did you mean 'label'?"
    with pytest.raises(DataError, match=r"column 'LABEL' is not in the file .* Did you mean 'label'"):
        guess(made, label_column="LABEL")
    with pytest.raises(DataError, match=r"column 'zzz' is not in the file \(columns: text, label\). Name the two columns"):
        guess(made, text_column="zzz")
    with pytest.raises(DataError, match="column 'text' is named both as the text and as the label"):
        guess(made, text_column="text", label_column="text")
    with pytest.raises(DataError, match="the kind of task is 'regression', expected classification or generation"):
        guess(made, kind="regression")


def test_nothing_plausible_is_refused_with_what_was_found():
    numbers = table(("a", "b"), [(str(i), str(i * 7)) for i in range(20)])
    with pytest.raises(DataError, match=r"no column looks like a label \(columns: a, b\). Name the two columns"):
        guess(numbers)
    with pytest.raises(DataError, match=r"no column looks like a text \(columns: a, label; label: label\)"):
        guess(table(("a", "label"), [(str(i), "x" if i % 2 else "y") for i in range(20)]))
