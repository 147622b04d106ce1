"""What chance gives: how near a random vector comes to some vocabulary entry, and what that makes of a slot's cosine.

A random vector around the origin is no random direction around the vocabulary's mean: seen from the mean it leans back towards the origin, and on
SmolLM2 the entries that lie there (" (", ",", " in") would be called its significant neighbours every time. So the null keeps a slot's **lean**, the
angle between its direction and the plane across the mean, and draws the rest at random. That is exact for random vectors of any length around the
origin, around the mean, or around any other point on the line between them. With lean 0 it is the plain null of SCIENCE notes A1.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect.contract import Progress
from steering.inspect.vocabulary import QUERIES, ROWS, Vocabulary
from steering.lm.frozen import FrozenLM

STEPS = 8
"""Leans are tabulated at multiples of 90 degrees / STEPS and interpolated between."""

_STEP = math.pi / 2 / STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """Largest cosines of random directions. ``maxima``: grid step of the lean -> [B] fp32 on the CPU, direction by direction."""

    maxima: dict[int, Tensor]

    def at(self, lean: float) -> Tensor:
        """[B] ascending: the largest cosines of random directions with this lean (radians)."""
        place = _place(lean)
        low, high = _around(place)
        # On the arc between two grid steps a cosine to one entry is sin(b - x) f(a) + sin(x - a) f(b) over sin(b - a): exact while the same entry is
        # nearest, and never too low.
        to_high, to_low = ((abs(place - step) * _STEP) for step in (high, low))
        mixed = (math.sin(to_high) * self.maxima[low] + math.sin(to_low) * self.maxima[high]) / math.sin(_STEP)
        return mixed.sort().values

    def floor(self, lean: float) -> float:
        """The cosine that 95 of 100 random directions stay below."""
        return float(torch.quantile(self.at(lean), 0.95))

    def median(self, lean: float) -> float:
        """The cosine that half of the random directions stay below."""
        return float(self.at(lean).median())

    def p_value(self, lean: float, cosine: float) -> float:
        """Share of random directions that come as near, (1 + #) / (B + 1): never zero (Phipson & Smyth 2010)."""
        maxima = self.at(lean)
        return (1 + int((maxima >= cosine).sum())) / (maxima.shape[0] + 1)


def draws(slots: int) -> int:
    """Random directions needed so that Holm over ``slots`` can reach .05: max(1000, 40 P)."""
    return max(1000, 40 * slots)


def formula_floor(entries: int, size: int) -> float:
    """Expected largest cosine of a random direction to ``entries`` isotropic ones in ``size`` dimensions: the check on the null (A1)."""
    a = math.sqrt(2 * math.log(entries))
    return (a - (math.log(math.log(entries)) + math.log(4 * math.pi)) / (2 * a) + 0.577 / a) / math.sqrt(size)


def leans(vocab: Vocabulary, directions: Tensor) -> list[float]:
    """Angle of each unit direction [Q, H] out of the plane across the mean, positive towards the origin, in radians."""
    back = -torch.nn.functional.normalize(vocab.mean, dim=0)
    return [math.asin(max(-1.0, min(1.0, sine))) for sine in (directions @ back).tolist()]


def null(lm: FrozenLM, vocab: Vocabulary, count: int, wanted: Sequence[float]) -> Generator[Progress, None, Null]:
    """The null of ``count`` random directions (fixed seed) at lean 0 and at all ``wanted`` leans; kept for the model."""
    maxima: dict[int, Tensor] = vocab.memory.setdefault(("null", count), {})
    steps = {step for lean in (0.0, *wanted) for step in _around(_place(lean))} - set(maxima)
    if steps:
        maxima |= yield from _draw(lm, vocab, count, sorted(steps))
    return Null(maxima=maxima)


def _draw(lm: FrozenLM, vocab: Vocabulary, count: int, steps: list[int]) -> Generator[Progress, None, dict[int, Tensor]]:
    """Largest cosine of every random direction, at every grid step. One product serves all steps: cos(a) u.e + sin(a) back.e."""
    back = -torch.nn.functional.normalize(vocab.mean, dim=0)
    drawn = torch.randn(count, lm.shape.H, generator=torch.Generator().manual_seed(0)).to(lm.device)
    across = torch.nn.functional.normalize(drawn - (drawn @ back)[:, None] * back, dim=1)
    best = torch.full((len(steps), count), -1.0, device=lm.device)
    for first, rows in vocab.centred(lm):
        along = rows @ back  # [n]
        for start in range(0, count, QUERIES):
            part = slice(start, start + QUERIES)
            product = across[part] @ rows.T  # [q, n]
            mixed = torch.empty_like(product)
            for row, step in enumerate(steps):
                angle = step * _STEP
                torch.add(along * math.sin(angle), product, alpha=math.cos(angle), out=mixed)
                best[row, part] = torch.maximum(best[row, part], mixed.amax(dim=1))
            yield Progress(done=min(first + ROWS, len(vocab)), total=len(vocab), message="measuring what chance gives")
    return dict(zip(steps, best.cpu(), strict=True))


def _place(lean: float) -> float:
    """The lean in grid steps."""
    return lean / _STEP


def _around(place: float) -> tuple[int, int]:
    low = max(-STEPS, min(STEPS - 1, math.floor(place)))
    return low, low + 1


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values (Holm 1979), in the given order."""
    count, running = len(p_values), 0.0
    adjusted = [0.0] * count
    for rank, i in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (count - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted
