"""Share of a gain that is label balance: the ratio by hand, its interval against plain resampling, and silence where there is no gain."""

import numpy as np
import pytest

from steering.evaluate.prior import share_prior


def test_the_share_is_the_ratio_of_the_gains_and_its_interval_that_of_plain_resampling():
    rng = np.random.default_rng(0)
    manual, biased, learned = rng.random(300) < 0.5, rng.random(300) < 0.65, rng.random(300) < 0.9
    found = share_prior(learned, biased, manual)
    assert found.share == pytest.approx((biased.mean() - manual.mean()) / (learned.mean() - manual.mean()))
    drawn = []
    for _ in range(4000):
        rows = rng.integers(0, 300, 300)
        drawn.append((biased[rows].mean() - manual[rows].mean()) / (learned[rows].mean() - manual[rows].mean()))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.03)


def test_without_an_established_gain_nothing_is_said():
    same = np.arange(100) % 2 == 0
    for learned in (same, ~same, np.where(np.arange(100) < 2, True, same)):
        found = share_prior(learned, same, same)
        assert (found.share, found.low, found.high) == (None, None, None) and found.manual == 0.5
