"""A dataset onto the controls of station 1, and the task back from them."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from steering.data import dropped_csv, dropped_rows, fields
from steering.errors import DataError, SteeringError
from steering.knobs import from_json, to_json
from steering.spec import Fix, Side, TaskSpec
from steering.studio import Reading, Studio, Upload, suggested_prompt
from steering.ui import plots, text
from steering.ui.downloads import offered
from steering.ui.report import about, blocking, button_text, reading_of

SHOWN = 8
CONTROLS = (
    *("error", "dataset", "task", "source", "report", "details", "text_column", "label_column", "kind", "prompt", "template"),
    *("words", "reads", "classes", "rows", "go", "dropped", "group_column", "split_column", "header", "encoding", "delimiter", "sheet"),
)
"""Controls of station 1 that a dataset fills, by their names there, in the order of every list below."""
PARTS = len(CONTROLS)
AUTOMATIC = "decided by what is in it"


@dataclass(frozen=True, slots=True)
class Typed:
    """What the person has typed on the station and keeps when the same file is read again."""

    base: str
    source: str
    prompt: str
    template: str
    words: Any

    def kept(self, upload: Upload) -> TaskSpec:
        """The new task with what still fits of the typed one: the prompt if it is the person's own and not the one suggested, the template if
        the text is in it, and the words of labels that remain."""
        try:
            own = current_task(self.base, self.prompt, self.template, self.words)
        except SteeringError:
            return upload.task
        guessed, mapping = upload.task, upload.prepared.mapping
        words = {label: own.label_words.get(label, word) for label, word in guessed.label_words.items()}
        fits = set(mapping.parts) <= set(fields(own.template)) and own.kind == guessed.kind
        prompt = guessed.prompt if own.prompt == self._suggested() else own.prompt
        return replace(guessed, prompt=prompt, template=own.template if fits else guessed.template, label_words=words, stop=own.stop)

    def _suggested(self) -> str:
        """The prompt that was suggested for the labels before."""
        return suggested_prompt(from_json(TaskSpec, json.loads(self.base)).label_words)


def load_file(studio: Studio, path: str | None) -> list[Any]:
    """Read an uploaded file; its bytes are kept in the store at once, and the drop area is free for another."""
    if not path:
        return [gr.skip()] * PARTS
    name, content = Path(path).name, content_of(path)
    try:
        return show(studio.data.upload(name, content), "")
    except DataError as error:
        raise _with_way_out(studio, name, content, error) from None


def _with_way_out(studio: Studio, name: str, content: bytes, error: DataError) -> DataError:
    """The error, with the way out where only the labels are missing."""
    if not studio.labelling.could_begin(name, content):
        return error
    return DataError(error.message, f"{error.hint} Or label the texts here: open 'Label rows here' and choose the file.")


def content_of(path: str) -> bytes:
    """The bytes of an uploaded file.

    Raises:
        DataError: the page's copy is gone.
    """
    try:
        return Path(path).read_bytes()
    except OSError:
        raise DataError("the uploaded file is no longer here.", "Choose it again.") from None


def load_own(studio: Studio, path: str | None, side: Side, dataset: str, *typed: Any) -> list[Any]:
    """The person's own file for one side."""
    if not path:
        return [gr.skip()] * PARTS
    return again(studio, dataset, typed, lambda: studio.data.add_own(dataset, side, content_of(path)))


def again(studio: Studio, dataset: str, typed: tuple[Any, ...], read: Callable[[], Upload]) -> list[Any]:
    """The file read in another way; what was typed stays as far as it fits.

    Raises:
        DataError: there is no file yet, or it cannot be read that way.
    """
    if not dataset:
        raise DataError("there is no data yet.", "Choose a file or a sample first.")
    kept = Typed(*typed)
    upload = read()
    return show(replace(upload, task=kept.kept(upload)), kept.source)


def read_again(studio: Studio, dataset: str, columns: dict[str, Any], *typed: Any) -> list[Any]:
    """Other columns, another kind of task, another way of reading; an empty choice is left to the file."""
    none = {"": "" if "split_column" in columns else None, AUTOMATIC: None}  # "" as a split column says that there is none
    changes = {name: none.get(value, value) for name, value in columns.items()}
    return again(studio, dataset, typed, lambda: studio.data.read_again(dataset, **changes))


def picked(studio: Studio, choice: str, dataset: str, *typed: Any) -> list[Any]:
    """A button of the report: ``fix:PROBLEM:NUMBER``, ``undo:NUMBER``, ``join:``, ``group:COLUMN``."""
    return again(studio, dataset, typed, lambda: _pick(studio, choice, dataset))


