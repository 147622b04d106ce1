"""Where they differ: held-out rows by contestants, filtered and paged on the server, so that only what is seen travels."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SpecError
from steering.evaluate.browse import SORTS, Index, Wanted, counts, matching
from steering.studio import Studio
from steering.ui import verdict_metrics, widgets
from steering.ui.downloads import offered
from steering.ui.verdict_names import all_spoken
from steering.ui.verdict_table import Place, cell_of, table


def draw() -> SimpleNamespace:
    """The controls."""
    ui = SimpleNamespace()
    gr.HTML("<h3>Where they differ</h3>")
    with gr.Row():
        ui.a = gr.Dropdown([], label="Look at", elem_id="rows-a", visible=False)
        ui.b = gr.Dropdown([], label="against", elem_id="rows-b", visible=False)
    ui.strip = widgets.listing("rows-strip")
    ui.classes = widgets.listing("rows-classes")
    with gr.Row():
        ui.sort = gr.Radio(list(SORTS), value="all", label="Rows to show", visible=False, elem_id="verdict-filter", scale=3)
        ui.label = gr.Dropdown([], label="Class", visible=False, elem_id="rows-label", scale=1, min_width=140)
        ui.search = gr.Textbox("", label="Search input and truth", visible=False, elem_id="rows-search", scale=2, min_width=180)
    ui.rows = widgets.listing("verdict-rows")
    with gr.Row():
        ui.csv = gr.Button("Rows shown as CSV", visible=False, elem_id="rows-csv", size="sm")
        ui.jsonl = gr.Button("Rows shown as JSONL", visible=False, elem_id="rows-jsonl", size="sm")
        ui.file = gr.DownloadButton("Download the rows", visible="hidden", elem_id="rows-file")
    ui.place = widgets.hidden("rows-place")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`reset` fills, in its order."""
    return [ui.a, ui.b, ui.strip, ui.classes, ui.sort, ui.label, ui.search, ui.rows, ui.csv, ui.jsonl, ui.place]


PARTS = 11


def given(ui: SimpleNamespace) -> list[Any]:
    """What the handlers read, in their order: filters, and the place."""
    return [ui.a, ui.b, ui.sort, ui.label, ui.search, ui.place]


def nothing() -> list[Any]:
    """A run without a verdict."""
    off = gr.update(visible=False)
    return [off, off, "", "", off, off, off, "", off, off, ""]


def reset(studio: Studio, run: str, index: Index) -> list[Any]:
    """Everything from the beginning: the declared pair, all rows."""
    a, b = verdict_metrics.places(index.found)
    wanted = Wanted(a=a, b=b)
    names = [(name, str(at)) for at, name in enumerate(all_spoken(index.found["contestants"]))]
    labels = [("every class", ""), *((label, label) for label in index.found.get("labels") or [])]
    return [
        gr.Dropdown(choices=names, value=str(a), visible=True),
        gr.Dropdown(choices=names, value=str(b), visible=True),
        strip(index, wanted),
        details(index, wanted),
        gr.Radio(choices=sorts(index, wanted), value="all", visible=True),
        gr.Dropdown(choices=labels, value="", visible=len(labels) > 1),
        gr.Textbox(value="", visible=True),
        table(studio, run, index, wanted, Place()),
        gr.Button(visible=True),
        gr.Button(visible=True),
        Place().written(),
    ]


def wanted_of(index: Index, filters: Sequence[Any], place: Place) -> Wanted:
    """The filter out of what a browser sent.

    Raises:
        SpecError: a contestant, a sort or a cell that is not there.
    """
    a, b, sort, label, search = filters
    known, labels = range(len(index.found["contestants"])), index.found.get("labels") or []
    numbers = [int(one) if str(one).isdigit() else -1 for one in (a, b)]
    if sort not in SORTS or any(number not in known for number in numbers):
        raise SpecError("this filter does not fit the comparison that is shown.", "Choose the contestants again.")
    cell = None
    if place.cell is not None:
        one, i, j = place.cell
        if one not in known or not (0 <= i < len(labels) and 0 <= j < len(labels)):
            raise SpecError("this cell is not in the confusion matrix that is shown.", "Choose another one.")
        cell = (one, labels[i], labels[j])
    return Wanted(a=numbers[0], b=numbers[1], sort=sort, label=str(label or ""), text=str(search or ""), cell=cell)


