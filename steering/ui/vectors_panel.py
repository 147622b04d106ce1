"""One view, or the same view of two prompts side by side, drawn from the types of its results alone.

Everything of a view travels as one JSON value of safe HTML, figures and CSV texts; selecting a slot, sorting, the step slider and saving happen in
the browser. Pressing a button or a slot comes back as the event ``pick`` with an id such as ``run:0:gain`` or ``slot:3``.
"""

import json
from typing import Any

import gradio as gr

from steering.errors import SteeringError
from steering.inspect import VIEWS, result_from_json
from steering.inspect.numbers import numbers
from steering.inspect.results import Part, Result, Stack, Table, Text
from steering.studio.looking import Standing
from steering.ui import plots, text
from steering.ui.theme import script
from steering.ui.vectors_table import csv, grid
from steering.ui.widgets import PAINT, plotly_script

BADGES = {
    "MEASURED": "Measured on rows or text that training never saw: says what the vectors do.",
    "GEOMETRIC": "Geometric: true of the vectors, says nothing of what they do.",
    "SELF-REPORT": "Self-report: what the model says of itself, can be invented.",
}


def component(elem_id: str) -> Any:
    """What draws :func:`value`."""
    place = f'<div class="view" data-plotly="gradio_api/file={plotly_script()}"></div>'
    return gr.HTML(None, html_template=place, js_on_load=PAINT + script("vectors_view.js"), elem_id=elem_id)


def strip_component(elem_id: str) -> Any:
    """What shows :func:`steering.ui.vectors_slots.strip`."""
    return gr.HTML("", js_on_load=script("vectors_strip.js"), elem_id=elem_id)


def value(view: str, columns: list[tuple[str, Standing]], rows: str, slot: int) -> str:
    """A view of one prompt or of several side by side, as JSON. ``columns``: name and standing of each; ``rows``: which rows it is measured on."""
    many = len(columns) > 1
    drawn = [_column(view, name if many else "", one, rows, at) for at, (name, one) in enumerate(columns)]
    found = {"key": f"{view} {[name for name, _ in columns]}", "slot": slot or "", "columns": drawn}
    return json.dumps(found, ensure_ascii=False).replace("<", "\\u003c")  # the value itself holds no markup, whatever a token spells


def _column(view: str, name: str, one: Standing, rows: str, at: int) -> dict[str, Any]:
    preview = (one.request.result or {}).get("preview") if one.request is not None and one.state == "running" else None
    head = [f"<h3>{text.safe(name)}</h3>" if name else "", badge(view, rows), status(one, at)]
    try:
        result = result_from_json(preview or one.kept or {}) if preview or one.kept else None
    except SteeringError as error:
        head.append(text.problem(error))
        result = None
    if result is None or one.state == "unfit":
        return {"head": "".join(head), "parts": []}
    if preview:
        head.append('<p class="quiet">A preview from fewer rows; the whole replaces it.</p>')
    if isinstance(result, Stack):
        head.append(_around(result, "h3"))
    return {"head": "".join(head), "parts": parts(result, view)}


def badge(view: str, rows: str = "") -> str:
    """What a view may be trusted for, and which rows it is measured on."""
    found = VIEWS[view]
    where = f" Rows: {rows}." if rows and found.rows_needed else ""
    return (
        f'<p><span class="badge">{text.safe(found.badge.lower())}</span> {text.safe(found.summary)}</p>'
        f'<p class="quiet">{text.safe(BADGES[found.badge])}{text.safe(where)}</p>'
    )


def status(one: Standing, at: int = 0) -> str:
    """Whether there is something to see, and the button that gets it; what it costs is said before it runs."""
    view = VIEWS[one.view]
    run = f"run:{at}:{one.view}"
    if one.state == "unfit":
        return text.notice(f"This view says nothing of this prompt: {one.reason}", level="note")
    if one.state == "waiting":
        return '<p role="status">Waiting for its turn.</p>'
    if one.state == "running":
        return _progress(one)
    if one.state == "failed":
        why = (one.request.error if one.request else None) or {}
        return text.notice(why.get("message", "it failed."), why.get("hint", "")) + text.pick("Try again", run, view.title)
    if one.state == "open":
        return f"<p>Not measured yet. Cost: {text.safe(view.cost)}.</p>{text.pick('Measure it', run, view.title)}"
    again = text.pick("Measure again", f"again:{at}:{one.view}", view.title)
    return f'<div class="again">{again}<small class="quiet">Cost: {text.safe(view.cost)}.</small></div>'


def _progress(one: Standing) -> str:
    said = ((one.request.result if one.request else None) or {}).get("progress") or {}
    if not said:
        return '<p role="status">Beginning.</p>'
    done, total = int(said.get("done", 0)), max(1, int(said.get("total", 1)))
    return f'<p role="status">{text.safe(said.get("message", ""))}: {done} of {total}</p>' + text.bar(done / total, str(said.get("message", "")))


def parts(result: Result, view: str) -> list[dict[str, Any]]:
    """Every picture of a result: words, figure, numbers, CSV."""
    found = result.parts if isinstance(result, Stack) else (result,)
    return [_part(one, f"{view}-{at + 1}") for at, one in enumerate(found)]


def _part(one: Part, file: str) -> dict[str, Any]:
    body = "".join(f'<p class="prose">{text.safe(paragraph)}</p>' for paragraph in one.paragraphs) if isinstance(one, Text) else ""
    table = numbers(one)
    return {
        "html": _around(one, "h4") + body,
        "figure": plots.part(one),
        "alt": f"{one.title}. The numbers are in the table below.",
        "table": "" if isinstance(one, Text) else grid(table),
        "csv": csv(table),
        "file": file,
        "course": _course(one) if isinstance(one, Table) else None,
    }


def _around(one: Result, tag: str) -> str:
    """Title, what may be concluded, how to read it."""
    lines = [f"<{tag}>{text.safe(one.title)}</{tag}>"]
    lines += [f"<p>{text.safe(one.note)}</p>"] if one.note else []
    lines += [f'<p class="quiet">{text.safe(one.caption)}</p>'] if one.caption else []
    return "".join(lines)


def _course(table: Table) -> dict[str, Any] | None:
    """The entries that slots passed in training, where a table has them for every step."""
    rows = [{"slot": row["slot"], "moments": [[m["token"], m["cosine"]] for m in row["moments"]]} for row in table.rows if row.get("moments")]
    steps = [moment["step"] for moment in table.rows[0]["moments"]] if rows else []
    return {"steps": steps, "rows": rows} if rows and all(len(row["moments"]) == len(steps) for row in rows) and len(steps) > 1 else None
