"""Who else is to be judged on a run's held-out rows: contestants, and what is declared before anybody looks."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from steering.errors import NotFoundError, SpecError
from steering.spec import RunSpec
from steering.store import looked_at
from steering.studio import Studio
from steering.studio.compositions import measured
from steering.ui import text
from steering.ui.verdict_names import short, spoken
from steering.ui.waiting import pending

KIND = "contest"
"""The request that judges."""
MOST_PROMPTS = 40
BEST, EVERY = "best", "every"
METRICS = [("chrF", "chrf"), ("ROUGE-L", "rouge_l"), ("exact match", "exact_match"), ("JSON fields F1", "json_field_f1")]


def draw() -> SimpleNamespace:
    """The controls, folded."""
    ui = SimpleNamespace()
    with gr.Accordion("Judge more contestants on the same rows", open=False, elem_id="contest") as ui.panel:
        gr.HTML("<p>Everybody answers the same held-out rows through the same label words, template and decoding.</p>")
        ui.basic = gr.CheckboxGroup([], label="Contestants", elem_id="contest-basic")
        with gr.Row():
            ui.prompts = gr.Textbox(label="Manual prompts, one a line", lines=3, elem_id="contest-prompts", scale=2)
            ui.how = gr.Radio(
                [("Judge only the one that is best on validation rows", BEST), ("Judge every one of them", EVERY)],
                value=BEST,
                label="Of several prompts",
                elem_id="contest-how",
                elem_classes="stacked",
            )
        with gr.Row():
            ui.saved = gr.Dropdown([], multiselect=True, label="Saved prompts, and compositions of them", elem_id="contest-saved")
            ui.steps = gr.Dropdown([], multiselect=True, label="Checkpoints of this run", elem_id="contest-steps")
        with gr.Row():
            ui.shots = gr.Number(4, label="Examples of the few-shot contestants", precision=0, minimum=1, maximum=64, elem_id="contest-shots")
            ui.budget = gr.Number(
                1000, label="Search budget (answers to single rows)", precision=0, minimum=40, maximum=1_000_000, elem_id="contest-budget"
            )
        gr.HTML("<h4>Declared beforehand</h4><p>One comparison keeps its own p-value; all others are corrected for being many (Holm).</p>")
        with gr.Row():
            ui.first = gr.Dropdown([], label="The question is whether", elem_id="contest-first")
            ui.second = gr.Dropdown([], label="beats", elem_id="contest-second")
            ui.margin = gr.Textbox(label="Smallest difference that matters, in points (optional)", elem_id="contest-margin")
            ui.metric = gr.Dropdown(METRICS, value="chrf", label="Texts are compared by", visible=False, elem_id="contest-metric")
        ui.cost = gr.Checkbox(True, label="Measure the cost of a request too", elem_id="contest-cost")
        ui.preview = gr.HTML("", elem_id="contest-preview")
        ui.go = gr.Button("Judge", variant="primary", elem_id="contest-go")
    ui.status = gr.HTML("", elem_id="contest-status")
    return ui


def given(ui: SimpleNamespace) -> list[Any]:
    """What the handlers read, in their order."""
    return [ui.basic, ui.prompts, ui.how, ui.saved, ui.steps, ui.shots, ui.budget, ui.first, ui.second, ui.margin, ui.metric, ui.cost]


def outputs(ui: SimpleNamespace) -> list[Any]:
    """What :func:`reset` fills, in its order."""
    return [ui.panel, ui.basic, ui.saved, ui.steps, ui.first, ui.second, ui.metric, ui.preview, ui.go, ui.status]


PARTS = 10


def offers(studio: Studio, run: str, spec: RunSpec, shots: int = 4, budget: int = 1000) -> list[tuple[str, str]]:
    """Contestants that a box stands for: words, and the form."""
    task = spec.task
    own = [("Your prompt", f"prompt:{task.prompt}")] if task.prompt.strip() else []
    labels = [("Your prompt with balanced labels", "manual+bias")] if own and task.kind == "classification" else []
    both = [(f"{shots} examples, drawn", f"few-shot:{shots}"), (f"{shots} examples nearest to the row", f"few-shot:{shots}@nearest")]
    fitted = [("Linear probe on the frozen features", "probe")] if task.kind == "classification" else []
    seeds = [("All seeds of this run together", f"seeds:{run}")] if spec.seeds > 1 and task.kind == "classification" else []
    control = [("Majority class (control)", "majority")] if task.kind == "classification" else []
    searched = [(f"The best prompt of an automatic search ({budget:,} answers)", f"search:{budget}")]
    return [
        *(("No prompt", "none"), *own, ("Learned prompt of this run", f"run:{run}"), *both, ("LoRA, trained on the same rows", "lora")),
        *(*fitted, *labels, *searched, *seeds, *control, ("Random vectors (control)", "random")),
    ]


def texts(studio: Studio, spec: RunSpec) -> list[tuple[str, str]]:
    """Real texts that were found for saved prompts of the same task and model, as contestants."""
    fitting = [item.name for item in studio.saved() if item.card is not None and fits(spec, item.card)]
    return [(f"Text found for {short(name)}", f"distilled:{name}") for name in fitting if studio.views.found_text(name)]


def reset(studio: Studio, run: str, *, opened: bool | None = None) -> list[Any]:
    """Everything that this run can be compared with; ``opened``: unfold it."""
    spec = studio.store.run(run).spec
    found = [*offers(studio, run, spec), *texts(studio, spec)]
    chosen = [value for _, value in found if value in ("none", f"run:{run}") or value.startswith(("prompt:", "distilled:"))]
    names = [item.name for item in studio.saved() if item.card is not None and item.card.run != run and fits(spec, item.card)]
    composed = [(spoken(one), one) for one in measured(studio.store, studio.store.run(run))]
    steps = [(f"Step {step}", f"run:{run}@{step}") for step in studio.contests.recorded_steps(run)]
    rest = ["", BEST, [], [], 4, 1000, None, None, "", "chrf", True]
    preview = previewed(studio, run, chosen, *rest)
    return [
        gr.Accordion(visible=True, open=opened) if opened is not None else gr.Accordion(visible=True),
        gr.CheckboxGroup(choices=found, value=chosen),
        gr.Dropdown(choices=[*((short(name), f"saved:{name}") for name in names), *composed], value=[], multiselect=True),
        gr.Dropdown(choices=steps, value=[], multiselect=True),
        *preview[:2],
        gr.Dropdown(visible=spec.task.kind == "generation"),
        *preview[2:],
        status(studio, run),
    ]


def nothing() -> list[Any]:
    """A run that cannot be judged."""
    return [gr.Accordion(visible=False), *[gr.skip()] * (PARTS - 2), ""]


def fits(spec: RunSpec, card: Any) -> bool:
    """Whether a saved prompt is for the same model and labels."""
    return card.model == spec.model and card.task.kind == spec.task.kind and set(card.task.label_words) == set(spec.task.label_words)


def specs(run: str, basic: Any, prompts: Any, how: Any, saved: Any, steps: Any, shots: Any, budget: Any) -> list[str]:
    """The contestants as they are written, controls and simple ones first.

    Raises:
        SpecError: too many prompts, or a number out of range.
    """
    count, most = _whole(shots, "examples", 1, 64), _whole(budget, "the search budget", 40, 1_000_000)
    lines = list(dict.fromkeys(line.strip() for line in str(prompts or "").splitlines() if line.strip()))
    if len(lines) > MOST_PROMPTS:
        raise SpecError(f"{len(lines)} prompts were pasted, expected {MOST_PROMPTS} at most.", "Leave out those that say the same.")
    pasted = [f"prompt:{line}" for line in lines] if how == EVERY or len(lines) == 1 else ["prompts:" + "\n".join(lines)] if lines else []
    marks = {"few-shot": f"few-shot:{count}", "search": f"search:{most}"}
    chosen = []
    for one in map(str, basic or []):
        form, _, value = one.partition(":")
        chosen.append(f"few-shot:{count}@nearest" if value.endswith("@nearest") and form == "few-shot" else marks.get(form, one))
    learned = [one for one in chosen if one.startswith(("run:", "seeds:"))]
    simple = [one for one in chosen if one not in learned]
    return list(dict.fromkeys([*simple, *pasted, *map(str, saved or []), *map(str, steps or []), *learned]))


def _whole(value: Any, what: str, low: int, high: int) -> int:
    number = int(value) if isinstance(value, (int, float)) and value == value else -1
    if not low <= number <= high:
        raise SpecError(f"{what} is {value!r}, expected {low} to {high:,}.", "Give a number in that range.")
    return number


def margin_of(written: Any) -> float | None:
    """Points, or nothing.

    Raises:
        SpecError: no number above 0 and up to 100.
    """
    said = str(written or "").strip().replace(",", ".")
    if not said:
        return None
    try:
        value = float(said)
    except ValueError:
        value = float("nan")
    if not 0 < value <= 100:
        raise SpecError(f"the smallest difference that matters is {said!r}, expected points above 0 and up to 100.", "Write 3, or leave it empty.")
    return value


def previewed(studio: Studio, run: str, *values: Any) -> list[Any]:
    """What the button would do: both sides of the question, preview, button."""
    names = specs(run, *values[:7])
    wanted = _question(run, names, values[7], values[8])
    margin_of(values[9])
    choices = [(spoken(name), name) for name in names]
    rows = held_out(studio, run)
    look = 1 + studio.store.reveals(looked_at(rows))
    said = f"{len(names)} contestants on {len(rows)} held-out rows."
    told = f" These rows were looked at {look - 1} time{'s' if look != 2 else ''} before: what comes out is exploratory." if look > 1 else ""
    enough = len(names) > 1 and bool(rows)
    label = f"Judge {len(names)} contestants on {len(rows)} rows" if enough else "Choose at least two contestants"
    drawn = [gr.Dropdown(choices=choices, value=one) for one in wanted]
    return [*drawn, f"<p>{text.safe(said + told)}</p>", gr.Button(value=label, interactive=enough)]


def _question(run: str, names: list[str], first: Any, second: Any) -> tuple[str | None, str | None]:
    """The declared pair, as long as both are still there; else the learned prompt against the person's own."""
    a = first if first in names else next((name for name in names if name == f"run:{run}"), names[-1] if names else None)
    rivals = [name for name in names if name != a]
    b = second if second in rivals else next((name for name in rivals if name.startswith(("prompt:", "prompts:"))), rivals[0] if rivals else None)
    return a, b


