import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.errors import InputError
from steering.evaluate.intervals import mde, newcombe_paired, paired_bootstrap, settle_n, wilson

CELL = st.integers(0, 200)


def test_wilson_constant():
    assert wilson(160, 200) == pytest.approx((0.739, 0.850), abs=1e-3)


@given(st.integers(1, 500), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_wilson_is_the_closed_formula(n, share):
    k = round(share * n)
    p, z = k / n, 1.959963984540054
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    expected = ((p + z * z / (2 * n) - half) / (1 + z * z / n), (p + z * z / (2 * n) + half) / (1 + z * z / n))
    assert wilson(k, n) == pytest.approx(expected, abs=1e-9)


def test_wilson_without_rows_knows_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_refuses_more_hits_than_rows():
    with pytest.raises(InputError, match="7 of 5 is not a share"):
        wilson(7, 5)


@pytest.mark.parametrize(
    ("cells", "value", "low", "high"),
    [((14, 5, 0, 22), 0.1220, 0.0115, 0.2265), ((145, 22, 7, 26), 0.075, 0.022, 0.129)],
)
def test_newcombe_constants(cells, value, low, high):
    got = newcombe_paired(*cells)
    assert (got.value, *got.ci) == pytest.approx((value, low, high), abs=1e-3)


@given(CELL, CELL, CELL, CELL)
@settings(max_examples=100, deadline=None)
def test_newcombe_is_antisymmetric_and_holds_its_estimate(n11, n10, n01, n00):
    there, back = newcombe_paired(n11, n10, n01, n00), newcombe_paired(n11, n01, n10, n00)
    assert -1 - 1e-9 <= there.low <= there.value <= there.high <= 1 + 1e-9
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low), abs=1e-9)


def test_newcombe_covers_the_true_difference_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    cells = rng.multinomial(60, [0.5, 0.2, 0.1, 0.2], size=400)
    covered = [one.low <= 0.1 <= one.high for one in (newcombe_paired(*map(int, row)) for row in cells)]
    assert 0.92 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize(
    ("n", "q", "points"),
    [(30, 0.2, 23), (50, 0.2, 18), (100, 0.2, 12.5), (200, 0.2, 9), (500, 0.2, 6), (1000, 0.2, 4), (50, 0.1, 13), (100, 0.1, 9), (1000, 0.1, 3)],
)
def test_mde_table(n, q, points):
    assert 100 * mde(n, q) == pytest.approx(points, abs=0.5)


def test_mde_of_next_to_nothing_is_everything():
    assert mde(0) == 1.0
    assert mde(1, 0.9) == 1.0


def test_settle_n():
    assert settle_n(0.16, 0.04) == 785
    assert settle_n(0.16, -0.04) == 785
    assert settle_n(0.16, 0.0) is None


def test_bootstrap_is_scipys_percentile_bootstrap():
    from scipy.stats import bootstrap

    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 60), rng.normal(0, 1, 60)
    got = paired_bootstrap(a, b, seed=3)
    theirs = bootstrap((a - b,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(4)).confidence_interval
    assert got.value == pytest.approx(a.mean() - b.mean())
    assert got.ci == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_bootstrap_is_fixed_by_its_seed():
    a, b = np.arange(12.0), np.arange(12.0)[::-1]
    assert paired_bootstrap(a, b, seed=1, resamples=200) == paired_bootstrap(a, b, seed=1, resamples=200)
    assert paired_bootstrap(a, b, seed=1, resamples=200) != paired_bootstrap(a, b, seed=2, resamples=200)


def test_bootstrap_of_a_statistic_draws_the_same_rows_as_that_of_the_mean():
    rng = np.random.default_rng(0)
    a, b = rng.random(30), rng.random(30)
    by_mean, by_function = paired_bootstrap(a, b, seed=5, resamples=300), paired_bootstrap(a, b, np.mean, seed=5, resamples=300)
    assert (by_mean.low, by_mean.high) == pytest.approx((by_function.low, by_function.high), abs=1e-12)


def test_bootstrap_takes_a_metric_of_several_columns():
    from sklearn.metrics import f1_score

    def macro_f1(rows):
        return f1_score(rows[:, 0], rows[:, 1], average="macro")

    truth = np.tile([0, 1], 20)
    good, poor = np.stack([truth, truth], axis=1), np.stack([truth, np.zeros(40)], axis=1)
    got = paired_bootstrap(good, poor, macro_f1, seed=0, resamples=50)
    assert got.value == pytest.approx(1 - 1 / 3)
    assert got.low > 0.5


def test_bootstrap_by_groups_is_wider_when_rows_repeat():
    rng = np.random.default_rng(0)
    one = rng.normal(size=20)
    a, groups = np.repeat(one, 5), np.repeat(np.arange(20), 5)
    plain = paired_bootstrap(a, np.zeros(100), seed=0, resamples=2000)
    grouped = paired_bootstrap(a, np.zeros(100), seed=0, resamples=2000, groups=list(groups))
    single = paired_bootstrap(one, np.zeros(20), seed=0, resamples=2000)
    assert grouped.high - grouped.low > 1.8 * (plain.high - plain.low)
    assert grouped.ci == pytest.approx(single.ci)


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ([1, 2], [1], r"judged on different rows \(shapes \(2,\) and \(1,\)\)"),
        ([], [], "no rows to judge"),
        ([1.0, math.nan], [1.0, 2.0], r"1 scores are not finite numbers \(first at row 1\)"),
    ],
)
def test_bootstrap_says_what_is_wrong(a, b, text):
    with pytest.raises(InputError, match=text):
        paired_bootstrap(a, b, seed=0)


def test_groups_must_fit():
    with pytest.raises(InputError, match="2 groups for 3 rows"):
        paired_bootstrap([1, 2, 3], [1, 2, 3], seed=0, groups=["a", "b"])
