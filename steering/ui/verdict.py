"""Station 3, Verdict: one sentence, the evidence under it, and a playground."""

import time
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.data import fields
from steering.errors import DataError, NotFoundError
from steering.spec import TaskSpec
from steering.studio import RunView, Studio
from steering.ui import plots, text, widgets

SPOKEN = {"none": "No prompt", "manual": "Your prompt", "learned": "Learned prompt"}
FILTERS = ("all", "fixed", "broken", "both right", "both wrong")
MOST_ROWS = 500
PATIENCE_S = 3.0


def draw() -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace()
    gr.HTML(text.heading("Verdict", "The learned prompt against your own, on rows that training never saw."))
    ui.headline = gr.HTML(text.empty("The verdict appears here when a run has been judged."), elem_id="verdict-headline")
    ui.dots = widgets.chart("verdict-dots", "Score of every contestant with its interval; the same numbers are in the table below")
    ui.table = gr.HTML("", elem_id="verdict-table")
    ui.filter = gr.Radio(list(FILTERS), value="all", label="Rows to show", visible=False, elem_id="verdict-filter")
    ui.rows = gr.HTML("", elem_id="verdict-rows")
    gr.HTML("<h3>Playground</h3><p>One text, answered by all contestants side by side.</p>")
    with gr.Row():
        ui.ask_text = gr.Textbox(label="Your text", lines=2, scale=4, elem_id="play-text")
        ui.ask = gr.Button("Compare answers", scale=1, min_width=150, elem_id="play-ask")
    ui.answers = gr.HTML(text.empty("Answers appear here."), elem_id="play-answers")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills, in its order."""
    return [ui.headline, ui.dots, ui.table, ui.filter, ui.rows]


def spoken(name: str) -> str:
    """A contestant's name as a person says it."""
    if name.startswith("few-shot:"):
        return f"{name.removeprefix('few-shot:')} examples"
    if name.startswith(("run:", "saved:")):
        return "Learned prompt"
    return SPOKEN.get(name, "Your prompt" if name.startswith("prompt:") else name)


def show(view: RunView) -> list[Any]:
    """The whole evidence of a judged run."""
    found = view.comparison
    if not found:
        why = "This run has not been judged yet." if view.run.state != "done" else "This run had no test rows to be judged on."
        return [text.empty(why), "", "", gr.Radio(visible=False), ""]
    choices = [(f"{name.capitalize()} ({count})", name) for name, count in counts(found).items()]
    return [
        headline(found),
        dots(found),
        table(found),
        gr.Radio(choices=choices, value="all", visible=True),
        rows_table(found, "all", view),
    ]


def headline(found: dict[str, Any]) -> str:
    """The verdict's sentence and detail."""
    pair = _primary(found)
    if pair is None:
        return text.empty("There is no pair to decide between.")
    kind = text.safe(pair["verdict"])
    return (
        f'<section class="verdict {kind}" role="status"><p class="big">{text.safe(pair["sentence"])}</p><p>{text.safe(pair["detail"])}</p></section>'
    )


def _primary(found: dict[str, Any]) -> dict[str, Any] | None:
    return next((pair for pair in found.get("pairs", []) if pair["primary"]), None)


def _places(found: dict[str, Any]) -> tuple[int, int]:
    """Positions of the learned contestant and of the one it is compared with."""
    names, pair = [one["name"] for one in found["contestants"]], _primary(found)
    return (names.index(pair["a"]), names.index(pair["b"])) if pair else (len(names) - 1, 0)


def dots(found: dict[str, Any]) -> str:
    """Everybody on one axis: accuracy, or chrF for generation (exact match has the interval, chrF the resolution)."""
    many, a = found["contestants"], _places(found)[0]
    names = [spoken(one["name"]) for one in many]
    if found["task"] == "classification":
        spans = [one.get("accuracy_ci") for one in many]
        title = "accuracy on the test rows, with 95 % interval"
        return plots.dots(names, [one["accuracy"] for one in many], spans, learned=a, title=title, percent=True)
    return plots.dots(names, [one["chrf"] or 0.0 for one in many], [None] * len(many), learned=a, title="chrF on the test rows", percent=False)


def table(found: dict[str, Any]) -> str:
    """The contestants in numbers."""
    if found["task"] == "classification":
        top = ["Contestant", "Accuracy (95 %)", "Macro F1", "NLL"]
        cells = [[scored(c, "accuracy"), text.number(c["macro_f1"], 2), text.number(c["nll"])] for c in found["contestants"]]
    else:
        top = ["Contestant", "Exact match (95 %)", "chrF", "ROUGE-L", "JSON fields F1"]
        cells = [
            [scored(c, "exact_match"), text.number(c["chrf"], 1), text.number(c["rouge_l"], 2), text.number(c.get("json_field_f1"), 2)]
            for c in found["contestants"]
        ]
    top += ["Prompt tokens", "Seconds a row"]
    listed = [
        [spoken(c["name"]), *own, c["prompt_tokens"], f"{c['seconds_per_example']:.3f}"] for c, own in zip(found["contestants"], cells, strict=True)
    ]
    caption = f"{found['n']} test rows"
    return text.table(top, listed, numeric=range(1, len(top)), caption=caption, mark=_places(found)[0])


