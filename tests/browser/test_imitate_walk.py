"""A long prompt is imitated from the page: texts without labels, a mistake said at its field, a further setting beside, and what came of it."""

import json

import pytest
import tiny
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
MINUTES = 60_000


def test_a_few_shot_prompt_is_imitated_on_texts_without_labels(start_app, open_page, tmp_path):
    app = start_app(STEERING_WARM="0")
    model = tiny.save(tmp_path / "model")
    (tmp_path / "films.csv").write_bytes(tiny.rows(80))
    (tmp_path / "texts.csv").write_text("text\n" + "".join(f"film number {i} was seen\n" for i in range(40)))
    page = open_page(app.url)
    page.locator("#data-file input[type=file]").set_input_files(tmp_path / "films.csv")
    page.locator("#data-prompt textarea").fill("Is the film good or bad?")
    page.locator("#data-continue").click()
    page.get_by_text("Expert settings").first.click()
    page.locator("#train-model input, #train-model textarea").first.fill(str(model))
    page.locator("#train-model input, #train-model textarea").first.blur()
    page.locator("#train-steps input").fill("12")
    page.locator("#train-evaluate-every input").fill("4")
    page.locator("#train-inputs input[type=file]").set_input_files(tmp_path / "texts.csv")
    expect(page.locator("#train-inputs-note")).to_contain_text("40 texts; every fifth decides when to stop.", timeout=MINUTES)
    expect(page.locator("#train-beside")).to_contain_text("no prompt to imitate on them", timeout=MINUTES)
    expect(page.locator("#train-start")).to_be_disabled()
    page.locator("#train-imitate textarea, #train-imitate input").first.fill("few-shot:4")
    expect(page.locator("#train-preview")).to_contain_text("4-shot, on texts without labels", timeout=MINUTES)
    expect(page.locator("#train-beside .notice")).to_have_count(0)
    page.locator("#train-variants textarea").fill("speed=3")
    expect(page.locator("#train-beside")).to_contain_text("is no setting of prompt_tuning", timeout=MINUTES)
    page.locator("#train-variants textarea").fill("learning_rate=0.2")
    expect(page.locator("#train-preview")).to_contain_text("2 side by side; the best by validation is kept", timeout=MINUTES)
    page.locator("#train-start").click()
    expect(page.locator("#verdict-headline .big")).to_be_visible(timeout=5 * MINUTES)
    page.get_by_role("tab", name="2 Train").click()
    ended = page.locator("#run-status .ending")
    expect(ended).to_contain_text("Agreement with the imitated prompt", timeout=MINUTES)
    expect(ended).to_contain_text("saved")
    expect(ended).to_contain_text("learning_rate=0.2")
    spec = json.loads(page.locator("#value-settings textarea").input_value())
    assert spec["imitate"] == "few-shot:4" and spec["inputs"] and spec["variants"] == [{"learning_rate": 0.2}]
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
