"""Cross-validated estimates: the number by hand, an interval over rows, and never the word for an established difference."""

import numpy as np
import pytest

from steering.evaluate.crossval import cross_validated


def table(seed, n, skill, repeats=5):
    """Right and wrong: rows differ in difficulty, repeats hardly."""
    rng = np.random.default_rng(seed)
    easy = rng.random(n) < skill
    return np.array([np.where(rng.random(n) < 0.9, easy, ~easy) for _ in range(repeats)], dtype=float)


def test_estimate_interval_and_words():
    a, b = table(0, 48, 0.5), table(1, 48, 0.95)
    made = cross_validated([("manual", "manual", a), ("tune", "prompt_tuning", b)], folds=5)
    assert made.name == "cross-validated estimate" and (made.n, made.folds, made.repeats) == (48, 5, 5)
    assert made.contestants[1].score == pytest.approx(b.mean()) and made.contestants[1].rows == pytest.approx(b.mean(0))
    assert (made.contestants[0].lowest, made.contestants[0].highest) == pytest.approx((a.mean(1).min(), a.mean(1).max()))
    (pair,) = made.pairs
    assert (pair.a, pair.b, pair.verdict) == ("tune", "manual", "lean") and pair.difference == pytest.approx(b.mean() - a.mean())
    assert pair.sentence.startswith("In a cross-validated estimate tune came out ahead of manual (+") and "48 rows)." in pair.sentence
    assert "no exact test" in made.notes[0]


@pytest.mark.parametrize(
    ("skill", "n", "kind", "said"), [(0.5, 40, "tie", "no difference shows"), (0.05, 40, "loss", "behind"), (0.9, 6, "small", "too few")]
)
def test_kinds(skill, n, kind, said):
    made = cross_validated([("b", "k", table(1, n, 0.5)), ("a", "k", table(1, n, skill))], folds=5)
    assert made.pairs[0].verdict == kind and said in made.pairs[0].sentence


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Rows are the sample: over 200 samples of 50 rows the 95 % interval misses the true 0.7 in at most a tenth."""
    misses = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        right = (rng.random(50) < 0.7).astype(float)
        low, high = cross_validated([("a", "k", np.tile(right, (5, 1)))], folds=5).contestants[0].ci
        misses += not low <= 0.7 <= high
    assert misses <= 20
