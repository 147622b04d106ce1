"""Station 3, Verdict: one sentence, the evidence under it, rows, more contestants, a playground and a blind test."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.studio import Studio
from steering.studio.contests import OWN
from steering.studio.reports import run_report, written
from steering.ui import (
    text,
    verdict_blind,
    verdict_chooser,
    verdict_compose,
    verdict_deeper,
    verdict_metrics,
    verdict_pins,
    verdict_play,
    verdict_rows,
    widgets,
)
from steering.ui.downloads import offered


def draw() -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace()
    gr.HTML(text.heading("Verdict", "The learned prompt against your own, on rows that training never saw."))
    ui.headline = gr.HTML(text.empty("The verdict appears here when a run has been judged."), elem_id="verdict-headline")
    ui.which = gr.Dropdown([], label="Judgement", visible=False, elem_id="verdict-which")
    ui.dots = widgets.chart("verdict-dots", "Score of every contestant with its interval; the same numbers are in the table below")
    ui.table = gr.HTML("", elem_id="verdict-table")
    with gr.Row():
        ui.html = gr.Button("Report as one HTML file", size="sm", visible=False, elem_id="verdict-html")
        ui.json = gr.Button("The same as JSON", size="sm", visible=False, elem_id="verdict-json")
        ui.report = gr.DownloadButton("Download the report", visible="hidden", elem_id="verdict-report")
    ui.note = gr.HTML("", elem_id="verdict-note")
    ui.chooser = verdict_chooser.draw()
    ui.rows = verdict_rows.draw()
    ui.pins = verdict_pins.draw()
    ui.play = verdict_play.draw()
    ui.compose = verdict_compose.draw()
    ui.blind = verdict_blind.draw()
    ui.deeper = verdict_deeper.draw()
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills, in its order."""
    return [
        *(ui.headline, ui.which, ui.dots, ui.table, ui.html, ui.json),
        *verdict_rows.outputs(ui.rows),
        *verdict_pins.outputs(ui.pins),
        *verdict_chooser.outputs(ui.chooser),
        *verdict_play.outputs(ui.play),
        *verdict_compose.outputs(ui.compose),
        *verdict_blind.outputs(ui.blind),
        *verdict_deeper.outputs(ui.deeper),
    ]


PARTS = (
    6
    + verdict_rows.PARTS
    + verdict_pins.PARTS
    + verdict_chooser.PARTS
    + verdict_play.PARTS
    + verdict_compose.PARTS
    + verdict_blind.PARTS
    + verdict_deeper.PARTS
)


def show(studio: Studio, run: str, which: str = "") -> list[Any]:
    """The whole evidence of a run; ``which``: a further judgement of it, the newest where it is empty."""
    found = studio.store.run(run)
    index = studio.contests.index(run, which)
    if index is None:
        ended = found.state in ("done", "stopped")
        play = verdict_play.reset(studio, run, OWN) if ended else verdict_play.nothing()
        compose = verdict_compose.reset(studio, run) if ended else verdict_compose.nothing()
        why = "This run has not been judged yet." if found.state != "done" else "This run had no test rows to be judged on."
        return [
            text.empty(why),
            gr.Dropdown(visible=False),
            *("", "", gr.Button(visible=False), gr.Button(visible=False)),
            *verdict_rows.nothing(),
            *verdict_pins.nothing(),
            *verdict_chooser.nothing(),
            *play,
            *compose,
            *verdict_blind.nothing(),
            *verdict_deeper.nothing(),
        ]
    further = verdict_chooser.reset(studio, run) if found.state in ("done", "stopped") else verdict_chooser.nothing()
    shown = index.found
    return [
        headline(shown),
        choices(studio, run, which),
        verdict_metrics.dots(shown),
        numbers(shown),
        *(gr.Button(visible=True), gr.Button(visible=True)),
        *verdict_rows.reset(studio, run, index),
        *verdict_pins.reset(studio, run, index),
        *further,
        *verdict_play.reset(studio, run, which),
        *verdict_compose.reset(studio, run),
        *verdict_blind.reset(index),
        *verdict_deeper.reset(studio, run),
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


def report(studio: Studio, run: str, which: str, form: str) -> str:
    """Path of a file with the report of the judgement that is shown.

    Raises:
        NotFoundError: no such run or judgement, or it was not judged.
    """
    index = verdict_rows.require(studio, run, which)
    made = run_report(studio.store, studio.store.run(run), index.found)
    return offered(f"verdict.{form}", written(made, form))
