"""Station 4, Vectors: inspection results of a saved prompt, drawn from their type alone."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering import artifact
from steering.errors import NotFoundError, SteeringError
from steering.inspect import VIEWS, result_from_json
from steering.inspect.results import Part, Stack, Table, Text
from steering.studio import Studio
from steering.ui import plots, text, widgets

SLOTS = 8
BADGES = {
    "MEASURED": "Measured on held-out rows: says what the vectors do.",
    "GEOMETRIC": "Geometric: true of the vectors, says nothing of what they do.",
    "SELF-REPORT": "Self-report: what the model says of itself, often wrong.",
}


def draw() -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace(slots=[])
    gr.HTML(text.heading("Vectors", "What the learned vectors lie near to and what they do, and how far each reading can be trusted."))
    with gr.Row():
        ui.prompt = gr.Dropdown([], label="Saved prompt", elem_id="vectors-prompt")
        ui.view = gr.Radio([], label="View", elem_id="vectors-view")
    ui.note = gr.HTML(text.empty("Choose a saved prompt; every finished run leaves one."), elem_id="vectors-note")
    for at in range(SLOTS):
        ui.slots.append(gr.HTML("", elem_id=f"vectors-part-{at}"))
        ui.slots.append(widgets.chart(f"vectors-chart-{at}", "Picture of the vectors; how to read it is said above it"))
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills, in its order."""
    return [ui.request, ui.note, *ui.slots]


def choices(studio: Studio, wanted: str = "") -> Any:
    """The saved prompts that can be read; ``wanted`` first if it is there."""
    names = [(f"{item.card.title or item.name} ({item.name})", item.name) for item in studio.saved() if item.card is not None]
    known = [name for _, name in names]
    return gr.Dropdown(choices=names, value=wanted if wanted in known else (known[0] if known else None))


def fitting(studio: Studio, name: str | None) -> Any:
    """The views that apply to a saved prompt."""
    if not name:
        return gr.Radio(choices=[], value=None)
    tensors = artifact.read(artifact.find(studio.folders, name)).tensors
    views = [(view.title, key) for key, view in VIEWS.items() if not view.applies(tensors)]
    return gr.Radio(choices=views, value=views[0][1] if views else None)


def show(studio: Studio, name: str | None, view: str | None) -> list[Any]:
    """A kept view, or the request that makes it: request id, note, then text and picture of every slot."""
    if not name or not view:
        return ["", text.empty("Choose a saved prompt and a view."), *[""] * (2 * SLOTS)]
    kept = studio.kept_view(name, view)
    if kept is None:
        return [studio.ask_view(name, view), text.empty("Reading the vectors: " + VIEWS[view].cost), *[""] * (2 * SLOTS)]
    return ["", badge(view), *drawn(kept)]


def poll(studio: Studio, request: str, name: str | None, view: str | None) -> list[Any]:
    """The view once its request is over; skipped while it is not."""
    if not request:
        return [gr.skip()] * (2 + 2 * SLOTS)
    try:
        found = studio.store.request(request)
    except NotFoundError as error:
        return ["", text.problem(error), *[""] * (2 * SLOTS)]
    if found.state == "failed":
        why = found.error or {}
        return ["", text.notice(why.get("message", ""), why.get("hint", "")), *[""] * (2 * SLOTS)]
    return show(studio, name, view) if found.state == "done" else [gr.skip()] * (2 + 2 * SLOTS)


def badge(view: str) -> str:
    """What a view may be trusted for."""
    found = VIEWS[view]
    words = BADGES.get(found.badge, "")
    return f'<p><span class="badge">{text.safe(found.badge.lower())}</span> {text.safe(words)} {text.safe(found.summary)}</p>'


def drawn(kept: dict[str, Any]) -> list[str]:
    """Text and picture for every slot, empty where a result has fewer parts."""
    try:
        result = result_from_json(kept)
    except SteeringError as error:
        return [text.problem(error), "", *[""] * (2 * SLOTS - 2)]
    parts = list(result.parts) if isinstance(result, Stack) else [result]
    filled: list[str] = []
    for part in parts[:SLOTS]:
        filled += [words(part), plots.part(part) or ""]
    if isinstance(result, Stack) and filled:
        filled[0] = around(result.title, result.caption, result.note) + filled[0]
    return filled + [""] * (2 * SLOTS - len(filled))


def words(part: Part) -> str:
    """Title, how to read it, what may be concluded; the content too where it is no picture."""
    body = ""
    if isinstance(part, Table):
        body = table(part)
    if isinstance(part, Text):
        body = "".join(f'<p class="prose">{text.safe(paragraph)}</p>' for paragraph in part.paragraphs)
    return around(part.title, part.caption, part.note) + body


def around(title: str, caption: str, note: str) -> str:
    """The lines above a picture."""
    lines = [f"<h3>{text.safe(title)}</h3>"]
    lines += [f"<p>{text.safe(note)}</p>"] if note else []
    lines += [f'<p class="quiet">{text.safe(caption)}</p>'] if caption else []
    return "".join(lines)


def table(part: Table) -> str:
    """A table of a view; tokens are literal text."""
    right = [i for i, c in enumerate(part.columns) if c.kind in ("number", "percent")]
    rows = [[cell(row.get(c.name), c.kind) for c in part.columns] for row in part.rows]
    helps = "".join(f"<li><b>{text.safe(c.title)}</b>: {text.safe(c.help)}</li>" for c in part.columns if c.help)
    more = f"<details><summary>What the columns mean</summary><ul>{helps}</ul></details>" if helps else ""
    return text.table([c.title for c in part.columns], rows, numeric=right, caption=part.title) + more


def cell(value: Any, kind: str) -> str:
    """One value of a table as plain text."""
    if kind == "tokens":
        return "   ".join(f"{one['token']} {one['cosine']:.2f}" if "cosine" in one else str(one["token"]) for one in (value or [])[:5])
    return text.percent(value, 1) if kind == "percent" else text.number(value)
