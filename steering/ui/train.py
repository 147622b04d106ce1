"""Station 2, Train: a preview of the run, one button, and then the run itself in the same place."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import DataError, SteeringError
from steering.knobs import to_json
from steering.methods import LEARNED
from steering.spec import EFFORTS, EMBEDDED_MODEL, RunSpec
from steering.store import FINAL
from steering.studio import MORE_STEPS, RunView, Studio
from steering.studio.beside import keep_inputs
from steering.studio.runview import alarm_text
from steering.ui import curves, ending, filling, forecast, form, text, watching, widgets

ENGINE = {"ready": "ready", "loading": "loading the model", "no model": "no model"}
PHASES = {"measuring": "measuring two steps, to know time and memory", "reading": "reading the vectors"}
"""Phases that need more words than their name."""

PREVIEW_PARTS = 10
"""Error, card, start button, settings, mark, estimate, timer, expert settings, effort, what is wrong with the fields of ``BESIDE``."""

BESIDE = ("imitate", "variants")
"""Fields that stand together, with the texts to imitate on."""


def draw() -> SimpleNamespace:
    """The station's controls. Mark, settings and timer of the estimate stand outside the station (build.py)."""
    ui = SimpleNamespace(knobs=[], columns={})
    gr.HTML(text.heading("Train", "Vectors that replace your prompt are learned from the training rows; the model itself never changes."))
    ui.error = gr.HTML("", elem_id="train-error")
    with gr.Row():
        with gr.Column(min_width=300):
            choices = [(f"{m.title}: {m.summary}", name) for name, m in LEARNED.items()]
            first = next(iter(LEARNED))
            ui.method = gr.Radio(choices, value=first, label="Method", elem_id="train-method", elem_classes="stacked")
            efforts = [(one.title, name) for name, one in EFFORTS.items()]
            ui.effort = gr.Radio(efforts, value=form.STANDARD, label="Effort", elem_id="train-effort", elem_classes="stacked")
            ui.name = gr.Textbox(label="Name of the run", placeholder="made from file and method", max_lines=1, elem_id="train-name")
            with gr.Accordion(form.EXPERT, open=False, elem_id="train-expert") as ui.expert:
                _expert(ui, first)
        with gr.Column(min_width=300, elem_id="train-side"):
            ui.preview = gr.HTML(text.empty("What will happen appears here once there is data."), elem_id="train-preview")
            ui.forecast = gr.HTML("", elem_id="train-forecast")
            ui.estimate = gr.Button("Estimate time and memory", size="sm", elem_id="train-estimate")
            ui.start = gr.Button("Choose data first", variant="primary", interactive=False, elem_id="train-start")
    _draw_run(ui)
    return ui


def _draw_run(ui: SimpleNamespace) -> None:
    """The run that is looked at."""
    ui.status = gr.HTML(text.empty("No run yet."), elem_id="run-status")
    with gr.Row():
        ui.stop = gr.Button("Stop and keep the best so far", visible=False, elem_id="run-stop")
        ui.resume = gr.Button("Continue this run", visible=False, elem_id="run-continue")
        ui.verdict = gr.Button("See the verdict", variant="primary", visible=False, elem_id="run-verdict")
        ui.more = gr.Button(f"Train {MORE_STEPS} more steps", visible=False, elem_id="run-more")
        ui.again = gr.Button("Start another run from this one", visible=False, elem_id="run-again")
    ui.chart = widgets.chart("run-chart", "Training and validation loss by step; the same numbers are in the status above")
    ui.watch = watching.draw()


def _expert(ui: SimpleNamespace, first: str) -> None:
    ui.model = gr.Textbox(EMBEDDED_MODEL, label="Model", info="The embedded model, a Hub id, or a local folder.", max_lines=1, elem_id="train-model")
    shared = gr.Row(elem_classes="knobs")
    places = dict.fromkeys(form.SHARED, shared)
    beside = gr.Row(elem_classes="knobs")
    ui.inputs_file = gr.File(label="Texts without labels to imitate on (else the training rows)", height=120, elem_id="train-inputs")
    ui.inputs_note, ui.beside = gr.HTML("", elem_id="train-inputs-note"), gr.HTML("", elem_id="train-beside")
    for name in LEARNED:
        with gr.Column(visible=name == first) as ui.columns[name]:
            places[name] = gr.Row(elem_classes="knobs")
    for owner, item in form.FIELDS:
        with beside if item.name in BESIDE else places[owner]:
            ui.knobs.append(form.control(item, f"train-{owner}" if owner in LEARNED else "train"))