def held_out(studio: Studio, run: str) -> list[str]:
    """Keys of the run's held-out rows."""
    return [row.key for row in studio.store.dataset(studio.store.run(run).spec.dataset).examples if row.side == "test"]


def ask(studio: Studio, run: str, *values: Any) -> list[Any]:
    """Enqueue the judging: status, request, its timer.

    Raises:
        SpecError: a control that does not fit; NotFoundError: no such run.
    """
    if pending(studio, KIND, run) is not None:
        raise SpecError("a judging of this run is at work already.", "Wait until it is over.")
    names = specs(run, *values[:7])
    first, second, margin, metric, cost = values[7:]
    declared = _question(run, names, first, second)
    primary = (declared[0], declared[1]) if declared[0] and declared[1] else None
    by = str(metric or "") if studio.store.run(run).spec.task.kind == "generation" else ""
    request = studio.contests.ask(run, names, primary=primary, margin=margin_of(margin), metric=by, cost=bool(cost))
    return [status(studio, run), request, gr.Timer(active=True)]


def attach(studio: Studio, run: str) -> list[Any]:
    """A page was opened or drawn again: the judging that is at work, and its timer."""
    request = pending(studio, KIND, run) if run else None
    return [request.id if request else "", gr.Timer(active=request is not None)]


