"""Training: a generator of typed events, one slice at a time. No files, clocks, threads or prints.

    trainer = Trainer(lm, steering, material, recipe, rate=0.05)
    for event in trainer.events(): ...
    trainer.best   # plain vectors of the best step, step 0 included

Whoever drives stops by not asking for the next event. ``state()`` right after a :class:`Step` or :class:`Validation`, and ``restore()`` later,
resume bit-equally on a CPU.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.errors import TrainingError
from steering.lm.encode import Encoded
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Labels, chunks, score_labels, score_targets, target_nll
from steering.methods.contract import Steering
from steering.spec import Recipe
from steering.train.events import Alarm, Event, Finished, Step, Tick, Validation
from steering.train.schedule import batch, learning_rate

BETAS = (0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Material:
    """What is learned from and what decides: encoded training and validation rows, and the label words (None for generation)."""

    train: Encoded
    validation: Encoded
    labels: Labels | None


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the rest of a run depends on: tensors and plain numbers."""

    tensors: dict[str, Tensor]
    numbers: dict[str, float]


class Trainer:
    """One run's state. ``rate`` is the peak learning rate relative to the scale of what is trained."""

    def __init__(self, lm: FrozenLM, steering: Steering, material: Material, recipe: Recipe, *, rate: float) -> None:
        self.lm, self.steering, self.material, self.recipe = lm, steering, material, recipe
        self.rate = rate if recipe.learning_rate is None else recipe.learning_rate
        self.parameters = steering.parameters()
        self.optimizer = torch.optim.AdamW(list(self.parameters.values()), lr=1.0, betas=BETAS, weight_decay=0.0)
        self.step = 0
        self.looked_step = -1
        self.best_step = -1
        self.best_nll = math.inf
        self.looks_since_best = 0
        self.best: dict[str, Tensor] = steering.vectors()
        self._last_loss = 0.0

    def events(self) -> Iterator[Event]:
        """Train to the end, or until nobody asks any more.

        Raises:
            TrainingError: the loss is not a number at step 0.
        """
        reason = "all steps done"
        while True:
            if self._due() and self.looked_step != self.step:
                yield from self._look()
                if self.best_step < 0:
                    raise TrainingError(
                        "the model gives no finite loss for your prompt and rows, before any training.",
                        "Try another model, or fp32 precision; if it is your own model, its weights may hold values that are not numbers.",
                    )
            if self.step >= self.recipe.steps:
                break
            if self.looks_since_best >= self.recipe.patience:
                reason = "validation stopped improving"
                break
            yield from self._one_step()
            if not math.isfinite(self._last_loss):
                reason = "the loss was no longer a number"
                yield Alarm(
                    step=self.step,
                    kind="not_finite",
                    message=f"At step {self.step} the loss was no longer a number; training stopped and step {self.best_step} is kept.",
                    hint=f"Lower the learning rate (now {self.rate:g}).",
                )
                break
        yield Finished(step=self.step, best_step=self.best_step, reason=reason)

    # -- one optimiser step -------------------------------------------------------------------------------------------------------------------
    def _one_step(self) -> Iterator[Event]:
        step = self.step + 1
        data = self.material.train
        rows = batch(self.recipe, data.truth, len(data.inputs), step)
        rate = learning_rate(self.recipe, self.rate, step)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.lm.device)
        for part in self._micro_batches(rows):
            loss = self._loss(part).sum() / len(rows)
            yield Tick()  # a person who waits for an answer waits for half a step at most
            loss.backward()
            total += loss.detach()
            yield Tick()
        drift = self.steering.drift()
        if self.recipe.anchor:
            (self.recipe.anchor * drift).backward()
        norm = torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.recipe.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss_value, norm_value, drift_value = torch.stack([total, norm.detach(), drift.detach()]).tolist()
        if math.isfinite(loss_value) and math.isfinite(norm_value):
            self.optimizer.step()
        self.step = step
        self._last_loss = loss_value if math.isfinite(norm_value) else math.nan
        if math.isfinite(self._last_loss):
            yield Step(step=step, loss=loss_value, learning_rate=rate, grad_norm=norm_value, drift=math.sqrt(drift_value))

    def _due(self) -> bool:
        """Whether the validation rows are looked at after this step; step 0 is the manual prompt itself."""
        return self.step % self.recipe.evaluate_every == 0 or self.step == self.recipe.steps

    def _micro_batches(self, rows: list[int]) -> Iterator[list[int]]:
        """Parts of the batch of about a second; the gradient is the whole batch's. Smaller parts would repeat the root more often and leave
        the matrix units half idle (measured: 1.3x slower at half the size)."""
        branches = [self._branch(row) for row in rows]
        for part in chunks(branches, max(1, self.lm.tokens_per_slice * 3 // 4)):
            yield [rows[i] for i in part]

    def _branch(self, row: int) -> Branch:
        data, labels = self.material.train, self.material.labels
        return labels.branch(data.inputs[row]) if labels else data.targets[row].branch()

    def _loss(self, rows: list[int]) -> Tensor:
        """[B] loss of some training rows."""
        data, labels = self.material.train, self.material.labels
        logits = self.lm.logits([Tree(self.steering.root(), tuple(self._branch(row) for row in rows))])
        if labels is None:
            return target_nll(logits, [data.targets[row] for row in rows])
        log_probs = labels.log_probs(logits)
        truth = torch.tensor([data.truth[row] for row in rows], device=log_probs.device)
        return label_loss(log_probs, truth, self.recipe.format_weight)

    # -- one look at the validation rows --------------------------------------------------------------------------------------------------------
    def _look(self) -> Iterator[Event]:
        root = self.steering.root().detach()
        nll, accuracy = 0.0, None
        for event in self._validate(root):
            if isinstance(event, Tick):
                yield event
            else:
                nll, accuracy = event
        self.looked_step = self.step
        better = math.isfinite(nll) and nll < self.best_nll
        if better:
            self.best_step, self.best_nll, self.best, self.looks_since_best = self.step, nll, self.steering.vectors(), 0
        else:
            self.looks_since_best += 1
        if math.isfinite(nll):
            yield Validation(step=self.step, nll=nll, accuracy=accuracy, best=better)

    def _validate(self, root: Root) -> Iterator[Tick | tuple[float, float | None]]:
        data, labels = self.material.validation, self.material.labels
        if labels is None:
            parts = []
            for _, part in score_targets(self.lm, root, data.targets):
                parts.append(part)
                yield Tick()
            yield float(torch.cat(parts).mean()), None
            return
        rows = []
        for _, log_probs in score_labels(self.lm, root, data.inputs, labels):
            rows.append(log_probs)
            yield Tick()
        log_probs = torch.cat(rows)
        truth = torch.tensor(data.truth)
        right = (log_probs.argmax(-1) == truth).float().mean()
        yield float(label_loss(log_probs, truth, 0.0).mean()), float(right)

    # -- checkpoints ----------------------------------------------------------------------------------------------------------------------------
    def state(self) -> State:
        """What :meth:`restore` needs; call it between steps."""
        tensors = {f"delta.{name}": p.detach().clone() for name, p in self.parameters.items()}
        tensors |= {f"best.{name}": t for name, t in self.best.items()}
        for name, p in self.parameters.items():
            for key, value in self.optimizer.state.get(p, {}).items():
                tensors[f"adam.{name}.{key}"] = value.detach().clone()
        numbers = {
            "step": self.step,
            "looked_step": self.looked_step,
            "best_step": self.best_step,
            "best_nll": self.best_nll,
            "looks_since_best": self.looks_since_best,
        }
        return State(tensors, numbers)

    def restore(self, state: State) -> None:
        """Continue exactly where ``state`` was taken."""
        self.step = int(state.numbers["step"])
        self.looked_step = int(state.numbers["looked_step"])
        self.best_step = int(state.numbers["best_step"])
        self.best_nll = float(state.numbers["best_nll"])
        self.looks_since_best = int(state.numbers["looks_since_best"])
        self.best = {name: state.tensors[f"best.{name}"].to(self.lm.device) for name in self.best}
        for name, p in self.parameters.items():
            with torch.no_grad():
                p.copy_(state.tensors[f"delta.{name}"])
            prefix = f"adam.{name}."
            kept = {key[len(prefix) :]: value for key, value in state.tensors.items() if key.startswith(prefix)}
            if kept:
                self.optimizer.state[p] = {key: value.clone() if key == "step" else value.to(p.device).clone() for key, value in kept.items()}


def label_loss(log_probs: Tensor, truth: Tensor, format_weight: float) -> Tensor:
    """[B] cross-entropy among the labels plus ``format_weight`` times the loss for giving any label at all (SCIENCE notes B2, Objective).

    ``log_probs`` [B, K] are the model's own, so exp of their sum is the mass on the labels; with weight 1 this is the full-vocabulary loss.
    """
    mass = log_probs.logsumexp(-1)
    chosen = log_probs.gather(1, truth[:, None])[:, 0]
    return (mass - chosen) - format_weight * mass
