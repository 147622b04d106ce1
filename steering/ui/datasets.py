"""The datasets of this home, in a drawer of station 1: open again, rename, delete; and rows that are pasted instead of uploaded."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import DataError
from steering.studio import Studio
from steering.ui import filling, report, text, widgets

PASTED = "pasted rows"


def draw() -> SimpleNamespace:
    """The drawers' controls."""
    ui = SimpleNamespace()
    with gr.Accordion("Paste rows instead of a file", open=False, elem_id="data-paste"):
        ui.pasted = gr.Textbox(
            label="Rows",
            info="A table copied out of a spreadsheet, CSV, JSON lines, or one 'label: text' a line.",
            lines=6,
            max_lines=14,
            elem_id="data-pasted",
        )
        ui.read = gr.Button("Read these rows", elem_id="data-paste-read")
    with gr.Accordion("Your datasets", open=False, elem_id="data-sets"):
        ui.cards = widgets.listing("data-sets-cards", text.empty("Every file that was read is kept here."))
    return ui


def draw_keeping() -> SimpleNamespace:
    """Name and deletion of the dataset at hand."""
    ui = SimpleNamespace()
    with gr.Accordion("Name or delete this dataset", open=False, elem_id="data-keeping"):
        with gr.Row():
            ui.name = gr.Textbox(label="Name", info="A later version under the same name keeps every row on its side.", scale=4, elem_id="data-name")
            ui.rename = gr.Button("Rename", scale=1, min_width=120, elem_id="data-rename")
            ui.delete = gr.Button("Delete", scale=1, min_width=120, elem_id="data-delete")
        with gr.Row(visible=False) as ui.confirm:
            ui.sure = gr.HTML("", elem_id="data-sure")
            ui.yes = gr.Button("Delete for good", variant="stop", elem_id="data-delete-yes")
            ui.no = gr.Button("Keep it", elem_id="data-delete-no")
    return ui


def cards(studio: Studio) -> str:
    """All datasets, newest first."""
    found = studio.data.listed()
    if not found:
        return text.empty("Every file that was read is kept here.")
    return f'<div class="cards">{"".join(map(_card, found[:60]))}</div>'


def _card(one: Any) -> str:
    facts = text.facts([("Usable rows", one.rows), ("Runs", one.runs), ("Read", text.date(one.created))])
    title = f"<h3>{text.safe(one.name)}</h3>"
    return f'<section class="card">{title}{facts}<p class="quiet">{text.safe(one.digest)}</p>{text.pick("Open", one.digest, one.name)}</section>'


def paste(studio: Studio, written: str | None) -> list[Any]:
    """Pasted rows, as if they had been a file.

    Raises:
        DataError: nothing was pasted, or it cannot be read as labelled data.
    """
    if not (written or "").strip():
        raise DataError("nothing was pasted.", "Copy the rows with their header out of your table, and paste them into the box.")
    return filling.show(studio.data.upload(PASTED, str(written).encode("utf-8", "replace")), "")


def open_again(studio: Studio, digest: str) -> list[Any]:
    """A kept dataset on all controls."""
    return filling.show(studio.data.read_again(digest), "")


def name_of(studio: Studio, digest: str) -> str:
    """What the dataset at hand is called."""
    return studio.store.dataset(digest).name if digest else ""


def rename(studio: Studio, digest: str, name: str | None) -> list[Any]:
    """Another name: error line and cards."""
    _require(digest)
    studio.data.rename(digest, name or "")
    return [text.notice(f"The dataset is now called {str(name).strip()}.", level="note"), cards(studio)]


def ask_delete(studio: Studio, digest: str) -> list[Any]:
    """The question before deleting: what goes with it."""
    _require(digest)
    runs = sum(one.runs for one in studio.store.versions(digest))
    trained = "The run trained on it goes" if runs == 1 else f"The {runs} runs trained on it go"
    more = f" {trained} with it: their results quote its rows." if runs else ""
    name = text.safe(studio.store.dataset(digest).name)
    return [gr.Row(visible=True), f"<p>Delete <strong>{name}</strong>, its file and its rows?{more} Saved prompts stay. This cannot be undone.</p>"]


def delete(studio: Studio, digest: str) -> list[Any]:
    """Delete: error line, cards, dataset, details, button, confirm."""
    name = studio.store.dataset(digest).name
    studio.data.delete(digest)
    gone = text.notice(f"{name} was deleted.", level="note")
    button = gr.Button(value=report.button_text("", ""), interactive=False)
    return [gone, cards(studio), "", gr.Column(visible=False), button, gr.Row(visible=False)]


def _require(digest: str) -> None:
    if not digest:
        raise DataError("there is no data yet.", "Choose a file or a sample first.")
