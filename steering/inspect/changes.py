"""What changed around vectors: which of their nearest entries stayed, went and came, beside what a random move of the same length does to them.

Without that control the list of new neighbours looks like something learned: a vector that moves anywhere loses some.
"""

from collections.abc import Generator

import torch
from torch import Tensor

from steering.inspect.contract import Progress
from steering.inspect.nearest import closest
from steering.inspect.status import Change
from steering.inspect.vocabulary import Vocabulary
from steering.lm.frozen import FrozenLM

NEIGHBOURS = 10
"""Entries around a vector that are compared."""

RANDOM_MOVES = 10
"""Random moves of every vector, at most."""

QUERIES = 256
"""Random moves of all vectors together, about: long prompts get fewer each, never less than 3."""


def changes(lm: FrozenLM, vocab: Vocabulary, before: Tensor, after: Tensor) -> Generator[Progress, None, list[Change]]:
    """For every pair of rows of ``before`` and ``after``, [Q, H] each: how the entries around it changed. Deterministic."""
    draws = max(3, min(RANDOM_MOVES, QUERIES // before.shape[0]))
    noise = torch.randn(draws, *before.shape, generator=torch.Generator().manual_seed(0)).to(before.device)
    length = (after - before).norm(dim=1, keepdim=True)
    moved = before + length * torch.nn.functional.normalize(noise, dim=-1)  # [draws, Q, H]
    everything = torch.cat([before, after, moved.flatten(0, 1)])
    _, index = yield from closest(lm, vocab, vocab.directions(everything), NEIGHBOURS, "looking at what changed around the vectors")
    ids: list[list[int]] = vocab.ids[index].tolist()
    count = before.shape[0]
    found = []
    for i in range(count):
        old, new = ids[i], ids[count + i]
        by_chance = [_overlap(old, ids[(2 + draw) * count + i]) for draw in range(draws)]
        found.append(
            Change(
                kept=tuple(vocab.show(t) for t in new if t in old),
                gained=tuple(vocab.show(t) for t in new if t not in old),
                lost=tuple(vocab.show(t) for t in old if t not in new),
                overlap=_overlap(old, new),
                random=sum(by_chance) / draws,
            )
        )
    return found


def _overlap(one: list[int], other: list[int]) -> float:
    return len(set(one) & set(other)) / len(one)
