"""How much of a gain is mere balance between the labels: what the manual prompt gains from one fitted bias a label, over what was gained in all.

SCIENCE notes A3, view 1: share = (accuracy of manual + bias - manual) / (accuracy of learned - manual), with a paired bootstrap over rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from steering.evaluate.intervals import Floats, paired_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePrior:
    """Accuracies of the three, and the share with its interval; None where the gain itself is not established (its interval includes 0)."""

    manual: float
    biased: float
    learned: float
    share: float | None
    low: float | None
    high: float | None


def share_prior(learned: Any, biased: Any, manual: Any, *, seed: int = 0, resamples: int = 4000) -> SharePrior:
    """Judge the gain.

    Args:
        learned, biased, manual: [N] true where right, the same rows.
    """
    ours, theirs = paired_rows(learned, manual)
    middle, _ = paired_rows(biased, manual)
    rng = np.random.default_rng(seed)
    weights: Floats = rng.multinomial(len(ours), np.full(len(ours), 1 / len(ours)), size=resamples) / len(ours)  # [R, N]
    gains, balances = weights @ (ours - theirs), weights @ (middle - theirs)
    gain, balance = float((ours - theirs).mean()), float((middle - theirs).mean())
    levels = {"manual": float(theirs.mean()), "biased": float(middle.mean()), "learned": float(ours.mean())}
    if gain <= 0 or np.quantile(gains, 0.025) <= 0:
        return SharePrior(**levels, share=None, low=None, high=None)
    low, high = np.quantile(balances[gains > 0] / gains[gains > 0], [0.025, 0.975])
    return SharePrior(**levels, share=balance / gain, low=float(low), high=float(high))
