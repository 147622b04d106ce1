"""The playground: one text, chosen contestants side by side, the learned prompt's strength, and where in an answer it acts."""

import time
from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.data import fields
from steering.engine.contestants import SLOW, parse
from steering.errors import DataError, NotFoundError, SpecError
from steering.spec import TaskSpec
from steering.studio import Studio
from steering.ui import text
from steering.ui.verdict_names import all_spoken, spoken

PATIENCE_S = 3.0
STRONGEST = 1.5
ZONES = {"normal": "normal", "caution": "caution: answers begin to drift", "extreme": "extreme: neutral text falls apart here"}


def draw() -> SimpleNamespace:
    """The controls."""
    ui = SimpleNamespace()
    gr.HTML("<h3>Playground</h3><p>One text, answered by everybody side by side in one batch.</p>")
    ui.who = gr.CheckboxGroup([], label="Who answers", elem_id="play-who", visible=False)
    ui.on = gr.Checkbox(True, label="Learned prompt on", elem_id="play-on")
    ui.strength = gr.Slider(0, STRONGEST, value=1, step=0.05, label="Strength: 0 is the start, 1 as learned", elem_id="play-strength")
    ui.zone = gr.HTML("", elem_id="play-zone")
    with gr.Row():
        ui.measure = gr.Button("Measure how far the strength may go (about 10 s)", size="sm", elem_id="play-zones", visible=False)
        ui.keep = gr.Button("Save the prompt at this strength", size="sm", elem_id="play-keep", visible=False)
    ui.note = gr.HTML("", elem_id="play-note")
    with gr.Accordion("Decoding, the same for everybody", open=False, elem_id="play-decoding", visible=False) as ui.decoding, gr.Row():
        ui.temperature = gr.Slider(0, 2, value=0, step=0.05, label="Temperature (0: the likeliest token)", elem_id="play-temperature")
        ui.top_p = gr.Slider(0.05, 1, value=1, step=0.05, label="Top p", elem_id="play-top-p")
        ui.most = gr.Number(64, label="Longest answer, tokens", precision=0, minimum=1, maximum=1024, elem_id="play-most")
        ui.seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1, elem_id="play-seed")
    with gr.Row():
        ui.text = gr.Textbox(label="Your text", lines=2, scale=4, elem_id="play-text")
        ui.ask = gr.Button("Compare answers", variant="primary", scale=1, min_width=150, elem_id="play-ask")
    ui.answers = gr.HTML(text.empty("Answers appear here."), elem_id="play-answers")
    ui.look = gr.Button("Where in the answer does the prompt act?", size="sm", elem_id="play-tint", visible=False)
    ui.tint = gr.HTML("", elem_id="play-tinted")
    return ui


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`reset` fills, in its order."""
    return [ui.who, ui.zone, ui.measure, ui.keep, ui.decoding, ui.most, ui.look]


PARTS = 7


def given(ui: SimpleNamespace) -> list[Any]:
    """What :func:`ask` reads after run and judgement, in its order."""
    return [ui.text, ui.who, ui.on, ui.strength, ui.temperature, ui.top_p, ui.most, ui.seed]


def reset(studio: Studio, run: str, which: str = "") -> list[Any]:
    """Everybody who can answer at once, of the task and of the judgement that is shown."""
    spec = studio.store.run(run).spec
    own = [f"prompt:{spec.task.prompt}"] if spec.task.prompt.strip() else []
    index = studio.contests.index(run, which or "")
    judged = list((index.found.get("spec_names") or {}) if index else {})
    further = [one for one in judged if one.partition(":")[0] not in SLOW]
    names = list(dict.fromkeys(["none", *own, f"few-shot:{spec.few_shot}", *further, f"run:{run}"]))
    choices = [("Your prompt" if one in own else spoken(one), one) for one in names]
    chosen = ["none", *own, f"few-shot:{spec.few_shot}", f"run:{run}"]
    free = spec.task.kind == "generation"
    name = saved_name(studio, run)
    measured = bool(name) and kept_zones(studio, name) is not None
    return [
        gr.CheckboxGroup(choices=choices, value=chosen, visible=True),
        zone_line(studio, run, 1.0),
        gr.update(visible=bool(name) and not measured),
        gr.update(visible=bool(name)),
        gr.update(visible=free),
        gr.update(value=spec.task.max_new_tokens),
        gr.update(visible=True),
    ]


def nothing() -> list[Any]:
    """A run that was not judged: the playground answers all the same, with what there is."""
    off = gr.update(visible=False)
    return [off, "", off, off, off, gr.skip(), off]


def saved_name(studio: Studio, run: str) -> str:
    """The saved prompt that a run left; empty where it left none."""
    made = studio.store.events(run, ("artifact",))
    return str(made[-1].data["name"]) if made else ""


def kept_zones(studio: Studio, name: str) -> dict[str, Any] | None:
    """How far the strength may go, where that was measured and the file is still there."""
    try:
        return studio.views.kept_zones(name)
    except NotFoundError:
        return None


def zone_line(studio: Studio, run: str, strength: Any) -> str:
    """In which zone a strength lies, in words."""
    name = saved_name(studio, run) if run else ""
    zones = kept_zones(studio, name) if name else None
    if zones is None:
        return ""
    value = number(strength, "the strength", 0, STRONGEST)
    zone = next((z for z in ("normal", "caution") if zones[z][0] <= value <= zones[z][1]), "extreme")
    ends = [f"normal up to {zones['normal'][1]:.2f}", f"caution up to {zones['caution'][1]:.2f}", "beyond that extreme"]
    said = f"Strength {value:g}: {ZONES[zone]}. By the perplexity of neutral text: {', '.join(ends)}."
    return f'<p class="zone {zone}" role="status">{text.safe(said)}</p>'


def number(value: Any, what: str, low: float, high: float) -> float:
    """A number that came from a control.

    Raises:
        SpecError: none, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise SpecError(f"{what} is {value!r}, expected {low:g} to {high:g}.", "Move the control again.")
    return float(value)


