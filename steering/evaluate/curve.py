"""Would more labels help? Scores of the same contestants trained on growing shares of the rows, as a band, and one sentence.

The sentence goes by the last doubling that was measured (half of the rows against all of them): every test row's correctness is averaged over the
seeds, and the paired difference gets a bootstrap over test rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steering.evaluate.intervals import paired_bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One contestant made from ``rows`` training rows with one seed: ``each`` [N] score of every test row."""

    contestant: str
    share: float
    rows: int
    seed: int
    each: tuple[float, ...]

    @property
    def score(self) -> float:
        return sum(self.each) / len(self.each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """All seeds of one contestant at one share: their mean with its interval over test rows, lowest and highest seed."""

    contestant: str
    share: float
    rows: int
    seeds: int
    score: float
    low: float
    high: float
    lowest: float
    highest: float


def bands(points: Sequence[Point]) -> list[Band]:
    """By contestant in their order, then by share."""
    found: dict[tuple[str, float], list[Point]] = {}
    for point in points:
        found.setdefault((point.contestant, point.share), []).append(point)
    order = list(dict.fromkeys(point.contestant for point in points))
    made = []
    for (name, share), members in sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1])):
        rows = _mean(members)
        spread = paired_bootstrap(rows, np.zeros(len(rows)), seed=0, resamples=2000)
        scores = [point.score for point in members]
        made.append(
            Band(
                contestant=name,
                share=share,
                rows=max(point.rows for point in members),
                seeds=len(members),
                score=spread.value,
                low=spread.low,
                high=spread.high,
                lowest=min(scores),
                highest=max(scores),
            )
        )
    return made


def more_labels(points: Sequence[Point], contestant: str, *, top: float = 1.0) -> str:
    """The sentence for one contestant; ``top``: the metric's best value, differences are printed in hundredths of it."""
    shares = sorted({point.share for point in points if point.contestant == contestant})
    if len(shares) < 2:
        return f"{contestant} was trained on one number of rows only, so nothing can be said about more."
    half = min(shares[:-1], key=lambda share: abs(share - shares[-1] / 2))
    before, after = ([p for p in points if p.contestant == contestant and p.share == share] for share in (half, shares[-1]))
    gap = paired_bootstrap(_mean(after), _mean(before), seed=0, resamples=4000)
    few, many = max(p.rows for p in before), max(p.rows for p in after)
    size = f"{100 * gap.value / top:+.1f} points, 95% CI {100 * gap.low / top:.1f} to {100 * gap.high / top:.1f}"
    went = f"from {few} to {many} rows {contestant} went {size}"
    if gap.low > 0:
        return f"More labels would probably help: {went}; another doubling may bring up to as much again."
    if gap.high < 0:
        return f"More labels of this kind did not help: {went}. Look at the rows that were added."
    if gap.high < 0.03 * top:
        return f"More labels are unlikely to help much: {went}."
    return f"Whether more labels would help cannot be told from these test rows: {went}."


def _mean(points: Sequence[Point]) -> Any:
    return np.mean([point.each for point in points], axis=0)
