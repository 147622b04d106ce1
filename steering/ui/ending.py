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
    parts += [f'<p class="quiet">{text.safe(said)}</p>' for said in (folds(view), seconds(view)) if said]
    return f'<section class="card ending" aria-label="How training ended"><h3>How training ended</h3>{"".join(parts)}</section>'


def kept_step(view: RunView) -> str:
    """The best step against step 0."""
    best = view.finished["best_step"]
    looks = {look["step"]: look for look in view.validations}
    start, found = looks.get(0), looks.get(best)
    if start is None or found is None:
        return f"Step {best} is kept, the last one: there were no validation rows to choose by."
    if best == 0:
        return f"Step 0 is kept: no later step was better on the validation rows (loss {text.number(start['nll'], 2)})."
    said = f"Step {best} is kept: validation loss {text.number(found['nll'], 2)}, {text.number(start['nll'], 2)} at step 0"
    if found.get("accuracy") is not None:
        said += f"; accuracy {text.percent(found['accuracy'])}, {text.percent(start.get('accuracy'))} at step 0"
    return f"{said}."


def seeds(view: RunView) -> str:
    """Every seed's best step and what it scored there; the kept one is marked."""
    members: list[dict[str, Any]] = view.finished["members"]
    kept = int(view.finished.get("member", 0))
    rows = [
        [f"{one['seed']}, kept" if at == kept else one["seed"], one["best_step"], text.number(one["nll"]), text.percent(one["accuracy"])]
        for at, one in enumerate(members)
    ]
    why = WHY[len(members) % 2 == 1].format(count=len(members))
    caption = f"Kept: seed {members[kept]['seed']}, {why}."
    heads = ["Seed", "Best step", "Validation loss (NLL)", "Accuracy"]
    return text.table(heads, rows, numeric=(1, 2, 3), caption=caption, mark=kept)


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
