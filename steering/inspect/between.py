"""Vectors between and beyond two points: from the start to what was learned (its strength), and from one run to another.

p(a) = p0 + a (p - p0); 0 is the start and 1 the learned prompt, exactly. Keys and values of a prefix move alike; keys stand inside a softmax, so
what comes out is not linear there (SCIENCE notes A3, view 7). The playground's slider uses :func:`root_at`, and :func:`zones` says how far it may go.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from steering.data.neutral import neutral
from steering.errors import ArtifactError, SpecError
from steering.inspect.contract import Progress, Subject
from steering.inspect.drift import losses
from steering.inspect.subjects import learned, start_vectors
from steering.inspect.zones import Zones, zones_of
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.forms import KEYS, SOFT_PROMPT, VALUES, root_of

STRENGTHS = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
WAY = tuple(i / 8 for i in range(9))
"""Points on the way between two runs."""

SENTENCES = 12
"""Neutral sentences that calibrate the zones: the first of the shipped ones."""


def root_at(lm: FrozenLM, subject: Subject, strength: float) -> Root:
    """The prompt at a strength: 0 its start, 1 as learned, exactly; below 0 the other way, above 1 beyond.

    Raises:
        ArtifactError: damaged vectors, or a start that is not recorded; SpecError: the strength is no number.
    """
    if not math.isfinite(strength):
        raise SpecError(f"a strength is {strength!r}, expected a number.", "0 is the start, 1 the learned prompt.")
    return root_of(lm, vectors_at(lm, subject, strength))


def vectors_at(lm: FrozenLM, subject: Subject, strength: float) -> dict[str, Tensor]:
    """The same as tensors to save.

    Raises:
        ArtifactError: damaged vectors, or a start that is not recorded.
    """
    learned(lm, subject)  # checks
    start = start_vectors(lm, subject)
    if start is None:
        raise ArtifactError(
            f"what {subject.name!r} started from is not recorded, so its strength cannot be changed.", "Use a prompt that started from text."
        )
    return {name: _at(start[name], tensor.to(lm.device), strength) for name, tensor in subject.vectors.items()}


def _at(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Start and end themselves at 0 and 1: written from the nearer end, as lerp does."""
    if start.dim() < 2:
        return end
    moved = end.float() - start
    return start + share * moved if share < 0.5 else end.float() - (1 - share) * moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A second run with its slots in the order of the first one's; ``moved``: how many stand elsewhere now."""

    subject: Subject
    moved: int


def matched(lm: FrozenLM, first: Subject, second: Subject) -> Matched:
    """The second run's slots put where the first one's nearest ones are (Hungarian), unless both started from the same tokens.

    Raises:
        SpecError: another form or number of virtual tokens.
    """
    for one in (first, second):
        learned(lm, one)  # checks
    shapes = [{name: tuple(t.shape) for name, t in one.vectors.items()} for one in (first, second)]
    if shapes[0] != shapes[1]:
        raise SpecError(
            f"{first.name!r} and {second.name!r} differ in form or size ({shapes[0]} and {shapes[1]}): there is nothing between them.",
            "Choose two runs of one method with the same number of virtual tokens.",
        )
    if first.start_ids and first.start_ids == second.start_ids:
        return Matched(subject=second, moved=0)
    from scipy.optimize import linear_sum_assignment

    names = [name for name in first.vectors if name in (SOFT_PROMPT, KEYS, VALUES)]
    rows = [torch.cat([one.vectors[name].float().movedim(-2, 0).flatten(1) for name in names], dim=1) for one in (first, second)]
    order = linear_sum_assignment(torch.cdist(rows[0], rows[1]).cpu().numpy())[1].tolist()
    index = torch.tensor(order, device=rows[1].device)
    vectors = {name: t.index_select(-2, index) if name in names else t for name, t in second.vectors.items()}
    ids = tuple(second.start_ids[i] for i in order) if second.start_ids else ()
    return Matched(subject=replace(second, vectors=vectors, start_ids=ids), moved=sum(i != at for i, at in enumerate(order)))


def root_between(lm: FrozenLM, first: Subject, second: Subject, share: float) -> Root:
    """``share`` of the way from the first run to the second, slot by slot (see :func:`matched`)."""
    return root_of(lm, {name: _at(t.float(), second.vectors[name], share) for name, t in first.vectors.items()})


def zones(lm: FrozenLM, subject: Subject) -> Generator[Progress, None, Zones]:
    """Calibrated by what neutral text loses at every strength, against the start. Between two measured strengths the factor is interpolated.

    Raises:
        ArtifactError: damaged vectors, or a start that is not recorded.
    """
    roots = {f"strength {a:g}": root_at(lm, subject, a) for a in STRENGTHS}
    _, found = yield from losses(lm, roots, neutral()[:SENTENCES])
    loss = [float(values.mean()) for values in found.values()]
    base = loss[STRENGTHS.index(0.0)]
    return zones_of((a, math.exp(min(50.0, value - base))) for a, value in zip(STRENGTHS, loss, strict=True))
