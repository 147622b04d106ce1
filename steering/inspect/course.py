"""How vectors moved in training: snapshots on one step axis, their lengths, drift, direction and nearest entries (SCIENCE notes A3, view 6)."""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect import nearest
from steering.inspect.contract import Progress, Subject
from steering.inspect.subjects import learned, start_vectors
from steering.inspect.vocabulary import ROWS, Vocabulary
from steering.lm.frozen import FrozenLM
from steering.methods.forms import KEYS, SOFT_PROMPT, VALUES

SNAPSHOTS = 26
"""Moments looked at, at most: evenly spaced, the first and the last always among them."""

QUANTILES = (0.01, 0.5, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Course:
    """``steps`` [S]; ``kept``: whether they were recorded in training (else only start and end, as 0 and 1). For every tensor: ``drift`` and
    ``cosine`` [S, P'] to the first snapshot (drift in units of its length); ``lengths`` [S, P']. Header rows are left out."""

    steps: tuple[int, ...]
    kept: bool
    vectors: dict[str, Tensor]
    drift: dict[str, Tensor]
    cosine: dict[str, Tensor]
    lengths: dict[str, Tensor]


def course(lm: FrozenLM, subject: Subject) -> Course | None:
    """The subject's course; None where neither snapshots nor the start are known.

    Raises:
        ArtifactError: damaged vectors, or those of another model.
    """
    learned(lm, subject)  # refuses what is damaged
    now = _rows(lm, subject.vectors)
    shots = [(step, rows) for step, vectors in subject.trail if _fits(rows := _rows(lm, vectors), now)]
    kept = len(shots) >= 2
    if not kept:
        begin = start_vectors(lm, subject)
        if begin is None:
            return None
        shots = [(0, _rows(lm, begin)), (1, now)]
    places = torch.linspace(0, len(shots) - 1, min(SNAPSHOTS, len(shots))).round().int().tolist()
    shots = [shots[i] for i in places]
    stacked = {name: torch.stack([rows[name] for _, rows in shots])[:, subject.header :] for name in now}
    first = {name: rows[:1] for name, rows in stacked.items()}
    return Course(
        steps=tuple(step for step, _ in shots),
        kept=kept,
        vectors=stacked,
        drift={n: (rows - first[n]).norm(dim=-1) / first[n].norm(dim=-1).clamp_min(1e-12) for n, rows in stacked.items()},
        cosine={n: torch.nn.functional.cosine_similarity(rows, first[n], dim=-1) for n, rows in stacked.items()},
        lengths={n: rows.norm(dim=-1) for n, rows in stacked.items()},
    )


def _rows(lm: FrozenLM, vectors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor as one row a virtual token: [P, H], or [P, n K D]."""
    wanted = [name for name in (SOFT_PROMPT, KEYS, VALUES) if name in vectors and vectors[name].dim() >= 2]
    return {name: vectors[name].detach().to(lm.device, torch.float32).movedim(-2, 0).flatten(1) for name in wanted}


def _fits(rows: dict[str, Tensor], now: dict[str, Tensor]) -> bool:
    return {n: t.shape for n, t in rows.items()} == {n: t.shape for n, t in now.items()} and all(bool(t.isfinite().all()) for t in rows.values())


def words(lm: FrozenLM, vocab: Vocabulary, vectors: Tensor) -> Generator[Progress, None, list[list[tuple[int, float]]]]:
    """(id, cosine) of the nearest trusted entry of [S, P, H], snapshot by snapshot."""
    cosines, index = yield from nearest.closest(lm, vocab, vocab.directions(vectors.flatten(0, 1)), 1, "following the nearest entries")
    ids = vocab.ids[index[:, 0]].view(vectors.shape[:2]).tolist()
    found = cosines[:, 0].view(vectors.shape[:2]).tolist()
    return [list(zip(*pair, strict=True)) for pair in zip(ids, found, strict=True)]


def lengths(lm: FrozenLM, vocab: Vocabulary) -> Generator[Progress, None, tuple[float, ...]]:
    """Lengths of vocabulary entries (not centred) at :data:`QUANTILES`; kept for the model."""
    if "lengths" not in vocab.memory:
        parts = []
        for done, part in enumerate(vocab.ids.split(ROWS)):
            parts.append(lm.embed(part.tolist()).norm(dim=1))
            yield Progress(done=min((done + 1) * ROWS, len(vocab)), total=len(vocab), message="measuring the vocabulary")
        vocab.memory["lengths"] = tuple(torch.cat(parts).quantile(torch.tensor(QUANTILES, device=lm.device)).tolist())
    found: tuple[float, ...] = vocab.memory["lengths"]
    return found