def scored(one: dict[str, Any], metric: str) -> str:
    """A share with its interval."""
    return text.scored(one.get(metric), one.get(f"{metric}_ci"))


def sort_of(row: dict[str, Any], a: int, b: int) -> str:
    """Which filter a row falls under. Text scores: higher is fixed, lower is broken, equal above 0 is right."""
    mine, other = row["scores"][a], row["scores"][b]
    if mine == other:
        return "both right" if mine > 0 else "both wrong"
    return "fixed" if mine > other else "broken"


def counts(found: dict[str, Any]) -> dict[str, int]:
    """Rows under every filter."""
    a, b = _places(found)
    sorts = [sort_of(row, a, b) for row in found["rows"]]
    return {name: len(sorts) if name == "all" else sorts.count(name) for name in FILTERS}


def heads(found: dict[str, Any]) -> list[str]:
    """Headings of the rows."""
    return ["Input", "Truth", *(spoken(one["name"]) for one in found["contestants"])]


def rows(found: dict[str, Any], wanted: str, view: RunView) -> list[list[str]]:
    """Input, truth and what everybody answered, of the rows under one filter."""
    a, b = _places(found)
    inputs = found.get("inputs") or [{}] * len(found["rows"])
    listed = []
    for at, row in enumerate(found["rows"]):
        if wanted in ("all", sort_of(row, a, b)):
            listed.append([input_of(inputs[at], view.run.spec.task), row["target"], *(str(one["predictions"][at]) for one in found["contestants"])])
    return listed[:MOST_ROWS]


def input_of(values: dict[str, str], task: TaskSpec) -> str:
    """A row as a person recognises it: the template's first column, or all of them where that is empty."""
    column = next(iter(fields(task.template)), "")
    return values.get(column) or " | ".join(values.values())


def rows_table(found: dict[str, Any], wanted: str, view: RunView) -> str:
    """The rows under one filter as a table."""
    listed = rows(found, wanted, view)
    return text.table(heads(found), listed, caption=f"Test rows: {wanted}", wrap=True) if listed else text.empty("No row is of this kind.")


def filtered(studio: Studio, run: str, wanted: str) -> str:
    """The rows table under another filter."""
    view = studio.run(run)
    return rows_table(view.comparison, wanted, view) if view.comparison else ""


def values_of(task: TaskSpec, typed: str) -> dict[str, str]:
    """One typed text as a row: it fills the template's first column, the others are empty.

    Raises:
        DataError: nothing was typed.
    """
    if not typed.strip():
        raise DataError("there is no text to answer.", "Write one, then press the button again.")
    named = fields(task.template)
    return {name: typed if i == 0 else "" for i, name in enumerate(named)}


def ask(studio: Studio, run: str, typed: str) -> list[str]:
    """Enqueue the playground's question: request id, first answers."""
    if not run:
        raise NotFoundError("there is no run to ask.", "Train one first, or use a saved prompt on station 5.")
    spec = studio.run(run).run.spec
    own = [f"prompt:{spec.task.prompt}"] if spec.task.prompt.strip() else []
    many = ["none", *own, f"few-shot:{spec.few_shot}", f"run:{run}"]
    return first_answers(studio, studio.ask(many, spec.task, values_of(spec.task, typed), model=spec.model, train=spec.dataset))


def first_answers(studio: Studio, request: str) -> list[str]:
    """The request's id while it is not over, and its first answers: waited for here for a moment, which is quicker than the page's next look."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and studio.store.request(request).result is None and studio.store.engine().get("state") == "ready":
        time.sleep(0.02)
    shown, over = answers(studio, request)
    return ["" if over else request, shown]


def answers(studio: Studio, request: str) -> tuple[str, bool]:
    """What a request has answered so far, and whether that was all."""
    try:
        found = studio.store.request(request)
    except NotFoundError as error:
        return text.problem(error), True
    over = found.state in ("done", "failed")
    if found.state == "failed":
        why = found.error or {}
        return text.notice(why.get("message", ""), why.get("hint", "")), over
    outs = (found.result or {}).get("outputs", [])
    if not outs:
        return text.empty("Asking... (the engine does this between two steps of training)"), over
    return f'<div class="answers" aria-busy="{"false" if over else "true"}">{"".join(map(_answer, outs))}</div>', over


def _answer(one: dict[str, Any]) -> str:
    shares = sorted(one.get("labels", {}).items(), key=lambda item: -item[1])[:6]
    listed = "".join(f"<li><span>{text.safe(name)}</span>{text.bar(share, name)}<b>{text.percent(share)}</b></li>" for name, share in shares)
    body = f"<pre>{text.safe(one.get('text', '...'))}</pre>" + (f"<ul>{listed}</ul>" if listed else "")
    cost = [f"{one['prompt_tokens']} prompt tokens", f"{one.get('tokens', 0)} new", f"{one.get('seconds', 0):.2f} s", f"made by {one['fingerprint']}"]
    title = text.safe(spoken(one["name"]))
    last = f'<p class="quiet">{text.safe(", ".join(cost))}</p>'
    return f'<section class="card" aria-label="{title}"><h4>{title}</h4>{body}{last}</section>'
