"""Very few rows: repeated stratified cross-validation, called by that name. Every row is judged, by a contestant that never saw it.

The estimate is the mean over rows of each row's mean correctness over the repeats; its interval is a bootstrap over rows. The folds share training
rows, so there is no exact test, and "better" is never said: at best it is a lean (SCIENCE notes C1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from steering.evaluate.intervals import Floats, Interval, paired_bootstrap

NAME = "cross-validated estimate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """One contestant: its score (accuracy, or a text metric) with its interval, and the range over repeats. ``rows``: [N] mean over repeats."""

    name: str
    kind: str
    score: float
    ci: Interval
    lowest: float
    highest: float
    rows: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedPair:
    """``a`` against ``b``; ``verdict`` is "lean", "loss", "tie" or "small", never "win"."""

    a: str
    b: str
    difference: float
    ci: Interval
    verdict: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidated:
    """The whole estimate; ``name`` is what it must be called."""

    n: int
    folds: int
    repeats: int
    metric: str
    contestants: tuple[Estimated, ...]
    pairs: tuple[EstimatedPair, ...]
    name: str = NAME
    notes: tuple[str, ...] = field(default=())


def cross_validated(
    scores: Sequence[tuple[str, str, Any]],
    *,
    folds: int,
    metric: str = "accuracy",
    top: float = 1.0,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
) -> CrossValidated:
    """Judge out-of-fold scores.

    Args:
        scores: for every contestant (name, kind, [R, N] score of every row in every repeat).
        top: the metric's best value; differences are printed in hundredths of it.
        groups: [N] rows that belong together are resampled together.
    """
    tables: list[Floats] = [np.asarray(found, dtype=np.float64) for _, _, found in scores]
    repeats, n = tables[0].shape
    contestants = []
    for (name, kind, _), table in zip(scores, tables, strict=True):
        rows = table.mean(0)
        spread = paired_bootstrap(rows, np.zeros(n), seed=seed, groups=groups)
        each = table.mean(1)
        contestants.append(
            Estimated(
                name=name, kind=kind, score=spread.value, ci=spread.ci, lowest=float(each.min()), highest=float(each.max()), rows=tuple(rows.tolist())
            )
        )
    pairs = []
    for b, a in combinations(range(len(scores)), 2):
        gap = paired_bootstrap(tables[a].mean(0), tables[b].mean(0), seed=seed, groups=groups)
        kind = _kind(gap.low, gap.high, n)
        said = _sentence(contestants[a].name, contestants[b].name, kind, 100 * gap.value / top, 100 * gap.low / top, 100 * gap.high / top, n)
        pairs.append(EstimatedPair(a=scores[a][0], b=scores[b][0], difference=gap.value, ci=gap.ci, verdict=kind, sentence=said))
    note = f"Called a {NAME}: {repeats} times {folds} folds of {n} rows. The folds share training rows, so there is no exact test."
    return CrossValidated(n=n, folds=folds, repeats=repeats, metric=metric, contestants=tuple(contestants), pairs=tuple(pairs), notes=(note,))


FEWEST = 12


def _kind(low: float, high: float, n: int) -> str:
    if n < FEWEST:
        return "small"
    return "lean" if low > 0 else "loss" if high < 0 else "tie"


_SAID = {
    "lean": "{a} came out ahead of {b}",
    "loss": "{a} came out behind {b}",
    "tie": "no difference shows between {a} and {b}",
    "small": "{n} rows are too few to tell {a} and {b} apart",
}


def _sentence(a: str, b: str, kind: str, value: float, low: float, high: float, n: int) -> str:
    said = _SAID[kind].format(a=a, b=b, n=n)
    return f"In a {NAME} {said} ({value:+.1f} points, 95% CI {low:.1f} to {high:.1f}, {n} rows)."
