"""Nearest vocabulary entries: cosines to the centred table, distances, and how crowded it is around an entry.

Formulas: SCIENCE notes A3, view 4. CSLS: Conneau et al. 2018, equation 2 (https://arxiv.org/abs/1710.04087). Everything is a generator of progress,
because one pass over a large vocabulary takes a second on a small machine.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect.contract import Progress
from steering.inspect.vocabulary import QUERIES, ROWS, Vocabulary
from steering.lm.frozen import FrozenLM

HUB_NEIGHBOURS = 10
"""k of CSLS and of the mutual test."""

SAMPLE = 256
"""Real entries whose own nearest neighbour says how near a real word is."""


def closest(lm: FrozenLM, vocab: Vocabulary, directions: Tensor, k: int, message: str) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
    """The k nearest trusted entries of unit ``directions`` [Q, H] by centred cosine: (cosines [Q, k] descending, indices [Q, k])."""
    k = min(k, len(vocab))
    best: list[tuple[Tensor, Tensor]] = []
    blocks = directions.split(QUERIES)
    for first, rows in vocab.centred(lm):
        for number, block in enumerate(blocks):
            near = _top(block @ rows.T, min(k, rows.shape[0]))
            near = (near[0], near[1] + first)
            if first == 0:
                best.append(near)
            else:
                values, at = _top(torch.cat([best[number][0], near[0]], dim=1), k)
                best[number] = values, torch.cat([best[number][1], near[1]], dim=1).gather(1, at)
            yield Progress(done=min(first + ROWS, len(vocab)), total=len(vocab), message=message)
    return torch.cat([values for values, _ in best]), torch.cat([index for _, index in best])


def _top(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of every row and where they are; a plain maximum is several times faster than ``topk``."""
    if k == 1:
        found = values.max(dim=1, keepdim=True)
        return found.values, found.indices
    return torch.topk(values, k, dim=1)


def closest_by_distance(lm: FrozenLM, vocab: Vocabulary, vectors: Tensor) -> Generator[Progress, None, list[int]]:
    """Index of the trusted entry with the smallest Euclidean distance to each of ``vectors`` [Q, H]."""
    offset = vectors - vocab.mean
    best = torch.full((vectors.shape[0],), math.inf, device=vectors.device)
    index = torch.zeros(vectors.shape[0], dtype=torch.long, device=vectors.device)
    for first, rows in vocab.centred(lm):
        lengths = vocab.lengths[first : first + rows.shape[0]]
        nearest = (lengths * (lengths - 2 * (offset @ rows.T))).min(dim=1)  # |t|^2 - 2 p.t
        closer = nearest.values < best
        best = torch.where(closer, nearest.values, best)
        index = torch.where(closer, nearest.indices + first, index)
        yield Progress(done=min(first + ROWS, len(vocab)), total=len(vocab), message="comparing distances")
    return [int(i) for i in index]


def real_word(lm: FrozenLM, vocab: Vocabulary) -> Generator[Progress, None, float]:
    """Median centred cosine of a real entry to its nearest other entry, over evenly spaced ones; kept for the model."""
    if "real_word" not in vocab.memory:
        sample = vocab.ids[:: max(1, len(vocab) // SAMPLE)].tolist()
        cosines, _ = yield from _others(lm, vocab, sample, 1)
        vocab.memory["real_word"] = float(cosines[:, 0].median())
    found: float = vocab.memory["real_word"]
    return found


@dataclass(frozen=True, slots=True)
class Hub:
    """How crowded it is around a vocabulary entry: ``mean`` cosine to its ten nearest entries (r of CSLS), and the ``last`` of the ten."""

    mean: float
    last: float


def hubs(lm: FrozenLM, vocab: Vocabulary, token_ids: Sequence[int]) -> Generator[Progress, None, dict[int, Hub]]:
    """The crowd around vocabulary entries (trusted or not); kept for the model."""
    known: dict[int, Hub] = vocab.memory.setdefault("hubs", {})
    wanted = sorted({i for i in token_ids if i not in known})
    if wanted:
        cosines, _ = yield from _others(lm, vocab, wanted, HUB_NEIGHBOURS)
        for token, mean, last in zip(wanted, cosines.mean(dim=1).tolist(), cosines[:, -1].tolist(), strict=True):
            known[token] = Hub(mean, last)
    return known


def _others(lm: FrozenLM, vocab: Vocabulary, token_ids: list[int], k: int) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
    """The k nearest trusted entries of vocabulary entries, themselves left out: (cosines [Q, k], indices [Q, k])."""
    directions = vocab.directions(lm.embed(token_ids))
    cosines, index = yield from closest(lm, vocab, directions, k + 1, "measuring how crowded the vocabulary is")
    own = torch.tensor([vocab.position.get(i, -1) for i in token_ids], device=index.device)
    order = (index == own[:, None]).int().argsort(dim=1, stable=True)  # itself to the end
    keep = order[:, : max(1, index.shape[1] - 1)]
    return cosines.gather(1, keep), index.gather(1, keep)
