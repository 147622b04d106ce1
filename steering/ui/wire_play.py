"""The wires of the playground, the blind test and the long measurements on station 3."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.studio import Studio
from steering.ui import verdict_blind, verdict_compose, verdict_deeper, verdict_play, verdict_tasks, verdict_tint
from steering.ui.handlers import POLL, QUIET, guarded
from steering.ui.waiting import timer

TYPED = "prompt-steering-typed"
KEEP = f"v => {{ try {{ sessionStorage.setItem('{TYPED}', v); }} catch (_) {{ }} }}"
"""What was typed lives as long as the browser's tab: a reload brings it back, the next visitor of a shared machine does not see it."""
BACK = f"() => {{ try {{ return sessionStorage.getItem('{TYPED}') || ''; }} catch (_) {{ return ''; }} }}"


def wire(studio: Studio, ui: SimpleNamespace, demo: Any) -> None:
    """All of them."""
    play = ui.verdict.play
    asks = guarded(lambda run, *values: verdict_play.ask(studio, run, *values), 3, 1)
    given = [ui.run, *verdict_play.given(play)]
    again = guarded(lambda run, *values: verdict_play.ask(studio, run, *values) if (values[0] or "").strip() else [gr.skip()] * 3, 3, 1)
    shown = [ui.play, play.answers, ui.told_play]
    gr.on([play.ask.click, play.text.submit], asks, given, shown, **QUIET)
    gr.on([play.strength.release, play.on.input], again, given, shown, trigger_mode="always_last", **QUIET)
    play.text.blur(None, play.text, None, js=KEEP, **QUIET)
    demo.load(None, None, play.text, js=BACK, **QUIET)
    zones = guarded(lambda run, value: verdict_play.zone_line(studio, run, value), 1)
    play.strength.change(zones, [ui.run, play.strength], play.zone, trigger_mode="always_last", **POLL)
    _wire_slow(studio, ui)
    _wire_compose(studio, ui)
    _wire_tasks(studio, ui)
    _wire_blind(studio, ui)
    _wire_deeper(studio, ui)


def _wire_slow(studio: Studio, ui: SimpleNamespace) -> None:
    play = ui.verdict.play
    ui.play.change(lambda: "", None, play.tint, **POLL)  # what was looked into was another answer
    looks = guarded(lambda run, given: verdict_tint.ask_tint(studio, run, given), 3, 2)
    play.look.click(looks, [ui.run, ui.play], [ui.slow, ui.slowly, play.tint], **QUIET)
    measures = guarded(lambda run: verdict_tint.ask_zones(studio, run), 3, 2)
    play.measure.click(measures, ui.run, [ui.slow, ui.slowly, play.note], **QUIET)
    saves = guarded(lambda run, strength: verdict_tint.ask_save(studio, run, strength), 3, 2)
    play.keep.click(saves, [ui.run, play.strength], [ui.slow, ui.slowly, play.note], **QUIET)
    ticks = guarded(lambda *values: verdict_tint.tick(studio, *values), 6, 4)
    shown = [ui.slow, ui.slowly, play.zone, play.measure, play.note, play.tint]
    ui.slowly.tick(ticks, [ui.run, ui.slow, play.strength], shown, **POLL)


def _wire_compose(studio: Studio, ui: SimpleNamespace) -> None:
    play, compose = ui.verdict.play, ui.verdict.compose
    asks = guarded(lambda run, *values: verdict_compose.ask(studio, run, *values), 5, 3)
    given = [ui.run, *verdict_play.given(play), *verdict_compose.given(compose)]
    compose.go.click(asks, given, [ui.play, play.answers, ui.told_play, compose.measured, ui.composing], **QUIET)
    ui.composing.tick(guarded(lambda run: verdict_compose.tick(studio, run), 2), ui.run, [compose.measured, ui.composing], **POLL)
    ui.judged.change(guarded(lambda run: timer(studio, verdict_compose.KIND, run), 1), ui.run, ui.composing, **POLL)


def _wire_tasks(studio: Studio, ui: SimpleNamespace) -> None:
    play, tasks = ui.verdict.play, ui.verdict.tasks
    asks = guarded(lambda run, *values: verdict_tasks.ask(studio, run, *values), 2)
    tasks.go.click(asks, [ui.run, play.text, tasks.who], [tasks.answers, ui.tasking], **QUIET)
    ui.tasking.tick(guarded(lambda run: verdict_tasks.tick(studio, run), 2), ui.run, [tasks.answers, ui.tasking], **POLL)
    ui.judged.change(guarded(lambda run: timer(studio, verdict_tasks.KIND, run), 1), ui.run, ui.tasking, **POLL)


def _wire_blind(studio: Studio, ui: SimpleNamespace) -> None:
    own, blind = ui.verdict, ui.verdict.blind
    given, shown = [ui.run, own.which, *verdict_blind.given(blind)], [blind.card, blind.result]
    begins = guarded(lambda *values: verdict_blind.begin(studio, *values), 2, 1)
    gr.on([blind.start.click, blind.rater.submit], begins, given, shown, **QUIET)
    for button, act in ((blind.undo, verdict_blind.undo), (blind.end, verdict_blind.end)):
        button.click(guarded(lambda *values, act=act: act(studio, *values), 2, 1), given, shown, **QUIET)
    votes = guarded(lambda *values: verdict_blind.vote(studio, *values), 2, 1)

    def press(run: str, which: str, a: str, b: str, rater: str, event: gr.EventData) -> Any:
        return votes(run, which, a, b, rater, str(event.id))

    blind.card.pick(press, given, shown, **QUIET)


def _wire_deeper(studio: Studio, ui: SimpleNamespace) -> None:
    deeper = ui.verdict.deeper
    for kind in verdict_deeper.MEASUREMENTS:
        shown = verdict_deeper.shown(deeper, kind)
        asks = guarded(lambda run, seeds, kind=kind: verdict_deeper.ask(studio, run, kind, seeds), 5, 1)
        deeper.go[kind].click(asks, [ui.run, deeper.seeds[kind]], [*shown, ui.deepening], **QUIET)
        prices = guarded(lambda run, seeds, kind=kind: verdict_deeper.now(studio, run, kind, seeds), 4, 1)
        deeper.seeds[kind].input(prices, [ui.run, deeper.seeds[kind]], shown, **QUIET)
    every = [part for kind in verdict_deeper.MEASUREMENTS for part in verdict_deeper.shown(deeper, kind)]
    ui.deepening.tick(guarded(lambda run: verdict_deeper.tick(studio, run), len(every) + 1), ui.run, [*every, ui.deepening], **POLL)
    ui.judged.change(guarded(lambda run: verdict_deeper.attach(studio, run), 1), ui.run, ui.deepening, **POLL)
