"""Two learned prompts as one in the playground: its answers beside theirs, and its effect measured on validation rows."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import SpecError
from steering.store import Run
from steering.studio import Studio
from steering.studio.compositions import ask as ask_effect
from steering.studio.compositions import form, latest, of_model, same_task
from steering.ui import text, verdict_play
from steering.ui.verdict_names import short, spoken
from steering.ui.verdict_play import saved_name
from steering.ui.waiting import pending, timer

KIND = "composition"
"""The request that measures one."""
HOW = [("The first, then the second", "joined"), ("Their average", "averaged")]


def draw() -> SimpleNamespace:
    """The controls, folded."""
    ui = SimpleNamespace()
    with gr.Accordion("Compose two learned prompts", open=False, elem_id="compose", visible=False) as ui.panel:
        gr.HTML(
            "<p>A toy with its effect beside it: answers to the text above, and how the composition does on validation rows. Held-out rows stay "
            "closed.</p>"
        )
        with gr.Row():
            ui.first = gr.Dropdown([], label="First", elem_id="compose-first")
            ui.second = gr.Dropdown([], label="Second", elem_id="compose-second")
            ui.how = gr.Radio(HOW, value="joined", label="How", elem_id="compose-how", elem_classes="stacked")
        ui.go = gr.Button("Answer and measure", elem_id="compose-go")
        ui.measured = gr.HTML("", elem_id="compose-measured")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`reset` fills, in its order."""
    return [ui.panel, ui.first, ui.second, ui.measured]


PARTS = 4


def given(ui: SimpleNamespace) -> list[Any]:
    """What :func:`ask` reads after the run and the playground's controls, in its order."""
    return [ui.first, ui.second, ui.how]


def reset(studio: Studio, run: str) -> list[Any]:
    """Saved prompts of this run's model: its own first, and the newest other one."""
    found = studio.store.run(run)
    names = list(of_model(studio, found))
    own = saved_name(studio, run)
    if own not in names or len(names) < 2:
        return nothing()
    choices = [(short(name), name) for name in names]
    other = next(name for name in names if name != own)
    return [
        gr.Accordion(visible=True),
        gr.Dropdown(choices=choices, value=own),
        gr.Dropdown(choices=choices, value=other),
        shown(studio, found),
    ]


def nothing() -> list[Any]:
    """There is no second prompt."""
    return [gr.Accordion(visible=False), gr.skip(), gr.skip(), ""]


def ask(studio: Studio, run: str, *values: Any) -> list[Any]:
    """Enqueue answers, where a text was typed, and the measurement: what a question gives, measured, timer.

    Raises:
        SpecError: no two prompts that are offered, or a measurement is at work; NotFoundError: no such run.
    """
    *play, first, second, how = values
    found = studio.store.run(run)
    pair = _pair(studio, found, first, second, how)
    if pending(studio, KIND, run) is not None:
        raise SpecError("a composition is being measured already.", "Wait until that is over.")
    toy: list[Any] = [gr.skip()] * 3
    if (play[0] or "").strip():
        cards = of_model(studio, found)
        alone = [f"saved:{name}" for name in pair[:2] if same_task(cards[name], found)]
        toy = verdict_play.ask(studio, run, play[0], ["none", *alone, form(*pair)], True, 1, *play[4:])
    ask_effect(studio, found, *pair)
    return [*toy, shown(studio, found), gr.Timer(active=True)]


def _pair(studio: Studio, run: Run, first: Any, second: Any, how: Any) -> tuple[str, str, str]:
    names = of_model(studio, run)
    if first not in names or second not in names or first == second:
        raise SpecError("a composition is of two different saved prompts.", "Choose two of those that are offered.")
    if how not in [value for _, value in HOW]:
        raise SpecError(f"{how!r} is no way to compose.", "Choose one of those that are offered.")
    return str(first), str(second), str(how)


def tick(studio: Studio, run: str) -> list[Any]:
    """The measurement as it stands, and its timer."""
    return [shown(studio, studio.store.run(run)), timer(studio, KIND, run)]


def shown(studio: Studio, run: Run) -> str:
    """What is at work, what failed, or what was measured last."""
    if pending(studio, KIND, run.id) is not None:
        return text.empty("Measuring on the validation rows...")
    tried = studio.store.pending(KIND, over=True, run=run.id)
    if tried and tried[-1].state == "failed":
        why = tried[-1].error or {}
        return text.notice(why.get("message", ""), why.get("hint", ""))
    kept = latest(studio.store, run)
    return measured(*kept) if kept else ""


def measured(name: str, found: dict[str, Any]) -> str:
    """The sentence, and everybody's score with its interval."""
    percent = found["metric"] == "accuracy"

    def span(one: dict[str, Any], key: str) -> str:
        scale, unit = (100, " %" if key == "score" else "") if percent else (1, "")
        sign = "+" if key == "difference" else ""
        return f"{scale * one[key]:{sign}.1f}{unit} ({scale * one['low']:{sign}.1f} to {scale * one['high']:{sign}.1f})"

    gaps = {one["name"]: one for one in found["against"]}
    rows = []
    for one in found["scores"]:
        gap = gaps.get(one["name"])
        rows.append([spoken(one["name"]), span(one, "score"), span(gap, "difference") if gap else "", f"{gap['p']:.3f}" if gap else ""])
    noun = "Accuracy" if percent else found["metric"]
    heads = ["Prompt", f"{noun} (95 %)", "The composition minus it", "p (Holm)"]
    caption = f"{found['rows']} validation rows, the same for everybody"
    at = next((i for i, one in enumerate(found["scores"]) if one["name"] == name), -1)
    table = text.table(heads, rows, numeric=range(1, 4), caption=caption, mark=at)
    return f'<p role="status"><strong>{text.safe(found["sentence"])}</strong></p>{table}<p class="quiet">{text.safe(found["note"])}</p>'
