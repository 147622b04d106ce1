"""One of the vectors that are trained together: a seed, a learning rate or a fold, with its own rows, optimiser and best step.

What is looked at and kept is the running mean of the vectors over the steps, not the last step's: batches are small, so single steps jump about,
and the early stop leaves the learning rate high (Polyak & Juditsky 1992; for networks Izmailov et al. 2018, https://arxiv.org/abs/1803.05407).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.contract import Steering
from steering.methods.forms import root_of
from steering.spec import Recipe
from steering.train.events import MemberEnd, Tick
from steering.train.objective import Measured, Objective
from steering.train.schedule import batch

BETAS = (0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Material:
    """What is learned from and what decides. ``validation`` None: folds decide."""

    train: Objective
    validation: Objective | None


class Member:
    """State of one member. ``rate`` is the peak learning rate relative to the scale of what is trained; ``recipe.seed`` orders its rows;
    ``setting`` names what it shares with other seeds and not with other settings."""

    def __init__(self, lm: FrozenLM, steering: Steering, material: Material, recipe: Recipe, *, rate: float, setting: str = "") -> None:
        self.setting = setting
        self.lm, self.steering, self.material, self.recipe = lm, steering, material, recipe
        self.rate = rate if recipe.learning_rate is None else recipe.learning_rate
        self.parameters = steering.parameters()
        self.optimizer = torch.optim.AdamW(list(self.parameters.values()), lr=1.0, betas=BETAS, weight_decay=0.0)
        self.best_step, self.best_nll = -1, math.inf
        self.best_accuracy: float | None = None
        self.looked_step, self.looks_since_best = -1, 0
        self.ended = ""  # why it trains no more
        self.mean: dict[str, Tensor] = steering.vectors()
        self.best: dict[str, Tensor] = steering.vectors()
        self.total = torch.zeros((), device=lm.device)

    # -- one optimiser step -------------------------------------------------------------------------------------------------------------------
    def rows(self, step: int) -> list[int]:
        """Training rows of ``step`` (1-based)."""
        return batch(self.recipe, self.material.train.strata, len(self.material.train), step)

    def begin(self) -> None:
        """Forget the last step's gradient."""
        self.optimizer.zero_grad(set_to_none=True)
        self.total = torch.zeros((), device=self.lm.device)

    def measured(self) -> Tensor:
        """After the backward passes: anchor added and gradient shortened; [loss, gradient norm, mean squared drift] on the device."""
        drift = self.steering.drift()
        if self.recipe.anchor:
            (self.recipe.anchor * drift).backward()
        norm = torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.recipe.clip)
        return torch.stack([self.total, norm.detach(), drift.detach()])

    def move(self, rate: float) -> None:
        """The optimiser's step, and the mean's."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        for name, now in self.steering.vectors().items():
            self.mean[name].lerp_(now, 1.0 - self.recipe.average)

    def vectors(self) -> dict[str, Tensor]:
        """The mean as it is now: plain vectors, fp32, by name."""
        return {name: t.clone() for name, t in self.mean.items()}

    def root(self) -> Root:
        """:meth:`vectors` as the model is given them, without gradient."""
        return root_of(self.lm, self.mean).detach()

    # -- one look -----------------------------------------------------------------------------------------------------------------------------
    def look(self) -> Iterator[Tick | Measured]:
        """The validation rows under the mean as it is now."""
        assert self.material.validation is not None
        yield from self.material.validation.measure(self.lm, self.root())

    def record(self, step: int, measured: Measured) -> bool:
        """Whether this is the best look so far; it is then kept."""
        better = math.isfinite(measured.nll) and measured.nll < self.best_nll
        if better:
            self.keep(step)
            self.best_nll, self.best_accuracy = measured.nll, measured.accuracy
        else:
            self.looks_since_best += 1
            if self.looks_since_best >= self.recipe.patience:
                self.ended = "validation stopped improving"
        return better

    def keep(self, step: int) -> None:
        """The mean of now is the best."""
        self.best_step, self.best, self.looks_since_best = step, self.vectors(), 0

    def revive(self) -> None:
        """Train on, after the end: what was best stays so until something is better."""
        self.ended, self.looks_since_best = "", 0

    def end(self) -> MemberEnd:
        return MemberEnd(seed=self.recipe.seed, setting=self.setting, best_step=self.best_step, nll=self.best_nll, accuracy=self.best_accuracy)

    # -- checkpoints --------------------------------------------------------------------------------------------------------------------------
    def tensors(self) -> dict[str, Tensor]:
        """Everything of this member that is a tensor."""
        kept = {f"now.{name}": p.detach().clone() for name, p in self.parameters.items()}
        kept |= {f"best.{name}": t for name, t in self.best.items()} | {f"mean.{name}": t for name, t in self.vectors().items()}
        for name, p in self.parameters.items():
            for key, value in self.optimizer.state.get(p, {}).items():
                kept[f"adam.{name}.{key}"] = value.detach().clone()
        return kept

    def numbers(self) -> dict[str, Any]:
        """Everything else."""
        names = ("looked_step", "best_step", "best_nll", "best_accuracy", "looks_since_best", "ended")
        return {name: getattr(self, name) for name in names}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Continue where :meth:`tensors` and :meth:`numbers` were taken."""
        for name, value in numbers.items():
            setattr(self, name, value)
        self.best = {name: tensors[f"best.{name}"].to(t.device) for name, t in self.best.items()}
        self.mean = {name: tensors[f"mean.{name}"].to(t.device).clone() for name, t in self.mean.items()}
        for name, p in self.parameters.items():
            with torch.no_grad():
                p.copy_(tensors[f"now.{name}"])
            prefix = f"adam.{name}."
            kept = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
            if kept:
                self.optimizer.state[p] = {key: value.clone() if key == "step" else value.to(p.device).clone() for key, value in kept.items()}
