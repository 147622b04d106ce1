"""The token-by-token reading on the Data station."""

import json

import gradio as gr

from steering.knobs import to_json
from steering.ui import reading

EVIL = "<script>alert(1)</script>"
RESULT = {
    "virtual_tokens": 2,
    "context": 64,
    "rows": [
        {"row": 2, "prompt": ["Say", "."], "input": [EVIL, "\\n", "x"], "answer": ["·good"], "cut": 3},
        {"row": 3, "prompt": ["Say", "."], "input": ["x"] * 500, "answer": ["·bad"], "cut": 0},
    ],
    "lengths": [3, 500],
    "cut": 1,
    "words": [
        {"label": "1", "word": EVIL, "tokens": ["·good"], "share": 0.25},
        {"label": "0", "word": "bad", "tokens": ["·bad"], "share": 0.00001},
    ],
    "notes": [f"{EVIL} is rare."],
    "suggested": {"1": "good"},
}


def ask(written, **changes):
    upload = written.upload()
    given = {"prompt": "Say.", "template": "{text}\nLabel:", "words": [["yes", "ja"], ["no", "nein"]], "model": ""} | changes
    base = json.dumps(to_json(upload.task))
    return reading.ask(written.studio, upload.digest, base, given["prompt"], given["template"], given["words"], given["model"])


def test_a_change_asks_the_engine_and_shows_the_words_at_once(written) -> None:
    request, timer, plain, *_ = ask(written, model=" tiny ")
    assert "What the model reads" in plain and timer.active
    found = written.studio.store.request(request)
    assert found.kind == "read" and found.payload["model"] == "tiny" and found.payload["task"]["prompt"] == "Say."


def test_the_answer_is_drawn_and_stops_the_timer(written) -> None:
    request = ask(written)[0]
    waiting = reading.poll(written.studio, request)
    assert waiting[1].active and waiting[2] == gr.skip()
    written.studio.store.update_request(request, state="done", result=RESULT)
    done = reading.poll(written.studio, request)
    assert done[0] == "" and not done[1].active
    page = done[2] + done[4]
    assert EVIL not in page and "&lt;script&gt;" in page
    assert "<strong>1</strong> of the measured rows" in page and "(3 tokens cut)" in page and "380 more" in page
    assert done[6].visible and done[6].value == "Use good"
    assert reading.use_suggested([["1", EVIL], ["0", "bad"]], done[5]).value["data"] == [["1", "good"], ["0", "bad"]]
    assert "title='starts as Say'" in page and "25 %" in page and "below 0.01 %" in page


def test_a_task_that_cannot_be_read_says_why_and_a_busy_engine_is_no_problem(written) -> None:
    request = ask(written)[0]
    problem = {"type": "TemplateError", "message": "the prompt fills the context.", "hint": "Shorten it."}
    written.studio.store.update_request(request, state="failed", error=problem)
    assert "the prompt fills the context." in reading.poll(written.studio, request)[2]
    busy = ask(written)[0]
    written.studio.store.update_request(busy, state="failed", error={"type": "EngineError", "message": "busy", "hint": ""})
    assert reading.poll(written.studio, busy)[2] == gr.skip()
    assert reading.poll(written.studio, "gone")[0] == ""


def test_the_chat_format_is_put_on_and_taken_off(written, monkeypatch) -> None:
    monkeypatch.setattr(written.studio, "wait", lambda request, **rest: {"before": "<u>", "after": "</u>\n"})
    on = reading.chat(written.studio, "Say.", "{text}\nLabel:", "")
    assert on == ["", "<u>Say.", "{text}\nLabel:</u>\n"]
    assert reading.chat(written.studio, on[1], on[2], "") == ["", "Say.", "{text}\nLabel:"]
    assert written.studio.store.waiting_request().kind == "chat"
