"""The wires of station 3: the judgement that is shown, filters of the rows, and more contestants."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.studio import Studio
from steering.ui import verdict, verdict_chooser, verdict_rows, wire_pins, wire_play
from steering.ui.handlers import POLL, QUIET, guarded

PRESS = "() => setTimeout(() => document.querySelector('#{0} a, #{0}')?.click(), 200)"
"""Presses the download that has just been made."""


def wire(studio: Studio, ui: SimpleNamespace, demo: Any) -> None:
    """All of them."""
    own = ui.verdict
    shows = guarded(lambda run, which: verdict.show(studio, run, which), verdict.PARTS)
    own.which.input(shows, [ui.run, own.which], verdict.outputs(own), **QUIET)
    for button, form in ((own.html, "html"), (own.json, "json")):
        makes = guarded(lambda run, which, form=form: ["", verdict.report(studio, run, which, form)], 2)
        pressed = button.click(makes, [ui.run, own.which], [own.note, own.report], **QUIET)
        pressed.success(None, None, None, js=PRESS.format("verdict-report"), **QUIET)
    _wire_rows(studio, ui)
    _wire_contest(studio, ui)
    wire_pins.wire(studio, ui)
    wire_play.wire(studio, ui, demo)


def _wire_rows(studio: Studio, ui: SimpleNamespace) -> None:
    own, rows = ui.verdict, ui.verdict.rows
    given = [ui.run, own.which, *verdict_rows.given(rows)]
    changed = [rows.strip, rows.sort, rows.place, rows.rows]
    changes = guarded(lambda *values: verdict_rows.changed(studio, *values), len(changed), len(changed) - 1)
    gr.on([rows.sort.input, rows.label.input], changes, given, changed, **POLL)
    rows.search.input(changes, given, changed, trigger_mode="always_last", **POLL)
    paired = guarded(lambda *values: verdict_rows.paired(studio, *values), 1 + len(changed), len(changed))
    gr.on([rows.a.input, rows.b.input], paired, given, [rows.classes, *changed], **POLL)
    filled = [rows.sort, rows.label, rows.strip, rows.place, rows.rows]

    picks = guarded(lambda *values: verdict_rows.picked(studio, *values), len(filled), len(filled) - 1)

    def pick(run: str, which: str, a: str, b: str, sort: str, label: str, search: str, place: str, event: gr.EventData) -> Any:
        return picks(run, which, a, b, sort, label, search, place, str(event.id))

    def look(run: str, which: str, a: str, b: str, sort: str, label: str, search: str, place: str, event: gr.EventData) -> Any:
        """A contestant in the chart was pressed: it is looked at."""
        return [gr.update(value=str(event.id)), *paired(run, which, str(event.id), b, sort, label, search, place)]

    for source in (rows.strip, rows.classes):
        source.pick(pick, given, filled, **POLL)
    rows.rows.pick(pick, given, filled, **POLL).then(**wire_pins.refresh(studio, ui))
    own.dots.pick(look, given, [rows.a, rows.classes, *changed], **POLL)
    for button, form in ((rows.csv, "csv"), (rows.jsonl, "jsonl")):
        writes = guarded(lambda *values, form=form: [gr.skip(), verdict_rows.exported(studio, *values[:2], form, *values[2:])], 2)
        button.click(writes, given, [rows.rows, rows.file], **QUIET).success(None, None, None, js=PRESS.format("rows-file"), **QUIET)


def _wire_contest(studio: Studio, ui: SimpleNamespace) -> None:
    chooser = ui.verdict.chooser
    given = [ui.run, *verdict_chooser.given(chooser)]
    shown = [chooser.first, chooser.second, chooser.preview, chooser.go]
    previews = guarded(lambda *values: verdict_chooser.previewed(studio, *values), len(shown), 2)
    changes = [chooser.basic.input, chooser.how.input, chooser.saved.input, chooser.steps.input, chooser.first.input, chooser.second.input]
    changes += [chooser.shots.change, chooser.budget.change, chooser.prompts.blur, chooser.margin.blur]
    gr.on(changes, previews, given, shown, trigger_mode="always_last", **QUIET)
    asks = guarded(lambda *values: verdict_chooser.ask(studio, *values), 3)
    chooser.go.click(asks, given, [chooser.status, ui.contest, ui.contesting], **QUIET)
    ticks = guarded(lambda *values: verdict_chooser.tick(studio, *values), 4)
    ui.contesting.tick(ticks, [ui.run, ui.contest], [chooser.status, ui.contest, ui.contesting, ui.judged], **POLL)
    attaches = guarded(lambda run: verdict_chooser.attach(studio, run), 2)
    ui.judged.change(attaches, ui.run, [ui.contest, ui.contesting], **POLL)
