"""What the Vectors station's own buttons do: a slot, a view, measuring, opening what was made."""

from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SpecError
from steering.inspect import VIEWS
from steering.studio import Studio
from steering.ui import vectors_slots, vectors_summary
from steering.ui.vectors import COMPARING, PARTS, SAVED, TEXT, Chosen, choices, look, paired, show


def pick(studio: Studio, pressed: str, *given: Any) -> list[Any]:
    """A button of the station was pressed: a slot, a view, measuring, or opening what was made. Prompt, then what :func:`show` fills."""
    chosen = Chosen.of(*given)
    kind, _, what = pressed.partition(":")
    acts = {"slot": _pick_slot, "view": _pick_view, "run": _pick_run, "again": _pick_again, "measure": _pick_measure, "look": _pick_look}
    if kind not in acts:
        raise SpecError("this button is not known.", "Reload the page.")
    return acts[kind](studio, chosen, what)


def _with(chosen: Chosen, **changes: str) -> list[str]:
    values = {name: getattr(chosen, name) for name in Chosen.__slots__} | changes
    return [values[name] for name in Chosen.__slots__]


def _pick_slot(studio: Studio, chosen: Chosen, slot: str) -> list[Any]:
    """Only its card: views mark it in the browser already."""
    columns = look(studio, chosen)
    slots = columns[0][1].slots()
    at = Chosen(slot=slot).at(len(slots))
    beside = {name: found[at - 1] for name, other in columns[1:] if 0 < at <= len(found := other.slots())}
    drawn: list[Any] = [gr.skip()] * (1 + PARTS)
    drawn[4], drawn[7] = str(at or ""), vectors_slots.card(slots[at - 1] if at else None, beside)
    return drawn


def _pick_view(studio: Studio, chosen: Chosen, view: str) -> list[Any]:
    return [gr.skip(), *show(studio, *_with(chosen, view=view))]


def _pick_run(studio: Studio, chosen: Chosen, what: str) -> list[Any]:
    """Measure one view of one of the columns, once more where it failed."""
    return _measure(studio, chosen, what, ("open", "failed"))


def _pick_again(studio: Studio, chosen: Chosen, what: str) -> list[Any]:
    """Measure a view anew that is kept; what is kept stays until the new one is there."""
    return _measure(studio, chosen, what, ("kept",))


def _measure(studio: Studio, chosen: Chosen, what: str, states: tuple[str, ...]) -> list[Any]:
    """Ask for one view of one of the columns if it stands so; a second press of the same button asks for nothing."""
    at, _, view = what.partition(":")
    if view not in VIEWS or at not in ("0", "1"):
        raise SpecError(f"view {view!r} is not known.", "Reload the page.")
    columns = paired(studio, chosen, look(studio, chosen), view)
    if int(at) >= len(columns):
        raise NotFoundError("nothing stands beside this prompt any more.", "Choose what should.")
    text_beside = chosen.typed.strip() if at == "1" and chosen.beside == TEXT else ""
    other = chosen.beside.removeprefix(SAVED) if at == "0" and view in COMPARING and chosen.beside.startswith(SAVED) else ""
    looked = columns[int(at)][1]
    if looked.views[view].state in states:
        studio.views.ask(looked.name, view, rows=chosen.rows, other=other, text=text_beside, again="kept" in states)
    return _pick_view(studio, chosen, view)


def _pick_measure(studio: Studio, chosen: Chosen, which: str) -> list[Any]:
    looked = studio.views.look(chosen.name, rows=chosen.rows)
    studio.views.ask_missing(chosen.name, vectors_summary.wanted(looked, which), rows=chosen.rows)
    return [gr.skip(), *show(studio, *_with(chosen))]


def _pick_look(studio: Studio, chosen: Chosen, name: str) -> list[Any]:
    """Open what was made; the change of the prompt draws it."""
    return [choices(studio, name), *[gr.skip()] * PARTS]
