"""Runs: everything that was ever started, newest first."""

from types import SimpleNamespace

import gradio as gr

from steering.methods import METHODS
from steering.store import Run
from steering.studio import Studio
from steering.ui import text, widgets

MOST = 60


def draw() -> SimpleNamespace:
    """The station's controls."""
    ui = SimpleNamespace()
    gr.HTML(text.heading("Runs", "Every run of this machine, newest first. Opening one shows it on all stations."))
    ui.cards = widgets.listing("runs-cards", text.empty("No run yet."))
    return ui


def fingerprint(studio: Studio) -> str:
    """Changes whenever a run begins, ends or moves; cheap."""
    return ",".join(f"{run.id[:6]}{run.version}" for run in studio.runs()[:MOST])


def cards(studio: Studio) -> str:
    """Cards with a loss curve, the state and the score."""
    found = studio.runs()[:MOST]
    if not found:
        return text.empty("No run yet: train a sample on station 1.")
    waiting = [run.id for run in reversed(found) if run.state == "queued"]
    return f'<div class="cards">{"".join(_card(studio, run, waiting) for run in found)}</div>'


def _card(studio: Studio, run: Run, waiting: list[str]) -> str:
    losses = [event.data["loss"] for event in studio.store.events(run.id, ("step",))]
    state = f"waiting, number {waiting.index(run.id) + 1}" if run.id in waiting else text.STATES.get(run.state, run.state)
    title = METHODS[run.spec.method].title if run.spec.method in METHODS else run.spec.method
    pairs = [
        ("State", f"{state}{': ' + run.phase if run.phase and run.state == 'running' else ''}"),
        ("Method", title),
        ("Score", _score(studio, run)),
    ]
    parts = [f"<h3>{text.safe(run.name)}</h3>", text.sparkline(losses), text.facts([*pairs, ("Step", f"{run.step} of {run.steps}")])]
    parts += [f'<p class="quiet">{text.safe(text.date(run.created))}</p>', text.pick("Open", run.id, run.name)]
    return f'<section class="card state-{text.safe(run.state)}">{"".join(parts)}</section>'


def _score(studio: Studio, run: Run) -> str:
    found = studio.store.events(run.id, ("comparison",)) if run.state == "done" else []
    if not found:
        return ""
    one = found[-1].data["contestants"][-1]
    return text.scored(one["accuracy"], one.get("accuracy_ci")) if "accuracy" in one else f"chrF {one['chrf']:.0f}"
