"""From a run's specification to a trainer at step 0: rows encoded, one steering a seed, objectives for training and validation rows."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from steering.engine import contestants
from steering.engine.rows import thin
from steering.engine.teaching import Lesson, taught
from steering.errors import DataError
from steering.lm.encode import encode_examples
from steering.lm.frozen import FrozenLM
from steering.methods import Setting, method, options
from steering.methods.contract import Steering
from steering.spec import SIDES, Example, Recipe, RunSpec, Side
from steering.train.objective import objective
from steering.train.trainer import Material, Member, Trainer

Sides = dict[Side, list[Example]]
Beginner = Callable[[], Trainer]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run at step 0. ``looked_at``: the validation rows that decide; ``cut``: rows that were shortened to fit; ``fresh`` makes the same trainer
    once more; ``lesson``: what a teacher gave, where one is imitated."""

    trainer: Trainer
    steerings: tuple[Steering, ...]
    looked_at: tuple[Example, ...]
    cut: int
    fresh: Beginner
    lesson: Lesson | None

    @property
    def watched(self) -> list[Example]:
        """The rows that are answered again at every look."""
        return [self.looked_at[row] for row in self.trainer.watched]


def sides(examples: Sequence[Example]) -> Sides:
    """Rows by the side they lie on."""
    return {side: [e for e in examples if e.side == side] for side in SIDES}


def begin(lm: FrozenLM, spec: RunSpec, by_side: Sides, folders: list[Path], inputs: Sequence[str] = ()) -> Generator[None, None, Beginning]:
    """Encode the rows, ask the teacher if there is one, and build the method once for every seed. ``inputs``: texts without labels.

    Raises:
        DataError: a method that learns nothing; and what the method, the template and the label words raise.
    """
    build = partial(_steerings, lm, spec, by_side, folders)
    steerings = build()
    if not steerings[0].parameters():
        raise DataError(f"method {spec.method!r} learns nothing.", "Choose a learned method; manual and few-shot are contestants, not runs.")
    length = max(steering.root().length for steering in steerings)
    lesson = None
    if spec.imitate:
        context = contestants.Context(spec.task, by_side["train"], folders, by_side["validation"])
        teacher = contestants.build(lm, spec.imitate, context)
        lesson = yield from taught(lm, spec, teacher, by_side, inputs, length)
        material, looked_at, cut = lesson.material, lesson.looked_at, lesson.cut
    else:
        looked_at = tuple(thin(by_side["validation"], spec.recipe.validation_rows))
        train, validation = (encode_examples(lm, spec.task, rows, length) for rows in (by_side["train"], looked_at))
        weight, cut = spec.recipe.format_weight, train.cut + validation.cut
        material = Material(objective(lm, spec.task, train, weight), objective(lm, spec.task, validation, weight) if looked_at else None)
    fresh = partial(_trainer, lm, spec, material)
    return Beginning(fresh(steerings), steerings, looked_at, cut, lambda: fresh(build()), lesson)


def _steerings(lm: FrozenLM, spec: RunSpec, by_side: Sides, folders: list[Path]) -> tuple[Steering, ...]:
    saved = partial(contestants.saved_start, lm, folders)
    settings = [Setting(spec.task, by_side["train"], recipe.seed, saved) for recipe in seeds(spec)]
    return tuple(method(spec.method).build(lm, setting, options(spec.method, spec.options)) for setting in settings)


def _trainer(lm: FrozenLM, spec: RunSpec, material: Material, steerings: Sequence[Steering]) -> Trainer:
    rate = method(spec.method).rate
    members = [Member(lm, steering, material, recipe, rate=rate) for steering, recipe in zip(steerings, seeds(spec), strict=True)]
    return Trainer(lm, members, spec.recipe)


def seeds(spec: RunSpec) -> list[Recipe]:
    """The recipe of every seed."""
    return [replace(spec.recipe, seed=spec.recipe.seed + i) for i in range(spec.seeds)]