def plan(
    studio: Studio, dataset: str, base: str, prompt: str, template: str, words: Any, method: str, name: str, model: str, inputs: str, *values: Any
) -> RunSpec:
    """The run as all controls have it; ``inputs``: digest of a kept file of texts without labels.

    Raises:
        SteeringError: data, template or a setting does not fit.
    """
    if not dataset:
        raise DataError("there is no data yet.", "Choose a file or a sample on the Data station.")
    said = form.settings(method, values)
    task = replace(filling.current_task(base, prompt, template, words), **said.task)
    return studio.plan(
        dataset,
        task,
        method_name=method,
        name=name or "",
        model=model or "",
        method_options=said.options,
        recipe=said.recipe,
        inputs=inputs or "",
        **said.run,
    )


def preview(studio: Studio, mark: str, *given: Any) -> list[Any]:
    """The run-preview card, the button's words, and what is known of time and memory for exactly these settings; a mistake is said in words."""
    method, model, inputs, values = given[5], given[7], given[8], given[9:]
    odd = form.beside(method, values, inputs)
    own = [gr.Accordion(label=form.expert_label(method, model, values)), gr.Radio(value=form.effort_of(values)), text.problem(odd) if odd else ""]
    try:
        spec = plan(studio, *given)
    except SteeringError as error:
        return [text.problem(error), gr.skip(), gr.Button(value="Mend the problem above", interactive=False), "", "", "", gr.skip(), *own]
    rows = studio.store.dataset(spec.dataset).report["sides"]
    beside, seconds = forecast.beside(studio, spec, mark)
    start = gr.Button(value=forecast.button(rows["train"], seconds), interactive=True)
    return ["", card(spec, rows), start, json.dumps(to_json(spec), ensure_ascii=False), *beside, *own]


def card(spec: RunSpec, rows: dict[str, int]) -> str:
    """What will happen; ``rows``: how many there are on each side."""
    pairs = [
        ("Method", LEARNED[spec.method].title),
        ("Model", spec.model + ", frozen"),
        ("Training rows", rows["train"]),
        ("Validation rows", rows["validation"]),
        ("Test rows", rows["test"]),
        ("Steps", f"at most {spec.recipe.steps}, {spec.recipe.batch_size} rows each"),
        ("Scoring", "by channel: how likely each label makes the input" if spec.task.scoring == "channel" else ""),
        (
            "Imitates",
            f"{teacher(spec.imitate)}, on {'texts without labels' if spec.inputs else 'the training rows, their labels unused'}"
            if spec.imitate
            else "",
        ),
        ("Settings", f"{len(spec.variants) + 1} side by side; the best by validation is kept" if spec.variants else ""),
        ("Seeds", f"{spec.seeds}, trained together; the median is kept" if spec.seeds > 1 else ""),
    ]
    what = f"{begins(spec)}, stops when validation no longer improves, and is then judged on the test rows it never saw."
    return f'<section class="card"><h3>{text.safe(spec.name)}</h3>{text.facts(pairs)}<p>{text.safe(what)}</p></section>'


def teacher(imitate: str) -> str:
    """The prompt that is imitated, in words."""
    kind, _, value = imitate.partition(":")
    return f"{value.strip()}-shot" if kind == "few-shot" else f"the prompt {value.strip()[:60]!r}"


def take_inputs(studio: Studio, path: str | None) -> list[Any]:
    """What was said of the file, and the digest under which its texts are kept; nothing where there is no file any more.

    Raises:
        DataError: it cannot be read, or holds too few texts.
    """
    if not path:
        return ["", ""]
    digest, count = keep_inputs(studio.store, filling.content_of(path), Path(path).name)
    return [text.notice(f"{count} texts; every fifth decides when to stop.", level="note"), digest]


def begins(spec: RunSpec) -> str:
    """Where step 0 is."""
    if spec.options.get("start_from"):
        return f"It starts from the saved prompt {spec.options['start_from'].partition('@')[0]!r}"
    if not at_prompt(spec):
        return "It does not start at your prompt"
    return "It starts near your prompt" if spec.options.get("virtual_tokens") else "It starts exactly at your prompt"


def at_prompt(spec: RunSpec) -> bool:
    """Whether step 0 is the manual prompt, or as near to it as the number of virtual tokens allows."""
    return bool(spec.task.prompt.strip()) and spec.options.get("start", "manual") == "manual"


def visible_options(method: str) -> list[Any]:
    """Only the chosen method's own settings are shown."""
    return [gr.Column(visible=name == method) for name in LEARNED]


