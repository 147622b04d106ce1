"""Training a method exactly as a run of the app does: its own start, default rate, recipe, and stopping by validation."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from steering.engine.beginning import begin
from steering.engine.rows import thin
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.forms import root_of
from steering.slices import finished
from steering.spec import Example, Recipe, RunSpec, TaskSpec
from steering.store import Dataset
from steering.train.alone import alone
from steering.train.trainer import Trainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What training gave: the root of the best step, and what it took."""

    root: Root
    steps: int
    best_step: int
    seconds: float


def trainer_of(
    lm: FrozenLM,
    name: str,
    task: TaskSpec,
    train: Sequence[Example],
    validation: Sequence[Example],
    recipe: Recipe,
    values: dict[str, Any] | None = None,
) -> Trainer:
    """The trainer of a run at step 0; ``values``: the method's options."""
    return alone(lm, name, task, train, thin(validation, recipe.validation_rows), recipe, values)


def learn(lm: FrozenLM, name: str, task: TaskSpec, train: Sequence[Example], validation: Sequence[Example], recipe: Recipe) -> Learned:
    """Train to the end, begun as the app begins a run: where there are few rows, folds decide and every row is learned from."""
    start = time.perf_counter()
    rows = tuple(replace(row, side=side) for side, many in (("train", train), ("validation", validation)) for row in many)
    spec = RunSpec(name=name, dataset="benchmark", task=task, method=name, model=lm.id, recipe=recipe)
    dataset = Dataset(digest="benchmark", name="benchmark", created=0.0, report={}, examples=rows)
    trainer = finished(begin(lm, spec, dataset, [])).trainer
    for _ in trainer.events():
        pass
    return Learned(root=root_of(lm, trainer.best).detach(), steps=trainer.step, best_step=trainer.best_step, seconds=time.perf_counter() - start)
