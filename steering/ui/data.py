"""Station 1, Data: a file becomes a task. Shows what was read, what is wrong with it, and what the model will read."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.data import read as read_table
from steering.data import render
from steering.data.samples import Sample
from steering.errors import DataError
from steering.knobs import from_json, to_json
from steering.spec import TaskSpec
from steering.studio import Studio, Upload
from steering.ui import plots, text, widgets

KINDS = [("Classification: one of a few labels", "classification"), ("Generation: a text to write", "generation")]
TYPES = [".csv", ".tsv", ".txt", ".jsonl"]
SHOWN = 8
PARTS = 16
"""Controls that a file fills: the length of :func:`outputs`."""
REASONS = {
    "missing_text": "without text",
    "missing_label": "without label",
    "duplicates": "repeated",
    "conflicts": "same text, different labels",
    "other_answers": "further answers to one text",
    "unreadable": "unreadable",
}


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


def tile(sample: Sample) -> str:
    """A sample in one sentence."""
    rows = len(read_table(sample.file.name, sample.content()).rows)
    return f"<h3>{text.safe(sample.title)}</h3><p>{text.safe(sample.sentence)} <span class='quiet'>{rows} rows.</span></p>"


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills, in its order."""
    parts = [ui.error, ui.dataset, ui.task, ui.source, ui.report, ui.details, ui.text_column, ui.label_column, ui.kind, ui.prompt, ui.template]
    return [*parts, ui.words, ui.reads, ui.classes, ui.rows, ui.go]


def load_file(studio: Studio, path: str | None) -> list[Any]:
    """Read an uploaded file; its bytes are kept in the store at once, and the drop area is free for another."""
    if not path:
        return [gr.skip()] * PARTS
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError:
        raise DataError("the uploaded file is no longer here.", "Choose it again.") from None
    return show(studio.data.upload(file.name, content), "")


def read_again(studio: Studio, dataset: str, text_column: str | None, label_column: str | None, kind: Any) -> list[Any]:
    """The same file with other columns or another kind of task."""
    if not dataset:
        return [gr.skip()] * PARTS
    return show(studio.data.read_again(dataset, text_column=text_column or None, label_column=label_column or None, kind=kind or None), "")


def load_sample(studio: Studio, name: str) -> list[Any]:
    """A shipped dataset in the same form as an uploaded one."""
    return show(studio.data.sample(name)[0], name)


def show(upload: Upload, source: str) -> list[Any]:
    """A file that was read, for every control of the station."""
    prepared = upload.prepared
    rows = [{name: value or "" for name, value in row.values.items()} for row in prepared.table.rows[:SHOWN]]
    first = (prepared.examples[0].values, prepared.examples[0].target) if prepared.examples else None
    return _filled(upload.digest, upload.name, prepared.report.as_dict(), upload.task, source, rows, first)


def restore(studio: Studio, run: str) -> list[Any]:
    """The data of a run that was opened, with the run's own task; nothing changes where there is no run."""
    if not run:
        return [gr.skip()] * PARTS
    spec = studio.store.run(run).spec
    kept = studio.store.dataset(spec.dataset)
    label = kept.report["mapping"]["label"]
    rows = [example.values | {label: example.target} for example in kept.examples[:SHOWN]]
    first = (kept.examples[0].values, kept.examples[0].target)
    return _filled(spec.dataset, kept.name, kept.report, spec.task, f"run {run}", rows, first)


def _filled(
    digest: str, name: str, report: dict[str, Any], task: TaskSpec, source: str, rows: list[dict[str, str]], first: tuple[dict[str, str], str] | None
) -> list[Any]:
    """All controls, in the order of :func:`outputs`. Columns can be changed only while the file itself is at hand."""
    mapping, own, obstacle = report["mapping"], not source, blocking(report)
    columns = list(dict.fromkeys([mapping["text"], mapping["label"], *report["columns"]]))
    words = [[raw, word] for raw, word in task.label_words.items()]
    listed = [[row.get(column, "") for column in columns] for row in rows]
    return [
        "",
        digest,
        json.dumps(to_json(task), ensure_ascii=False),
        source,
        about(name, report),
        gr.Column(visible=True),
        gr.Dropdown(choices=columns, value=mapping["text"], interactive=own),
        gr.Dropdown(choices=columns, value=mapping["label"], interactive=own),
        gr.Radio(value=mapping["kind"], interactive=own),
        task.prompt,
        task.template,
        gr.Dataframe(value=words, headers=["In the file", "Label word"], visible=bool(words)),
        reading_of(*first, task) if first else "",
        plots.classes(report["labels"]) if report["labels"] else "",
        text.table(columns, listed, caption=f"The first {len(rows)} rows of {name}", wrap=True),
        gr.Button(value=button_text(digest, obstacle), interactive=not obstacle),
    ]


