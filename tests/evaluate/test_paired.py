from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.errors import InputError
from steering.evaluate.paired import PairedCounts, holm, mcnemar, paired_counts, permutation

COUNT = st.integers(0, 60)


@pytest.mark.parametrize(("b", "c", "p"), [(22, 7, 0.0081), (25, 10, 0.0167), (6, 0, 0.03125), (5, 0, 0.0625), (0, 0, 1.0)])
def test_mcnemar_constants(b, c, p):
    assert mcnemar(b, c) == pytest.approx(p, abs=1e-4)


def test_mid_p_constant():
    assert mcnemar(22, 7, mid_p=True) == pytest.approx(0.0052, abs=1e-4)


@given(COUNT, COUNT)
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_the_coin_sum(b, c):
    coins = b + c
    expected = min(1.0, 2 * sum(comb(coins, i) for i in range(min(b, c) + 1)) / 2**coins)
    assert mcnemar(b, c) == pytest.approx(expected, abs=1e-9)
    assert mcnemar(b, c) == pytest.approx(mcnemar(c, b), abs=1e-12)
    if coins:
        assert mcnemar(b, c, mid_p=True) == pytest.approx(expected - comb(coins, b) / 2**coins, abs=1e-9)


def test_mcnemar_is_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar as theirs

    assert mcnemar(13, 4) == pytest.approx(theirs([[50, 13], [4, 20]], exact=True).pvalue)


def test_fewer_than_six_decisive_rows_can_never_be_enough():
    assert min(mcnemar(b, total - b) for total in range(6) for b in range(total + 1)) > 0.05
    assert mcnemar(6, 0) < 0.05


def test_counts():
    counts = paired_counts([1, 1, 0, 0, 1], [1, 0, 1, 0, 0])
    assert counts == PairedCounts(a_only=2, b_only=1, both=1, neither=1)
    assert (counts.n, counts.decisive, counts.discordance) == (5, 3, 0.6)
    assert counts.difference().value == pytest.approx(0.2)
    assert PairedCounts(a_only=0, b_only=0, both=0, neither=0).discordance == 0.0


@pytest.mark.parametrize("bad", [[0.5, 1.0], [[1, 0], [0, 1]]])
def test_counts_take_right_and_wrong_only(bad):
    with pytest.raises(InputError, match="something else than true and false"):
        paired_counts(bad, bad)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9]) == (0.9,)
    assert holm([]) == ()


def test_permutation_is_close_to_full_enumeration():
    gaps = np.array([1.0, 2.0, -0.5, 3.0, 0.7, -0.2, 1.1, 0.4])
    sums = [abs(np.dot(signs, gaps)) for signs in product((-1, 1), repeat=8)]
    exact = np.mean(np.array(sums) >= gaps.sum() - 1e-12)
    assert permutation(gaps, np.zeros(8), seed=0) == pytest.approx(exact, abs=0.01)


def test_permutation_is_never_zero_and_one_without_a_difference():
    assert permutation(np.ones(60), np.zeros(60), seed=0, resamples=999) == pytest.approx(0.001)
    assert permutation(np.ones(60), np.ones(60), seed=0, resamples=99) == 1.0


def test_permutation_keeps_its_level():
    rng = np.random.default_rng(2)
    p = [permutation(rng.normal(size=30), rng.normal(size=30), seed=k, resamples=199) for k in range(600)]
    assert np.mean(np.array(p) <= 0.05) <= 0.07
