"""Walks through the page as visitors take them. Run with the real engine process, in headless Chromium."""

import re
import time

import pytest
import tiny
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
MINUTES = 60_000
NASTY = "<img src=x onerror=alert(1)> ${alert(2)} <script>alert(3)</script>"


def _no_sideways_scroll(page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("document.documentElement.clientWidth")


@pytest.mark.model
def test_sample_tile_to_verdict_with_reload_second_tab_and_second_browser(start_app, open_page):
    app = start_app()
    assert app.seconds < 20, "the server waits for something heavy (4 s on two quiet cores)"
    page = open_page(app.url)
    page.locator("#tile-support_tickets").click()
    expect(page).to_have_url(re.compile(r"run=[0-9a-f]{32}"))
    expect(page.locator("#run-stop")).to_be_visible(timeout=5 * MINUTES)
    expect(page.locator("#run-status")).to_contain_text("step", timeout=5 * MINUTES, ignore_case=True)
    page.reload()
    expect(page.locator("#run-stop")).to_be_visible()
    second_tab = open_page(page.url, context=page.context)
    second_browser = open_page(page.url, width=360, height=780)
    for other in (second_tab, second_browser):
        expect(other.locator("#run-stop")).to_be_visible(timeout=MINUTES)  # a training takes both cores
    _no_sideways_scroll(second_browser)
    second_tab.close()
    expect(page.locator("#verdict-headline .big")).to_contain_text("held-out", timeout=25 * MINUTES)
    expect(page).to_have_url(re.compile("station=verdict"))
    page.locator("#play-text textarea").fill(NASTY)
    page.locator("#play-ask").click()
    expect(page.locator("#play-answers")).to_contain_text("made by", timeout=MINUTES)
    for name, wanted in (("4 Vectors", "Closest"), ("5 Saved", "Sort support tickets")):
        page.get_by_role("tab", name=name).click()
        expect(page.locator("body")).to_contain_text(wanted, timeout=MINUTES)


def test_own_file_to_verdict_with_stop_and_continue(start_app, open_page, tmp_path):
    app = start_app(STEERING_WARM="0")
    model = tiny.save(tmp_path / "model")
    rows = tiny.rows(80).decode().replace('"the film 6 was', f'"{NASTY} the film 6 was')
    (tmp_path / "films.csv").write_text(rows)
    page = open_page(app.url + "/?__theme=dark")
    page.locator("#data-file input[type=file]").set_input_files(tmp_path / "films.csv")
    expect(page.locator("#data-report")).to_contain_text("80", timeout=MINUTES)
    page.locator("#data-prompt textarea").fill("Is the film good or bad?")
    page.locator("#data-continue").click()
    page.get_by_text("Expert settings").first.click()
    page.locator("#train-model input, #train-model textarea").first.fill(str(model))
    page.locator("#train-model input, #train-model textarea").first.blur()
    expect(page.locator("#train-start")).to_be_enabled(timeout=MINUTES)
    page.locator("#train-start").click()
    expect(page.locator("#run-stop")).to_be_visible(timeout=MINUTES)
    page.locator("#run-stop").click()
    expect(page.locator("#run-continue")).to_be_visible(timeout=MINUTES)
    page.locator("#run-continue").click()
    expect(page.locator("#verdict-headline .big")).to_contain_text("prompt", timeout=10 * MINUTES)
    expect(page.locator("#verdict-table")).to_contain_text("4 examples")
    page.get_by_role("tab", name="2 Train").click()
    page.locator("#run-chart").scroll_into_view_if_needed()
    expect(page.locator("#run-chart .scatterlayer .trace").first).to_be_visible(timeout=MINUTES)
    _no_sideways_scroll(page)


def test_bad_files_are_refused_on_the_page_in_words(start_app, open_page, tmp_path):
    app = start_app(STEERING_WARM="0")
    page = open_page(app.url, width=360, height=780)
    for name, content, place, words in (
        ("empty.csv", b"", "#data-error", "empty"),
        ("column.csv", b"text\n" + b"".join(b"text %d\n" % i for i in range(30)), "#data-error", "column"),
        ("one.csv", b"text,label\n" + b"".join(b"text %d,a\n" % i for i in range(30)), "#data-report", "at least two classes"),
    ):
        (tmp_path / name).write_bytes(content)
        page.locator("#data-file input[type=file]").set_input_files(tmp_path / name)
        expect(page.locator(place)).to_contain_text(words, timeout=MINUTES)
        expect(page.locator("body")).not_to_contain_text("Traceback")
    expect(page.locator("#data-continue")).to_be_disabled()
    _no_sideways_scroll(page)


def test_a_report_is_mended_by_clicks_and_texts_are_labelled_by_keys(start_app, open_page, tmp_path):
    app = start_app(STEERING_WARM="0")
    page = open_page(app.url)
    rows = "".join(
        f"{NASTY if i == 3 else 'the film'} number {i} was {'good' if i % 2 else 'bad'},{('Pos', 'neg', 'pos')[i % 3]}\n" for i in range(60)
    )
    (tmp_path / "films.csv").write_text("text,label\n" + rows)
    page.locator("#data-file input[type=file]").set_input_files(tmp_path / "films.csv")
    page.locator("#data-report [data-pick^='fix']").filter(has_text="Merge").click(timeout=MINUTES)
    expect(page.locator("#data-report [data-pick='undo:0']")).to_be_visible(timeout=MINUTES)
    page.locator("#data-report [data-pick='undo:0']").click()
    expect(page.locator("#data-report [data-pick='undo:0']")).to_have_count(0, timeout=MINUTES)
    (tmp_path / "texts.txt").write_text("".join(f"a text about thing {i} {NASTY}\n" for i in range(20)))
    page.locator("#data-labelling button").first.click()
    page.locator("#label-file input[type=file]").set_input_files(tmp_path / "texts.txt")
    page.locator("#label-names textarea, #label-names input").first.fill("good, bad")
    expect(page.locator("#label-row [data-key='2']")).to_be_visible(timeout=MINUTES)
    page.locator("#label-row p").first.click()
    for i in range(17):
        page.keyboard.press("12"[i % 2])
        expect(page.locator("#label-row")).to_contain_text(f"{i + 1} labelled", timeout=MINUTES)
    page.locator("#label-finish").click()
    expect(page.locator("#data-report")).to_contain_text("texts.txt labelled", timeout=MINUTES)
    page.locator("#data-sets button").first.click()
    expect(page.locator("#data-sets-cards")).to_contain_text("texts.txt labelled", timeout=MINUTES)  # until then the buttons are about to move
    page.locator("#data-sets-cards [aria-label='Open films.csv']").click()
    expect(page.locator("#data-report")).to_contain_text("films.csv", timeout=MINUTES)


def test_port_in_use_takes_the_next_and_says_so(start_app):
    first, second = start_app(STEERING_WARM="0"), start_app(STEERING_WARM="0")
    assert first.url != second.url
    assert "Port 7870 is in use." in "".join(second.output) or not first.url.endswith(":7870")


def test_usable_within_seconds_before_the_model_is_there(start_app, open_page):
    app = start_app(STEERING_WARM="0")
    start = time.monotonic()
    page = open_page(app.url)
    expect(page.locator("#tile-support_tickets")).to_be_visible()
    assert time.monotonic() - start < 15, "the first page is slow (about 2 s on two quiet cores)"
