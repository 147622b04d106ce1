"""The report as a file in a real browser: it loads nothing, fits a phone, is readable in light and dark, prints whole, and reads aloud in order."""

import json
from itertools import pairwise

import numpy as np
import pytest

from steering.evaluate.comparison import Judged, compare_classification
from steering.evaluate.report import page as page_of
from steering.evaluate.report import report_of
from steering.evaluate.results import comparison_json

pytestmark = pytest.mark.browser

LONG = "a_word_without_any_place_to_break_" * 4

# Contrast by the WCAG formula (2.1, 1.4.3) of every text against the first background behind it.
FAINT = """() => {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches, canvas = dark ? [18, 18, 18] : [255, 255, 255];
  const numbers = c => c.match(/[\\d.]+/g).map(Number);
  const step = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const [r, g, b] = c.map(v => step(v / 255)); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = numbers(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c.slice(0, 3);
    }
    return canvas;
  };
  const faint = [];
  for (const e of document.querySelectorAll('main *, svg text')) {
    if (e.matches('svg title, svg desc') || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const s = getComputedStyle(e), a = light(numbers(e instanceof SVGElement ? s.fill : s.color).slice(0, 3)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) faint.push(`${e.tagName} ${e.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    truth = np.arange(40) % 2
    scores = [np.log(0.2 + 0.6 * np.eye(2)[truth if i else truth[::-1]]) for i in range(2)]
    many = [Judged(name=("none", f"prompt:{LONG}")[i], kind="manual", log_probs=s, flags=(LONG,), made={"text": LONG}) for i, s in enumerate(scores)]
    made = compare_classification(many, truth, ("no", LONG), primary=(f"prompt:{LONG}", "none"))
    pins = [{"line": 1, "side": "validation", "values": {"text": LONG}, "target": "no", "answers": ["no", None], "right": [True, None]}]
    more = {"inputs": [{"text": LONG}] * 40, "lines": list(range(40)), "reveal": 2, "pins": pins, "unchecked": ["none"], "cost": {}}
    gate = [{"claim": LONG, "holds": False, "because": LONG}]
    result = json.loads(json.dumps(comparison_json(made) | more | {"gate": gate}))
    path = tmp_path_factory.mktemp("report") / "verdict.html"
    about = {"title": f"Verdict on {LONG}", "command": f"python -m steering repeat verdict.json --home /{LONG}", "data": {"rows": 40}}
    path.write_text(page_of(report_of(result, about)), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, file):
    """Opens the file; what it asks of any network, and what the console says of it, fails the test."""
    contexts, troubles = [], []

    def opener(**given):
        context = browser.new_context(**given)
        contexts.append(context)
        made = context.new_page()
        made.on("request", lambda request: troubles.append(request.url) if not request.url.startswith("file:") else None)
        made.on("console", lambda message: troubles.append(message.text))
        made.on("pageerror", lambda error: troubles.append(str(error)))
        made.goto(file.as_uri())
        return made

    yield opener
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_fits_and_can_be_read_in_light_and_dark(opened, scheme, width):
    page = opened(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "only tables scroll, inside themselves"
    assert page.evaluate(FAINT) == []


def test_it_reads_aloud_in_order(opened):
    page = opened()
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1 and all(b <= a + 1 for a, b in pairwise(levels))
    wrong = """() => ({
      lang: document.documentElement.lang, title: document.title.length > 0, main: document.querySelectorAll('main').length,
      heads: [...document.querySelectorAll('th')].filter(h => !h.scope || !h.textContent.trim()).length,
      captions: [...document.querySelectorAll('table')].filter(t => !t.caption || !t.caption.textContent.trim()).length,
      pictures: [...document.querySelectorAll('svg,img')].filter(p => !p.querySelector('title') || p.getAttribute('role') !== 'img').length,
      regions: [...document.querySelectorAll('.wide')].filter(r => r.tabIndex !== 0 || !r.getAttribute('aria-label')).length,
      ids: document.querySelectorAll('[id]').length })"""
    assert page.evaluate(wrong) == {"lang": "en", "title": True, "main": 1, "heads": 0, "captions": 0, "pictures": 0, "regions": 0, "ids": 0}


def test_it_prints_whole(opened, tmp_path):
    page = opened(viewport={"width": 794, "height": 1123})
    assert not page.locator("details table").is_visible()
    page.emulate_media(media="print")
    assert page.locator("details table").is_visible(), "folded rows are on the paper too"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "nothing is cut off at the paper's edge"
    assert page.pdf(path=tmp_path / "r.pdf", format="A4").startswith(b"%PDF")
