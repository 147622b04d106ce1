"""Station 4, Vectors: three sentences, the strip of slots, every view of a saved prompt, alone or beside another. A function of the store."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import SteeringError
from steering.inspect import VIEWS
from steering.studio import Studio
from steering.studio.looking import Looked
from steering.ui import text, vectors_make, vectors_panel, vectors_slots, vectors_summary, widgets

PARTS = 13
"""What :func:`show` fills."""
NOTHING, TEXT, SAVED = "", "text", "saved:"
OWN_ROWS = ""
COMPARING = ("strength",)
"""Views that look at a second saved prompt themselves."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the browser says is chosen: client input. ``beside``: nothing, ``text`` (a manual prompt, in ``typed``) or ``saved:NAME``."""

    name: str = ""
    view: str = ""
    slot: str = ""
    beside: str = NOTHING
    typed: str = ""
    rows: str = OWN_ROWS

    @classmethod
    def of(cls, *given: Any) -> "Chosen":
        """From the controls' values; whatever is empty is an empty text."""
        return cls(*("" if value is None else str(value) for value in given))

    def at(self, slots: int) -> int:
        """The chosen slot; 0: none, or one that is not there."""
        return int(self.slot) if self.slot.isdecimal() and len(self.slot) < 6 and 1 <= int(self.slot) <= slots else 0


def draw() -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace()
    gr.HTML(text.heading("Vectors", "What the learned vectors lie near to and what they do, and how far each reading can be trusted."))
    with gr.Row():
        ui.prompt = gr.Dropdown([], label="Saved prompt", elem_id="vectors-prompt")
        ui.beside = gr.Dropdown([("Nothing", NOTHING)], value=NOTHING, label="Beside it", elem_id="vectors-beside")
        ui.rows = gr.Dropdown([("Held-out rows of its own dataset", OWN_ROWS)], value=OWN_ROWS, label="Rows", elem_id="vectors-rows")
    ui.typed = gr.Textbox(label="Manual prompt beside it", lines=2, visible=False, elem_id="vectors-typed")
    ui.note = gr.HTML(text.empty("Choose a saved prompt; every finished run leaves one."), elem_id="vectors-note")
    ui.summary = widgets.listing("vectors-summary")
    ui.strip = vectors_panel.strip_component("vectors-strip")
    ui.card = gr.HTML("", elem_id="vectors-card")
    ui.views = widgets.listing("vectors-views")
    ui.panel = vectors_panel.component("vectors-panel")
    vectors_make.draw(ui)
    ui.view, ui.slot, ui.offered = (widgets.hidden(f"value-{name}") for name in ("view", "slot", "offered"))
    return ui


