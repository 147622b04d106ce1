"""Rows that must not break: every pinned row with who keeps it, and validation rows to pin."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import SpecError
from steering.evaluate.browse import Index
from steering.evaluate.pins import kept_words, of_contestant, ruling
from steering.store import Request
from steering.studio import Studio
from steering.studio import pinned as pinning
from steering.ui import text, verdict_metrics, widgets
from steering.ui.verdict_names import all_spoken
from steering.ui.verdict_rows import require
from steering.ui.verdict_table import input_of
from steering.ui.waiting import pending, timer

KIND = "pins"
"""The request that asks them."""
OFFERED = 6
"""Validation rows that a search offers."""
SIDES = {"train": "trained on", "validation": "validation", "test": "held-out"}
Pins = list[dict[str, Any]]


def draw() -> SimpleNamespace:
    """The controls, folded."""
    ui = SimpleNamespace()
    with gr.Accordion("Rows that must not break", open=True, elem_id="pins", visible=False) as ui.panel:
        ui.rows = widgets.listing("pins-rows")
        ui.check = gr.Button("Ask the pinned rows now", size="sm", elem_id="pins-check", visible=False)
        ui.status = gr.HTML("", elem_id="pins-status")
        ui.search = gr.Textbox("", label="Find a validation row to pin", elem_id="pins-search")
        ui.offers = widgets.listing("pins-offers")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`reset` fills, in its order."""
    return [ui.panel, *shown(ui), ui.offers]


PARTS = 5


def shown(ui: SimpleNamespace) -> list[Any]:
    """What :func:`now` fills, in its order."""
    return [ui.rows, ui.check, ui.status]


def nothing() -> list[Any]:
    """A run without a verdict."""
    return [gr.Accordion(visible=False), "", gr.Button(visible=False), "", ""]


def reset(studio: Studio, run: str, index: Index) -> list[Any]:
    """The pinned rows as they stand for this judgement."""
    return [gr.Accordion(visible=True), *_now(studio, run, index), ""]


def now(studio: Studio, run: str, which: str) -> list[Any]:
    """Rows, button and status, after something was pinned or asked."""
    return _now(studio, run, require(studio, run, which))


def _now(studio: Studio, run: str, index: Index) -> list[Any]:
    found = studio.store.run(run)
    pins = pinning.pinned(studio.store, found, index.found)
    waiting = pending(studio, KIND, run)
    able = set(pinning.askable(found, index.found))
    specs = list(pinning.specs_of(found, index.found).values())
    open_ = any(right is None and specs[at] in able for row in pins for at, right in enumerate(row["right"]))
    return [listing(index, pins), gr.Button(visible=open_ or waiting is not None, interactive=waiting is None), _status(studio, run, waiting)]


def listing(index: Index, pins: Pins) -> str:
    """One line on the one that is looked at first, and the table."""
    if not pins:
        return text.empty("No row is pinned. Pin rows that a new prompt must go on getting right: they are listed here as kept or broken.")
    names, at = all_spoken(index.found["contestants"]), verdict_metrics.places(index.found)[0]
    own = of_contestant(pins, at)
    lines = ", ".join(str(row["line"]) for row, right in zip(pins, own, strict=True) if right is False)
    said = f"{names[at]}: {kept_words(own)}." + (f" Broken: line {lines}." if lines else "")
    heads = ["", "Input", "Truth", *names]
    top = "".join(f'<th scope="col">{text.safe(head)}</th>' for head in heads)
    body = "".join(_row(row) for row in pins)
    caption = "Pinned rows by contestants"
    table = f"<table><caption>{caption}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    kind = "broken" if False in own else "kept"
    head = f'<p class="pins {kind}" role="status"><strong>{text.safe(said)}</strong></p>'
    return f'{head}<div class="scroll wrap" tabindex="0" role="region" aria-label="Pinned rows">{table}</div>'


def _row(row: dict[str, Any]) -> str:
    place = f"line {row['line']}, {SIDES[row['side']]}"
    button = text.pick("Unpin", f"pin:{row['line']}", f"row {row['line']}")
    acts = f'<td class="acts"><small>{place}</small>{button}</td>'
    cells = f"<td>{text.safe(' | '.join(row['values'].values()))}</td><td>{text.safe(row['target'])}</td>"
    return f"<tr>{acts}{cells}{''.join(_ruled(*one) for one in zip(row['answers'], row['right'], strict=True))}</tr>"


def _ruled(answer: str | None, right: bool | None) -> str:
    if right is None:
        return f'<td><span class="quiet">{ruling(right)}</span></td>'
    kind = "right" if right else "wrong"
    return f'<td><span class="said {kind}">{text.safe(answer)}<small class="rw">{ruling(right)}</small></span></td>'


def search(studio: Studio, run: str, typed: Any) -> str:
    """Validation rows with this text, each with a button that pins it."""
    needle = str(typed or "").strip()
    if not run or not needle:
        return ""
    found = studio.store.run(run)
    rows = pinning.to_pin(studio.store, found, needle, OFFERED)
    if not rows:
        return text.empty("No validation row that is not pinned has this text.")
    items = "".join(
        f"<li>{text.pick('Pin', f'pin:{row.row}', f'row {row.row}')} <span>{text.safe(input_of(row.values, found.spec.task))}</span>"
        f" <b>{text.safe(row.target)}</b></li>"
        for row in rows
    )
    return f'<ul class="offers">{items}</ul>'


def press(studio: Studio, run: str, which: str, typed: Any, event: str) -> list[Any]:
    """A row was pinned, or its pin taken away: rows, button, status, offers."""
    kind, _, line = event.partition(":")
    if kind == "pin" and line.isdigit():
        studio.contests.pin(run, int(line))
    return [*now(studio, run, which), search(studio, run, typed)]


def ask(studio: Studio, run: str, which: str) -> list[Any]:
    """Enqueue the pinned rows once more: rows, button, status, timer.

    Raises:
        SpecError: they are being asked already.
    """
    if pending(studio, KIND, run) is not None:
        raise SpecError("the pinned rows are being asked already.", "Wait until that is over.")
    pinning.ask(studio.store, studio.store.run(run), require(studio, run, which).found)
    return [*now(studio, run, which), gr.Timer(active=True)]


def tick(studio: Studio, run: str, which: str) -> list[Any]:
    """Rows, button, status and timer as they stand."""
    return [*now(studio, run, which), timer(studio, KIND, run)]


def _status(studio: Studio, run: str, waiting: Request | None) -> str:
    if waiting is not None:
        return text.empty("Asking the pinned rows...")
    tried = studio.store.pending(KIND, over=True, run=run)
    why = tried[-1].error if tried and tried[-1].state == "failed" else None
    return text.notice(why.get("message", ""), why.get("hint", "")) if why else ""
