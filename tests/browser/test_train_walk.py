"""The Train station in a real browser: effort, estimate, watching, more steps, another start. A tiny model, the real engine process."""

import json

import pytest
import tiny
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
MINUTES = 60_000


def test_from_effort_and_estimate_to_watching_and_going_on(start_app, open_page, tmp_path):
    app = start_app(STEERING_WARM="0")
    model = tiny.save(tmp_path / "model")
    (tmp_path / "films.csv").write_bytes(tiny.rows(80))
    page = open_page(app.url)
    page.locator("#data-file input[type=file]").set_input_files(tmp_path / "films.csv")
    page.locator("#data-prompt textarea").fill("Is the film good or bad?")
    page.locator("#data-continue").click()
    page.get_by_label("Quick").check()
    expect(page.locator("#train-expert")).to_contain_text("Expert settings (3 changed)", timeout=MINUTES)
    page.get_by_text("Expert settings").first.click()
    expect(page.locator("#train-steps input")).to_have_value("40")
    page.locator("#train-model input, #train-model textarea").first.fill(str(model))
    page.locator("#train-model input, #train-model textarea").first.blur()
    page.locator("#train-evaluate-every input").fill("5")
    page.locator("#train-patience input").fill("20")
    expect(page.locator("#train-expert")).to_contain_text("(5 changed)", timeout=MINUTES)
    page.locator("#train-estimate").click()
    expect(page.locator("#train-forecast")).to_contain_text("at most", timeout=2 * MINUTES)
    expect(page.locator("#train-start")).to_contain_text("rows, about", timeout=MINUTES)
    page.locator("#train-start").click()
    expect(page.locator("#verdict-headline .big")).to_be_visible(timeout=5 * MINUTES)
    page.get_by_role("tab", name="2 Train").click()
    expect(page.locator("#run-status")).to_contain_text("How training ended", timeout=MINUTES)
    slider, said = page.locator("#run-watch input"), page.locator("#run-watch .sum")
    slider.focus()
    page.keyboard.press("Home")
    expect(said).to_contain_text("at step 0, where it started")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("at step 5")
    page.locator("#run-more").click()
    expect(page.locator("#run-status")).to_contain_text("of 90", timeout=2 * MINUTES)
    expect(said).to_contain_text("at step 5")
    expect(page.locator("#verdict-headline .big")).to_be_visible(timeout=5 * MINUTES)
    page.get_by_role("tab", name="2 Train").click()
    page.locator("#run-again").click()
    expect(page.locator("#train-preview")).to_contain_text("starts from the saved prompt", timeout=MINUTES)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert json.loads(page.locator("#value-settings textarea").input_value())["options"]["start"] == "saved"
