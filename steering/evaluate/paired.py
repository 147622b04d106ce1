"""Paired tests: which of two contestants was right where, and whether that could be chance.

    counts = paired_counts(learned_correct, manual_correct)
    mcnemar(counts.a_only, counts.b_only)     # 0.0081 for 22 against 7

Rows are paired by position: the same row in the same place on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steering.errors import InputError
from steering.evaluate.intervals import Estimate, Floats, members, newcombe_paired, paired_rows

_FLIPS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """How many rows only ``a`` got right, only ``b``, both, and neither."""

    a_only: int
    b_only: int
    both: int
    neither: int

    @property
    def n(self) -> int:
        return self.a_only + self.b_only + self.both + self.neither

    @property
    def decisive(self) -> int:
        """Rows on which the two disagree; only they can tell them apart."""
        return self.a_only + self.b_only

    @property
    def discordance(self) -> float:
        """The share q of decisive rows."""
        return self.decisive / self.n if self.n else 0.0

    def difference(self, level: float = 0.95) -> Estimate:
        """Accuracy of ``a`` minus accuracy of ``b``, with Newcombe's paired interval."""
        return newcombe_paired(self.both, self.a_only, self.b_only, self.neither, level)


def paired_counts(a_correct: Any, b_correct: Any) -> PairedCounts:
    """Count the four cells.

    Args:
        a_correct, b_correct: [N] true (or 1) where the contestant was right, the same rows in the same order.

    Raises:
        InputError: different rows, no rows, or something else than right and wrong.
    """
    a, b = paired_rows(a_correct, b_correct)
    for side in (a, b):
        if side.ndim != 1 or not np.isin(side, (0.0, 1.0)).all():
            raise InputError("right and wrong are given as something else than true and false.", "Expected one true or false per row.")
    both, a_right, b_right = int((a * b).sum()), int(a.sum()), int(b.sum())
    return PairedCounts(a_only=a_right - both, b_only=b_right - both, both=both, neither=len(a) - a_right - b_right + both)


def mcnemar(a_only: int, b_only: int, *, mid_p: bool = False) -> float:
    """Exact two-sided McNemar p: a fair coin thrown ``a_only + b_only`` times (McNemar 1947); 1 where nothing is decisive.

    ``mid_p`` subtracts the probability of exactly this outcome (Fagerland, Lydersen & Laake 2013): less conservative, no longer exact.
    """
    thrown = a_only + b_only
    if thrown == 0:
        return 1.0
    from scipy.stats import binom, binomtest

    p = float(binomtest(int(a_only), int(thrown), 0.5).pvalue)
    return p - float(binom.pmf(a_only, thrown, 0.5)) if mid_p else p


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjustment (Holm 1979): compare each result with 0.05 as if it were the only test."""
    if not p_values:
        return ()
    from statsmodels.stats.multitest import multipletests

    return tuple(float(p) for p in multipletests(list(p_values), method="holm")[1])


def permutation(a: Any, b: Any, *, seed: int, resamples: int = 10_000, groups: Sequence[Any] | None = None) -> float:
    """Two-sided p of the mean difference when the two contestants are swapped row by row at random (Fisher 1935); rows of one of ``groups`` [N]
    are swapped together.

    The observed assignment counts as one of the draws, so p is never 0 and the test keeps its level (Phipson & Smyth 2010).
    """
    first, second = paired_rows(a, b)
    gaps: Floats = first - second
    if groups is not None:
        gaps = np.array([gaps[rows].sum() for rows in members(groups, len(gaps))])
    rng = np.random.default_rng(seed)
    observed = abs(gaps.sum())
    slack = 1e-9 * float(np.abs(gaps).sum())  # sums of the same numbers in another order differ in the last digits
    slab = max(1, _FLIPS_AT_ONCE // len(gaps))
    as_far = 0
    for start in range(0, resamples, slab):
        signs = rng.integers(0, 2, size=(min(slab, resamples - start), len(gaps)), dtype=np.int8) * 2 - 1
        as_far += int((np.abs(signs @ gaps) >= observed - slack).sum())
    return (as_far + 1) / (resamples + 1)
