"""What can be made of a saved prompt after looking at it: without the slots that hurt, at another strength, or as text for a manual prompt."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import SpecError
from steering.store import Request
from steering.studio import Studio
from steering.studio.looking import Looked
from steering.ui import text, verdict_chooser, widgets

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
        with gr.Row():
            ui.judge_text = gr.Button("Judge this text as a contestant", visible=False, elem_id="vectors-judge-text")
            ui.use_text = gr.Button("Use this text as my prompt", visible=False, elem_id="vectors-use-text")
    ui.made = widgets.listing("vectors-made")


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`show` fills."""
    return [ui.made, ui.distilled, ui.judge_text, ui.use_text]


def newest(studio: Studio, name: str) -> Request | None:
    """The newest request that makes something of this prompt."""
    found = [request for kind in KINDS for request in studio.store.requests(kind)[:20] if request.payload.get("name") == name]
    waiting = [request for request in found if request.state in ("waiting", "running")]
    return next(iter([*waiting, *found]), None)


def show(studio: Studio, looked: Looked) -> list[Any]:
    """How the making stands, the text that was found, and its button."""
    found = studio.views.found_text(looked.name)
    run = judged_in(studio, looked.name) if found else ""
    return [made(newest(studio, looked.name)), distilled(found, looked.name, run), gr.Button(visible=bool(run)), gr.Button(visible=bool(found))]


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


def judged_in(studio: Studio, name: str, now: str = "") -> str:
    """The run on whose held-out rows a text found for a saved prompt can be judged: the one that made it, else ``now``, else the newest that fits;
    empty where there is none."""
    card = studio.views.card(name)
    ended = [run for run in studio.runs() if run.state in ("done", "stopped") and verdict_chooser.fits(run.spec, card)]
    first = sorted(ended, key=lambda run: (run.id != card.run, run.id != now))
    return next((run.id for run in first if studio.contests.index(run.id) is not None), "")


def to_contest(studio: Studio, name: str | None, now: str) -> str:
    """The run whose verdict offers the found text as a contestant.

    Raises:
        SpecError: no prompt is chosen, or no run fits any more.
    """
    run = judged_in(studio, _named(name), now)
    if not run:
        raise SpecError("no judged run here has the same task and model.", "Judge it on the command line: see the contestant's form.")
    return run


def distilled(found: str, name: str, run: str) -> str:
    """The text as a contestant: to be judged like any manual prompt. ``run``: whose held-out rows are here for it."""
    if not found:
        return '<p class="quiet">The view "As a text prompt" searches for real text; when it has found a better one, it can be used from here.</p>'
    where = "" if run else "No judged run here has the same task and model. "
    return (
        f'<h4>As a manual contestant</h4><p class="prose">{text.safe(found)}</p>'
        "<p>It counts as made from the rows that the vectors were trained on and the search looked at, so it is never judged on them.</p>"
        f'<p class="quiet">{where}For compare on the command line this is the contestant</p>'
        f'<pre class="contestant">{text.safe(f"distilled:{name}")}</pre>'
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
