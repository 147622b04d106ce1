"""The Verdict station in a real browser: rows, pins, playground, composition, several tasks, blind test, report. A tiny model, the real engine."""

import re

import pytest
import tiny
from playwright.sync_api import expect

from steering.engine.worker import Worker
from steering.spec import Recipe
from steering.studio import Studio

pytestmark = pytest.mark.browser
MINUTES = 60_000


def judged(folder):
    """A home with two runs on one file that are done, the first one's judgement written with answers that differ."""
    import torch

    torch.set_num_threads(1)
    model = str(tiny.save(folder / "model"))
    studio = Studio.open(folder / "home")
    upload = studio.data.upload("films.csv", tiny.rows(80))
    runs = []
    for seed, name in enumerate(("first", "second")):
        recipe = Recipe(steps=30, batch_size=8, evaluate_every=10, learning_rate=0.1, folds=0, seed=seed)
        runs.append(studio.start(studio.plan(upload.digest, upload.task, name=name, model=model, recipe=recipe)))
    worker = Worker(studio.store, studio.folders)
    while worker.turn():
        pass
    assert [run.state for run in studio.runs()] == ["done", "done"]
    return studio, runs[0]


def press(page, place: str, pick: str) -> None:
    page.locator(f"{place} [data-pick^='{pick}']").first.click()


def opens_whole(page) -> None:
    """Nothing that is drawn while the page opens asks for a judgement that is not chosen yet."""
    expect(page.locator("#verdict-rows caption")).to_contain_text("24 of 24", timeout=MINUTES)
    page.wait_for_timeout(3000)
    expect(page.locator("#verdict-rows")).not_to_contain_text("Problem")


def rows_by_kind_and_cell(page) -> None:
    """What learning fixed, and a cell of the confusion matrix."""
    press(page, "#rows-strip", "sort:fixed")
    expect(page.locator("#verdict-rows")).to_contain_text(re.compile(r"of 24 held-out rows: fixed|No row is of this kind"), timeout=MINUTES)
    press(page, "#rows-strip", "sort:fixed")
    expect(page.locator("#verdict-rows caption")).to_contain_text("24 of 24", timeout=MINUTES)
    page.locator("#rows-classes summary").first.click()
    cell = page.locator("#rows-classes [data-pick^='cell:']").first
    count = cell.inner_text()
    cell.click()
    expect(page.locator("#verdict-rows caption")).to_contain_text(re.compile(rf"^{count} of 24 .*answered"), timeout=MINUTES)


def pins(page) -> None:
    """A held-out row from the table, a validation row by its text, asked at once."""
    press(page, "#verdict-rows", "pin:")
    expect(page.locator("#pins-rows")).to_contain_text(re.compile(r"[01] of 1 pinned rows kept"), timeout=MINUTES)
    page.locator("#pins-search input, #pins-search textarea").first.fill("film")
    page.locator("#pins-offers [data-pick]").first.click(timeout=MINUTES)
    expect(page.locator("#pins-rows")).to_contain_text("not asked", timeout=MINUTES)
    page.locator("#pins-check").click()
    expect(page.locator("#pins-rows")).to_contain_text(re.compile(r"[012] of 2 pinned rows kept"), timeout=2 * MINUTES)
    learned = page.locator("#pins-rows td").filter(has_text="validation").locator("xpath=../td[last()]")
    expect(learned).to_contain_text(re.compile("kept|broken"), timeout=MINUTES)


def playground(page) -> None:
    """Two contestants."""
    boxes = page.locator("#play-who input[type=checkbox]")
    for at in range(1, boxes.count() - 1):
        boxes.nth(at).uncheck()
    page.locator("#play-text textarea").fill("the film was good")
    page.locator("#play-ask").click()
    expect(page.locator("#play-answers .card")).to_have_count(2, timeout=MINUTES)


def composes_and_asks_several(page) -> None:
    """Two prompts as one, with the effect beside the answers; several tasks at once, with the times."""
    page.locator("#compose button").first.click()
    page.locator("#compose-go").click()
    expect(page.locator("#compose-measured")).to_contain_text("validation rows:", timeout=2 * MINUTES)
    expect(page.locator("#play-answers .card")).to_have_count(4, timeout=MINUTES)
    page.locator("#tasks button").first.click()
    page.locator("#tasks-go").click()
    expect(page.locator("#tasks-answers")).to_contain_text("in one batch:", timeout=3 * MINUTES)
    expect(page.locator("#tasks-answers")).to_contain_text("Switching LoRA adapters")


def blind_test(page, found) -> None:
    """By keys."""
    names = [one["name"] for one in found["contestants"]]
    mine = found["contestants"][-1]
    rival = next(one for one in found["contestants"] if one["predictions"] != mine["predictions"])
    differ = sum(a != b for a, b in zip(mine["predictions"], rival["predictions"], strict=True))
    page.locator("#blind button").first.click()
    page.locator("#blind-a input").click()
    page.get_by_role("option").nth(names.index(rival["name"])).click()
    page.locator("#blind-b input").click()
    page.get_by_role("option").nth(len(names) - 1).click()
    page.locator("#blind-rater input, #blind-rater textarea").first.fill("ann")
    page.locator("#blind-start").click()
    expect(page.locator("#blind-card")).to_contain_text(f"Row 1 of {differ}", timeout=MINUTES)
    page.locator("#blind-card .quiet").first.click()
    for at, key in enumerate("12="[:differ]):
        page.keyboard.press(key)
        expect(page.locator("#blind")).to_contain_text(f"Row {at + 2} of {differ}" if at + 2 <= differ else "judged every row", timeout=MINUTES)
    page.locator("#blind-end").click()
    expect(page.locator("#blind-result")).to_contain_text(re.compile("was preferred on|Nothing is decided yet"), timeout=MINUTES)


def report(page) -> None:
    """Downloaded, and the page is no wider than its window."""
    with page.expect_download() as waiting:
        page.locator("#verdict-html").click()
    text = waiting.value.path().read_text("utf-8")
    assert "python -m steering repeat verdict.json" in text and "pinned rows kept" in text
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 360, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_from_rows_over_pins_and_playground_to_blind_test_and_report(start_app, open_page, tmp_path):
    studio, run = judged(tmp_path)
    found = studio.contests.index(run).found
    app = start_app(STEERING_WARM="0")
    page = open_page(f"{app.url}?run={run}&station=verdict")
    expect(page.locator("#verdict-headline .big")).to_be_visible(timeout=MINUTES)
    opens_whole(page)
    rows_by_kind_and_cell(page)
    pins(page)
    playground(page)
    composes_and_asks_several(page)
    blind_test(page, found)
    report(page)