def strip(index: Index, wanted: Wanted) -> str:
    """The bar of the four kinds."""
    names = all_spoken(index.found["contestants"])
    return verdict_metrics.strip(counts(index, wanted), wanted.sort, names, wanted.a, wanted.b)


def details(index: Index, wanted: Wanted) -> str:
    """Classes, confusion and pairs of the one that is looked at, folded."""
    parts = [
        ("Classes and confusion", verdict_metrics.classes(index, wanted.a, wanted.b) + verdict_metrics.confusion(index, wanted.a)),
        ("Every pair", verdict_metrics.pairs(index.found, wanted.a)),
    ]
    return "".join(f"<details><summary>{title}</summary>{body}</details>" for title, body in parts if body)


def sorts(index: Index, wanted: Wanted) -> list[tuple[str, str]]:
    """The kinds with how many rows each has; ``unsure`` where there are label probabilities."""
    spoken = {"fixed": "Fixed", "broken": "Broken", "unsure": "Unsure (low margin)"}
    found = counts(index, wanted)
    return [(f"{spoken.get(s, s.capitalize())} ({found[s]})", s) for s in SORTS if s != "unsure" or index.margins[wanted.a]]


def changed(studio: Studio, run: str, which: str, *values: Any) -> list[Any]:
    """A filter has changed: strip, sorts, place and rows, from the first page on."""
    index = require(studio, run, which)
    place = replace(Place.of(values[-1]), page=0, open=-1)
    wanted = wanted_of(index, values[:-1], place)
    return [
        strip(index, wanted),
        gr.Radio(choices=sorts(index, wanted), value=wanted.sort),
        place.written(),
        table(studio, run, index, wanted, place),
    ]


def paired(studio: Studio, run: str, which: str, *values: Any) -> list[Any]:
    """Another pair is looked at: classes too."""
    index = require(studio, run, which)
    found = changed(studio, run, which, *values)
    return [details(index, wanted_of(index, values[:-1], Place())), *found]


def picked(studio: Studio, run: str, which: str, *values: Any) -> list[Any]:
    """Something in a bar, a matrix, a class table or the rows was pressed (``values`` end with what): sort, label, strip, place, rows."""
    *filters, written, event = values
    index, place = require(studio, run, which), Place.of(written)
    sort, label = filters[2], filters[3]
    kind, _, value = str(event).partition(":")
    if kind == "sort":
        sort, place = (value if value != sort else "all"), Place(cell=place.cell)
    elif kind == "label":
        label, place = ("" if value == label else value), Place()
    elif kind == "cell":
        chosen = cell_of(value.split(":"))
        place = Place(cell=chosen if chosen != place.cell else None)
        sort, label = "all", ""
    elif kind == "page" and value.lstrip("-").isdigit():
        place = replace(place, page=int(value), open=-1)
    elif kind == "open" and value.isdigit():
        place = replace(place, open=-1 if place.open == int(value) else int(value))
    elif kind == "pin" and value.isdigit():
        studio.contests.pin(run, int(value))
    wanted = wanted_of(index, [*filters[:2], sort, label, filters[4]], place)
    label = label if label in (index.found.get("labels") or []) else ""
    shown = table(studio, run, index, wanted, place)
    return [gr.update(value=sort), gr.update(value=label), strip(index, wanted), place.written(), shown]


def require(studio: Studio, run: str, which: str | None) -> Index:
    """The comparison that is shown. ``which`` is None while the choice, which is hidden where there is one judgement only, has not been drawn.

    Raises:
        NotFoundError: the run was not judged.
    """
    index = studio.contests.index(run, which or "")
    if index is None:
        raise NotFoundError("this run has not been judged yet.", "Open the verdict again when it has.")
    return index


def exported(studio: Studio, run: str, which: str, form: str, *values: Any) -> str:
    """Path of a file with the rows that the filter lets through."""
    index = require(studio, run, which)
    wanted = wanted_of(index, values[:-1], Place.of(values[-1]))
    return offered(f"rows-{wanted.sort.replace(' ', '-')}.{form}", studio.contests.exported(index, matching(index, wanted), form))
