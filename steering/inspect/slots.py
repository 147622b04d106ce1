"""The measurements behind the view of nearest entries: every slot against the trusted vocabulary, its null, its crowd and its start."""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect import chance, nearest
from steering.inspect.chance import Null
from steering.inspect.changes import changes
from steering.inspect.checks import soft_prompt
from steering.inspect.contract import Progress, Subject
from steering.inspect.nearest import Hub
from steering.inspect.status import SIGNIFICANT, Neighbour, Slot
from steering.inspect.vocabulary import Vocabulary, vocabulary
from steering.lm.frozen import FrozenLM

CANDIDATES = 50
"""Entries by cosine among which CSLS ranks."""

SHOWN = 5
STILL = 1e-6
"""Drift below which a slot has not moved, so that its displacement has no direction."""

Candidates = list[tuple[int, float]]
"""(token id, cosine), nearest first."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All slots of one soft prompt, with what is needed to judge them: ``floor`` of plain random directions, the cosine of a real entry to its
    nearest other one, and ``threshold``, midway between that and the median random direction (A3: calibrated per model)."""

    slots: tuple[Slot, ...]
    vocabulary: Vocabulary
    floor: float
    real_word: float
    threshold: float


def measure(lm: FrozenLM, subject: Subject) -> Generator[Progress, None, Measured]:
    """Measure every slot of a soft prompt.

    Raises:
        ArtifactError: damaged vectors, or those of another model.
    """
    vectors, start = soft_prompt(lm, subject)
    vocab = yield from vocabulary(lm)
    fixed = min(subject.header, vectors.shape[0])
    starts = subject.start_ids
    moved = None if start is None else vectors - start
    seen = chance.leans(vocab, vocab.directions(vectors))
    steps = [] if moved is None else chance.leans(vocab, torch.nn.functional.normalize(moved, dim=1))
    null = yield from chance.null(lm, vocab, chance.draws(vectors.shape[0]), seen + steps)
    real_word = yield from nearest.real_word(lm, vocab)
    found = yield from candidates(lm, vocab, vectors, starts)
    hubs = yield from nearest.hubs(lm, vocab, [i for items in found for i, _ in items])
    chances = [null.p_value(lean, items[0][1]) for lean, items in zip(seen, found, strict=True)]
    adjusted = [None] * fixed + chance.holm(chances[fixed:])
    drift = ((vectors - start).norm(dim=1) / start.norm(dim=1).clamp_min(1e-12)).tolist() if start is not None else [None] * len(found)
    added = yield from _added(lm, vocab, null, moved, [i for i in range(fixed, len(drift)) if (drift[i] or 0.0) > STILL])
    agreed = yield from _distance_agrees(lm, vocab, vectors, [items[0][0] for items in found])
    changed = [] if start is None else (yield from changes(lm, vocab, start, vectors))
    norms = vectors.norm(dim=1).tolist()
    slots = []
    for i, items in enumerate(found):
        neighbours = _neighbours(vocab, items, hubs)
        slots.append(
            Slot(
                slot=i + 1,
                fixed=i < fixed,
                init_id=starts[i] if starts else None,
                init_token=vocab.show(starts[i]) if starts else None,
                nearest=neighbours[:SHOWN],
                max_cosine=items[0][1],
                floor=null.floor(seen[i]),
                p_value=adjusted[i],
                drift=drift[i],
                norm=norms[i],
                agreement=1 + int(agreed[i]) + int(neighbours[0].rank == 1),
                added=added.get(i, ()),
                change=changed[i] if changed and i >= fixed else None,
            )
        )
    return Measured(tuple(slots), vocab, null.floor(0.0), real_word, (null.median(0.0) + real_word) / 2)


def candidates(lm: FrozenLM, vocab: Vocabulary, vectors: Tensor, starts: tuple[int, ...]) -> Generator[Progress, None, list[Candidates]]:
    """The nearest entries of every slot. Its own start entry competes too where it is hidden otherwise (a line break in the manual prompt), and
    wins a tie with an entry of the same embedding."""
    directions = vocab.directions(vectors)
    cosines, index = yield from nearest.closest(lm, vocab, directions, CANDIDATES, "comparing with the vocabulary")
    ids = vocab.ids[index].tolist()
    found = [list(zip(row_ids, row, strict=True)) for row_ids, row in zip(ids, cosines.tolist(), strict=True)]
    if not starts:
        return found
    own = (directions * vocab.directions(lm.embed(starts))).sum(dim=1).tolist()
    for items, start, cosine in zip(found, starts, own, strict=True):
        if start not in {i for i, _ in items} and cosine >= items[-1][1] - 1e-6:
            items.append((start, cosine))
        items.sort(key=lambda item: item[1] + 1e-6 * (item[0] == start), reverse=True)
        del items[CANDIDATES:]
    return found


def _neighbours(vocab: Vocabulary, items: Candidates, hubs: dict[int, Hub]) -> tuple[Neighbour, ...]:
    crowd = [cosine for _, cosine in items[: nearest.HUB_NEIGHBOURS]]
    own = sum(crowd) / len(crowd)
    csls = [2 * cosine - hubs[i].mean - own for i, cosine in items]
    order = sorted(range(len(items)), key=lambda n: -csls[n])
    return tuple(
        Neighbour(id=i, token=vocab.show(i), cosine=cosine, csls=csls[n], rank=order.index(n) + 1, mutual=cosine >= hubs[i].last)
        for n, (i, cosine) in enumerate(items)
    )


def _added(
    lm: FrozenLM, vocab: Vocabulary, null: Null, moved: Tensor | None, rows: list[int]
) -> Generator[Progress, None, dict[int, tuple[Neighbour, ...]]]:
    """Entries near the displacement [P, H] of the slots in ``rows``, where it points to some more surely than chance does (Holm over them)."""
    if moved is None or not rows:
        return {}
    directions = torch.nn.functional.normalize(moved[rows], dim=1)  # a difference has no mean to take away
    cosines, index = yield from nearest.closest(lm, vocab, directions, CANDIDATES, "comparing what was added")
    chances = [null.p_value(lean, c) for lean, c in zip(chance.leans(vocab, directions), cosines[:, 0].tolist(), strict=True)]
    items = [list(zip(vocab.ids[at].tolist(), values.tolist(), strict=True)) for at, values in zip(index, cosines, strict=True)]
    sure = {row: found for row, found, p in zip(rows, items, chance.holm(chances), strict=True) if p < SIGNIFICANT}
    hubs = yield from nearest.hubs(lm, vocab, [i for found in sure.values() for i, _ in found])
    return {row: _neighbours(vocab, found, hubs)[:SHOWN] for row, found in sure.items()}


def _distance_agrees(lm: FrozenLM, vocab: Vocabulary, vectors: Tensor, ids: list[int]) -> Generator[Progress, None, list[bool]]:
    """Whether no entry is nearer by Euclidean distance than the one nearest by cosine."""
    index = yield from nearest.closest_by_distance(lm, vocab, vectors)
    by_cosine = (vectors - lm.embed(ids)).norm(dim=1)
    by_distance = (vectors - lm.embed(vocab.ids[index].tolist())).norm(dim=1)
    return [bool(a) for a in by_cosine <= by_distance * (1 + 1e-6) + 1e-6]
