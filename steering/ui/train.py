"""Station 2, Train: a preview of the run, one button, and then the run itself in the same place."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import DataError, SpecError
from steering.knobs import Knob, describe, from_json
from steering.methods import LEARNED
from steering.spec import EMBEDDED_MODEL, Recipe, RunSpec
from steering.studio import RunView, Studio
from steering.ui import filling, plots, text, widgets

ENGINE = {"ready": "ready", "loading": "loading the model", "no model": "no model"}


def draw() -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace(knobs=[], columns={})
    gr.HTML(text.heading("Train", "Vectors that replace your prompt are learned from the training rows; the model itself never changes."))
    ui.error = gr.HTML("", elem_id="train-error")
    with gr.Row():
        with gr.Column(min_width=300):
            choices = [(f"{m.title}: {m.summary}", name) for name, m in LEARNED.items()]
            first = next(iter(LEARNED))
            ui.method = gr.Radio(choices, value=first, label="Method", elem_id="train-method", elem_classes="stacked")
            ui.name = gr.Textbox(label="Name of the run", placeholder="made from file and method", max_lines=1, elem_id="train-name")
            with gr.Accordion("Expert settings", open=False, elem_id="train-expert"):
                _expert(ui, first)
        with gr.Column(min_width=300):
            ui.preview = gr.HTML(text.empty("What will happen appears here once there is data."), elem_id="train-preview")
            ui.start = gr.Button("Choose data first", variant="primary", interactive=False, elem_id="train-start")
    ui.status = gr.HTML(text.empty("No run yet."), elem_id="run-status")
    with gr.Row():
        ui.stop = gr.Button("Stop and keep the best so far", visible=False, elem_id="run-stop")
        ui.resume = gr.Button("Continue this run", visible=False, elem_id="run-continue")
        ui.verdict = gr.Button("See the verdict", variant="primary", visible=False, elem_id="run-verdict")
    ui.chart = widgets.chart("run-chart", "Training and validation loss by step; the same numbers are in the status above")
    return ui


def _expert(ui: SimpleNamespace, first: str) -> None:
    ui.model = gr.Textbox(EMBEDDED_MODEL, label="Model", info="The embedded model, a Hub id, or a local folder.", max_lines=1, elem_id="train-model")
    with gr.Row(elem_classes="knobs"):
        for item in [*describe(RunSpec), *describe(Recipe)]:
            ui.knobs.append(control(item, "train"))
    for name, method in LEARNED.items():
        with gr.Column(visible=name == first) as ui.columns[name], gr.Row(elem_classes="knobs"):
            for item in describe(method.Options):
                ui.knobs.append(control(item, f"train-{name}"))


def control(item: Knob, prefix: str) -> Any:
    """The form field of one knob."""
    label = item.name.replace("_", " ") + (f" ({item.unit})" if item.unit else "")
    plain: dict[str, Any] = {"label": label, "info": item.help, "elem_id": f"{prefix}-{item.name.replace('_', '-')}", "min_width": 180}
    if item.choices:
        return gr.Dropdown(list(item.choices), value=item.default, **plain)
    if item.type is bool:
        return gr.Checkbox(item.default, **plain)
    if item.optional:  # a number field would show an empty one as 0
        return gr.Textbox("", placeholder="automatic", max_lines=1, **plain)
    if item.type is str:
        return gr.Textbox(item.default, **plain)
    # No minimum or maximum here: the range is checked in one place, and said in words beside the form.
    return gr.Number(item.default, precision=0 if item.type is int else None, **plain)


def settings(method: str, values: tuple[Any, ...]) -> tuple[Recipe, dict[str, Any], int]:
    """Recipe, method options and demonstrations out of the form's values, in the order of :func:`draw`; an empty field keeps its default.

    Raises:
        SpecError: a value is out of range, or there is no such method.
    """
    if method not in LEARNED:
        raise SpecError(f"method {method!r} is not known.", f"Choose one of: {', '.join(LEARNED)}.")
    left = iter(values)
    run = _taken(describe(RunSpec), left)
    recipe = _taken(describe(Recipe), left)
    options = {name: _taken(describe(m.Options), left) for name, m in LEARNED.items()}
    return from_json(Recipe, recipe), options[method], int(run.get("few_shot", 4))


def _taken(items: list[Knob], left: Any) -> dict[str, Any]:
    # Gradio sends 0 for an empty number.
    given = {item: None if item.optional and value == 0 else value for item in items for value in (next(left),)}
    return {k.name: _number(k, v) for k, v in given.items() if v not in (None, "") and v != k.default}


def _number(item: Knob, value: Any) -> Any:
    """A form's value as the knob's type; the knob itself checks the range."""
    if item.type not in (int, float):
        return value
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise SpecError(f"{item.name} is {value!r}, expected a number.", "Leave it empty for the default.") from None
    return int(found) if item.type is int and found.is_integer() else found


def plan(
    studio: Studio, dataset: str, base: str, prompt: str, template: str, words: Any, method: str, name: str, model: str, *values: Any
) -> RunSpec:
    """The run as all controls have it.

    Raises:
        SteeringError: data, template or a setting does not fit.
    """
    if not dataset:
        raise DataError("there is no data yet.", "Choose a file or a sample on the Data station.")
    task = filling.current_task(base, prompt, template, words)
    recipe, options, few = settings(method, values)
    return studio.plan(dataset, task, method_name=method, name=name or "", model=model or "", method_options=options, recipe=recipe, few_shot=few)


def preview(studio: Studio, *given: Any) -> list[Any]:
    """The run-preview card and the button's words; what is wrong is said in the card."""
    spec = plan(studio, *given)
    sides = studio.store.dataset(spec.dataset).report["sides"]
    pairs = [
        ("Method", LEARNED[spec.method].title),
        ("Model", spec.model + ", frozen"),
        ("Training rows", sides["train"]),
        ("Validation rows", sides["validation"]),
        ("Test rows", sides["test"]),
        ("Steps", f"at most {spec.recipe.steps}, {spec.recipe.batch_size} rows each"),
    ]
    what = "It starts exactly at your prompt, stops when validation no longer improves, and is then judged on the test rows it never saw."
    card = f'<section class="card"><h3>{text.safe(spec.name)}</h3>{text.facts(pairs)}<p>{what}</p></section>'
    return ["", card, gr.Button(value=f"Train on {sides['train']} rows", interactive=True)]


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
    parts += [text.notice(alarm["message"], alarm["hint"], "warning") for alarm in view.alarms]
    if run.error:
        parts.append(text.notice(run.error.get("message", ""), run.error.get("hint", "")))
    return f'<section class="card state-{text.safe(run.state)}">{"".join(parts)}</section>'