def engine_line(engine: dict[str, Any]) -> str:
    """The engine's state, apart from any run's."""
    state = str(engine.get("state", "starting"))
    where = " ".join(str(engine.get(key, "")) for key in ("device", "dtype")).strip()
    said = [str(engine.get("model") or "model"), "frozen", where, ENGINE.get(state, state)]
    note = f'<span class="note">{text.safe(engine["note"])}</span>' if engine.get("note") else ""
    return f'<div class="engine {text.safe(state)}">{"<i>|</i>".join(f"<span>{text.safe(part)}</span>" for part in said if part)}{note}</div>'


def status(view: RunView) -> str:
    """Where a run is: state, phase, progress, numbers, alarms, error."""
    run, last, look = view.run, (view.steps or [{}])[-1], (view.validations or [{}])[-1]
    title = f"<h3>{text.safe(run.name)}</h3>"
    parts = [title, f'<p class="phase">{text.safe(sentence(view))}</p>', text.bar(view.progress, "Progress of the run")]
    pairs = [
        ("Step", f"{run.step} of {run.steps}"),
        ("Time left", f"about {text.duration(view.seconds_left)}" if view.seconds_left is not None else ""),
        ("Training loss", text.number(last.get("loss"))),
        ("Validation loss", text.number(look.get("nll"))),
        ("Validation accuracy", text.percent(look.get("accuracy"))),
        ("Best step", view.finished.get("best_step", "")),
        ("Virtual tokens", view.started.get("virtual_tokens", "")),
        ("File", text.size(view.started["file_bytes"]) if view.started.get("file_bytes") else ""),
    ]
    parts.append(text.facts(pairs))
    parts += [text.notice(note, level="note") for note in (view.started.get("note"), view.started.get("label_note")) if note]
    parts += [
        text.notice(alarm_text(alarm), *(("", "note") if alarm.get("passed") is not None else (alarm["hint"], "warning"))) for alarm in view.alarms
    ]
    if run.error:
        parts.append(text.notice(run.error.get("message", ""), run.error.get("hint", "")))
    return f'<section class="card state-{text.safe(run.state)}">{"".join(parts)}</section>{ending.summary(view)}'


def sentence(view: RunView) -> str:
    """The run's state in words; also what a screen reader is told."""
    run = view.run
    if run.state == "queued":
        return f"Waiting: number {view.queue_position} in the queue." if view.queue_position else "Waiting."
    if run.state == "running":
        more = f", {view.judging['done']} of {view.judging['rows']} answers" if run.phase == "judging" and view.judging.get("rows") else ""
        return "Stopping at the next step." if run.stop else f"Running: {PHASES.get(run.phase, run.phase) or 'starting'}{more}."
    reason = str(view.finished.get("reason", ""))
    ends = {"done": f"Done: {reason}." if reason else "Done.", "stopped": "Stopped; the best so far is kept.", "failed": "Failed."}
    return ends[run.state]


def stop(studio: Studio, run: str) -> str:
    """Ask the run to stop; nothing is wrong."""
    studio.stop(run)
    return ""


def resume(studio: Studio, run: str) -> str:
    """Let the run continue; nothing is wrong."""
    studio.resume(run)
    return ""


def train_on(studio: Studio, run: str) -> str:
    """Add steps to a run that is done; nothing is wrong."""
    studio.train_on(run)
    return ""


def start_again(studio: Studio, run: str) -> list[Any]:
    """The form filled for a run that begins where this one ended.

    Raises:
        NotFoundError: the run kept nothing, or its saved prompt was deleted; SpecError: its method cannot start from a saved prompt.
    """
    made = studio.run(run).artifact
    if not made:
        raise DataError("this run has kept nothing to start from.", "Let it end, or continue it.")
    return form.start_from(studio, made["name"])


def show(view: RunView) -> list[Any]:
    """Everything of a run: status, chart, stop, resume, verdict, more, again, watch."""
    run = view.run
    ended = run.state in FINAL
    return [
        status(view),
        chart(view) if view.steps or view.validations else "",
        gr.Button(visible=not ended, interactive=not run.stop),
        gr.Button(visible=run.state in ("stopped", "failed")),
        gr.Button(visible=bool(view.comparison)),
        gr.Button(visible=run.state == "done"),
        gr.Button(visible=ended and bool(view.artifact)),
        watching.value(view),
    ]


def chart(view: RunView) -> str:
    """The run's curves; seeds by what was set, not by their place."""
    first, ended = view.run.spec.recipe.seed, view.run.state in FINAL
    return curves.training(
        view.steps,
        view.validations,
        view.run.steps,
        others={first + member: looks for member, looks in view.others.items()},
        seed=first + int(view.finished.get("member", 0)),
        best=view.finished.get("best_step") if ended else None,
        level="your prompt" if at_prompt(view.run.spec) else "the start",
    )
