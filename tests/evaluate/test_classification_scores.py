import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.errors import InputError
from steering.evaluate.classification import ece_band, expected_calibration_error, normalise, predict, score_classification

LABELS = ("bad", "fair", "good")


def random_case(seed, n=60, k=3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    return rng.normal(size=(n, k)) + 1.5 * np.eye(k)[truth], truth


def test_scores_by_hand():
    probs = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.9, 0.1]])
    scores = score_classification(np.log(probs), np.array([0, 0, 1, 1]), ("no", "yes"))
    assert (scores.n, scores.accuracy, scores.confusion) == (4, 0.5, ((1, 1), (1, 1)))
    assert scores.accuracy_ci == pytest.approx((0.150, 0.850), abs=1e-3)
    assert scores.nll == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.1]).mean())
    assert scores.brier == pytest.approx(np.mean([2 * 0.2**2, 2 * 0.6**2, 2 * 0.3**2, 2 * 0.9**2]))
    assert (scores.balanced_accuracy, scores.macro_f1, scores.mcc) == (0.5, 0.5, 0.0)
    assert [row.support for row in scores.per_class] == [2, 2]


def test_scores_are_scikit_learns():
    from sklearn import metrics

    log_probs, truth = random_case(0)
    scores = score_classification(log_probs, truth, LABELS)
    guess, probs = log_probs.argmax(1), np.exp(normalise(log_probs))
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(truth, guess))
    assert scores.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, guess))
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    assert scores.mcc == pytest.approx(metrics.matthews_corrcoef(truth, guess))
    assert scores.nll == pytest.approx(metrics.log_loss(truth, probs))
    assert scores.brier == pytest.approx(((probs - np.eye(3)[truth]) ** 2).sum(1).mean())
    assert sum(map(sum, scores.confusion)) == 60
    assert [row.predicted for row in scores.per_class] == [int((guess == k).sum()) for k in range(3)]


@given(st.integers(0, 1000), st.floats(-50, 50))
@settings(max_examples=20, deadline=None)
def test_scores_ignore_scale_and_order(seed, shift):
    log_probs, truth = random_case(seed, n=24)
    order = np.random.default_rng(seed).permutation(24)
    once = score_classification(log_probs, truth, LABELS)
    again = score_classification(log_probs[order] + shift, truth[order], LABELS)
    assert (once.accuracy, once.confusion, once.per_class) == (again.accuracy, again.confusion, again.per_class)
    assert (once.nll, once.brier, once.ece) == pytest.approx((again.nll, again.brier, again.ece), abs=1e-9)


def test_an_impossible_true_label_costs_much_but_not_everything():
    scores = score_classification(np.array([[0.0, -np.inf], [0.0, -np.inf]]), np.array([0, 1]), ("a", "b"))
    assert scores.nll == pytest.approx(36.04 / 2, abs=0.01)


def test_one_class_is_a_stated_result():
    scores = score_classification(np.array([[2.0, 0.0]] * 3 + [[0.0, 2.0]]), np.zeros(4, dtype=int), ("a", "b"))
    assert (scores.accuracy, scores.balanced_accuracy, scores.mcc) == (0.75, 0.75, 0.0)
    assert scores.per_class[1].recall is None
    assert scores.per_class[1].precision == 0.0


def test_a_label_that_never_occurs_is_undefined_and_left_out_of_the_mean():
    scores = score_classification(np.array([[2.0, 0.0, -9.0], [0.0, 2.0, -9.0]]), np.array([0, 1]), LABELS)
    assert scores.macro_f1 == 1.0
    last = scores.per_class[2]
    assert (last.support, last.predicted, last.precision, last.recall, last.f1) == (0, 0, None, None, None)


def test_a_constant_answer_is_a_stated_result():
    scores = score_classification(np.array([[1.0, 0.0]] * 6), np.array([0, 0, 0, 0, 1, 1]), ("a", "b"))
    assert (scores.balanced_accuracy, scores.mcc) == (0.5, 0.0)
    assert scores.per_class[1].precision is None


def test_equal_scores_go_to_the_first_label():
    assert predict(np.zeros((2, 3))).tolist() == [0, 0]


def test_ece_by_hand():
    confidence = np.repeat([0.55, 0.65, 0.75, 0.85, 0.95], 20)
    correct = np.concatenate([np.arange(20) < hits for hits in (11, 13, 15, 17, 9)])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.2 * 0.5)


def test_ece_uses_ten_bins_from_200_rows_on():
    confidence = np.linspace(0.5, 1, 200)
    correct = np.tile([1.0] * 20 + [0.0] * 20, 5)  # cancels within fifths, not within tenths
    ten = expected_calibration_error(confidence, correct)
    five = expected_calibration_error(confidence[:-1], correct[:-1])
    assert ten > five + 0.1


def test_ece_of_equal_confidences_is_one_bin():
    assert expected_calibration_error(np.full(10, 0.7), np.array([1.0] * 7 + [0.0] * 3)) == pytest.approx(0.0, abs=1e-12)


def test_ece_band_says_what_perfect_calibration_looks_like():
    confidence = np.random.default_rng(0).uniform(0.5, 1, 100)
    low, high = ece_band(confidence, seed=0)
    assert 0 < low < high < 0.2
    assert ece_band(confidence, seed=0) == (low, high)
    correct = np.random.default_rng(1).random(100) < confidence
    assert expected_calibration_error(confidence, correct) < 1.3 * high
    assert expected_calibration_error(confidence, np.zeros(100)) > high


@pytest.mark.parametrize(
    ("log_probs", "truth", "labels", "text"),
    [
        (np.zeros((0, 2)), np.zeros(0, dtype=int), ("a", "b"), "no rows to judge"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), np.array([0, 1]), ("a", "b"), r"label scores of 1 of 2 rows are not numbers \(first at row 1\)"),
        (np.array([[-np.inf, -np.inf]]), np.array([0]), ("a", "b"), "not numbers"),
        (np.array([[np.inf, 0.0]]), np.array([0]), ("a", "b"), "not numbers"),
        (np.zeros((2, 1)), np.array([0, 0]), ("a",), r"shape \(2, 1\), expected \[rows, 2 or more labels\]"),
        (np.zeros((2, 2)), np.array([0, 1]), LABELS, "scores for 2 labels, but 3 labels: bad, fair, good"),
        (np.zeros((2, 2)), np.array([0]), ("a", "b"), r"true labels for \(1,\) rows, but scores for 2"),
        (np.zeros((2, 2)), np.array([0, 2]), ("a", "b"), "not all indices from 0 to 1"),
        (np.zeros((2, 2)), np.array(["a", "b"]), ("a", "b"), "not all indices from 0 to 1"),
    ],
)
def test_unusable_input_is_said_plainly(log_probs, truth, labels, text):
    with pytest.raises(InputError, match=text):
        score_classification(log_probs, truth, labels)
