"""Label rows in the page: one at a time, by button or by key, the model's least certain first; everything is kept in the store at once."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import DataError, NotFoundError
from steering.studio import Sheet, Studio
from steering.ui import filling, text, widgets

PARTS = 7
"""What every act fills: error, sheet, row, request, panel, finish button, text column."""
ASK_EVERY = 10
"""Labels after which the model is asked again which rows it is least certain of."""
ENOUGH = 16
KEYS = "123456789"


def draw() -> SimpleNamespace:
    """The drawer's controls."""
    ui = SimpleNamespace()
    with gr.Accordion("Label rows here", open=False, elem_id="data-labelling") as ui.drawer:
        gr.HTML("<p class='quiet'>For files without labels. Name the labels, then label by clicking or with the keys 1 to 9; u undoes, s skips.</p>")
        ui.file = gr.File(label="A file of texts, with or without labels", height=120, elem_id="label-file")
        with gr.Column(visible=False) as ui.panel:
            with gr.Row():
                ui.names = gr.Textbox(label="Labels", info="With commas between them.", placeholder="good, bad", scale=3, elem_id="label-names")
                ui.column = gr.Dropdown([], label="Text column", scale=2, elem_id="label-column")
            ui.prompt = gr.Textbox(
                label="Your prompt, if you have one", info="The rows that the model is least certain of come first.", elem_id="label-prompt"
            )
            ui.row = widgets.keyed("label-row", text.empty("Name the labels, and the first row appears."))
            with gr.Row():
                ui.finish = gr.Button("Use these labels", variant="primary", interactive=False, elem_id="label-finish")
                ui.forget = gr.Button("Delete this file and its labels", elem_id="label-forget")
    return ui


def outputs(ui: SimpleNamespace, station: SimpleNamespace) -> list[Any]:
    """See :data:`PARTS`."""
    return [station.error, station.labelled, ui.row, station.certainty, ui.panel, ui.finish, ui.column]


def begin(studio: Studio, path: str | None, names: str | None) -> list[Any]:
    """A file was chosen. (An empty text field is None.)"""
    if not path:
        return [gr.skip()] * PARTS
    name = path.replace("\\", "/").rpartition("/")[2]
    sheet = studio.labelling.begin(name, filling.content_of(path))
    return [
        "",
        json.dumps({"name": sheet.name, "content": sheet.content}, ensure_ascii=False),
        _row(studio, sheet, sheet.columns[0], names, ""),
        "",
        gr.Column(visible=True),
        _button(studio, sheet, sheet.columns[0]),
        gr.Dropdown(choices=list(sheet.columns), value=sheet.columns[0]),
    ]


def act(studio: Studio, choice: str, written: str, column: str, names: str | None, prompt: str | None, request: str) -> list[Any]:
    """A label, skip or undo: ``label:LINE:NUMBER``, ``skip:LINE``, ``undo``; anything else draws the row again.

    Raises:
        DataError: there is no file, or the label is not among the names.
    """
    sheet, labels = _sheet(studio, written), listed(names)
    verb, _, rest = choice.partition(":")
    try:
        if verb == "label":
            line, number = map(int, rest.split(":"))
            studio.labelling.give(sheet, line, labels[number])
        elif verb == "skip":
            studio.labelling.give(sheet, int(rest), "")
    except (ValueError, IndexError):
        raise DataError("that label is no longer among the names.", "Press one of the buttons as they are now.") from None
    if verb == "undo":
        studio.labelling.undo(sheet)
    asked = _ask(studio, sheet, column, labels, prompt or "", request)
    return ["", gr.skip(), _row(studio, sheet, column, names, asked), asked, gr.skip(), _button(studio, sheet, column), gr.skip()]


def finish(studio: Studio, written: str, column: str) -> list[Any]:
    """The labelled rows as the station's dataset."""
    return filling.show(studio.labelling.finish(_sheet(studio, written), column), "")


def forget(studio: Studio, written: str) -> list[Any]:
    """Delete file and labels."""
    sheet = _sheet(studio, written)
    studio.labelling.forget(sheet)
    gone = text.notice(f"{sheet.name} and its labels were deleted.", level="note")
    return [gone, "", "", "", gr.Column(visible=False), gr.Button(interactive=False), gr.skip()]


def listed(names: str | None) -> list[str]:
    """Labels out of the text field, each once."""
    return list(dict.fromkeys(part.strip() for part in (names or "").split(",") if part.strip()))[:40]


def _sheet(studio: Studio, written: str) -> Sheet:
    try:
        value = json.loads(written)
        return studio.labelling.sheet(str(value["name"]), str(value["content"]))
    except (ValueError, KeyError, TypeError):
        raise DataError("there is no file to label.", "Choose one in the drawer.") from None


def _ask(studio: Studio, sheet: Sheet, column: str, labels: Sequence[str], prompt: str, requests: str) -> str:
    """The requests that hold the order, newest first; a new one after every few labels, once there is a prompt and something to choose between."""
    done = len(studio.store.labels(sheet.content))
    if len(labels) < 2 or not prompt.strip() or (requests and done % ASK_EVERY):
        return requests
    return " ".join([studio.labelling.ask_order(sheet, column, labels, prompt, f"prompt:{prompt}"), *requests.split()[:1]])


def _order(studio: Studio, requests: str) -> list[int]:
    """The newest order there is; one that is still being found leaves the one before it in force."""
    for request in requests.split():
        try:
            found = studio.store.request(request)
        except NotFoundError:
            continue
        if found.state == "done" and found.result:
            return list(found.result.get("order", []))
    return []


def _row(studio: Studio, sheet: Sheet, column: str, names: str | None, request: str) -> str:
    """The row to label, its buttons, and how far it has come."""
    labels, order = listed(names), _order(studio, request)
    at = studio.labelling.progress(sheet, column, order)
    counts = ", ".join(f"{label} {count}" for label, count in at.counts.items())
    sorting = "the model's least certain first" if order else "mixed"
    head = f"<p class='quiet'>{at.done} labelled, {at.skipped} skipped, {at.rows} rows ({sorting}). {text.safe(counts)}</p>"
    undo = text.pick("Undo (u)", "undo", "the last label", key="u") if at.done + at.skipped else ""
    if at.line is None:
        return f"{head}<p><strong>Every row has been seen.</strong> {undo}</p>"
    if len(labels) < 2:
        return f"{head}{text.empty('Name at least two labels.')}"
    buttons = [
        text.pick(f"{label} ({KEYS[i]})" if i < len(KEYS) else label, f"label:{at.line}:{i}", "this row", key=KEYS[i : i + 1])
        for i, label in enumerate(labels)
    ]
    skip = text.pick("Skip (s)", f"skip:{at.line}", "this row", key="s")
    shown = f"<pre>{text.safe(at.text[:3000])}</pre><p class='quiet'>line {at.line}</p>"
    return f"<section class='reads' aria-label='Row to label'>{head}{shown}<p>{' '.join(buttons)} {skip} {undo}</p></section>"


def _button(studio: Studio, sheet: Sheet, column: str) -> Any:
    done = studio.labelling.progress(sheet, column).done
    return gr.Button(f"Use these {done} labels" if done >= ENOUGH else f"Use these labels (from {ENOUGH})", interactive=done >= ENOUGH)
