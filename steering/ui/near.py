"""Near-duplicates of a large file, streamed in after the first look: a line that says how far the search is, then the report with them."""

import json
from typing import Any

import gradio as gr

from steering.errors import SteeringError
from steering.studio import Studio
from steering.ui import text
from steering.ui.report import about

PARTS = 3
"""What :func:`poll` fills: the line, the timer, and what was found (taken up by :func:`take`)."""
NEAR = "near:"
"""The report's button for files above the limit."""


def begin(studio: Studio, dataset: str, *, asked: bool = False) -> list[Any]:
    """A dataset is at hand: line and timer."""
    try:
        share = studio.data.look_for_near(dataset, asked=asked) if dataset else None
    except SteeringError as error:
        return [text.problem(error), gr.Timer(active=False)]
    return ["", gr.Timer(active=False)] if share is None else [_line(share), gr.Timer(active=True)]


def picked(studio: Studio, choice: str, dataset: str) -> list[Any]:
    """A button of the report: only that for near-duplicates is ours."""
    return begin(studio, dataset, asked=True) if choice == NEAR else [gr.skip()] * 2


def poll(studio: Studio, dataset: str) -> list[Any]:
    """How far it is; once it is through, the digests of the dataset as it was and as it is with them."""
    try:
        share = studio.data.look_for_near(dataset, asked=True) if dataset else None
        if share is None:
            return ["", gr.Timer(active=False), gr.skip()]
        if share < 1.0:
            return [_line(share), gr.skip(), gr.skip()]
        return [_line(share), gr.skip(), json.dumps([dataset, studio.data.read_again(dataset).digest])]
    except SteeringError as error:
        return [text.problem(error), gr.Timer(active=False), gr.skip()]


def take(studio: Studio, found: str, dataset: str) -> list[Any]:
    """The dataset with its near-duplicates, and its report, if the page still shows what they were looked for in: line, timer, dataset, report.

    Whatever was typed meanwhile is left alone, and so is another reading of the file that was asked for while this one was at work.
    """
    before, after = json.loads(found)
    if before != dataset:
        return [gr.skip()] * 4
    kept = studio.store.dataset(after)
    return ["", gr.Timer(active=False), after, about(kept.name, kept.report)]


def _line(share: float) -> str:
    return (
        f'<p class="quiet" role="status">Looking for near-duplicates: {100 * share:.0f} %. '
        "You can go on meanwhile; the report will say what was found.</p>"
    )