def _pick(studio: Studio, choice: str, dataset: str) -> Upload:
    act, _, rest = choice.partition(":")
    report = studio.store.dataset(dataset).report
    try:
        if act == "fix":
            at, number = map(int, rest.split(":"))
            return studio.data.toggle_fix(dataset, from_json(Fix, report["problems"][at]["fixes"][number]))
        if act == "undo":
            return studio.data.toggle_fix(dataset, from_json(Fix, report["fixes"][int(rest)]))
    except (ValueError, IndexError, KeyError):
        raise DataError("that fix is no longer offered.", "Look at the report as it is now.") from None
    changes: dict[str, dict[str, Any]] = {
        "join": {"join": tuple(report["suggestions"]["join"])},
        "group": {"group_column": rest},
    }
    return studio.data.read_again(dataset, **changes.get(act, {}))


def load_sample(studio: Studio, name: str) -> list[Any]:
    """A shipped dataset in the same form as an uploaded one."""
    return show(studio.data.sample(name)[0], name)


def show(upload: Upload, source: str) -> list[Any]:
    """A file that was read, for every control of the station."""
    prepared = upload.prepared
    rows = [{name: value or "" for name, value in row.values.items()} for row in prepared.table.rows[:SHOWN]]
    first = (prepared.examples[0].values, prepared.examples[0].target) if prepared.examples else None
    filled = _filled(upload.digest, upload.name, prepared.report.as_dict(), upload.task, source, rows, first, upload.reading)
    return _listed(filled | {"dropped": _dropped(upload)})


def _dropped(upload: Upload) -> Any:
    """The rows that are not used as a file to download."""
    count = len(dropped_rows(upload.prepared))
    if not count:
        return gr.DownloadButton(visible=False)
    path = offered("left_out_rows.csv", dropped_csv(upload.prepared))
    return gr.DownloadButton(f"Download the {count:,} rows that are left out, with the reason", value=path, visible=True)


def restore(studio: Studio, run: str) -> list[Any]:
    """The data of a run that was opened, with the run's own task; nothing changes where there is no run."""
    if not run:
        return [gr.skip()] * PARTS
    spec = studio.store.run(run).spec
    kept = studio.store.dataset(spec.dataset)
    label = kept.report["mapping"]["label"]
    rows = [example.values | {label: example.target} for example in kept.examples[:SHOWN]]
    first = (kept.examples[0].values, kept.examples[0].target)
    reading = from_json(Reading, kept.reading)
    return _listed(_filled(spec.dataset, kept.name, kept.report, spec.task, f"run {run}", rows, first, reading))


def _filled(
    digest: str,
    name: str,
    report: dict[str, Any],
    task: TaskSpec,
    source: str,
    rows: list[dict[str, str]],
    first: tuple[dict[str, str], str] | None,
    reading: Reading,
) -> dict[str, Any]:
    """All controls by name."""
    mapping, obstacle = report["mapping"], blocking(report)
    columns = list(dict.fromkeys([mapping["text"], mapping["label"], *report["columns"]]))
    choices = _choices(columns, report.get("column_details", ()))
    words = [[raw, word] for raw, word in task.label_words.items()]
    listed = [[row.get(column, "") for column in columns] for row in rows]
    return {
        "error": "",
        "dataset": digest,
        "task": json.dumps(to_json(task), ensure_ascii=False),
        "source": source,
        "report": about(name, report),
        "details": gr.Column(visible=True),
        "text_column": gr.Dropdown(choices=choices, value=mapping["text"]),
        "label_column": gr.Dropdown(choices=choices, value=mapping["label"]),
        "kind": gr.Radio(value=mapping["kind"]),
        "prompt": task.prompt,
        "template": task.template,
        "words": gr.Dataframe(value=words, headers=["In the file", "Label word"], visible=bool(words)),
        "reads": reading_of(*first, task) if first else "",
        "classes": plots.classes(report["labels"]) if report["labels"] else "",
        "rows": text.table(columns, listed, caption=f"The first {len(rows)} rows of {name}", wrap=True),
        "go": gr.Button(value=button_text(digest, obstacle), interactive=not obstacle),
        "group_column": gr.Dropdown(choices=[("none", ""), *choices], value=report.get("group_column") or ""),
        "split_column": gr.Dropdown(choices=[("none", ""), *choices], value=report.get("split_column") or ""),
        "header": AUTOMATIC if reading.header is None else reading.header,
        "encoding": reading.encoding or "",
        "delimiter": reading.delimiter or "",
        "sheet": reading.sheet or "",
    }


def _listed(filled: dict[str, Any]) -> list[Any]:
    return [filled.get(name, gr.skip()) for name in CONTROLS]


def _choices(columns: list[str], details: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Every column with values from it, so that the right one is seen without opening the file."""
    samples = {column["name"]: "; ".join(" ".join(value.split())[:30] for value in column["samples"][:3]) for column in details}
    return [(f"{name}: {samples[name]}"[:90] if samples.get(name) else name, name) for name in columns]


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
