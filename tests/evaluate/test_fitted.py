"""Label biases and the linear probe: they find what is there, choose by rows they were not fitted on, and say when they cannot."""

import numpy as np
import pytest

from steering.errors import DataError
from steering.evaluate.fitted import FLOOR, STRENGTHS, fit_biases, fit_probe


def _data(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, n)
    scores = random.normal(size=(n, 3)) + 2.0 * np.eye(3)[truth]
    return scores, truth


def test_biases_undo_a_shift_between_labels():
    scores, truth = _data(2000)
    shift = np.array([3.0, 0.0, -1.0])
    bias = fit_biases(scores + shift, truth)
    assert bias.sum() == pytest.approx(0.0, abs=1e-9)
    even = fit_biases(scores, truth)
    np.testing.assert_allclose(bias + shift - shift.mean(), even, atol=0.35)  # shrinking holds it back a little
    right = lambda s: float((s.argmax(1) == truth).mean())  # noqa: E731
    assert right(scores + shift + bias) > right(scores + shift) + 0.1


def test_biases_that_do_not_help_validation_are_not_used():
    scores, truth = _data(30)
    shifted = scores + np.array([3.0, 0.0, 0.0])
    assert np.array_equal(fit_biases(shifted, truth, validation=(scores, truth)), np.zeros(3))
    assert fit_biases(shifted, truth, validation=(shifted, truth)).any()
    assert fit_biases(shifted, truth, validation=(np.zeros((0, 3)), ())).any(), "no rows cannot object"


def test_biases_stay_finite_where_a_class_never_comes():
    scores, truth = _data(60)
    bias = fit_biases(scores, np.where(truth == 2, 0, truth))
    assert np.isfinite(bias).all() and bias[2] == bias.min()


@pytest.mark.parametrize("classes", [2, 3])
def test_the_probe_finds_a_direction_and_gives_log_probabilities(classes):
    random = np.random.default_rng(1)
    truth = np.arange(90) % classes
    rows = random.normal(size=(90, 40)) + 3.0 * np.eye(40)[truth] + 100.0
    probe = fit_probe(rows[:60], truth[:60], classes)
    found = probe.log_probs(rows[60:])
    np.testing.assert_allclose(np.exp(found).sum(1), 1.0)
    assert (found.argmax(1) == truth[60:]).mean() > 0.8 and probe.strength in STRENGTHS


def test_validation_chooses_how_strongly_to_shrink():
    random = np.random.default_rng(2)
    truth = np.arange(60) % 2
    noise = random.normal(size=(60, 50))
    clear = noise + 4.0 * np.eye(50)[truth]
    assert fit_probe(noise, truth, 2, validation=(random.normal(size=(60, 50)), truth)).strength == min(STRENGTHS)
    assert fit_probe(clear, truth, 2, validation=(clear, truth)).strength > 1e-3


def test_a_class_without_rows_gets_the_floor_and_one_class_is_refused():
    random = np.random.default_rng(3)
    rows, truth = random.normal(size=(20, 5)), np.arange(20) % 2 * 2
    found = fit_probe(rows, truth, 3).log_probs(rows)
    assert np.allclose(found[:, 1], np.log(FLOOR)) and found.shape == (20, 3)
    with pytest.raises(DataError, match=r"a linear probe needs rows of at least two classes, and there is one\. Give training rows of every class"):
        fit_probe(rows, np.zeros(20), 3)


def test_too_few_rows_to_hold_any_back_give_a_fixed_strength():
    assert fit_probe(np.eye(2), [0, 1], 2).strength == 0.1