def sentence(view: RunView) -> str:
    """The run's state in words; also what a screen reader is told."""
    run = view.run
    if run.state == "queued":
        return f"Waiting: number {view.queue_position} in the queue." if view.queue_position else "Waiting."
    if run.state == "running":
        more = f", {view.judging['done']} of {view.judging['rows']} answers" if run.phase == "judging" and view.judging.get("rows") else ""
        return "Stopping at the next step." if run.stop else f"Running: {run.phase or 'starting'}{more}."
    ends = {"done": "Done.", "stopped": "Stopped; the best so far is kept.", "failed": "Failed."}
    reason = str(view.finished.get("reason", ""))
    return f"{ends[run.state]} {reason}".strip()


def stop(studio: Studio, run: str) -> str:
    """Ask the run to stop; nothing is wrong."""
    studio.stop(run)
    return ""


def resume(studio: Studio, run: str) -> str:
    """Let the run continue; nothing is wrong."""
    studio.resume(run)
    return ""


def show(view: RunView) -> list[Any]:
    """Status, chart and buttons of a run: status, chart, stop, resume, verdict."""
    state = view.run.state
    return [
        status(view),
        plots.training(view.steps, view.validations, view.run.steps) if view.steps or view.validations else "",
        gr.Button(visible=state in ("queued", "running"), interactive=not view.run.stop),
        gr.Button(visible=state in ("stopped", "failed")),
        gr.Button(visible=bool(view.comparison)),
    ]
