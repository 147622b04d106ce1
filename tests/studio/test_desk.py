"""The data desk's use-cases over a real store."""

import pytest

from steering.errors import DataError, NotFoundError
from steering.studio import Reading, Studio

ROWS = b"title,text,label\n" + b"".join(b"t%d,words of row %d,%s\n" % (i, i, b"yes" if i % 2 else b"no") for i in range(40))


@pytest.fixture
def studio(tmp_path):
    made = Studio.open(tmp_path / "home")
    yield made
    made.store.close()


def test_a_file_is_read_again_from_what_was_kept(studio) -> None:
    first = studio.data.upload("rows.csv", ROWS)
    second = studio.data.read_again(first.digest, text_column="title")
    assert second.digest != first.digest and second.reading == Reading(text_column="title")
    assert studio.store.dataset(second.digest).report["mapping"]["text"] == "title"
    back = studio.data.read_again(second.digest, text_column=None)
    assert back.digest == first.digest, "what is undone is as it was, to the digest"


def test_own_files_keep_their_side_when_the_file_is_read_again(studio) -> None:
    upload = studio.data.upload("rows.csv", ROWS, extra={"test": b"title,text,label\na,an own test row,yes\nb,another own test row,no\n"})
    again = studio.data.read_again(upload.digest, kind="classification")
    tested = [e for e in studio.store.dataset(again.digest).examples if e.side == "test"]
    assert [e.values["text"] for e in tested] == ["an own test row", "another own test row"]


def test_rows_are_divided_anew_until_a_run_binds_them(studio) -> None:
    rows = b"customer,text,label\n" + b"".join(b"c%d,words of row %d,%s\n" % (i // 4, i, b"yes" if i % 2 else b"no") for i in range(40))
    first = studio.data.upload("rows.csv", rows)
    grouped = studio.data.read_again(first.digest, group_column="customer")
    sides = [{e.side for e in grouped.prepared.examples if (e.row - 2) // 4 == group} for group in range(10)]
    assert all(len(found) == 1 for found in sides)
    studio.start(studio.plan(grouped.digest, grouped.task))
    after = studio.data.read_again(grouped.digest, group_column=None)
    assert after.prepared.sides == grouped.prepared.sides


def test_rename_and_delete(studio) -> None:
    upload = studio.data.upload("rows.csv", ROWS)
    studio.data.rename(upload.digest, " Yes or no ")
    assert studio.store.dataset(upload.digest).name == "Yes or no"
    with pytest.raises(DataError, match=r"1 to 120 characters\. Type a shorter name"):
        studio.data.rename(upload.digest, " ")
    run = studio.start(studio.plan(upload.digest, upload.task))
    with pytest.raises(DataError, match=r"waiting or at work\. Stop it first, then delete the dataset\."):
        studio.data.delete(upload.digest)
    studio.stop(run)
    assert studio.data.delete(upload.digest) == 1
    assert studio.runs() == [] and studio.store.datasets() == []
    with pytest.raises(NotFoundError):
        studio.data.read_again(upload.digest, kind=None)


def kept(studio) -> set[str]:
    folder = studio.store.home / "data"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_refused_file_leaves_nothing_behind_and_labels_survive_a_refusal(studio) -> None:
    with pytest.raises(DataError):
        studio.data.upload("rows.csv", b"text\nonly one column\n")
    with pytest.raises(DataError):
        studio.data.upload("rows.csv", ROWS, extra={"test": b"no table"})
    assert kept(studio) == set()
    texts = b"".join(b"a text about thing %d\n" % i for i in range(20))
    assert studio.labelling.could_begin("texts.txt", texts) and kept(studio) == set()
    sheet = studio.labelling.begin("texts.txt", texts)
    studio.labelling.give(sheet, 2, "good")
    with pytest.raises(DataError):
        studio.data.upload("texts.txt", texts)
    assert kept(studio) == {sheet.content} and studio.store.labels(sheet.content) == {2: "good"}


def test_own_files_go_with_the_last_dataset_that_uses_them(studio) -> None:
    upload = studio.data.upload("rows.csv", ROWS)
    own = studio.data.add_own(upload.digest, "test", b"title,text,label\na,an own test row,yes\nb,another own test row,no\n")
    other = studio.data.upload("other.csv", ROWS)
    assert len(kept(studio)) == 2
    studio.data.delete(own.digest)
    assert [one.digest for one in studio.store.datasets()] == [other.digest] and len(kept(studio)) == 1
    studio.data.delete(other.digest)
    assert kept(studio) == set()


def test_a_file_is_listed_once_and_deleted_in_all_its_versions(studio) -> None:
    first = studio.data.upload("rows.csv", ROWS)
    second = studio.data.read_again(first.digest, text_column="title")
    studio.stop(studio.start(studio.plan(first.digest, first.task)))
    (listed,) = studio.data.listed()
    assert (listed.digest, listed.runs) == (second.digest, 1)
    assert studio.data.delete(second.digest) == 1 and studio.store.datasets() == [] and kept(studio) == set()


def test_a_rename_leaves_no_placements_under_the_old_name(studio) -> None:
    upload = studio.data.upload("rows.csv", ROWS)
    studio.data.rename(upload.digest, "new")
    assert studio.store.placements("rows.csv") == {} and studio.store.placements("new") == upload.prepared.sides


def test_pinned_rows_follow_a_new_name(studio) -> None:
    upload = studio.data.upload("rows.csv", ROWS)
    key = upload.prepared.examples[3].key
    studio.store.pin("rows.csv", key)
    studio.data.rename(upload.digest, "new")
    assert studio.store.pins("new") == [key] and studio.store.pins("rows.csv") == []
    studio.data.delete(upload.digest)
    assert studio.store.pins("new") == []