def blocking(report: dict[str, Any]) -> str:
    """The first problem that forbids training; empty where there is none."""
    return next((p["message"] for p in report["problems"] if p["severity"] == "blocking"), "")


def button_text(dataset: str, obstacle: str) -> str:
    """What is missing, or that it may go on."""
    if not dataset:
        return "Choose a file or a sample first"
    return "Mend the file first: see the problem above" if obstacle else "Continue to training"


def about(name: str, report: dict[str, Any]) -> str:
    """What was read, what was left out and why, and every problem with its remedy."""
    left = [f"{count} {REASONS.get(reason, reason)}" for reason, count in report["left_out"].items() if count]
    sides = report["sides"]
    pairs = [
        ("File", name),
        ("Rows read", report["rows_read"]),
        ("Usable", report["rows_usable"]),
        ("Left out", ", ".join(left) or "none"),
        ("Training / validation / test", f"{sides.get('train', 0)} / {sides.get('validation', 0)} / {sides.get('test', 0)}"),
    ]
    return text.facts(pairs) + "".join(map(_problem, report["problems"])) + gap(sides.get("test", 0), report.get("detectable_gap_points"))


def gap(test_rows: int, points: float | None) -> str:
    """What the test rows can show."""
    if not points:
        return '<p class="quiet">There are no test rows, so nothing can be confirmed.</p>'
    return f'<p class="quiet">With {test_rows} test rows only differences of about {points:.0f} points can be confirmed.</p>'


def _problem(item: dict[str, Any]) -> str:
    rows = f" (lines {', '.join(map(str, item['rows'][:12]))}{', ...' if item['count'] > 12 else ''})" if item["rows"] else ""
    mark = {"blocking": "&#9632;", "warning": "&#9650;", "note": "&#9679;"}[item["severity"]]
    hint = f"<p>{text.safe(item['hint'])}</p>" if item["hint"] else ""
    head = f'<p><span aria-hidden="true">{mark}</span> <strong>{text.WORDS[item["severity"]]}:</strong> {text.safe(item["message"] + rows)}</p>'
    return f'<div class="notice {text.safe(item["severity"])}">{head}{hint}</div>'


def reading_of(values: dict[str, str], target: str, task: TaskSpec) -> str:
    """What the model reads for one real row: prompt, row, answer, told apart by name and not by colour alone."""
    answer = task.label_words.get(target, target)
    parts = [("learned, starts as your prompt", task.prompt, "start"), ("the row through the template", render(task.template, values), "row")]
    parts.append(("graded", answer, "answer"))
    spans = "".join(f'<div class="{css}"><pre>{_lines(value)}</pre><small>{name}</small></div>' for name, value, css in parts)
    return f'<section class="reads" aria-label="What the model reads"><h3>What the model reads</h3>{spans}</section>'


def _lines(value: str) -> str:
    return text.safe(value[:1500] or "(empty)").replace("\n", '<span class="quiet">&#9166;</span>\n')


def current_task(base: str, prompt: str, template: str, words: Any) -> TaskSpec:
    """The task as the controls have it; ``base`` is client input and checked.

    Raises:
        SpecError, DataError: it is no task.
    """
    try:
        value = json.loads(base)
    except ValueError:
        raise DataError("there is no task yet.", "Choose a file or a sample on the Data station.") from None
    table = {str(row[0]): str(row[1] or "").strip() for row in (words or []) if row and row[0] not in (None, "")}
    task = from_json(TaskSpec, value | {"prompt": prompt or "", "template": template or ""})
    return task if task.kind != "classification" else from_json(TaskSpec, to_json(task) | {"label_words": table})
