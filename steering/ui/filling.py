"""A dataset onto the controls of station 1, and the task back from them."""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from steering.errors import DataError
from steering.knobs import from_json, to_json
from steering.spec import TaskSpec
from steering.studio import Studio, Upload
from steering.ui import plots, text
from steering.ui.report import about, blocking, button_text, reading_of

SHOWN = 8
PARTS = 16
"""Controls that a file fills: the length of :func:`steering.ui.data.outputs`."""


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
