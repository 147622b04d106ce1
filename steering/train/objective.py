"""What rows ask of the model, and how far its answers are from it. One class an objective, behind one contract.

An objective turns a row into branches of the forest, and the logits graded there into a loss; ``measure`` is its look at all of its rows.
"""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from steering.lm.encode import Encoded, scoring
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root
from steering.lm.scoring import Family, Scoring, score_labels, score_targets, target_nll
from steering.spec import Kind, TaskSpec
from steering.train.events import Answer, Tick

WATCHED = 3
"""Validation rows that are answered again at every look."""

WATCHED_TOKENS = 24
"""Longest answer to a watched row: enough to see what it becomes, and not much time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A look at all rows: mean NLL, and for label words the accuracy, the mean mass on any label word, the share of the most frequent answer,
    that share among the true labels, and [N, K] label log-probabilities on the CPU."""

    nll: float
    accuracy: float | None = None
    mass: float | None = None
    balance: float | None = None
    true_balance: float | None = None
    log_probs: Tensor | None = None


class Objective(Protocol):
    """Rows with what is asked of them. ``strata``: each row's class, for balanced batches; empty where there are no classes."""

    @property
    def strata(self) -> Sequence[int]: ...

    def __len__(self) -> int: ...

    def family(self, row: int) -> Family:
        """The row as the model reads it."""
        ...

    def positions(self, row: int) -> int:
        """Logits that are graded for it."""
        ...

    def loss(self, logits: Tensor, rows: Sequence[int]) -> Tensor:
        """[B] losses of ``rows`` from their graded logits, row after row. Differentiable."""
        ...

    def measure(self, lm: FrozenLM, root: Root) -> Iterator[Tick | Measured]:
        """All rows under ``root``, without gradient: ticks, and the result last."""
        ...

    def answer(self, lm: FrozenLM, root: Root, rows: Sequence[int], measured: Measured) -> Iterator[Tick | tuple[Answer, ...]]:
        """What ``root`` answers to some rows: ticks, and the answers last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRows:
    """Rows that are answered with label words: what :class:`Choice` and imitation share."""

    data: Encoded
    labels: Scoring
    format_weight: float

    def __len__(self) -> int:
        return len(self.data.inputs)

    def family(self, row: int) -> Family:
        return self.labels.family(self.data.inputs[row])

    def positions(self, row: int) -> int:
        return self.labels.graded(self.data.inputs[row])

    def scores(self, logits: Tensor, rows: Sequence[int]) -> Tensor:
        """[B, K] label log-probabilities of ``rows``."""
        return self.labels.scores(logits, [self.data.inputs[row] for row in rows])

    def answer(self, lm: FrozenLM, root: Root, rows: Sequence[int], measured: Measured) -> Iterator[Tick | tuple[Answer, ...]]:
        yield label_answers(rows, measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(LabelRows):
    """Classification: cross-entropy among the label words, plus ``format_weight`` times the loss for answering with any of them."""

    @property
    def strata(self) -> Sequence[int]:
        return self.data.truth

    def loss(self, logits: Tensor, rows: Sequence[int]) -> Tensor:
        log_probs = self.scores(logits, rows)
        return label_loss(log_probs, self.truth(rows, log_probs.device), self.format_weight)

    def truth(self, rows: Sequence[int], device: torch.device) -> Tensor:
        """[B] numbers of the right labels."""
        return torch.tensor([self.data.truth[row] for row in rows], device=device)

    def measure(self, lm: FrozenLM, root: Root) -> Iterator[Tick | Measured]:
        log_probs = yield from label_scores(lm, root, self.data, self.labels)
        truth = torch.tensor(self.data.truth, device="cpu")  # beside the scores, which are on the CPU
        guess = log_probs.argmax(-1)
        yield Measured(
            nll=float(label_loss(log_probs, truth, 0.0).mean()),
            accuracy=float((guess == truth).float().mean()),
            mass=mean_mass(log_probs) if self.labels.shares else None,
            balance=largest_share(guess),
            true_balance=largest_share(truth),
            log_probs=log_probs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained(Choice):
    """Classification by channel: cross-entropy among the labels for how likely each makes the input, plus ``format_weight`` times the mean NLL of a
    token of the input behind the right label, which Min et al. 2022 train alone
    (https://arxiv.org/abs/2108.04106)."""

    def loss(self, logits: Tensor, rows: Sequence[int]) -> Tensor:
        log_probs = self.scores(logits, rows)
        truth = self.truth(rows, log_probs.device)
        tokens = torch.tensor([self.positions(row) // log_probs.shape[1] for row in rows], device=log_probs.device)
        return label_loss(log_probs, truth, 0.0) - self.format_weight * log_probs.gather(1, truth[:, None])[:, 0] / tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Generation: the mean NLL of a target token, the end token included."""

    data: Encoded
    stop_newline: bool = True

    @property
    def strata(self) -> Sequence[int]:
        return ()

    def __len__(self) -> int:
        return len(self.data.targets)

    def family(self, row: int) -> Family:
        return Family((self.data.targets[row].branch(),))

    def positions(self, row: int) -> int:
        return len(self.data.targets[row].target)

    def loss(self, logits: Tensor, rows: Sequence[int]) -> Tensor:
        return target_nll(logits, [self.data.targets[row] for row in rows])

    def measure(self, lm: FrozenLM, root: Root) -> Iterator[Tick | Measured]:
        parts = []
        for _, part in score_targets(lm, root, self.data.targets):
            parts.append(part)
            yield Tick()
        yield Measured(nll=float(torch.cat(parts).mean()))

    def answer(self, lm: FrozenLM, root: Root, rows: Sequence[int], measured: Measured) -> Iterator[Tick | tuple[Answer, ...]]:
        with torch.no_grad():
            shared = lm.to_kv(root)
        texts = ["" for _ in rows]
        decoding = Decoding(max_new_tokens=WATCHED_TOKENS, stop_newline=self.stop_newline)
        for answers in generate(lm, [(shared, self.data.targets[row].ids) for row in rows], decoding):
            texts = [answer.text for answer in answers]
            yield Tick()
        yield tuple(Answer(row=row, text=text) for row, text in zip(rows, texts, strict=True))


def mean(found: Sequence[Measured]) -> Measured:
    """The folds' looks as one, every fold alike; no number where there is no fold left."""
    if not found:
        return Measured(nll=math.nan)

    def of(name: str) -> float | None:
        values = [getattr(one, name) for one in found]
        return None if None in values else sum(values) / len(values)

    return Measured(
        nll=sum(one.nll for one in found) / len(found),
        accuracy=of("accuracy"),
        mass=of("mass"),
        balance=of("balance"),
        true_balance=of("true_balance"),
    )


def watched_rows(objective: Objective) -> tuple[int, ...]:
    """The rows to watch: the first of every class in turn, at most :data:`WATCHED`."""
    seen: dict[int, int] = {}
    ranked = []
    for row in range(len(objective)):
        stratum = objective.strata[row] if objective.strata else 0
        ranked.append((seen.get(stratum, 0), row))
        seen[stratum] = seen.get(stratum, 0) + 1
    return tuple(sorted(row for _, row in sorted(ranked)[:WATCHED]))


def label_answers(rows: Sequence[int], measured: Measured) -> tuple[Answer, ...]:
    """Label and shares of some rows out of the look at all of them."""
    assert measured.log_probs is not None
    shares = torch.softmax(measured.log_probs[list(rows)], -1)
    return tuple(Answer(row=row, label=int(one.argmax()), shares=tuple(one.tolist())) for row, one in zip(rows, shares, strict=True))


def label_loss(log_probs: Tensor, truth: Tensor, format_weight: float) -> Tensor:
    """[B] cross-entropy among the labels plus ``format_weight`` times the loss for giving any label at all (SCIENCE notes B2, Objective).

    ``log_probs`` [B, K] are the model's own, so exp of their sum is the mass on the labels; with weight 1 this is the full-vocabulary loss.
    """
    mass = log_probs.logsumexp(-1)
    chosen = log_probs.gather(1, truth[:, None])[:, 0]
    return (mass - chosen) - format_weight * mass


def label_scores(lm: FrozenLM, root: Root, data: Encoded, labels: Scoring) -> Generator[Tick, None, Tensor]:
    """[N, K] label log-probabilities of all rows on the CPU."""
    rows = []
    for _, log_probs in score_labels(lm, root, data.inputs, labels):
        rows.append(log_probs)
        yield Tick()
    return torch.cat(rows)


def mean_mass(log_probs: Tensor) -> float:
    """Mean probability of any label word at all, from [N, K] log-probabilities of one distribution."""
    return float(log_probs.logsumexp(-1).exp().mean())


def largest_share(labels: Tensor) -> float:
    """Share of the most frequent label number."""
    return float(labels.bincount().max()) / len(labels)


def objective(lm: FrozenLM, task: TaskSpec, data: Encoded, format_weight: float) -> Objective:
    """What a task asks of some rows.

    Raises:
        TemplateError: label words that cannot be told apart.
    """
    return OBJECTIVES[task.kind](lm, task, data, format_weight)


def _choice(lm: FrozenLM, task: TaskSpec, data: Encoded, weight: float) -> Objective:
    labels = scoring(lm, task)
    return (Choice if labels.shares else Explained)(data=data, labels=labels, format_weight=weight)


OBJECTIVES: dict[Kind, Callable[[FrozenLM, TaskSpec, Encoded, float], Objective]] = {
    "classification": _choice,
    "generation": lambda lm, task, data, weight: Text(data=data, stop_newline=task.stop == "newline"),
}
