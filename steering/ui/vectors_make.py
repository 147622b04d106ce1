"""What can be made of a saved prompt after looking at it: without the slots that hurt, at another strength, or as text for a manual prompt."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import SpecError
from steering.inspect.dossier import tables
from steering.store import Request
from steering.studio import Studio
from steering.studio.looking import Looked
from steering.ui import text, widgets

KINDS = ("prune", "strength")
PRUNE_COST = "Costs a pass over the validation rows for every slot: about half a minute for 20 slots on two cores."


def draw(ui: SimpleNamespace) -> None:
    """The controls, below the views."""
    with gr.Accordion("Make something of it", open=False, elem_id="vectors-make"):
        gr.HTML(f'<p class="quiet">Chosen on validation rows, reported on held-out rows, saved under a name of its own. {PRUNE_COST}</p>')
        with gr.Row():
            ui.prune = gr.Button("Remove harmful slots and save", elem_id="vectors-prune")
            ui.strength = gr.Number(
                1.0, label="Strength", info="0 is the start, 1 as learned", minimum=-10, maximum=10, step=0.05, elem_id="vectors-strength"
            )
            ui.strengthen = gr.Button("Save at this strength", elem_id="vectors-strengthen")
        ui.distilled = gr.HTML("", elem_id="vectors-distilled")
        ui.use_text = gr.Button("Use this text as my prompt", visible=False, elem_id="vectors-use-text")
    ui.made = widgets.listing("vectors-made")


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills."""
    return [ui.made, ui.distilled, ui.use_text]


def newest(studio: Studio, name: str) -> Request | None:
    """The newest request that makes something of this prompt."""
    found = [request for kind in KINDS for request in studio.store.requests(kind)[:20] if request.payload.get("name") == name]
    waiting = [request for request in found if request.state in ("waiting", "running")]
    return next(iter([*waiting, *found]), None)


def show(studio: Studio, looked: Looked) -> list[Any]:
    """How the making stands, the text that was found, and its button."""
    found = best_text(looked)
    return [made(newest(studio, looked.name)), distilled(found), gr.Button(visible=bool(found))]


def made(request: Request | None) -> str:
    """A request's state in a sentence, with a button for what came out of it."""
    if request is None:
        return ""
    if request.state == "failed":
        why = request.error or {}
        return text.notice(why.get("message", "it failed."), why.get("hint", ""))
    result = request.result or {}
    if request.state != "done":
        said = result.get("progress") or {"message": "waiting for its turn", "done": 0, "total": 1}
        line = f"{said['message']}: {said['done']} of {said['total']}"
        return f'<p role="status">{text.safe(line)}</p>{text.bar(said["done"] / max(1, said["total"]), line)}'
    name = str(result.get("artifact", ""))
    saved = f" Saved as {name}." if name else " Nothing was saved."
    return text.notice(f"{result.get('sentence', '')}{saved}", level="note") + (text.pick("Look at it", f"look:{name}", name) if name else "")


def best_text(looked: Looked) -> str:
    """The text that the view ``distil`` found; empty where it was not run or found none."""
    kept = looked.results().get("distil")
    rows = [row for table in tables(kept) for row in table.rows] if kept is not None else []
    return next((str(row["prompt"]) for row in rows if "share" in row and row.get("prompt")), "")


def distilled(found: str) -> str:
    """The text as a contestant: to be judged like any manual prompt."""
    if not found:
        return '<p class="quiet">The view "As a text prompt" searches for real text; when it has found one, it can be used from here.</p>'
    return (
        f'<h4>As a manual contestant</h4><p class="prose">{text.safe(found)}</p>'
        '<p class="quiet">For compare, on the page or the command line, this is the contestant</p>'
        f'<pre class="form">{text.safe("prompt:" + found)}</pre>'
    )


def ask_prune(studio: Studio, name: str | None) -> None:
    """Begin to take out the slots that hurt."""
    studio.views.ask_prune(_named(name))


def ask_strength(studio: Studio, name: str | None, strength: float | None) -> None:
    """Begin to save it at another strength.

    Raises:
        SpecError: no number, or one out of range.
    """
    if strength is None or not -10 <= strength <= 10:
        raise SpecError(f"the strength is {strength!r}, expected a number from -10 to 10.", "0 is the start, 1 the learned prompt.")
    studio.views.ask_strength(_named(name), float(strength))


def _named(name: str | None) -> str:
    if not name:
        raise SpecError("no saved prompt is chosen.", "Choose one above.")
    return name