def values_of(task: TaskSpec, typed: str) -> dict[str, str]:
    """One typed text as a row: it fills the template's first column, the others are empty.

    Raises:
        DataError: nothing was typed.
    """
    if not (typed or "").strip():
        raise DataError("there is no text to answer.", "Write one, then press the button again.")
    named = fields(task.template)
    return {name: typed if i == 0 else "" for i, name in enumerate(named)}


def contestants(studio: Studio, run: str, who: Any, on: Any, strength: Any) -> list[str]:
    """Who answers: the learned prompt at its strength, or left out where it is switched off (then no prompt stands in its place).

    Raises:
        SpecError: nobody was chosen, or a form that is not known.
    """
    value = number(strength, "the strength", 0, STRONGEST)
    made = []
    for one in map(str, who or []):
        if parse(one)[0] in SLOW:
            raise SpecError(f"contestant {one!r} is fitted anew each time, which takes too long here.", "Leave it out.")
        mine = one == f"run:{run}"
        dialled = f"strength:{value:g}@{saved_name(studio, run)}" if value != 1 and saved_name(studio, run) else one
        made.append((dialled if on else "none") if mine else one)
    if not made:
        raise SpecError("nobody was chosen to answer.", "Choose at least one.")
    return list(dict.fromkeys(made))


def ask(studio: Studio, run: str, *values: Any) -> list[str]:
    """Enqueue the question: its id, first answers, and its id once more where they are the whole answer.

    Raises:
        NotFoundError: no such run; DataError, SpecError: nothing typed, or a control that does not fit.
    """
    if not run:
        raise NotFoundError("there is no run to ask.", "Train one first, or use a saved prompt on station 5.")
    typed, who, on, strength, temperature, top_p, most, seed = values
    spec = studio.run(run).run.spec
    row = values_of(spec.task, typed)
    many = contestants(studio, run, who, on, strength)
    decoding = {
        "temperature": number(temperature, "the temperature", 0, 5),
        "top_p": number(top_p, "top p", 0.01, 1),
        "max_new_tokens": int(number(most, "the longest answer", 1, 1024)),
        "seed": int(number(seed, "the seed", 0, 2**31 - 1)),
    }
    request = studio.ask(many, spec.task, row, model=spec.model, train=spec.dataset, decoding=decoding)
    return first_answers(studio, request)


def first_answers(studio: Studio, request: str) -> list[str]:
    """The request's id, its first answers, and its id once more where those are all: waited for here for a moment, which is quicker than the page's
    next look."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and studio.store.request(request).result is None and studio.store.engine().get("state") == "ready":
        time.sleep(0.02)
    shown, over = answers(studio, request)
    return [request, shown, request if over else ""]


def answers(studio: Studio, request: str) -> tuple[str, bool]:
    """What a request has answered so far, and whether that was all."""
    try:
        found = studio.store.request(request)
    except NotFoundError as error:
        return text.problem(error), True
    over = found.state in ("done", "failed")
    if found.state == "failed":
        why = found.error or {}
        return text.notice(why.get("message", ""), why.get("hint", "")), over
    outs = (found.result or {}).get("outputs", [])
    if not outs:
        return text.empty("Asking... (the engine does this between two steps of training)"), over
    return f'<div class="answers" aria-busy="{"false" if over else "true"}">{"".join(map(_answer, all_spoken(outs), outs))}</div>', over


def _answer(name: str, one: dict[str, Any]) -> str:
    cost = [f"{one['prompt_tokens']} prompt tokens", f"{one.get('tokens', 0)} new", f"{one.get('seconds', 0):.2f} s", f"made by {one['fingerprint']}"]
    return card(name, one, ", ".join(cost))


def card(name: str, one: dict[str, Any], cost: str) -> str:
    """One answer: text, the likeliest labels where there are labels, and what it cost."""
    shares = sorted(one.get("labels", {}).items(), key=lambda item: -item[1])[:6]
    listed = "".join(f"<li><span>{text.safe(label)}</span>{text.bar(share, label)}<b>{text.percent(share)}</b></li>" for label, share in shares)
    body = f"<pre>{text.safe(one.get('text', '...'))}</pre>" + (f"<ul>{listed}</ul>" if listed else "")
    title = text.safe(name)
    return f'<section class="card" aria-label="{title}"><h4>{title}</h4>{body}<p class="quiet">{text.safe(cost)}</p></section>'
