"""The report: one file, nothing in it runs or loads, every text escaped, tables with captions and heads, and a comparison that ignores times only."""

import html
import html.parser
import json

import numpy as np

from steering.evaluate.charts import intervals_svg
from steering.evaluate.comparison import Judged, compare_classification, compare_generation
from steering.evaluate.report import differences, page, report_of
from steering.evaluate.results import comparison_json

EVIL = "<script>alert(1)</script>\"'&"


def result(kind="classification", name=EVIL):
    n = 40
    if kind == "classification":
        truth = np.arange(n) % 2
        scores = [np.log(0.2 + 0.6 * np.eye(2)[truth if i else truth[::-1]]) for i in range(2)]
        judged = [Judged(name=(name, "b")[i], kind="manual", log_probs=s, flags=(EVIL,), made={"text": EVIL}) for i, s in enumerate(scores)]
        made = compare_classification(judged, truth, ("no", EVIL), primary=("b", name))
    else:
        right = [[f"text {i} {EVIL}"] for i in range(n)]
        judged = [Judged(name=(name, "b")[i], kind="manual", predictions=tuple(r[0] if i else "" for r in right)) for i in range(2)]
        made = compare_generation(judged, right)
    pins = [{"line": 1, "values": {"text": EVIL}, "target": "no", "answers": ["no", EVIL], "right": [True, False]}]
    more = {"inputs": [{"text": EVIL}] * n, "lines": list(range(n)), "reveal": 2, "pins": pins, "unchecked": ["b"], "cost": {}}
    gate = [{"claim": EVIL, "holds": False, "because": EVIL}]
    return json.loads(json.dumps(comparison_json(made) | more | {"gate": gate}))


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.levels, self.captions, self.tables, self.cells = [], [], 0, 0, []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.levels.append(int(tag[1]))
        self.captions += tag == "caption"
        self.tables += tag == "table"
        if tag == "th":
            self.cells.append(dict(attrs).get("scope"))
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("src", "href"), (tag, name, value)


def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


def test_the_page_is_one_file_in_which_nothing_runs_or_loads():
    for kind in ("classification", "generation"):
        text = page(report_of(result(kind), {"title": EVIL, "command": EVIL, "data": {"a": [1.5, None]}}))
        seen = read(text)
        assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(seen.tags)
        assert "<script" not in text and "default-src 'none'" in text and "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert len(text) < 200_000


def test_it_can_be_read_by_a_screen_reader_and_printed():
    text = page(report_of(result(), {"title": "T"}))
    seen = read(text)
    assert '<html lang="en">' in text and "<main>" in text and seen.levels[0] == 1 and seen.levels.count(1) == 1
    assert seen.captions == seen.tables > 5 and set(seen.cells) == {"col", "row"}
    assert 'role="img"' in text and "<desc>" in text and "@media print" in text


def test_everything_that_was_found_is_in_it():
    made = result(name="a")
    text = page(report_of(made, {"title": "T", "command": "python -m steering compare x"}))
    wanted = (
        "look number 2: p is exploratory",
        made["pairs"][0]["sentence"],
        "does not hold",
        "broken: ",
        "macro f1",
        "python -m steering compare x",
    )
    for said in map(html.escape, wanted):
        assert said in text, said


def test_two_results_are_equal_but_for_times_and_counters():
    first = report_of(result(), {"created": "1"})
    second = json.loads(json.dumps(report_of(result(), {"created": "2"})))
    second["result"]["reveal"], second["result"]["contestants"][0]["seconds_per_example"] = 9, 123.0
    assert differences(first, second) == []
    second["result"]["contestants"][1]["nll"] += 1e-6
    second["result"]["rows"][3]["scores"][0] = 7
    del second["result"]["labels"][1]
    found = {one["where"]: (one["was"], one["is"]) for one in differences(first, second)}
    assert found.keys() == {"contestants[b].nll", "rows[3].scores[0]", "labels"} and found["rows[3].scores[0]"][1] == 7


def test_a_chart_keeps_its_marks_inside_and_escapes_names():
    text = intervals_svg([(EVIL * 9, 1.4, -1.0, 2.0, False), ("b", 0.5, 0.4, 0.6, True)], EVIL)
    assert "<script" not in text and text.count("<circle") == 2 and 'fill="none"' in text and "…" in text
    assert max(float(part.split('"')[0]) for part in text.split('x2="')[1:]) <= 720
