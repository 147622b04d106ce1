"""Several tasks at once in the playground: one text, answered under saved prompts of different tasks in one batch, and what that takes."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SpecError
from steering.store import Run
from steering.studio import Studio, comparing
from steering.studio.compositions import of_model
from steering.ui import text
from steering.ui.verdict_names import short
from steering.ui.verdict_play import card, values_of
from steering.ui.waiting import pending, timer

KIND = "together"
"""The request that asks all at once."""
MOST = 12
"""Prompts that are asked at once, at most."""


def draw() -> SimpleNamespace:
    """The controls, folded."""
    ui = SimpleNamespace()
    with gr.Accordion("Several tasks at once", open=False, elem_id="tasks", visible=False) as ui.panel:
        gr.HTML(
            "<p>The text above, answered under prompts of different tasks in one batch on the one frozen model, each with its own template and label "
            "words. Measured beside it: one after the other, and switching a LoRA adapter for every task.</p>"
        )
        with gr.Row():
            ui.who = gr.Dropdown([], multiselect=True, label="Saved prompts of this model", elem_id="tasks-who", scale=3)
            ui.go = gr.Button("Ask all at once", elem_id="tasks-go", scale=1, min_width=150)
        ui.answers = gr.HTML("", elem_id="tasks-answers")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`reset` fills, in its order."""
    return [ui.panel, ui.who, ui.answers]


PARTS = 3


def reset(studio: Studio, run: str) -> list[Any]:
    """Saved prompts of this run's model, of whatever task; the newest of each task are chosen."""
    found = studio.store.run(run)
    cards = of_model(studio, found)
    if not cards:
        return nothing()
    first: dict[str, str] = {}
    for name, one in cards.items():
        first.setdefault(one.task.template, name)
    choices = [(short(name), name) for name in cards]
    return [gr.Accordion(visible=True), gr.Dropdown(choices=choices, value=list(first.values())[:MOST], multiselect=True), shown(studio, found)]


def nothing() -> list[Any]:
    """There are no saved prompts."""
    return [gr.Accordion(visible=False), gr.skip(), ""]


def ask(studio: Studio, run: str, typed: Any, who: Any) -> list[Any]:
    """Enqueue the text under all chosen prompts: answers, timer.

    Raises:
        DataError: nothing was typed; SpecError: nobody or too many were chosen, or they are being asked; NotFoundError: a prompt is gone.
    """
    names = list(dict.fromkeys(map(str, who or [])))
    if not 1 <= len(names) <= MOST:
        raise SpecError(f"{len(names)} prompts were chosen, expected 1 to {MOST}.", "Choose some of those that are offered.")
    if pending(studio, KIND, run) is not None:
        raise SpecError("these tasks are being asked already.", "Wait until that is over.")
    found = studio.store.run(run)
    cards = of_model(studio, found)
    gone = next((name for name in names if name not in cards), "")
    if gone:
        raise NotFoundError(f"there is no saved prompt {gone!r} of this model.", "Open the verdict again for those that are there.")
    asks = [(f"saved:{name}", cards[name].task, values_of(cards[name].task, str(typed or ""))) for name in names]
    comparing.ask_together(studio.store, asks, found.spec.model, run)
    return [shown(studio, found), gr.Timer(active=True)]


def tick(studio: Studio, run: str) -> list[Any]:
    """Answers and times as they stand, and the timer."""
    return [shown(studio, studio.store.run(run)), timer(studio, KIND, run)]


def shown(studio: Studio, run: Run) -> str:
    """The latest question's answers and times, as far as they are known."""
    asked = studio.store.pending(KIND, over=True, run=run.id)
    if not asked:
        return ""
    last = asked[-1]
    if last.state == "failed":
        why = last.error or {}
        return text.notice(why.get("message", ""), why.get("hint", ""))
    result = last.result or {}
    if not result.get("outputs"):
        return text.empty("Asking...")
    over = last.state == "done"
    cards = "".join(map(_answer, result["outputs"]))
    timed = times(result) if over and "sentence" in result else text.empty("Measuring what this takes against the other ways...")
    return f'<div class="answers" aria-busy="{"false" if over else "true"}">{cards}</div>{timed}'


def times(result: dict[str, Any]) -> str:
    """The sentence, and the three ways in a table."""
    once = result["together_seconds"]
    ways = [("One batch, roots side by side", once), ("One after the other", result["apart_seconds"])]
    ways += [("Switching LoRA adapters", result["lora"]["seconds"])] if result.get("lora") else []
    rows = [[name, f"{1000 * seconds:.1f}", f"{seconds / max(once, 1e-9):.2f}"] for name, seconds in ways]
    table = text.table(["Way", "Milliseconds", "Against one batch"], rows, numeric=(1, 2), caption="Medians of three rounds on this machine")
    return f'<p role="status"><strong>{text.safe(result["sentence"])}</strong></p>{table}'


def _answer(one: dict[str, Any]) -> str:
    cost = f"{one['task']}, {one['prompt_tokens']} prompt tokens, {one['tokens']} new"
    return card(short(one["name"].removeprefix("saved:")), one, cost)
