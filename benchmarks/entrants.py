"""Who competes, behind one table: each entry makes a contestant from a trial."""

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.learning import learn
from benchmarks.sets import Trial
from steering.engine import contestants
from steering.engine.judging import Contestant
from steering.lm.frozen import FrozenLM
from steering.methods import LEARNED
from steering.spec import Recipe

Made = tuple[Contestant, dict[str, Any]]
"""A contestant, and what should stand in its row (steps, parameters)."""

Entrant = Callable[[FrozenLM, Trial, Recipe], Made]


def _entered(form: Callable[[Trial], str], lm: FrozenLM, trial: Trial, recipe: Recipe) -> Made:
    """A contestant of the command line; what is fitted is fitted on the trial's rows."""
    context = contestants.Context(trial.task, trial.train, [], trial.validation)
    return contestants.build(lm, form(trial), context), {}


def _learned(name: str, lm: FrozenLM, trial: Trial, recipe: Recipe) -> Made:
    found = learn(lm, name, trial.task, trial.train, trial.validation, recipe)
    facts = {"steps": found.steps, "best_step": found.best_step, "train_seconds": round(found.seconds, 2)}
    return contestants.learned(lm, name, found.root, f"{trial.name}/{trial.seed}"), facts


ENTRANTS: dict[str, Entrant] = {
    "none": partial(_entered, lambda trial: "none"),
    "manual": partial(_entered, lambda trial: f"prompt:{trial.task.prompt}"),
    "few_shot": partial(_entered, lambda trial: f"few-shot:{trial.demonstrations}"),
    "manual_bias": partial(_entered, lambda trial: "manual+bias"),
    "linear_probe": partial(_entered, lambda trial: "probe"),
    **{name: partial(_learned, name) for name in LEARNED},
}

SEEDLESS = frozenset({"none", "manual"})
"""Contestants that see no training rows: every seed gives the same answers, so they are judged once, with the first seed."""

LABELS_ONLY = frozenset({"manual_bias", "linear_probe"})
"""Contestants that exist for classification only."""
