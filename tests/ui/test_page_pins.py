"""Rows that must not break: pinned from the table and from the validation rows, listed as kept or broken, on the page and in its report."""

import json
from pathlib import Path

import pytest
from conftest import EVIL, large

from steering.errors import SteeringError
from steering.studio import pinned as pinning
from steering.ui import verdict, verdict_pins, verdict_rows
from steering.ui.verdict_table import Place

FIRST = ["2", "1", "all", "", "", Place().written()]


def clean(page: str) -> None:
    assert "<img" not in page and "</script" not in page and "${" not in page and "<|" not in page


@pytest.fixture
def judged(written):
    """A run with a judgement of its held-out rows by 3 contestants: "learned" gets the first wrong and the others right."""
    run = written.run("done", judged=True)
    store = written.studio.store
    rows = [row for row in store.dataset(store.run(run).spec.dataset).examples if row.side == "test"]
    found = large(len(rows), 3, labels=2)
    found |= {"lines": [row.row for row in rows], "labels": ["no", "yes"]}
    for c, one in enumerate(found["contestants"]):
        one["predictions"] = [row.target if c != 2 or i else "odd" for i, row in enumerate(rows)]
    store.add_judgement(run, found)
    return written.studio, run, rows


def side(studio, run, name):
    return [row for row in studio.store.dataset(studio.store.run(run).spec.dataset).examples if row.side == name]


def test_held_out_rows_are_ruled_from_the_judgement_and_others_only_after_they_were_asked(judged) -> None:
    studio, run, rows = judged
    assert "No row is pinned" in verdict_pins.now(studio, run, "")[0]
    chosen = [rows[0], rows[1], side(studio, run, "validation")[0]]
    for row in chosen:
        drawn = verdict_pins.press(studio, run, "", "", f"pin:{row.row}")
    clean(drawn[0])
    assert f"Learned prompt: 1 of 2 pinned rows kept. Broken: line {rows[0].row}." in drawn[0]
    assert drawn[0].count("not asked") == 3 and "validation" in drawn[0] and drawn[1].visible
    *_, timer = verdict_pins.ask(studio, run, "")
    (request,) = studio.store.pending("pins")
    assert timer.active and request.payload["contestants"] == ["none", f"prompt:{studio.store.run(run).spec.task.prompt}", f"run:{run}"]
    with pytest.raises(SteeringError, match="are being asked already"):
        verdict_pins.ask(studio, run, "")
    specs = request.payload["contestants"]
    answer = {"line": 1, "key": chosen[2].key, "side": "validation", "answers": [EVIL, "yes", EVIL], "right": [False, True, False]}
    result = {"specs": specs, "pins": [answer | {"values": {}, "target": ""}]}
    studio.store.keep_finding("pins", request.payload, result)
    studio.store.update_request(request.id, state="done", result=result)
    page, button, status, timer = verdict_pins.tick(studio, run, "")
    clean(page)
    assert "1 of 3 pinned rows kept" in page and "not asked" not in page and status == "" and not button.visible and not timer.active


def test_the_report_lists_them_as_kept_or_broken(judged) -> None:
    studio, run, rows = judged
    for row in rows[:2]:
        studio.contests.pin(run, row.row)
    made = json.loads(Path(verdict.report(studio, run, "", "json")).read_text("utf-8"))
    assert [pin["right"] for pin in made["result"]["pins"]] == [[True, True, False], [True, True, True]]
    page = Path(verdict.report(studio, run, "", "html")).read_text("utf-8")
    assert "learned: 1 of 2 pinned rows kept." in page and "broken: odd" in page and f"{rows[0].row} (test)" in page


def test_validation_rows_are_found_and_pinned(judged) -> None:
    studio, run, _ = judged
    rows = side(studio, run, "validation")
    page = verdict_pins.search(studio, run, "ROW")
    clean(page)
    assert page.count('data-pick="pin:') == min(len(rows), verdict_pins.OFFERED)
    assert verdict_pins.search(studio, run, " ") == "" and "No validation row" in verdict_pins.search(studio, run, "no such text")
    drawn = verdict_pins.press(studio, run, "", "row", f"pin:{rows[0].row}")
    assert f"pin:{rows[0].row}" in drawn[0] and f'pin:{rows[0].row}"' not in drawn[3]
    drawn = verdict_pins.press(studio, run, "", "row", f"pin:{rows[0].row}")
    assert "No row is pinned" in drawn[0]


def test_a_pin_in_the_table_shows_in_the_list_and_odd_presses_are_harmless(judged) -> None:
    studio, run, rows = judged
    verdict_rows.picked(studio, run, "", *FIRST, f"pin:{rows[3].row}")
    assert f"line {rows[3].row}, held-out" in verdict_pins.now(studio, run, "")[0]
    for event in ("", "pin:", "pin:x", EVIL):
        assert f"line {rows[3].row}" in verdict_pins.press(studio, run, "", "", event)[0]


def test_a_failed_asking_is_a_notice(judged) -> None:
    studio, run, _ = judged
    verdict_pins.press(studio, run, "", "", f"pin:{side(studio, run, 'train')[0].row}")
    verdict_pins.ask(studio, run, "")
    studio.store.update_request(studio.store.pending("pins")[0].id, state="failed", error={"message": EVIL, "hint": EVIL})
    status = verdict_pins.now(studio, run, "")[2]
    clean(status)
    assert "Problem" in status and "trained on" in verdict_pins.now(studio, run, "")[0]


def test_contestants_that_are_fitted_anew_are_not_asked(judged) -> None:
    studio, run, _ = judged
    found = {"contestants": [{"name": "lora"}, {"name": "none"}, {"name": "saved:x"}], "spec_names": {"lora": "lora", f"run:{run}": "saved:x"}}
    assert pinning.askable(studio.store.run(run), found) == ["none", f"run:{run}"]
