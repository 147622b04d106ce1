"""The wires of the rows that must not break."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.studio import Studio
from steering.ui import verdict_pins
from steering.ui.handlers import POLL, QUIET, guarded
from steering.ui.waiting import timer


def wire(studio: Studio, ui: SimpleNamespace) -> None:
    """All of them."""
    own, pins = ui.verdict, ui.verdict.pins
    shown, given = verdict_pins.shown(pins), [ui.run, own.which]
    presses = guarded(lambda *values: verdict_pins.press(studio, *values), 4, 2)

    def press(run: str, which: str, typed: str, event: gr.EventData) -> Any:
        return presses(run, which, typed, str(event.id))

    for source in (pins.rows, pins.offers):
        source.pick(press, [*given, pins.search], [*shown, pins.offers], **POLL)
    finds = guarded(lambda *values: verdict_pins.search(studio, *values), 1)
    pins.search.change(finds, [ui.run, pins.search], pins.offers, trigger_mode="always_last", **POLL)  # a pasted text is a change, no input
    asks = guarded(lambda *values: verdict_pins.ask(studio, *values), 4, 2)
    pins.check.click(asks, given, [*shown, ui.pinning], **QUIET)
    ui.pinning.tick(guarded(lambda *values: verdict_pins.tick(studio, *values), 4, 2), given, [*shown, ui.pinning], **POLL)
    ui.judged.change(guarded(lambda run: timer(studio, verdict_pins.KIND, run), 1), ui.run, ui.pinning, **POLL)


def refresh(studio: Studio, ui: SimpleNamespace) -> dict[str, Any]:
    """What draws the pinned rows again after a row was pinned in the table of held-out rows."""
    pins = ui.verdict.pins
    fn = guarded(lambda *values: verdict_pins.now(studio, *values), 3, 2)
    return {"fn": fn, "inputs": [ui.run, ui.verdict.which], "outputs": verdict_pins.shown(pins), **POLL}
