"""Station 3, Verdict: one sentence, the evidence under it, rows, more contestants, a playground and a blind test."""

import time
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.data import fields
from steering.errors import DataError, NotFoundError
from steering.spec import TaskSpec
from steering.studio import Studio
from steering.studio.contests import OWN
from steering.ui import text, verdict_chooser, verdict_metrics, verdict_rows, widgets
from steering.ui.verdict_names import spoken

PATIENCE_S = 3.0


def draw() -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace()
    gr.HTML(text.heading("Verdict", "The learned prompt against your own, on rows that training never saw."))
    ui.headline = gr.HTML(text.empty("The verdict appears here when a run has been judged."), elem_id="verdict-headline")
    ui.which = gr.Dropdown([], label="Judgement", visible=False, elem_id="verdict-which")
    ui.dots = widgets.chart("verdict-dots", "Score of every contestant with its interval; the same numbers are in the table below")
    ui.table = gr.HTML("", elem_id="verdict-table")
    ui.chooser = verdict_chooser.draw()
    ui.rows = verdict_rows.draw()
    gr.HTML("<h3>Playground</h3><p>One text, answered by all contestants side by side.</p>")
    with gr.Row():
        ui.ask_text = gr.Textbox(label="Your text", lines=2, scale=4, elem_id="play-text")
        ui.ask = gr.Button("Compare answers", scale=1, min_width=150, elem_id="play-ask")
    ui.answers = gr.HTML(text.empty("Answers appear here."), elem_id="play-answers")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills, in its order."""
    return [ui.headline, ui.which, ui.dots, ui.table, *verdict_rows.outputs(ui.rows), *verdict_chooser.outputs(ui.chooser)]


PARTS = 4 + verdict_rows.PARTS + verdict_chooser.PARTS


def show(studio: Studio, run: str, which: str = "") -> list[Any]:
    """The whole evidence of a run; ``which``: a further judgement of it, the newest where it is empty."""
    found = studio.store.run(run)
    index = studio.contests.index(run, which)
    if index is None:
        why = "This run has not been judged yet." if found.state != "done" else "This run had no test rows to be judged on."
        return [text.empty(why), gr.Dropdown(visible=False), "", "", *verdict_rows.nothing(), *verdict_chooser.nothing()]
    further = verdict_chooser.reset(studio, run) if found.state in ("done", "stopped") else verdict_chooser.nothing()
    shown = index.found
    return [
        headline(shown),
        choices(studio, run, which),
        verdict_metrics.dots(shown),
        numbers(shown),
        *verdict_rows.reset(studio, run, index),
        *further,
    ]


def choices(studio: Studio, run: str, which: str) -> Any:
    """All judgements of a run, the newest first."""
    kept = studio.contests.judgements(run)
    listed = [(f"{text.date(one.at)}: {len(one.about['contestants'])} contestants, look {one.about['reveal']}", one.id) for one in reversed(kept)]
    listed.append(("When the run ended", OWN))
    return gr.Dropdown(choices=listed, value=which or listed[0][1], visible=len(listed) > 1)


def headline(found: dict[str, Any]) -> str:
    """The verdict's sentence and detail, and what weakens it."""
    pair = verdict_metrics.primary(found)
    if pair is None:
        return text.empty("There is no pair to decide between.") + verdict_metrics.weakening(found)
    kind = text.safe(pair["verdict"])
    said = f'<p class="big">{text.safe(pair["sentence"])}</p><p>{text.safe(pair["detail"])}</p>'
    return f'<section class="verdict {kind}" role="status">{said}</section>{verdict_metrics.weakening(found)}'


def numbers(found: dict[str, Any]) -> str:
    """All metrics of all contestants, cost of a request, and the declared pair's bootstrap, folded."""
    gaps = verdict_metrics.gaps(found)
    more = f"<details><summary>Every metric of the declared pair</summary>{gaps}</details>" if gaps else ""
    return verdict_metrics.table(found) + verdict_metrics.costs(found) + more


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
