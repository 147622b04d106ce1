"""Station 1, Data: a file becomes a task. Shows what was read, what is wrong with it, and what the model will read."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.data import read as read_table
from steering.data.samples import Sample
from steering.studio import Studio
from steering.ui import datasets, text, widgets
from steering.ui.report import button_text

KINDS = [("Classification: one of a few labels", "classification"), ("Generation: a text to write", "generation")]
TYPES = [".csv", ".tsv", ".txt", ".jsonl"]


def draw(studio: Studio) -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace(tiles={})
    gr.HTML(text.heading("Data", "Labelled examples and the prompt you use today. Start with a sample, or bring your own rows."))
    with gr.Row(elem_classes="tiles"):
        for sample in studio.data.samples():
            with gr.Column(elem_classes="tile", min_width=240):
                gr.HTML(tile(sample))
                ui.tiles[sample.name] = gr.Button("Train this sample", variant="primary", elem_id=f"tile-{sample.name}")
        with gr.Column(elem_classes="tile", min_width=240):
            gr.HTML("<h3>Use my data</h3><p>A CSV, TSV, JSONL or text file with one example a row, 16 rows or more. It stays on this machine.</p>")
            ui.mine = gr.Button("Use my data", elem_id="tile-my-data")
    ui.error = gr.HTML("", elem_id="data-error")
    ui.file = gr.File(label="Your labelled file (.csv, .tsv, .jsonl, .txt)", file_types=TYPES, elem_id="data-file", height=160)
    ui.sets = datasets.draw()
    ui.report = gr.HTML(text.empty("What was read, and what is wrong with it, appears here once there is a file."), elem_id="data-report")
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
        with gr.Column(min_width=300):
            ui.reads = gr.HTML("", elem_id="data-reads")
            ui.reading, ui.reading_timer = widgets.hidden("data-reading"), gr.Timer(0.6, active=False)
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
    ui.rows = gr.HTML("", elem_id="data-rows")
    ui.keeping = datasets.draw_keeping()


def tile(sample: Sample) -> str:
    """A sample in one sentence."""
    rows = len(read_table(sample.file.name, sample.content()).rows)
    return f"<h3>{text.safe(sample.title)}</h3><p>{text.safe(sample.sentence)} <span class='quiet'>{rows} rows.</span></p>"


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills, in its order."""
    parts = [ui.error, ui.dataset, ui.task, ui.source, ui.report, ui.details, ui.text_column, ui.label_column, ui.kind, ui.prompt, ui.template]
    return [*parts, ui.words, ui.reads, ui.classes, ui.rows, ui.go]
