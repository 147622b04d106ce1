"""Labelling row by row: nothing is lost, nothing is labelled twice, and the labelled rows are a dataset."""

import pytest

from steering.errors import DataError, NotFoundError
from steering.studio import Studio

ROWS = b"note\n" + b"".join(b"a note about thing number %d and more\n" % i for i in range(20))


@pytest.fixture
def studio(tmp_path):
    made = Studio.open(tmp_path / "home")
    yield made
    made.store.close()


def test_every_row_comes_once_in_an_order_that_stays(studio) -> None:
    desk = studio.labelling
    sheet = desk.begin("notes.csv", ROWS)
    seen = []
    while (at := desk.progress(sheet, "note")).line is not None:
        seen.append(at.line)
        desk.give(sheet, at.line, ("a", "b", "")[len(seen) % 3])
    assert sorted(seen) == list(range(2, 22)) and seen != sorted(seen)
    assert (at.done, at.skipped, at.rows) == (13, 7, 20)


def test_labels_outlive_the_page_and_undo_takes_the_latest(studio) -> None:
    sheet = studio.labelling.begin("notes.csv", ROWS)
    first = studio.labelling.progress(sheet, "note").line
    studio.labelling.give(sheet, first, "a")
    second = studio.labelling.progress(sheet, "note").line
    studio.labelling.give(sheet, second, "b")
    again = Studio.open(studio.store.home)
    kept = again.labelling.begin("notes.csv", ROWS)
    assert again.labelling.progress(kept, "note").counts == {"a": 1, "b": 1}
    assert again.labelling.undo(kept) == second and again.labelling.progress(kept, "note").line == second
    assert again.labelling.undo(kept) == first and again.labelling.undo(kept) is None
    again.store.close()


def test_the_least_certain_rows_come_first(studio) -> None:
    sheet = studio.labelling.begin("notes.csv", ROWS)
    assert studio.labelling.progress(sheet, "note", [99, 7, 3]).line == 7
    studio.labelling.give(sheet, 7, "a")
    assert studio.labelling.progress(sheet, "note", [99, 7, 3]).line == 3
    request = studio.store.request(studio.labelling.ask_order(sheet, "note", ["a", "b"], "Say.", "prompt:Say."))
    assert request.kind == "certainty" and 7 not in [line for line, _ in request.payload["rows"]] and len(request.payload["rows"]) == 19


def test_the_labelled_rows_become_a_dataset(studio) -> None:
    sheet = studio.labelling.begin("notes.csv", ROWS)
    with pytest.raises(DataError, match=r"0 rows have a label\. Label at least 16 rows"):
        studio.labelling.finish(sheet, "note")
    for line in range(2, 20):
        studio.labelling.give(sheet, line, "odd" if line % 2 else "even")
    upload = studio.labelling.finish(sheet, "note")
    assert upload.name == "notes.csv labelled" and len(upload.prepared.examples) == 18 and set(upload.prepared.report.labels) == {"odd", "even"}


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("texts.txt", b"a first text, with a comma\na second one\n\nand a third, longer one\n", 3),
        ("texts.csv", b'text\n"one, with a comma"\n"two\nlines"\nthree words here\n', 3),
        ("texts.jsonl", b'{"text": "one text"}\n{"text": "another text"}\n', 2),
        ("rows.csv", ROWS.replace(b"note\n", b"note;who\n", 1).replace(b"more\n", b"more;ann\n"), 20),
    ],
)
def test_texts_alone_are_enough(studio, name, content, count) -> None:
    sheet = studio.labelling.begin(name, content)
    assert studio.labelling.progress(sheet, sheet.columns[0]).rows == count


def test_a_file_without_text_is_refused_and_a_deleted_one_is_gone(studio) -> None:
    with pytest.raises(DataError, match=r"has no column of text \(columns: n\)\. Choose a file with one text a row\."):
        studio.labelling.begin("numbers.csv", b"n\n" + b"".join(b"%d\n" % i for i in range(30)))
    sheet = studio.labelling.begin("notes.csv", ROWS)
    studio.labelling.give(sheet, 2, "a")
    studio.labelling.forget(sheet)
    assert studio.store.labels(sheet.content) == {}
    with pytest.raises(NotFoundError):
        studio.labelling.sheet("notes.csv", sheet.content)
