"""Scoring labels and targets under a root: exact log-probabilities, shared by training, judging and inspection.

How label words are scored is behind one contract, :class:`Scoring`: :class:`Labels` here, and the noisy channel (channel.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Branches that together ask about one row."""

    branches: tuple[Branch, ...]

    @property
    def tokens(self) -> int:
        """Tokens they add to the packed row."""
        return sum(branch.tokens for branch in self.branches)


class Weighed(Protocol):
    """What takes a number of tokens of the packed row."""

    @property
    def tokens(self) -> int: ...


class Scoring(Protocol):
    """How likely each of K label words is for an input. ``shares``: the scores are shares of one distribution, so that their sum is the mass on the
    label words; ``key``: what they depend on beside the input; ``note``: what a person should know of it."""

    @property
    def shares(self) -> bool: ...

    @property
    def key(self) -> dict[str, object]: ...

    @property
    def note(self) -> str: ...

    def family(self, ids: Ids) -> Family:
        """One input with everything that is graded for it."""
        ...

    def graded(self, ids: Ids) -> int:
        """Graded positions it has."""
        ...

    def shown(self, ids: Ids, label: int) -> tuple[Ids, Ids]:
        """What is read before the grading of one label, and what is graded."""
        ...

    def scores(self, logits: Tensor, inputs: Sequence[Ids]) -> Tensor:
        """[B, K] fp32 log-probabilities from the graded logits [sum of ``graded``, V] of ``inputs``. Differentiable."""
        ...


@dataclass(frozen=True, slots=True)
class Labels:
    """Label words as token ids, [K] of them.

    Where every word is one token and all differ, one position decides. Otherwise whole words are scored, token by token, as twigs of the forest;
    if two words share their first token, an end token is scored with each, so that a word and its beginning can be told apart.
    """

    words: tuple[Ids, ...]
    end: Ids = ()

    shares = True

    @property
    def key(self) -> dict[str, object]:
        """What the scores depend on beside the input."""
        return {"words": self.words, "end": self.end}

    @property
    def note(self) -> str:
        """What a person should know of it."""
        return "Two label words begin with the same token, so whole words and an end token are scored." if self.shared_first else ""

    @property
    def single(self) -> bool:
        """Whether one position decides."""
        return all(len(w) == 1 for w in self.words) and len(set(self.words)) == len(self.words)

    @property
    def shared_first(self) -> bool:
        """Whether two words begin with the same token."""
        return len({w[0] for w in self.words}) < len(self.words)

    def full(self) -> tuple[Ids, ...]:
        """What is scored for each label."""
        return tuple(w + self.end for w in self.words) if self.shared_first else self.words

    def twigs(self) -> tuple[Ids, ...]:
        """Continuations that must be run: all but the last token of every scored sequence longer than one."""
        return tuple(w[:-1] for w in self.full() if len(w) > 1)

    def branch(self, ids: Ids) -> Branch:
        """One input with everything that is graded under it."""
        return Branch(ids, 1, self.twigs())

    @property
    def positions(self) -> int:
        """Graded positions an input has."""
        return 1 + sum(map(len, self.twigs()))

    def family(self, ids: Ids) -> Family:
        """:meth:`branch` by the contract's name."""
        return Family((self.branch(ids),))

    def graded(self, ids: Ids) -> int:
        """:attr:`positions`, the same for every input."""
        return self.positions

    def shown(self, ids: Ids, label: int) -> tuple[Ids, Ids]:
        """The input, and the label word behind it."""
        return ids, self.words[label]

    def scores(self, logits: Tensor, inputs: Sequence[Ids]) -> Tensor:
        """:meth:`log_probs` by the contract's name."""
        return self.log_probs(logits)

    def log_probs(self, logits: Tensor) -> Tensor:
        """Log-probability of every label, [B, K] fp32, from graded logits [B * positions, V]. Differentiable; not normalised over K."""
        logp = torch.log_softmax(logits.float(), dim=-1).view(-1, self.positions, logits.shape[-1])  # [B, positions, V]
        at, token, label = self._index(logits.device)
        parts = logp[:, at, token]  # [B, scored tokens]
        out = torch.zeros(parts.shape[0], len(self.words), dtype=parts.dtype, device=parts.device)
        return out.index_add(1, label, parts)

    def _index(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """For every scored token: its graded position, its id, its label."""
        triples = []
        offset = 1
        for number, word in enumerate(self.full()):
            triples.append((0, word[0], number))
            triples += [(offset + i, token, number) for i, token in enumerate(word[1:])]
            offset += len(word) - 1
        at, tokens, labels = torch.tensor(triples, device=device).unbind(1)
        return at, tokens, labels


@dataclass(frozen=True, slots=True)
class Target:
    """One input with the text to produce, end token included in ``target``."""

    ids: Ids
    target: Ids

    def branch(self) -> Branch:
        """Input and target in one segment; every position that predicts a target token is graded."""
        return Branch(self.ids + self.target[:-1], len(self.target))


def chunks(items: Sequence[Weighed], budget: int) -> Iterator[range]:
    """Consecutive ranges of at most ``budget`` tokens (at least one item each)."""
    start = tokens = 0
    for i, item in enumerate(items):
        if i > start and tokens + item.tokens > budget:
            yield range(start, i)
            start, tokens = i, 0
        tokens += item.tokens
    if start < len(items):
        yield range(start, len(items))


def score_labels(lm: FrozenLM, root: Root, inputs: Sequence[Ids], labels: Scoring) -> Iterator[tuple[range, Tensor]]:
    """Label log-probabilities of many inputs, a slice at a time: (which inputs, [n, K] fp32 on the CPU). The root is computed once."""
    for part, logits in _slices(lm, root, [labels.family(ids) for ids in inputs]):
        yield part, labels.scores(logits, [inputs[i] for i in part]).cpu()


def score_targets(lm: FrozenLM, root: Root, targets: Sequence[Target]) -> Iterator[tuple[range, Tensor]]:
    """Mean negative log-likelihood of a target token, [n] fp32 on the CPU, a slice at a time."""
    for part, logits in _slices(lm, root, [Family((t.branch(),)) for t in targets]):
        yield part, target_nll(logits, [targets[i] for i in part]).cpu()


def _slices(lm: FrozenLM, root: Root, families: Sequence[Family]) -> Iterator[tuple[range, Tensor]]:
    """Graded logits of every chunk without gradient. Nothing is yielded inside ``no_grad``: the mode would leak into whatever runs between."""
    with torch.no_grad():
        shared = lm.to_kv(root)
    for part in chunks(families, lm.tokens_per_slice):
        with torch.no_grad():
            logits = lm.logits([Tree(shared, tuple(branch for i in part for branch in families[i].branches))])
        yield part, logits


def target_nll(logits: Tensor, targets: Sequence[Target]) -> Tensor:
    """[B] mean NLL of a target token from graded logits [sum of target lengths, V]. Differentiable."""
    wanted = torch.tensor([t for item in targets for t in item.target], device=logits.device)
    nll = torch.nn.functional.cross_entropy(logits.float(), wanted, reduction="none")
    return torch.stack([part.mean() for part in nll.split([len(item.target) for item in targets])])
