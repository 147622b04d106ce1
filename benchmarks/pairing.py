"""Both sides on the same rows from the same vectors: what is timed, and whether their gradients are the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.batch import Batch
from benchmarks.ours import OurStep
from benchmarks.theirs import FLAT, PeftStep, Vectors
from steering.lm.encode import Encoded, encode_examples, encode_labels
from steering.lm.forest import Tree
from steering.lm.frozen import FrozenLM
from steering.lm.scoring import Ids, Labels
from steering.methods import Setting, method, options
from steering.methods.forms import root_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Vectors of a method at step 0, and the encoded batch under them."""

    name: str
    vectors: Vectors
    length: int
    data: Encoded
    labels: Labels

    @property
    def answers(self) -> list[Ids]:
        """The true answer of every row, as it is scored."""
        words = self.labels.full()
        return [words[number] for number in self.data.truth]

    @property
    def tokens(self) -> int:
        """Tokens of one step, the prompt counted once: what must be computed at least. A prefix has none of its own."""
        own = self.length if next(iter(self.vectors.values())).dim() == 2 else 0
        return own + sum(map(len, self.data.inputs))


def start_of(lm: FrozenLM, batch: Batch, name: str, virtual_tokens: int) -> Start:
    """Where both sides begin."""
    steering = method(name).build(lm, Setting(batch.task, batch.rows), options(name, {"virtual_tokens": virtual_tokens}))
    length = steering.root().length
    data = encode_examples(lm, batch.task, batch.rows, length)
    return Start(name=name, vectors=steering.vectors(), length=length, data=data, labels=encode_labels(lm, batch.task))


def ours(lm: FrozenLM, batch: Batch, name: str, virtual_tokens: int) -> Callable[[], float]:
    """This project's step."""
    return OurStep(lm, batch, name, virtual_tokens)


def theirs(base: Any, lm: FrozenLM, start: Start) -> PeftStep:
    """PEFT's step on the same rows."""
    return PeftStep(base, start.name, start.vectors, start.data.inputs, start.answers, lm)


def gradient(lm: FrozenLM, start: Start) -> Tensor:
    """Our gradient of the mean loss of an answer token, in PEFT's layout: through the packed row that a step runs."""
    leaves = {name: t.clone().requires_grad_(True) for name, t in start.vectors.items()}
    branches = tuple(start.labels.branch(ids) for ids in start.data.inputs)
    log_probs = start.labels.log_probs(lm.logits([Tree(root_of(lm, leaves), branches)]))
    chosen = log_probs.gather(1, torch.tensor(start.data.truth, device=lm.device)[:, None])
    (-chosen.sum() / sum(map(len, start.answers))).backward()
    grads = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    return FLAT[start.name][1](grads)


def relative_error(ours: Tensor, reference: Tensor) -> float:
    """Length of the difference relative to the length of the reference."""
    return float((ours - reference).norm() / reference.norm())
