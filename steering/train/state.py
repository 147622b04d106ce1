"""Checkpoints: everything that the rest of a run depends on, as tensors and plain JSON values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from steering.train.events import Step, Validation

LAYOUT = 4
"""Of :class:`State`: what another layout wrote is not read."""


@dataclass(frozen=True, slots=True)
class State:
    """Tensors by member and name (``0.best.soft_prompt``), and numbers."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]

    def of(self, member: int) -> dict[str, Tensor]:
        """One member's tensors."""
        prefix = f"{member}."
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def best_of(state: State) -> dict[str, Tensor]:
    """The vectors that a checkpoint would keep."""
    return {name.removeprefix("best."): t for name, t in state.of(state.numbers["chosen"]).items() if name.startswith("best.")}


def said(steps: Sequence[Sequence[Step]], looks: Sequence[Sequence[Validation]]) -> dict[str, Any]:
    """What members said, as short lists: alarms look back at it."""
    return {
        "steps": [[[s.step, s.loss, s.learning_rate, s.grad_norm, s.drift] for s in mine] for mine in steps],
        "looks": [[[v.step, v.nll, v.accuracy, v.mass, v.balance, v.best] for v in mine] for mine in looks],
    }


def heard(numbers: dict[str, Any]) -> tuple[list[list[Step]], list[list[Validation]]]:
    """The inverse of :func:`said`."""
    steps = [
        [Step(step=s, member=i, loss=loss, learning_rate=rate, grad_norm=norm, drift=drift) for s, loss, rate, norm, drift in mine]
        for i, mine in enumerate(numbers["steps"])
    ]
    looks = [
        [
            Validation(step=s, member=i, nll=nll, accuracy=accuracy, mass=mass, balance=balance, best=best)
            for s, nll, accuracy, mass, balance, best in mine
        ]
        for i, mine in enumerate(numbers["looks"])
    ]
    return steps, looks
