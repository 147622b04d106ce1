"""Figures that the verdict is held to: how often it says "better" where nothing is, and how often it finds what is there."""

import math
from itertools import combinations

import numpy as np
import pytest

from steering.evaluate.comparison import Judged, compare_classification
from steering.evaluate.intervals import mde, newcombe_paired, wilson
from steering.evaluate.paired import holm, mcnemar, permutation
from steering.evaluate.verdict import classification_verdict

LABELS = ("no", "yes")


def test_the_same_contestant_twice_with_noise_is_called_better_in_at_most_five_percent():
    """2,000 experiments: one skill a row, answered twice with independent noise around it."""
    rng = np.random.default_rng(11)
    wins = 0
    for _ in range(2000):
        n = int(rng.choice([40, 80, 160, 300]))
        skill = rng.beta(4, 2, n)
        wins += classification_verdict(*(rng.random((2, n)) < skill)).kind == "win"
    assert wins <= 100


def test_the_best_of_five_equal_prompts_picked_on_validation_is_called_better_in_at_most_five_percent():
    """2,000 experiments: the pick is made on other rows, so its luck does not reach the test rows."""
    rng = np.random.default_rng(12)
    wins = 0
    for _ in range(2000):
        validation, test = rng.random((5, 60)) < 0.7, rng.random((6, 150)) < 0.7
        best = int(validation.mean(1).argmax())
        wins += classification_verdict(test[best], test[5]).kind == "win"
    assert wins <= 100


def test_among_five_equal_contestants_anybody_is_called_better_in_at_most_five_percent():
    """Holm over all ten pairs at once: 2,000 families with McNemar's p, a sample of them through the whole comparison."""
    rng = np.random.default_rng(13)
    alarms = 0
    for _ in range(2000):
        right = (rng.random((5, 150)) < 0.7).astype(int)
        p = [mcnemar(int((right[a] & ~right[b] & 1).sum()), int((right[b] & ~right[a] & 1).sum())) for a, b in combinations(range(5), 2)]
        alarms += 10 * min(p) < 0.05  # the smallest of Holm's ten (statsmodels collects garbage at every call, so it is not asked 2,000 times)
    assert alarms <= 100 and min(holm(p)) == pytest.approx(min(1.0, 10 * min(p)))
    wins = 0
    for _ in range(15):
        truth = rng.integers(0, 2, 150)
        answers = [np.where(rng.random(150) < 0.7, truth, 1 - truth) for _ in range(5)]
        results = [Judged(name=str(i), kind="t", log_probs=np.log(0.2 + 0.6 * np.eye(2)[a])) for i, a in enumerate(answers)]
        wins += any(pair.verdict == "win" for pair in compare_classification(results, truth, LABELS).pairs)
    assert wins <= 4


def test_rows_that_belong_together_do_not_count_as_many():
    """Groups of eight rows with one fate: taken as rows of their own they cry "better" far too often; together they do not."""
    rng = np.random.default_rng(14)
    apart = together = 0
    groups = [i // 8 for i in range(240)]
    for _ in range(300):
        a, b = (np.repeat(rng.random(30) < 0.5, 8) for _ in range(2))
        apart += classification_verdict(a, b).kind == "win"
        together += classification_verdict(a, b, groups=groups).kind == "win"
    assert apart > 45 and together <= 15


@pytest.mark.parametrize(("n", "q"), [(100, 0.2), (200, 0.2), (200, 0.3), (500, 0.2)])
def test_a_real_difference_is_found_as_often_as_the_detectable_gap_promises(n, q):
    """At the smallest detectable gap the power is 80 %; at half of it the test is mostly silent, at one and a half of it hardly ever."""
    found = {}
    for factor in (0.5, 1.0, 1.5):
        gap = factor * mde(n, q)
        rng = np.random.default_rng(15)
        cells = rng.multinomial(n, [(q + gap) / 2, max(0.0, q - gap) / 2, 0.5, 0.5 - q - max(0.0, gap - q) / 2], size=400)
        wins = [mcnemar(int(b), int(c)) < 0.05 and b > c and newcombe_paired(int(r), int(b), int(c), int(w)).low > 0 for b, c, r, w in cells]
        found[factor] = np.mean(wins)
    assert 0.75 <= found[1.0] <= 0.85, found
    assert found[0.5] < 0.30 and found[1.5] > 0.97, found


def test_intervals_and_p_values_equal_formulas_written_out_here():
    for k, n in ((160, 200), (0, 30), (30, 30), (7, 9)):
        z, p = 1.959963984540054, k / n
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        assert wilson(k, n) == pytest.approx((centre - half, centre + half), abs=1e-3)
    for b, c in ((22, 7), (25, 10), (6, 0), (5, 0), (3, 3)):
        tail = sum(math.comb(b + c, i) for i in range(min(b, c) + 1)) / 2 ** (b + c)
        assert mcnemar(b, c) == pytest.approx(min(1.0, 2 * tail), abs=1e-3)
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    gaps = np.array([1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
    signs = np.array([[1 if i >> k & 1 else -1 for k in range(6)] for i in range(64)])
    exact = (np.abs(signs @ gaps) >= abs(gaps.sum())).mean()
    assert permutation(gaps, np.zeros(6), seed=0, resamples=40_000) == pytest.approx(exact, abs=0.01)
