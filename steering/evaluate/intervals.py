"""Intervals for what was measured, and what a test set of a given size can show at all.

Accuracy gets a Wilson interval, the difference of two contestants on the same rows Newcombe's paired interval, every other per-row metric a
paired bootstrap. Fractions are 0 to 1; the wording turns them into points::

    wilson(160, 200)                     # (0.739, 0.850)
    newcombe_paired(145, 22, 7, 26)      # Estimate(value=0.075, low=0.022, high=0.129)
    mde(50)                              # 0.177: with 50 rows only gaps of about 18 points can be confirmed
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steering.errors import InputError

Interval = tuple[float, float]
Floats = NDArray[np.float64]
Statistic = Callable[[Floats], float]

POWER = 2.80
"""z(0.975) + z(0.80): a two-sided test at 5 % with a power of 80 %."""

POWER_SQUARED = 7.85
"""(z(0.975) + z(0.80)) squared, before either was rounded."""

USUAL_DISCORDANCE = 0.2
"""Share of rows on which two contestants usually disagree; used for planning, before anything is known."""

_DRAWS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def ci(self) -> Interval:
        return self.low, self.high


def wilson(k: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval for ``k`` of ``n`` (Wilson 1927); with no rows nothing is known: (0, 1).

    Raises:
        InputError: ``k`` is not between 0 and ``n``.
    """
    if not 0 <= k <= n:
        raise InputError(f"{k} of {n} is not a share.", "Expected a count between 0 and the number of rows.")
    if n == 0:
        return 0.0, 1.0
    return _wilson(int(k), int(n), level)


@lru_cache(maxsize=4096)
def _wilson(k: int, n: int, level: float) -> Interval:
    from scipy.stats import binomtest

    interval = binomtest(k, n).proportion_ci(confidence_level=level, method="wilson")
    return float(interval.low), float(interval.high)


def newcombe_paired(n11: int, n10: int, n01: int, n00: int, level: float = 0.95) -> Estimate:
    """The difference of two paired proportions, (n11 + n10)/n - (n11 + n01)/n.

    Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on paired data", method 10: Wilson
    limits of both, joined through the correlation phi with its continuity correction.

    Args:
        n11: rows that both got right. n10: only the first. n01: only the second. n00: neither.
    """
    n = n11 + n10 + n01 + n00
    if n == 0:
        return Estimate(value=0.0, low=-1.0, high=1.0)
    first, second = (n11 + n10) / n, (n11 + n01) / n
    low_1, high_1 = wilson(n11 + n10, n, level)
    low_2, high_2 = wilson(n11 + n01, n, level)
    phi = _phi(n11, n10, n01, n00)
    value = (n10 - n01) / n
    below = _joined(first - low_1, high_2 - second, phi)
    above = _joined(high_1 - first, second - low_2, phi)
    return Estimate(value=value, low=value - below, high=value + above)


def _phi(n11: int, n10: int, n01: int, n00: int) -> float:
    margins = (n11 + n10) * (n01 + n00) * (n11 + n01) * (n10 + n00)
    if margins == 0:
        return 0.0
    product = float(n11 * n00 - n10 * n01)
    if product > 0:
        product = max(product - (n11 + n10 + n01 + n00) / 2, 0.0)
    return product / math.sqrt(margins)


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))


def mde(n: int, q: float = USUAL_DISCORDANCE) -> float:
    """The smallest paired difference that ``n`` rows show with a power of 80 % at a two-sided 5 %: 2.80 sqrt(q/n), at most 1.

    ``q`` is the share of rows on which the two disagree. A normal approximation, poor while n*q is below 10.
    """
    return min(1.0, POWER * math.sqrt(q / n)) if n > 0 else 1.0


def settle_n(q: float, d: float) -> int | None:
    """How many rows would settle a difference of ``d`` at discordance ``q``: 7.85 q/d^2; None where there is no difference to settle."""
    return math.ceil(round(POWER_SQUARED * q / (d * d), 6)) if d else None


def paired_bootstrap(
    a: Any,
    b: Any,
    statistic: Statistic | None = None,
    *,
    seed: int,
    resamples: int = 10_000,
    groups: Sequence[Any] | None = None,
    level: float = 0.95,
) -> Estimate:
    """statistic(a) - statistic(b), with the percentile interval over resampled rows (Efron & Tibshirani 1993, ch. 13).

    Args:
        a, b: [N] or [N, ...] one entry per row, the same rows in the same order.
        statistic: takes the drawn entries of one side; None is the mean, which is drawn fast.
        groups: [N] rows of one group (one author, one document) are drawn together.

    Raises:
        InputError: the two differ in length, are empty, or hold something that is not a number.
    """
    first, second = paired_rows(a, b)
    sets = members(groups, len(first))
    rng = np.random.default_rng(seed)
    if statistic is None:
        gaps = first - second
        sums = np.array([gaps[rows].sum(axis=0) for rows in sets], dtype=np.float64)
        sizes = np.array([len(rows) for rows in sets], dtype=np.float64)
        drawn = np.concatenate([sums[draw].sum(axis=1) / sizes[draw].sum(axis=1) for draw in _draws(rng, len(sets), resamples)])
        value = float(gaps.mean())
    else:
        values = []
        for draw in _draws(rng, len(sets), resamples):
            for chosen in draw:
                rows = np.concatenate([sets[index] for index in chosen])
                values.append(statistic(first[rows]) - statistic(second[rows]))
        drawn = np.array(values, dtype=np.float64)
        value = float(statistic(first) - statistic(second))
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value=value, low=float(low), high=float(high))


def _draws(rng: np.random.Generator, count: int, resamples: int) -> Iterator[NDArray[np.int64]]:
    """[R, count] indices with replacement, in slabs that fit in memory."""
    slab = max(1, _DRAWS_AT_ONCE // count)
    for start in range(0, resamples, slab):
        yield rng.integers(0, count, size=(min(slab, resamples - start), count))


def members(groups: Sequence[Any] | None, n: int) -> list[NDArray[np.int64]]:
    """Rows of every group, in the order in which the groups first occur; without groups every row alone.

    Raises:
        InputError: not one group a row.
    """
    if groups is None:
        return list(np.arange(n).reshape(n, 1))
    if len(groups) != n:
        raise InputError(f"there are {len(groups)} groups for {n} rows.", "Give one group per row.")
    found: dict[Any, list[int]] = {}
    for index, group in enumerate(groups):
        found.setdefault(group, []).append(index)
    return [np.array(rows) for rows in found.values()]


def paired_rows(a: Any, b: Any) -> tuple[Floats, Floats]:
    """Both as float arrays, after checking that they can be two readings of the same rows."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim == 0 or first.shape != second.shape:
        raise InputError(
            f"the two contestants were judged on different rows (shapes {first.shape} and {second.shape}).", "Judge both on the same held-out rows."
        )
    if len(first) == 0:
        raise InputError("there are no rows to judge.", "Give at least one held-out row.")
    bad = ~np.isfinite(first + second)
    if bad.any():
        raise InputError(f"{int(bad.sum())} scores are not finite numbers (first at row {int(np.argwhere(bad)[0][0])}).", "Judge again.")
    return first, second
