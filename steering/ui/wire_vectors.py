"""Wires of the Vectors station."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.studio import Studio
from steering.ui import vectors, vectors_make, vectors_picks, verdict_chooser
from steering.ui.handlers import QUIET, go, guarded

TO_ADDRESS = """(look, view, slot) => {
  const u = new URL(location); for (const [k, v] of Object.entries({look, view, slot})) v ? u.searchParams.set(k, v) : u.searchParams.delete(k);
  history.replaceState({}, '', u);
}"""


def wire(studio: Studio, ui: SimpleNamespace) -> None:
    """Controls to handlers."""
    own = ui.vectors
    chosen, filled = vectors.inputs(own), vectors.outputs(own)
    shows = guarded(lambda *given: vectors.show(studio, *given), vectors.PARTS, 1)
    opens = guarded(lambda name, view, slot: vectors.open_prompt(studio, name, view, slot), 3 + vectors.PARTS, 4)
    own.prompt.change(opens, [own.prompt, own.view, own.slot], [own.beside, own.typed, own.rows, *filled], **QUIET)
    own.beside.input(lambda beside: gr.Textbox(visible=beside == vectors.TEXT), own.beside, own.typed, **QUIET)
    gr.on([own.beside.input, own.rows.input, own.typed.submit, own.typed.blur], shows, chosen, filled, **QUIET)

    def pick(event: gr.EventData, *given: Any) -> list[Any]:
        found: list[Any] = guarded(lambda: vectors_picks.pick(studio, str(event.id), *given), 1 + vectors.PARTS, 2)()
        return found

    for listing in (own.summary, own.strip, own.views, own.panel, own.made):
        listing.pick(pick, chosen, [own.prompt, *filled], **QUIET, trigger_mode="multiple")
    own.view.change(None, [own.prompt, own.view, own.slot], None, js=TO_ADDRESS, **QUIET)
    own.slot.change(None, [own.prompt, own.view, own.slot], None, js=TO_ADDRESS, **QUIET)
    _wire_make(studio, ui, chosen, filled)


def _wire_make(studio: Studio, ui: SimpleNamespace, chosen: list[Any], filled: list[Any]) -> None:
    own = ui.vectors
    at = filled.index(own.made)

    def prune(*given: Any) -> list[Any]:
        vectors_make.ask_prune(studio, given[0])
        return vectors.show(studio, *given)

    def strengthen(strength: float | None, *given: Any) -> list[Any]:
        vectors_make.ask_strength(studio, given[0], strength)
        return vectors.show(studio, *given)

    own.prune.click(guarded(prune, vectors.PARTS, at), chosen, filled, **QUIET)
    own.strengthen.click(guarded(strengthen, vectors.PARTS, at), [own.strength, *chosen], filled, **QUIET)
    uses = guarded(lambda name: [*go("data"), studio.views.found_text(name)], 3, 2)
    own.use_text.click(uses, own.prompt, [ui.station, ui.tabs, ui.data.prompt], **QUIET)

    def judge(name: str | None, now: str) -> list[Any]:
        run = vectors_make.to_contest(studio, name, now)
        return [gr.skip(), run, *go("verdict"), *verdict_chooser.reset(studio, run, opened=True)]

    judges = guarded(judge, 4 + verdict_chooser.PARTS)
    own.judge_text.click(judges, [own.prompt, ui.run], [own.note, ui.run, ui.station, ui.tabs, *verdict_chooser.outputs(ui.verdict.chooser)], **QUIET)


def arrive(studio: Studio, params: dict[str, str]) -> list[Any]:
    """A page was opened by an address that names a saved prompt: prompt, view, slot, and the run that is not to take it away."""
    name = params.get("look", "")
    if name not in [item.name for item in studio.saved() if item.card is not None]:
        return [gr.skip()] * 4
    return [vectors.choices(studio, name), params.get("view", ""), params.get("slot", ""), params.get("run", "")]
