"""How much of an effect a part of it has: a ratio of two paired differences, with its interval, or nothing where there is no effect to share.

    gain, part = share(biased - manual, learned - manual, seed=0)   # [N] per-row differences
    part.value                                                      # 0.6: label balance alone gives 60 % of the gain

A ratio whose denominator may be 0 says nothing, so it is withheld where the denominator's interval includes 0 (SCIENCE notes A3, view 1).
"""

from typing import Any

import numpy as np

from steering.evaluate.intervals import Estimate, Floats, paired_bootstrap, paired_rows

RESAMPLES = 10_000


def share(part: Any, whole: Any, *, seed: int = 0, level: float = 0.95) -> tuple[Estimate, Estimate | None]:
    """The mean of ``whole`` [N], and mean(``part``) / mean(``whole``), both with percentile intervals over the same resampled rows.

    The second is None where the interval of the first includes 0.

    Raises:
        InputError: the two differ in length, are empty, or hold something that is not a number.
    """
    top, bottom = paired_rows(part, whole)
    total = mean(bottom, seed=seed, level=level)
    if total.low <= 0 <= total.high:
        return total, None
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(top), size=(RESAMPLES, len(top)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = top[drawn].mean(1) / bottom[drawn].mean(1)
    tail = (1 - level) / 2
    low, high = np.quantile(ratios[np.isfinite(ratios)], [tail, 1 - tail])
    return total, Estimate(value=float(top.mean() / bottom.mean()), low=float(low), high=float(high))


def mean(values: Any, *, seed: int = 0, level: float = 0.95) -> Estimate:
    """The mean of [N] per-row values with its percentile bootstrap interval.

    Raises:
        InputError: no values, or something that is not a number.
    """
    rows: Floats = np.asarray(values, dtype=np.float64)
    return paired_bootstrap(rows, np.zeros_like(rows), seed=seed, resamples=RESAMPLES, level=level)
