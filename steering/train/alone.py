"""One method, one seed, some rows: the trainer of a reference, a learning curve or a benchmark."""

from collections.abc import Callable, Sequence
from typing import Any

from steering.lm.encode import encode_examples
from steering.lm.frozen import FrozenLM
from steering.methods import Saved, Setting, method, options
from steering.spec import Example, Recipe, TaskSpec
from steering.train.objective import objective
from steering.train.trainer import Material, Member, Trainer


def alone(
    lm: FrozenLM,
    name: str,
    task: TaskSpec,
    train: Sequence[Example],
    validation: Sequence[Example],
    recipe: Recipe,
    values: dict[str, Any] | None = None,
    saved: Callable[[str], Saved] | None = None,
) -> Trainer:
    """A trainer at step 0, with the method's own rate unless the recipe has one. ``values``: the method's options.

    Raises:
        SpecError, TemplateError: options, prompt or label words do not fit.
    """
    chosen = method(name)
    steering = chosen.build(lm, Setting(task, train, recipe.seed, saved), options(name, values or {}))
    length = steering.root().length
    encoded = (encode_examples(lm, task, rows, length) for rows in (train, validation))
    material = Material(*(objective(lm, task, rows, recipe.format_weight) for rows in encoded))
    return Trainer(lm, [Member(lm, steering, material, recipe, rate=chosen.rate)], recipe)
