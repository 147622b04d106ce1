"""Would more labels help, and how deep must the signal reach? Two measurements that train many times: each says its cost before it starts, grows
while it runs, and is kept with the rows."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SpecError
from steering.store import Request, Run
from steering.studio import Studio, comparing
from steering.ui import text, widgets
from steering.ui.verdict_measured import depth_ladder, learning_curve

SHARES, RETRAINED = 4, 2
"""The curve retrains two methods (soft prompt, LoRA) on four shares of the rows."""
TRAINED_RUNGS = 4
"""Rungs of the ladder that are trained."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One of them: what the button says, how many trainings it takes a seed, and how its result is drawn (text, chart)."""

    title: str
    line: str
    trainings: int
    draw: Callable[[dict[str, Any]], tuple[str, str]]
    kinds: tuple[str, ...]


def draw() -> SimpleNamespace:
    """The controls, folded."""
    ui = SimpleNamespace(go={}, seeds={}, status={}, body={}, chart={}, panel={})
    for kind, one in MEASUREMENTS.items():
        with gr.Accordion(one.title, open=False, elem_id=f"deeper-{kind}", visible=False) as ui.panel[kind]:
            gr.HTML(f"<p>{text.safe(one.line)}</p>")
            with gr.Row():
                ui.seeds[kind] = gr.Radio([1, 3, 5], value=3, label="Seeds", elem_id=f"{kind}-seeds")
                ui.go[kind] = gr.Button("Measure", elem_id=f"{kind}-go")
            ui.status[kind] = gr.HTML("", elem_id=f"{kind}-status")
            ui.body[kind] = gr.HTML("", elem_id=f"{kind}-body")
            ui.chart[kind] = widgets.chart(f"{kind}-chart", "Picture of the measurement; its numbers are in the table above it")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`reset` fills, in its order."""
    return [part[kind] for kind in MEASUREMENTS for part in (ui.panel, ui.go, ui.status, ui.body, ui.chart)]


def shown(ui: SimpleNamespace, kind: str) -> list[Any]:
    """What :func:`now` fills, in its order."""
    return [ui.go[kind], ui.status[kind], ui.body[kind], ui.chart[kind]]


def reset(studio: Studio, run: str) -> list[Any]:
    """Both, as far as they are measured."""
    task = studio.store.run(run).spec.task
    drawn = []
    for kind, one in MEASUREMENTS.items():
        fits = task.kind in one.kinds
        drawn += [gr.Accordion(visible=fits), *(now(studio, run, kind, 3) if fits else [gr.skip(), "", "", ""])]
    return drawn


def nothing() -> list[Any]:
    """A run without a verdict."""
    return [one for _ in MEASUREMENTS for one in (gr.Accordion(visible=False), gr.skip(), "", "", "")]


def price(studio: Studio, run: str, kind: str, seeds: Any) -> str:
    """What the button would take, from what this run's training took."""
    count = MEASUREMENTS[kind].trainings * _seeds(seeds)
    seconds = studio.run(run).train_seconds
    return f"{count} trainings" + (f", about {text.duration(count * seconds)}" if seconds else "")


def _seeds(seeds: Any) -> int:
    if seeds not in (1, 3, 5):
        raise SpecError(f"{seeds!r} seeds were asked for, expected 1, 3 or 5.", "Choose one of them.")
    return int(seeds)


def now(studio: Studio, run: str, kind: str, seeds: Any) -> list[Any]:
    """Button with its price, status, result and chart of one measurement."""
    found = studio.store.run(run)
    waiting = pending(studio, found, kind)
    label = f"Measure: {price(studio, run, kind, seeds)}"
    button = gr.Button(value="At work" if waiting else label, interactive=waiting is None)
    kept = comparing.latest(studio.store, found.spec.dataset, kind)
    result = (waiting.result if waiting else None) or (kept["result"] if kept else {})
    body, chart = MEASUREMENTS[kind].draw(result) if result.get("done") else ("", "")
    return [button, _status(waiting) or _failure(studio, found, kind), body, chart]


def pending(studio: Studio, run: Run, kind: str) -> Request | None:
    """The measurement of these rows that is not over."""
    return next(iter(studio.store.pending(kind, rows=run.spec.dataset)), None)


def _failure(studio: Studio, run: Run, kind: str) -> str:
    """Why the last attempt came to nothing, as long as it is known."""
    tried = studio.store.pending(kind, over=True, rows=run.spec.dataset)
    why = tried[-1].error if tried and tried[-1].state == "failed" else None
    return text.notice(why.get("message", ""), why.get("hint", "")) if why else ""


def _status(request: Request | None) -> str:
    if request is None:
        return ""
    result = request.result or {}
    done, of = result.get("done", 0), max(1, result.get("of", 1))
    said = "Waiting for the engine." if request.state == "waiting" else f"{done} of {of} done." if done else "At work on the first."
    return f'<div role="status"><p class="phase">{said}</p>{text.bar(done / of, "measuring")}</div>'


def ask(studio: Studio, run: str, kind: str, seeds: Any) -> list[Any]:
    """Enqueue a measurement: button, status, result, chart, timer.

    Raises:
        SpecError: it is at work already; NotFoundError: no run.
    """
    if not run:
        raise NotFoundError("there is no run to measure.", "Open a run that is done.")
    spec = studio.store.run(run).spec
    if pending(studio, studio.store.run(run), kind) is not None:
        raise SpecError("this is being measured already.", "Wait until it is over.")
    payload = {"train": spec.dataset, "rows": spec.dataset, "model": spec.model, "seeds": _seeds(seeds)}
    comparing.ask(studio.store, kind, spec.task, payload)
    return [*now(studio, run, kind, seeds), gr.Timer(active=True)]


def tick(studio: Studio, run: str) -> list[Any]:
    """All measurements as they stand, and the timer."""
    found = studio.store.run(run)
    drawn = [part for kind in MEASUREMENTS for part in now(studio, run, kind, 3)]
    return [*drawn, gr.Timer(active=any(pending(studio, found, kind) for kind in MEASUREMENTS))]


def attach(studio: Studio, run: str) -> Any:
    """The timer of a page that was opened anew."""
    active = bool(run) and any(pending(studio, studio.store.run(run), kind) for kind in MEASUREMENTS)
    return gr.Timer(active=active)


MEASUREMENTS: dict[str, Measurement] = {
    "curve": Measurement(
        "Would more labels help?",
        "Trains again on 10, 25, 50 and 100 % of the training rows and judges on the same held-out rows.",
        SHARES * RETRAINED,
        learning_curve,
        ("classification", "generation"),
    ),
    "ladder": Measurement(
        "Steer, edit or write?",
        "How deep must the signal reach for this task: from no prompt over vectors to changed weights, with what each costs, and advice.",
        TRAINED_RUNGS,
        depth_ladder,
        ("classification",),
    ),
}

PARTS = 5 * len(MEASUREMENTS)
