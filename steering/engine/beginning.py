"""From a run's specification to a trainer at step 0: rows encoded, one steering a seed, objectives for training and validation rows."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from steering.data import folds
from steering.engine import contestants
from steering.engine.plans import Plan, plans
from steering.engine.rows import thin
from steering.engine.teaching import Lesson, taught
from steering.errors import DataError
from steering.lm.encode import encode_examples
from steering.lm.frozen import FrozenLM
from steering.methods import Setting, method, options
from steering.methods.contract import Steering
from steering.spec import SIDES, Example, RunSpec, Side
from steering.store import Dataset
from steering.train.objective import Objective, objective
from steering.train.trainer import Material, Member, Trainer

Sides = dict[Side, list[Example]]
Beginner = Callable[[], Trainer]

FEW = 64
"""Rows below which cross-validation decides on the number of steps (SCIENCE notes B3)."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run at step 0. ``looked_at``: the validation rows that decide; ``cut``: rows that were shortened to fit; ``fresh`` makes the same trainer
    once more; ``lesson``: what a teacher gave, where one is imitated; ``parts``: the rows of every fold, where folds decide."""

    by_side: Sides
    trainer: Trainer
    steerings: tuple[Steering, ...]
    looked_at: tuple[Example, ...]
    cut: int
    fresh: Beginner
    lesson: Lesson | None
    plans: tuple[Plan, ...]
    parts: tuple[tuple[Example, ...], ...]

    @property
    def kept(self) -> tuple[Plan, Steering]:
        """What is kept: how it was asked for, and its start."""
        return self.plans[self.trainer.chosen], self.steerings[self.trainer.chosen]

    @property
    def watched(self) -> list[Example]:
        """The rows that are answered again at every look."""
        return [self.looked_at[row] for row in self.trainer.watched]


def sides(examples: Sequence[Example]) -> Sides:
    """Rows by the side they lie on."""
    return {side: [e for e in examples if e.side == side] for side in SIDES}


def begin(lm: FrozenLM, spec: RunSpec, dataset: Dataset, folders: list[Path], inputs: Sequence[str] = ()) -> Generator[None, None, Beginning]:
    """Encode the rows, ask the teacher if there is one, and build the method once for every seed. ``inputs``: texts without labels.

    A validation file of the person's own decides, however short it is; otherwise folds do where there are few rows.

    Raises:
        DataError: a method that learns nothing; and what the method, the template and the label words raise.
    """
    by_side = sides(dataset.examples)
    own = bool(dataset.reading.get("extra"))  # files of the person's own say what decides and what judges
    if dataset.report.get("cross_validate") and spec.recipe.folds and not (own or spec.variants or spec.imitate):
        by_side = {"train": list(dataset.examples), "validation": [], "test": []}  # every row learns, and every row is judged by a fold
    build = partial(_steerings, lm, spec, by_side, folders)
    steerings = build()
    if not all(steering.parameters() for steering in steerings):
        raise DataError(f"method {spec.method!r} learns nothing.", "Choose a learned method; manual and few-shot are contestants, not runs.")
    length = max(steering.root().length for steering in steerings)
    parts: tuple[tuple[Example, ...], ...] = ()
    lesson, few = None, by_side["train"] + by_side["validation"]
    if spec.imitate:
        context = contestants.Context(spec.task, by_side["train"], folders, by_side["validation"])
        teacher = contestants.build(lm, spec.imitate, context)
        lesson = yield from taught(lm, spec, teacher, by_side, inputs, length)
        materials, looked_at, cut = [lesson.material], lesson.looked_at, lesson.cut
    elif not spec.variants and 0 < spec.recipe.folds <= len(few) < FEW and not own:
        parts = parts_of(spec, few, dataset.report.get("groups") or {})
        materials, cut = _folded(lm, spec, few, parts, length)
        looked_at = parts[0]
    else:
        looked_at = tuple(thin(by_side["validation"], spec.recipe.validation_rows))
        if not looked_at:
            raise DataError("there are no validation rows, and nothing else decides when to stop.", "Give more rows, or a validation file.")
        made, cut = _objectives(lm, spec, (by_side["train"], looked_at), length)
        materials = [Material(made[0], made[1])]
    fresh = partial(_trainer, lm, spec, materials)
    return Beginning(by_side, fresh(build), steerings, looked_at, cut, partial(fresh, build), lesson, tuple(plans(spec)), parts)


def _steerings(lm: FrozenLM, spec: RunSpec, by_side: Sides, folders: list[Path]) -> tuple[Steering, ...]:
    """One for every plan, in their order."""
    saved = partial(contestants.saved_start, lm, folders)
    return tuple(
        method(one.method).build(lm, Setting(spec.task, by_side["train"], one.recipe.seed, saved), options(one.method, one.options))
        for one in plans(spec)
    )


def _objectives(lm: FrozenLM, spec: RunSpec, parts: Sequence[Sequence[Example]], length: int) -> tuple[list[Objective], int]:
    """What each part of the rows asks, and how many rows were shortened."""
    encoded = [encode_examples(lm, spec.task, part, length) for part in parts]
    return [objective(lm, spec.task, rows, spec.recipe.format_weight) for rows in encoded], sum(rows.cut for rows in encoded)


def parts_of(spec: RunSpec, rows: Sequence[Example], groups: dict[str, str]) -> tuple[tuple[Example, ...], ...]:
    """The rows of every fold, stratified, those of a group in one; no more folds than there are groups.

    Raises:
        SpecError: all rows are one group.
    """
    count = min(spec.recipe.folds, len({groups.get(row.key, row.key) for row in rows}))
    where = folds(rows, count, spec.recipe.seed, kind=spec.task.kind, groups=groups)
    return tuple(tuple(row for row, at in zip(rows, where, strict=True) if at == fold) for fold in range(count))


def _folded(lm: FrozenLM, spec: RunSpec, rows: Sequence[Example], parts: Sequence[Sequence[Example]], length: int) -> tuple[list[Material], int]:
    """All rows to learn from, then every fold: the others to learn from, its own to be looked at."""
    whole, cut = _objectives(lm, spec, [rows], length)
    learned, _ = _objectives(lm, spec, [[row for row in rows if row not in part] for part in parts], length)
    looked, _ = _objectives(lm, spec, parts, length)
    return [Material(whole[0], None), *map(Material, learned, looked)], cut


def _trainer(lm: FrozenLM, spec: RunSpec, materials: Sequence[Material], build: Callable[[], tuple[Steering, ...]]) -> Trainer:
    """A member for every plan, which learn from the first material, and one of the first plan for every fold."""

    def member(steering: Steering, material: Material, one: Plan) -> Member:
        return Member(lm, steering, material, one.recipe, rate=method(one.method).rate, setting=one.setting)

    wanted = plans(spec)
    members = [member(steering, materials[0], one) for steering, one in zip(build(), wanted, strict=True)]
    members += [member(build()[0], fold, wanted[0]) for fold in materials[1:]]
    return Trainer(lm, members, spec.recipe, folds=len(materials) - 1)
