"""A file read again from the page: fixes and their way back, columns, sides; what was typed stays."""

from pathlib import Path

import pytest

from steering.errors import DataError
from steering.ui import filling, report

ROWS = "customer,title,body,label\n" + "".join(
    f"c{i // 3},About order {i},the body of letter {i} goes on and on until it ends,{('Yes', 'no', 'yes')[i % 3]}\n" for i in range(60)
)
MORE = "customer,title,body,label\n" + "".join(f"d{i},About {i},an own row number {i},{'Yes' if i % 2 else 'no'}\n" for i in range(8))


def named(out: list) -> dict:
    return dict(zip(filling.CONTROLS, out, strict=True))


@pytest.fixture
def loaded(written, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return named(filling.load_file(written.studio, str(path)))


def typed(out: dict, **changes) -> tuple:
    given = {"task": out["task"], "source": out["source"], "prompt": "My prompt.", "template": out["template"], "words": [["no", "nope"]]} | changes
    return tuple(given.values())


def kept_report(written, out: dict) -> dict:
    return written.studio.store.dataset(out["dataset"]).report


def test_a_fix_is_applied_by_one_click_and_undone_by_another(written, loaded) -> None:
    problems = kept_report(written, loaded)["problems"]
    at = next(i for i, p in enumerate(problems) if p["fixes"] and p["fixes"][0]["name"] == "rename_labels")
    assert f'data-pick="fix:{at}:0"' in loaded["report"]
    fixed = named(filling.picked(written.studio, f"fix:{at}:0", loaded["dataset"], *typed(loaded)))
    assert len(kept_report(written, fixed)["labels"]) == 2 and 'data-pick="undo:0"' in fixed["report"]
    assert fixed["prompt"] == "My prompt." and ["no", "nope"] in fixed["words"].value["data"]
    back = named(filling.picked(written.studio, "undo:0", fixed["dataset"], *typed(fixed)))
    assert back["dataset"] == loaded["dataset"]


def test_a_suggested_prompt_follows_the_labels_and_an_own_one_stays(written, loaded) -> None:
    problems = kept_report(written, loaded)["problems"]
    at = next(i for i, p in enumerate(problems) if p["fixes"] and p["fixes"][0]["name"] == "rename_labels")
    untouched = typed(loaded, prompt=loaded["prompt"], words=loaded["words"].value["data"])
    fixed = named(filling.picked(written.studio, f"fix:{at}:0", loaded["dataset"], *untouched))
    assert fixed["prompt"] != loaded["prompt"] and len(fixed["prompt"]) < len(loaded["prompt"])


def test_a_button_that_is_no_longer_there_is_a_sentence(written, loaded) -> None:
    for choice in ("fix:99:0", "fix:x", "undo:5", "undo:"):
        with pytest.raises(DataError, match=r"no longer offered\. Look at the report as it is now\."):
            filling.picked(written.studio, choice, loaded["dataset"], *typed(loaded))


def test_columns_sides_and_groups_are_changed_from_the_page(written, loaded) -> None:
    joined = named(filling.read_again(written.studio, loaded["dataset"], {"text_column": "title"}, *typed(loaded)))
    assert "{title}" in joined["template"] and joined["text_column"].value == "title"
    grouped = named(filling.picked(written.studio, "group:customer", loaded["dataset"], *typed(loaded)))
    assert grouped["group_column"].value == "customer"
    sides: dict[str, set[str]] = {}
    lines = {e.row: e.side for e in written.studio.store.dataset(grouped["dataset"]).examples}
    for row, side in lines.items():
        sides.setdefault(f"c{(row - 2) // 3}", set()).add(side)
    assert all(len(found) == 1 for found in sides.values())
    auto = named(filling.read_again(written.studio, grouped["dataset"], {"header": filling.AUTOMATIC}, *typed(grouped)))
    assert auto["dataset"] == grouped["dataset"]


def test_an_own_test_file_takes_the_place_of_the_split(written, loaded, tmp_path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(MORE)
    out = named(filling.load_own(written.studio, str(path), "test", loaded["dataset"], *typed(loaded)))
    assert kept_report(written, out)["sides"]["test"] == 8


def test_what_is_left_out_can_be_downloaded(written, tmp_path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"row {i},{'a' if i % 2 else 'b'}\n" for i in range(30)) + "=cmd(),\n")
    out = named(filling.load_file(written.studio, str(path)))
    assert out["dropped"].visible and Path(out["dropped"].value["path"]).read_text().splitlines()[1].endswith("'=cmd(),")


def test_without_a_file_nothing_is_read_again(written) -> None:
    with pytest.raises(DataError, match=r"there is no data yet\. Choose a file or a sample first\."):
        filling.read_again(written.studio, "", {"kind": "classification"}, "", "", "", "", [])
    assert report.button_text("", "") == "Choose a file or a sample first"


def test_below_60_rows_the_report_speaks_of_cross_validation_only(written, tmp_path) -> None:
    for rows, said, unsaid in ((30, "cross-validated estimate", "can be confirmed"), (90, "can be confirmed", "cross-validated estimate")):
        (tmp_path / f"{rows}.csv").write_text("text,label\n" + "".join(f"row {i},{'a' if i % 2 else 'b'}\n" for i in range(rows)))
        shown = named(filling.load_file(written.studio, str(tmp_path / f"{rows}.csv")))["report"]
        assert said in shown and unsaid not in shown
