"""Would more labels help, and how deep must the signal reach? Two measurements that train many times: each says its cost before it starts, grows
while it runs, and is kept with the rows."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SpecError
from steering.inspect.results import Line, Lines
from steering.methods import METHODS
from steering.store import Request, Run
from steering.studio import Studio, comparing
from steering.ui import plots, text, widgets
from steering.ui.verdict_names import spoken

SHARES, RETRAINED = 4, 2
"""The curve retrains two methods (soft prompt, LoRA) on four shares of the rows."""
TRAINED_RUNGS = 4
"""Rungs of the ladder that are trained."""
DEPTHS = {
    "majority": "Majority class",
    "none": "No prompt",
    "manual": "Your prompt",
    "manual_bias": "Your prompt, labels balanced",
    "few_shot": "Examples in the prompt",
    "soft": "Soft prompt",
    "few_layers": "Prefix on the last 4 layers",
    "all_layers": "Prefix on all layers",
    "weights": "LoRA (changed weights)",
}
COSTS = {
    "trainable_parameters": "trainable parameters",
    "file_bytes": "bytes of the file",
    "training_seconds": "seconds of training",
    "prompt_tokens": "prompt tokens",
    "first_token_seconds": "seconds to the first token",
}


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
    return next((one for one in studio.store.pending(kind) if one.payload.get("rows") == run.spec.dataset), None)


def _failure(studio: Studio, run: Run, kind: str) -> str:
    """Why the last attempt came to nothing, as long as it is known."""
    tried = [one for one in studio.store.pending(kind, over=True) if one.payload.get("rows") == run.spec.dataset]
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


def learning_curve(result: dict[str, Any]) -> tuple[str, str]:
    """Sentences and table, and curves with bands against level lines."""
    metric = result["metric"].replace("_", " ")
    names = list(dict.fromkeys(band["contestant"] for band in result["bands"]))
    lines = []
    for at, name in enumerate(names):
        mine = [band for band in result["bands"] if band["contestant"] == name]
        x, y, low, high = (tuple(band[key] for band in mine) for key in ("rows", "score", "low", "high"))
        lines.append(Line(name=_method(name), x=x, y=y, low=low, high=high, role=("learned", "start", "accent")[at % 3]))
    ends = sorted({band["rows"] for band in result["bands"]})
    for level in result["flat"]:
        y = (level["score"],) * 2
        lines.append(Line(name=spoken(level["name"]), x=(ends[0], ends[-1]), y=y, role="muted"))
    picture = plots.lines(Lines(title="", lines=tuple(lines), x_title="training rows", y_title=metric))
    said = "".join(f"<p><strong>{text.safe(_method(name))}:</strong> {text.safe(line)}</p>" for name, line in result["sentences"].items())
    rows = [
        [
            *(_method(b["contestant"]), f"{100 * b['share']:.0f} %", b["rows"], b["seeds"]),
            *(text.number(b["score"]), _span(b, "low", "high"), _span(b, "lowest", "highest")),
        ]
        for b in result["bands"]
    ]
    heads = ["Contestant", "Share", "Rows", "Seeds", metric, "95 % interval", "Seeds from to"]
    caption = f"Judged on {result['n']} held-out rows"
    return said + text.table(heads, rows, numeric=range(1, 7), caption=caption), picture


def _span(band: dict[str, Any], low: str, high: str) -> str:
    return f"{band[low]:.3f} to {band[high]:.3f}"


def _method(form: str) -> str:
    """``tune:prompt_tuning,seed=1`` as the method's own title."""
    kind, _, value = form.partition(":")
    name = value.partition(",")[0]
    return METHODS[name].title if kind == "tune" and name in METHODS else spoken(form)


def depth_ladder(result: dict[str, Any]) -> tuple[str, str]:
    """Advice and table, and accuracy against trainable parameters with the rungs that nothing cheaper beats."""
    fronts, rows = result.get("pareto") or {}, []
    for rung in result["rungs"]:
        best = [COSTS[cost] for cost, names in fronts.items() if rung["name"] in names]
        seconds = rung["first_token_seconds"]
        rows.append(
            [
                DEPTHS.get(rung["depth"], rung["depth"]),
                text.scored(rung["accuracy"], rung["accuracy_ci"]),
                rung["trainable_parameters"],
                text.size(rung["file_bytes"]) if rung["file_bytes"] else "",
                text.duration(rung["training_seconds"]) if rung["training_seconds"] else "",
                rung["prompt_tokens"],
                f"{1000 * seconds:.0f} ms" if seconds is not None else "",
                f"{100 * rung['seed_spread']:.0f} points" if rung["seed_spread"] is not None else "",
                f"{rung['drift']:+.2f}" if rung["drift"] is not None else "",
                ", ".join(best),
            ]
        )
    heads = ["Rung", "Accuracy (95 %)", "Trained numbers", "File", "Training", "Prompt tokens", "First token", "Seed spread", "Drift (nats)"]
    caption = f"From no prompt to changed weights, on {result['n']} held-out rows"
    table = text.table([*heads, "Nothing cheaper is as good, by"], rows, numeric=range(1, 9), caption=caption)
    missing = "".join(f"<li>{text.safe(DEPTHS.get(name, name))}: {text.safe(why)}</li>" for name, why in result.get("left_out", {}).items())
    left = f'<ul class="weakening">{missing}</ul>' if missing else ""
    return _advice(result.get("advice")) + table + left, pareto(result["rungs"], fronts.get("trainable_parameters") or [])


def _advice(advice: dict[str, Any] | None) -> str:
    if not advice:
        return ""
    reasons = "".join(f"<li>{text.safe(reason)}</li>" for reason in advice["reasons"])
    return f'<section class="verdict" role="status"><p class="big">{text.safe(advice["sentence"])}</p><ul>{reasons}</ul></section>'


def pareto(rungs: list[dict[str, Any]], front: list[str]) -> str:
    """Accuracy with interval by trainable parameters (0 stands at the left edge), the front filled and joined."""
    data: list[dict[str, Any]] = []
    on = sorted((rung for rung in rungs if rung["name"] in front), key=lambda rung: rung["trainable_parameters"])
    if on:
        data.append(plots.line("nothing smaller is as good", [_size(r) for r in on], [r["accuracy"] for r in on], plots.LEARNED, dash="dot"))
    data.append(
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [_size(rung) for rung in rungs],
            "y": [rung["accuracy"] for rung in rungs],
            "text": [plots.plain(DEPTHS.get(rung["depth"], rung["depth"])) for rung in rungs],
            "textposition": "top center",
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": [rung["accuracy_ci"][1] - rung["accuracy"] for rung in rungs],
                "arrayminus": [rung["accuracy"] - rung["accuracy_ci"][0] for rung in rungs],
                "color": plots.MUTED,
            },
            "marker": {"size": 11, "color": plots.LEARNED, "symbol": ["circle" if r["name"] in front else "circle-open" for r in rungs]},
            "hovertemplate": "%{text}: %{y:.1%}<extra></extra>",
        }
    )
    xaxis = {"title": {"text": "trainable parameters (0 at the left edge)"}, "type": "log"}
    yaxis = {"title": {"text": "accuracy"}, "tickformat": ".0%", "range": [-0.02, 1.08]}
    return plots.figure(data, height=420, xaxis=xaxis, yaxis=yaxis)


def _size(rung: dict[str, Any]) -> float:
    return max(1.0, float(rung["trainable_parameters"]))


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
