"""After the end of a run: which step and which seed were kept and why, and what was estimated against what happened."""

from typing import Any

from steering.store import FINAL
from steering.studio import RunView
from steering.ui import text

WHY = {
    True: "the median of {count} by validation loss, neither the luckiest nor the unluckiest",
    False: "the better of the middle two of {count} by validation loss, not the luckiest",
}


def summary(view: RunView) -> str:
    """The end in a card; empty while the run is at work or where it never ended training."""
    if view.run.state not in FINAL or not view.finished:
        return ""
    parts = [f"<p>{text.safe(kept_step(view))}</p>"]
    if len(view.finished.get("members") or []) > 1:
        parts.append(seeds(view))
    if view.imitation:
        parts.append(imitation(view.imitation))
    parts += [f'<p class="quiet">{text.safe(said)}</p>' for said in (view.finished.get("note"), folds(view), seconds(view)) if said]
    return f'<section class="card ending" aria-label="How training ended"><h3>How training ended</h3>{"".join(parts)}</section>'


def kept_step(view: RunView) -> str:
    """The best step against step 0."""
    best, pupil = view.finished["best_step"], bool(view.run.spec.imitate)
    loss, score = ("divergence from the imitated prompt", "agreement with it") if pupil else ("validation loss", "accuracy")
    looks = {look["step"]: look for look in view.validations}
    start, found = looks.get(0), looks.get(best)
    if start is None or found is None:
        return f"Step {best} is kept, the last one: there were no validation rows to choose by."
    if best == 0:
        return f"Step 0 is kept: no later step was better on the validation rows (loss {text.number(start['nll'], 2)})."
    said = f"Step {best} is kept: {loss} {text.number(found['nll'], 2)}, {text.number(start['nll'], 2)} at step 0"
    if found.get("accuracy") is not None:
        said += f"; {score} {text.percent(found['accuracy'])}, {text.percent(start.get('accuracy'))} at step 0"
    return f"{said}."


def imitation(found: dict[str, Any]) -> str:
    """How well the imitated prompt is followed, and what that saves."""
    low, high = found["agreement_ci"]
    before, after = found["teacher_prefill_seconds"], found["prefill_seconds"]
    pairs = [
        ("Agreement with the imitated prompt", f"{text.percent(found['agreement'])} ({100 * low:.0f} to {100 * high:.0f}, {found['n']} rows)"),
        ("Prompt tokens", f"{found['tokens']} in place of {found['teacher_tokens']}, {found['teacher_tokens'] - found['tokens']} saved"),
        ("Prefill", f"{1000 * after:.0f} ms in place of {1000 * before:.0f} ms, {1 - after / before:.0%} saved" if before else ""),
    ]
    return f"<p>{text.safe(found['sentence'])}</p>{text.facts(pairs)}"


def seeds(view: RunView) -> str:
    """Every member's best step and what it scored there: seeds, or settings with their seeds; the kept one is marked."""
    members: list[dict[str, Any]] = view.finished["members"]
    kept, several = int(view.finished.get("member", 0)), len({one.get("setting", "") for one in members}) > 1
    rows: list[list[Any]] = [
        [f"{one['seed']}, kept" if at == kept else one["seed"], one["best_step"], text.number(one["nll"]), text.percent(one["accuracy"])]
        for at, one in enumerate(members)
    ]
    if several:
        rows = [[one["setting"], *row] for one, row in zip(members, rows, strict=True)]
    count = sum(one.get("setting", "") == members[kept].get("setting", "") for one in members)
    which = f"setting {members[kept]['setting']!r}, the best by its median seed; " if several else ""
    caption = f"Kept: {which}seed {members[kept]['seed']}" + (f", {WHY[count % 2 == 1].format(count=count)}." if count > 1 else ".")
    heads = [*(["Setting"] if several else []), "Seed", "Best step", "Validation loss (NLL)", "Accuracy"]
    numbers = range(2 if several else 1, len(heads))
    return text.table(heads, rows, numeric=tuple(numbers), caption=caption, mark=kept)


def folds(view: RunView) -> str:
    """How the step was chosen where there were too few rows for a validation part."""
    count = view.started.get("folds")
    return f"With so few rows the step was chosen by {count}-fold cross-validation, and all of them were learned from." if count else ""


def seconds(view: RunView) -> str:
    """What was estimated for the steps that were done, and what they took."""
    said, took = view.estimate, view.train_seconds
    if not said or took is None:
        return ""
    looks = 1 + -(-view.finished["step"] // view.run.spec.recipe.evaluate_every)
    expected = view.finished["step"] * said["step_seconds"] + looks * said["look_seconds"]
    early = f" ({text.duration(said['seconds'])} for all {view.run.steps} steps)" if view.finished["step"] < view.run.steps else ""
    return f"Training took {text.duration(took)}; estimated before the start: {text.duration(expected)}{early}."
