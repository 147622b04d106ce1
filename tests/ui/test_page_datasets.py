"""Kept datasets: listed, opened again, renamed, deleted; and pasted rows."""

import pytest

from steering.errors import DataError
from steering.ui import datasets

EVIL = "<b>\u202e${x}"
ROWS = "text\tlabel\n" + "".join(f"row {i} of a table\t{'yes' if i % 2 else 'no'}\n" for i in range(30))


def test_pasted_rows_are_a_dataset_like_any_other(written) -> None:
    out = datasets.paste(written.studio, ROWS)
    assert written.studio.store.dataset(out[1]).name == "pasted rows"
    assert datasets.open_again(written.studio, out[1])[1] == out[1]
    with pytest.raises(DataError, match=r"nothing was pasted\. Copy the rows"):
        datasets.paste(written.studio, "  ")


def test_a_name_is_shown_literally_and_deletion_says_what_goes(written) -> None:
    digest = written.upload().digest
    said, cards = datasets.rename(written.studio, digest, EVIL)
    assert "<b>" not in said + cards and "${" not in said + cards
    written.run()
    sure = datasets.ask_delete(written.studio, digest)[1]
    assert "its file and its rows?" in sure and "<b>" not in sure and "The run trained on it goes with it: their results quote its rows." in sure


def test_deleting_clears_the_station(written) -> None:
    digest = datasets.paste(written.studio, ROWS)[1]
    out = datasets.delete(written.studio, digest)
    assert "was deleted" in out[0] and digest not in out[1] and out[2] == "" and out[3].visible is False and out[4].interactive is False
    with pytest.raises(DataError, match=r"there is no data yet\. Choose a file or a sample first\."):
        datasets.ask_delete(written.studio, "")