def inputs(ui: SimpleNamespace) -> list[Any]:
    """What :class:`Chosen` is made of."""
    return [ui.prompt, ui.view, ui.slot, ui.beside, ui.typed, ui.rows]


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills, in its order."""
    return [ui.request, ui.note, ui.view, ui.slot, ui.summary, ui.strip, ui.card, ui.views, ui.panel, *vectors_make.outputs(ui)]


def choices(studio: Studio, wanted: str = "") -> Any:
    """The saved prompts that can be read; ``wanted`` first if it is there."""
    names = _names(studio)
    known = [name for _, name in names]
    return gr.Dropdown(choices=names, value=wanted if wanted in known else (known[0] if known else None))


def _names(studio: Studio) -> list[tuple[str, str]]:
    return [(f"{item.card.title or item.name} ({item.name})", item.name) for item in studio.saved() if item.card is not None]


def open_prompt(studio: Studio, name: str | None, view: str, slot: str) -> list[Any]:
    """A saved prompt was chosen: what can stand beside it, and the station, in one answer."""
    return [*arrange(studio, name), *show(studio, name, view, slot)]


def arrange(studio: Studio, name: str | None) -> list[Any]:
    """What can stand beside a saved prompt, the manual prompt that does, and the rows it can be measured on."""
    others = [(label, f"{SAVED}{other}") for label, other in _names(studio) if other != name]
    beside = [("Nothing", NOTHING), ("A manual prompt, as the control", TEXT), *others]
    own = ("Held-out rows of its own dataset", OWN_ROWS)
    rows = [own, *((f"All of {one.name}, less what training saw", one.digest) for one in studio.store.datasets())]
    prompt = studio.views.card(name).task.prompt if name else ""
    return [gr.Dropdown(choices=beside, value=NOTHING), prompt, gr.Dropdown(choices=rows, value=OWN_ROWS)]


def show(studio: Studio, *given: Any) -> list[Any]:
    """The station from the store; a first look that costs about a second and was never asked for is asked for here."""
    chosen = Chosen.of(*given)
    if not chosen.name:
        off = gr.Button(visible=False)
        return ["", text.empty("Choose a saved prompt; every finished run leaves one."), "", "", *[""] * 5, "", "", off, off]
    columns = look(studio, chosen)
    if _first_looks(studio, columns, chosen.rows):
        columns = look(studio, chosen)
    own = columns[0][1]
    view = chosen.view if chosen.view in VIEWS else first_look(own)
    results = own.results()
    slots = own.slots(results)
    at = chosen.at(len(slots))
    beside = {name: other.slots() for name, other in columns[1:]}
    cards = {name: found[at - 1] for name, found in beside.items() if 0 < at <= len(found)}
    card = vectors_slots.card(slots[at - 1] if at else None, cards) if slots else ""
    pairs = [(name, one.standing(view, one.results())) for name, one in paired(studio, chosen, columns, view)]
    panel = vectors_panel.value(view, pairs, rows_of(studio, own, chosen), at)
    made = vectors_make.newest(studio, own.name)
    waiting = [one.request.id for _, looked in columns for one in looked.at_work() if one.request is not None]
    if not studio.store.runs(("queued", "running")):  # else they wait for its end, and asking often would take time from it
        waiting += [one.request.id for one in columns[0][1].coming() if one.request is not None]
    waiting += [made.id] if made is not None and made.state in ("waiting", "running") else []
    return [
        " ".join(waiting),
        "",
        view,
        str(at or ""),
        vectors_summary.summary(own),
        vectors_slots.strip(slots, at),
        card,
        vectors_summary.listing(own, view),
        panel,
        *vectors_make.show(studio, own),
    ]


def look(studio: Studio, chosen: Chosen) -> list[tuple[str, Looked]]:
    """The prompt, and what stands beside it: names and where their views stand."""
    found = [(chosen.name, studio.views.look(chosen.name, rows=chosen.rows))]
    if chosen.beside == TEXT and chosen.typed.strip():
        found.append(("a manual prompt", studio.views.look(chosen.name, rows=chosen.rows, text=chosen.typed.strip())))
    if chosen.beside.startswith(SAVED):
        other = chosen.beside.removeprefix(SAVED)
        found.append((other, studio.views.look(other, rows=chosen.rows)))
    return found


def paired(studio: Studio, chosen: Chosen, columns: list[tuple[str, Looked]], view: str) -> list[tuple[str, Looked]]:
    """For a view that looks at two prompts itself: the first with the way to the second in it."""
    if view not in COMPARING or not chosen.beside.startswith(SAVED):
        return columns
    other = chosen.beside.removeprefix(SAVED)
    return [(f"{chosen.name}, and on the way to {other}", studio.views.look(chosen.name, rows=chosen.rows, other=other)), *columns[1:]]


def first_look(looked: Looked) -> str:
    """The view to begin with: true of the vectors alone, in about a second."""
    fits = [name for name, one in looked.views.items() if one.state != "unfit"]
    return next((name for name in fits if VIEWS[name].badge == "GEOMETRIC" and not VIEWS[name].rows_needed), fits[0] if fits else next(iter(VIEWS)))


def _first_looks(studio: Studio, columns: list[tuple[str, Looked]], rows: str) -> bool:
    """Ask for first looks that nobody asked for yet; one that failed is left alone."""
    asked = False
    for _, looked in columns[:1]:
        view = first_look(looked)
        if looked.views[view].state == "open":
            studio.views.ask(looked.name, view, rows=rows)
            asked = True
    return asked


def rows_of(studio: Studio, looked: Looked, chosen: Chosen) -> str:
    """Which rows a view is measured on, in words."""
    names = {one.digest: one.name for one in studio.store.datasets()}
    if chosen.rows:
        return f"all of {names.get(chosen.rows, 'another dataset')}, less what training saw"
    own = names.get(looked.card.dataset)
    return f"held-out rows of {own}" if own else "held-out rows of the shipped sample with the same task"


def poll(studio: Studio, request: str, *given: Any) -> list[Any]:
    """The station again while something of it is measured; skipped while nothing is."""
    if not request:
        return [gr.skip()] * PARTS
    try:
        return show(studio, *given)
    except SteeringError as error:
        return ["", text.problem(error), *[gr.skip()] * (PARTS - 2)]
