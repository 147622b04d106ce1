"""Station 1, Data: a file becomes a task. Shows what was read, what is wrong with it, and what the model will read."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.data import read as read_table
from steering.data.samples import Sample
from steering.studio import Studio
from steering.ui import datasets, filling, labelling, text, widgets
from steering.ui.report import button_text

KINDS = [("Classification: one of a few labels", "classification"), ("Generation: a text to write", "generation")]
NAMED = "CSV, TSV, JSON, JSON lines, Excel, Parquet, text, or one of these in a zip"
"""The content decides, not the name, so no file type is turned away before it was looked at."""


def draw(studio: Studio) -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace(tiles={})
    # Outside every column: showing a column again would show the hidden values in it too (seen in Gradio 6.31).
    ui.reading, ui.reading_timer = widgets.hidden("data-reading"), gr.Timer(0.6, active=False)
    ui.suggested = widgets.hidden("data-suggested")
    ui.near_found, ui.near_timer = widgets.hidden("data-near-found"), gr.Timer(1.0, active=False)
    ui.labelled, ui.certainty = widgets.hidden("data-labelled"), widgets.hidden("data-certainty")
    gr.HTML(text.heading("Data", "Labelled examples and the prompt you use today. Start with a sample, or bring your own rows."))
    with gr.Row(elem_classes="tiles"):
        for sample in studio.data.samples():
            with gr.Column(elem_classes="tile", min_width=300):
                gr.HTML(tile(sample))
                ui.tiles[sample.name] = gr.Button("Train this sample", variant="primary", elem_id=f"tile-{sample.name}")
        with gr.Column(elem_classes="tile", min_width=300):
            gr.HTML("<h3>Use my data</h3><p>Any table or text file with one example a row, 16 rows or more. It stays on this machine.</p>")
            ui.mine = gr.Button("Use my data", elem_id="tile-my-data")
    ui.error = gr.HTML("", elem_id="data-error")
    ui.file = gr.File(label=f"Your labelled file: {NAMED}", elem_id="data-file", height=160)
    ui.sets = datasets.draw()
    ui.label = labelling.draw()
    ui.report = widgets.listing("data-report", text.empty("What was read, and what is wrong with it, appears here once there is a file."))
    ui.near = gr.HTML("", elem_id="data-near")
    ui.dropped = gr.DownloadButton("Download the rows that are left out", visible=False, size="sm", elem_id="data-dropped")
    with gr.Column(visible=False) as ui.details:
        _details(ui)
    ui.go = gr.Button(button_text("", ""), variant="primary", interactive=False, elem_id="data-continue")
    return ui


def _details(ui: SimpleNamespace) -> None:
    with gr.Row():
        with gr.Column(min_width=300):
            with gr.Row():
                ui.text_column = gr.Dropdown([], label="Text column", elem_id="data-text-column", min_width=130)
                ui.label_column = gr.Dropdown([], label="Label or answer column", elem_id="data-label-column", min_width=130)
            ui.kind = gr.Radio(KINDS, label="Kind of task", elem_id="data-kind")
            ui.prompt = gr.Textbox(label="The prompt you use today", info="Training starts here.", lines=5, elem_id="data-prompt")
            ui.template = gr.Textbox(
                label="Template", info="How a row is put before the model. {column} is replaced by the row's text.", lines=2, elem_id="data-template"
            )
            ui.chat = gr.Button("Put into the model's chat format, or take out of it", size="sm", elem_id="data-chat")
        with gr.Column(min_width=300):
            ui.reads = gr.HTML("", elem_id="data-reads")
            ui.lengths = widgets.chart("data-lengths", "Tokens of each row")
            ui.classes = widgets.chart("data-classes", "Rows of each class")
    with gr.Accordion("Label words: what the model is asked to write for each label", open=False):
        ui.words = gr.Dataframe(
            headers=["In the file", "Label word"],
            type="array",
            datatype="str",
            static_columns=[0],
            interactive=True,
            label="Label words",
            elem_id="data-words",
        )
        ui.word_notes = gr.HTML("", elem_id="data-word-notes")
        ui.better = gr.Button("Use the suggested words", visible=False, size="sm", elem_id="data-better-words")
    ui.rows = gr.HTML("", elem_id="data-rows")
    _reading(ui)
    ui.keeping = datasets.draw_keeping()


def _reading(ui: SimpleNamespace) -> None:
    """How the file is read and split, for the cases that evidence does not decide."""
    with gr.Accordion("How the file is read and split", open=False, elem_id="data-how"):
        with gr.Row(elem_classes="knobs"):
            ui.group_column = gr.Dropdown(
                [("none", "")],
                value="",
                label="Rows that belong together",
                info="Rows with the same customer, document or conversation stay on one side.",
                elem_id="data-group-column",
            )
            ui.split_column = gr.Dropdown(
                [("none", "")], value="", label="Column that says the side", info="Such as split: train, test.", elem_id="data-split-column"
            )
        with gr.Row(elem_classes="knobs"):
            ui.header = gr.Dropdown(
                [filling.AUTOMATIC, ("the first row names the columns", True), ("the first row is data", False)],
                value=filling.AUTOMATIC,
                label="First row",
                elem_id="data-header",
            )
            ui.encoding = gr.Textbox(label="Encoding", placeholder=filling.AUTOMATIC, max_lines=1, elem_id="data-encoding")
            ui.delimiter = gr.Textbox(label="Delimiter", placeholder=filling.AUTOMATIC, max_lines=1, max_length=1, elem_id="data-delimiter")
            ui.sheet = gr.Textbox(label="Sheet of a workbook", placeholder="the one with rows", max_lines=1, elem_id="data-sheet")
        with gr.Row():
            ui.own = {
                "validation": gr.File(label="My own validation file", height=120, elem_id="data-own-validation"),
                "test": gr.File(label="My own test file", height=120, elem_id="data-own-test"),
            }


def tile(sample: Sample) -> str:
    """A sample in one sentence."""
    rows = len(read_table(sample.file.name, sample.content()).rows)
    return f"<h3>{text.safe(sample.title)}</h3><p>{text.safe(sample.sentence)} <span class='quiet'>{rows} rows.</span></p>"


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What a dataset fills, in the order of ``filling.CONTROLS``."""
    return [getattr(ui, name) for name in filling.CONTROLS]