def tick(studio: Studio, run: str, request: str) -> list[Any]:
    """Status, request, timer, and the verdict's mark, which draws the new verdict when the judging is over."""
    if pending(studio, KIND, run) is not None:
        return [status(studio, run), gr.skip(), gr.skip(), gr.skip()]
    return [over(studio, request), "", gr.Timer(active=False), f"{run} judged {request}"]


def status(studio: Studio, run: str) -> str:
    """How far a judging is; empty where there is none."""
    request = pending(studio, KIND, run)
    if request is None:
        return ""
    found = request.result or {}
    names, judging = request.payload["contestants"], found.get("judging")
    if request.state == "waiting":
        said, share = "Waiting for the engine.", 0.0
    elif judging is None:
        said, share = "Making the contestants: demonstrations, searches and fits come first.", 0.0
    else:
        done = judging["done"] / max(1, judging["rows"])
        said, share = f"Judging {spoken(judging['contestant'])}: {judging['done']} of {judging['rows']} rows.", done
    body = f'<p class="phase">{text.safe(said)}</p>{text.bar(share, "judging")}'
    return (
        f'<section class="card" role="status" aria-busy="true">{body}<p class="quiet">{len(names)} contestants. The page may be closed.</p></section>'
    )


def over(studio: Studio, request: str) -> str:
    """What became of a judging that ended: a notice where it failed."""
    try:
        found = studio.store.request(request)
    except NotFoundError:
        return ""
    if found.state == "failed":
        why = found.error or {}
        return text.notice(why.get("message", ""), why.get("hint", ""))
    return ""
