"""This project's training step: the trainer that a run uses, one optimiser step a call."""

from typing import Any

from benchmarks.batch import Batch
from benchmarks.learning import trainer_of
from steering.lm.frozen import FrozenLM
from steering.spec import Recipe
from steering.train.events import Step

STEPS = 5000
"""More than are ever asked for: the learning rate stays in its warm-up, the vectors near their start."""


class OurStep:
    """A call is one step on all rows of the batch: forward, backward, clipping, optimiser. The first also looks at the validation rows, and
    warms up."""

    def __init__(self, lm: FrozenLM, batch: Batch, name: str, virtual_tokens: int) -> None:
        recipe = Recipe(batch_size=len(batch.rows), steps=STEPS, evaluate_every=1000)
        values: dict[str, Any] = {"virtual_tokens": virtual_tokens}
        self.trainer = trainer_of(lm, name, batch.task, batch.rows, batch.validation, recipe, values)
        self._events = self.trainer.events()

    def __call__(self) -> float:
        """The training loss."""
        return next(event.loss for event in self._events if isinstance(event, Step))
