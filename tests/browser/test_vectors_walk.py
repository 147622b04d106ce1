"""The Vectors station in a real browser: a prompt trained a moment ago, its sentences, a view, a slot, a second prompt, and text as a contestant."""

import re
import time

import pytest
import tiny
from playwright.sync_api import expect

from steering import artifact
from steering.inspect import result_to_json
from steering.inspect.results import Column, Stack, Table
from steering.spec import Recipe
from steering.studio import Studio

pytestmark = pytest.mark.browser
MINUTES = 60_000


def trained(app, tmp_path, *names: str) -> None:
    """Runs on a small file, queued as the page queues them."""
    model, studio = tiny.save(tmp_path / "model"), Studio.open(app.home)
    upload = studio.data.upload("films.csv", tiny.rows(80))
    recipe = {"steps": 8, "evaluate_every": 4, "folds": 0, "learning_rate": 0.1}
    for name in names:
        studio.start(studio.plan(upload.digest, upload.task, name=name, model=str(model), recipe=Recipe(**recipe)))


def test_from_sentences_over_views_and_slots_to_a_contestant(start_app, open_page, tmp_path):
    app = start_app(STEERING_WARM="0")
    trained(app, tmp_path, "first", "second")
    studio = Studio.open(app.home)
    wait_for(lambda: all(run.state == "done" for run in studio.runs()))
    page = open_page(app.url + "/?station=vectors&look=first")
    summary, panel = page.locator("#vectors-summary"), page.locator("#vectors-panel")
    expect(summary.locator("ol > li")).to_have_count(3, timeout=MINUTES)
    expect(panel).to_contain_text("Cosine to", timeout=MINUTES)

    page.locator("#vectors-views [data-pick='view:ablation']").click()
    measure = panel.get_by_role("button", name=re.compile("Measure it|Measure again"))
    measure.first.wait_for(timeout=5 * MINUTES)
    if panel.locator("[data-pick='run:0:ablation']").count():  # it may be measured by itself meanwhile
        panel.locator("[data-pick='run:0:ablation']").click()
    expect(page).to_have_url(re.compile("view=ablation"), timeout=MINUTES)
    page.reload()
    expect(page.locator("#vectors-views [data-pick='view:ablation']")).to_have_attribute("aria-pressed", "true", timeout=MINUTES)
    expect(panel.locator("[data-pick='again:0:ablation']")).to_be_visible(timeout=5 * MINUTES)
    expect(panel.locator(".pl .main-svg").first).to_be_visible(timeout=MINUTES)

    page.locator("#vectors-strip .slotbox").nth(1).click()
    expect(page.locator("#vectors-card")).to_contain_text("Slot 2", timeout=MINUTES)
    expect(page).to_have_url(re.compile("slot=2"))
    panel.locator("details.numbers summary").first.click()
    expect(panel.locator("tr.mark").first).to_be_visible()
    for form in ("CSV", "SVG", "PNG"):
        with page.expect_download(timeout=MINUTES) as saving:
            panel.locator(".tools").get_by_role("button", name=form, exact=True).first.click()
        assert saving.value.suggested_filename.endswith(f".{form.lower()}")

    panel.locator("[data-pick='again:0:ablation']").click()
    expect(panel.locator("[data-pick='again:0:ablation']")).to_have_count(0, timeout=MINUTES)
    expect(panel.locator("[data-pick='again:0:ablation']")).to_be_visible(timeout=5 * MINUTES)
    expect(page.locator("#vectors-card")).to_contain_text("Slot 2")

    page.locator("#vectors-beside input").click()
    page.get_by_role("option", name="second (second)").click()
    expect(panel.locator(".column")).to_have_count(2, timeout=MINUTES)
    expect(panel).to_contain_text("second")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    _keep_text(studio, "first", "is the film good or is it bad")
    page.goto(app.url + "/?station=vectors&look=first")
    page.get_by_text("Make something of it").click()
    page.locator("#vectors-judge-text").click(timeout=MINUTES)
    expect(page).to_have_url(re.compile("station=verdict"), timeout=MINUTES)
    box = page.locator("#contest-basic").get_by_label("Text found for first")
    expect(box).to_be_checked(timeout=MINUTES)
    page.locator("#contest-go").click()
    expect(page.locator("#verdict-table")).to_contain_text("Text found for first", timeout=5 * MINUTES)


def wait_for(done, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "the engine did not come to an end"
        time.sleep(0.5)


def _keep_text(studio, name: str, found: str) -> None:
    """A search for text takes minutes even on a tiny model: its result is written down as the view leaves it."""
    card = studio.views.card(name)
    rows = ({"name": "the text found", "prompt": found, "found_on": []}, {"name": "your prompt", "prompt": card.task.prompt})
    table = Table(title="In numbers", columns=(Column(name="name", title="Prompt"),), rows=rows)
    made = artifact.read(artifact.find(studio.folders, name))
    studio.store.put_view(made.digest, "distil", result_to_json(Stack(title="As text", parts=(table,))))


def test_the_station_on_a_phone_in_the_dark(start_app, open_page, tmp_path):
    app = start_app(STEERING_WARM="0")
    page = open_page(app.url + "/?station=vectors&look=sort-support-tickets&__theme=dark", width=360, height=780)
    expect(page.locator("#vectors-summary ol > li")).to_have_count(3, timeout=MINUTES)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    gap = page.evaluate("""() => {
        const at = id => document.querySelector(id).getBoundingClientRect();
        return at('#vectors-summary').top - at('#vectors-rows').bottom;
    }""")
    assert gap < 80, f"{gap} px of nothing between the choices and the sentences"
