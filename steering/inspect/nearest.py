"""Nearest vocabulary entries and how far to trust them: cosines to the centred table, the random-direction null, hubness, Holm.

Formulas: SCIENCE notes A3, view 4. CSLS: Conneau et al. 2018, equation 2 (https://arxiv.org/abs/1710.04087). Everything is a generator of progress,
because one pass over a large vocabulary takes a second on a small machine.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect.contract import Progress
from steering.inspect.vocabulary import ROWS, Vocabulary
from steering.lm.frozen import FrozenLM

QUERIES = 1024
"""Directions that are compared with a chunk of the table in one go."""

HUB_NEIGHBOURS = 10
"""k of CSLS and of the mutual test."""

SAMPLE = 256
"""Real entries whose own nearest neighbour says how near a real word is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """What chance gives on this table.

    ``maxima`` [B] ascending, fp32 on the CPU: the largest cosine of each of B random directions; ``median`` and ``floor`` (95th percentile) of
    them; ``real_word``: median cosine of a real entry to its nearest other entry; ``threshold``: midway between ``median`` and ``real_word``.
    """

    maxima: Tensor
    median: float
    floor: float
    real_word: float

    @property
    def threshold(self) -> float:
        return (self.median + self.real_word) / 2

    def p_values(self, cosines: Sequence[float]) -> list[float]:
        """Share of random directions that come as near, (1 + #) / (B + 1): never zero (Phipson & Smyth 2010)."""
        below = torch.searchsorted(self.maxima, torch.tensor(cosines, dtype=self.maxima.dtype))
        count = self.maxima.shape[0]
        return [(1 + count - int(b)) / (count + 1) for b in below]


def draws(slots: int) -> int:
    """Random directions needed so that Holm over ``slots`` can reach .05: max(1000, 40 P)."""
    return max(1000, 40 * slots)


def formula_floor(entries: int, size: int) -> float:
    """Expected largest cosine of a random direction to ``entries`` isotropic ones in ``size`` dimensions: the check on the null (A1)."""
    a = math.sqrt(2 * math.log(entries))
    return (a - (math.log(math.log(entries)) + math.log(4 * math.pi)) / (2 * a) + 0.577 / a) / math.sqrt(size)


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


def null(lm: FrozenLM, vocab: Vocabulary, count: int) -> Generator[Progress, None, Null]:
    """The null of ``count`` random directions, drawn with a fixed seed; kept for the model."""
    key = ("null", count)
    if key not in vocab.memory:
        generator = torch.Generator().manual_seed(0)
        drawn = torch.randn(count, lm.shape.H, generator=generator).to(lm.device)
        maxima, _ = yield from closest(lm, vocab, torch.nn.functional.normalize(drawn, dim=1), 1, "measuring what chance gives")
        if "real_word" not in vocab.memory:
            vocab.memory["real_word"] = yield from _real_word(lm, vocab)
        ordered = maxima.flatten().cpu().sort().values
        low, high = (float(q) for q in torch.quantile(ordered, torch.tensor([0.5, 0.95])))
        vocab.memory[key] = Null(maxima=ordered, median=low, floor=high, real_word=vocab.memory["real_word"])
    found: Null = vocab.memory[key]
    return found


def _real_word(lm: FrozenLM, vocab: Vocabulary) -> Generator[Progress, None, float]:
    """Median centred cosine of a real entry to its nearest other entry, over evenly spaced ones."""
    step = max(1, len(vocab) // SAMPLE)
    sample = vocab.ids[::step].tolist()
    cosines, _ = yield from _others(lm, vocab, sample, 1)
    return float(cosines[:, 0].median())


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


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values (Holm 1979), in the given order."""
    count, running = len(p_values), 0.0
    adjusted = [0.0] * count
    for rank, i in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (count - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted
