"""From a run's specification to a trainer at step 0: rows encoded, one steering a seed, objectives for training and validation rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from steering.engine import contestants
from steering.errors import DataError
from steering.lm.encode import encode_examples
from steering.lm.frozen import FrozenLM
from steering.methods import Setting, method, options
from steering.methods.contract import Steering
from steering.spec import SIDES, Example, RunSpec, Side
from steering.train.objective import objective
from steering.train.trainer import Material, Member, Trainer

Sides = dict[Side, list[Example]]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run at step 0. ``looked_at``: the validation rows that decide; ``cut``: rows that were shortened to fit."""

    trainer: Trainer
    steerings: tuple[Steering, ...]
    looked_at: tuple[Example, ...]
    cut: int

    @property
    def watched(self) -> list[Example]:
        """The rows that are answered again at every look."""
        return [self.looked_at[row] for row in self.trainer.watched]


def sides(examples: Sequence[Example]) -> Sides:
    """Rows by the side they lie on."""
    return {side: [e for e in examples if e.side == side] for side in SIDES}


def begin(lm: FrozenLM, spec: RunSpec, by_side: Sides, folders: list[Path]) -> Beginning:
    """Encode the rows and build the method once for every seed.

    Raises:
        DataError: a method that learns nothing; and what the method, the template and the label words raise.
    """
    chosen = method(spec.method)
    seeds = [replace(spec.recipe, seed=spec.recipe.seed + i) for i in range(spec.seeds)]
    saved = partial(contestants.saved_start, lm, folders)
    steerings = tuple(
        chosen.build(lm, Setting(spec.task, by_side["train"], recipe.seed, saved), options(spec.method, spec.options)) for recipe in seeds
    )
    if not steerings[0].parameters():
        raise DataError(f"method {spec.method!r} learns nothing.", "Choose a learned method; manual and few-shot are contestants, not runs.")
    length = max(steering.root().length for steering in steerings)
    looked_at = thin(by_side["validation"], spec.recipe.validation_rows)
    train, validation = (encode_examples(lm, spec.task, rows, length) for rows in (by_side["train"], looked_at))
    weight = spec.recipe.format_weight
    material = Material(objective(lm, spec.task, train, weight), objective(lm, spec.task, validation, weight) if looked_at else None)
    members = [Member(lm, steering, material, recipe, rate=chosen.rate) for steering, recipe in zip(steerings, seeds, strict=True)]
    return Beginning(Trainer(lm, members, spec.recipe), steerings, tuple(looked_at), train.cut + validation.cut)


def thin(rows: Sequence[Example], most: int) -> list[Example]:
    """At most ``most`` validation rows, classes in their proportion: chosen by key, so that the same rows are looked at every time."""
    if len(rows) <= most:
        return list(rows)
    piles: dict[str, list[Example]] = {}
    for row in sorted(rows, key=lambda e: e.key):
        piles.setdefault(row.target, []).append(row)
    ranked = sorted((i / len(pile), row.key, row) for pile in piles.values() for i, row in enumerate(pile))
    return [row for _, _, row in ranked[:most]]
