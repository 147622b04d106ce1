"""Scores of one contestant that answers with one of K labels.

Everything comes from the log-probabilities of the label words, so that a contestant is judged on how sure it was, not only on what it said.

    scores = score_classification(log_probs, truth, ("negative", "positive"))
    scores.accuracy, scores.accuracy_ci, scores.ece, scores.ece_band
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steering.errors import InputError
from steering.evaluate.intervals import Floats, Interval, wilson

Ints = NDArray[np.int64]

FLOOR = float(np.log(np.finfo(np.float64).eps))
"""Log-probabilities below this one count as this one, so that one impossible label does not make the mean infinite (as scikit-learn does)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """One row of the per-class table. None: undefined, because the label was never predicted, or never true."""

    label: str
    support: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationScores:
    """What one contestant scored on N rows.

    ``balanced_accuracy`` averages recall over the labels that occur in the truth, ``macro_f1`` F1 over those that occur in truth or
    predictions. ``mcc`` is 0 where truth or predictions hold a single label. ``brier`` is the mean over rows of sum_k (p_k - y_k)^2 (0 to 2).
    ``ece_band`` is where 95 % of the ECEs of a perfectly calibrated contestant would lie. ``confusion[i][j]``: label i answered as label j.
    """

    n: int
    accuracy: float
    accuracy_ci: Interval
    balanced_accuracy: float
    macro_f1: float
    mcc: float
    nll: float
    brier: float
    ece: float
    ece_band: Interval
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]


def score_classification(log_probs: Any, truth: Any, labels: Sequence[str], *, seed: int = 0) -> ClassificationScores:
    """Judge one contestant.

    Args:
        log_probs: [N, K] log-probabilities (nats) of the label words, not necessarily normalised over the K.
        truth: [N] index of the true label.
        labels: the K labels.
        seed: for the simulated calibration band.

    Raises:
        InputError: nothing to judge, shapes that do not fit, a label index out of range, or scores that are not numbers.
    """
    logp = normalise(log_probs)
    target = check_truth(truth, len(logp), labels, logp.shape[1])
    guess = predict(logp)
    n, rows = len(logp), np.arange(len(logp))
    correct = guess == target
    probs = np.exp(logp)
    confidence = probs.max(axis=1)
    hit = np.zeros_like(probs)
    hit[rows, target] = 1.0
    per_class = _per_class(target, guess, labels)
    return ClassificationScores(
        n=n,
        accuracy=float(correct.mean()),
        accuracy_ci=wilson(int(correct.sum()), n),
        balanced_accuracy=_mean([row.recall for row in per_class]),
        macro_f1=_mean([row.f1 for row in per_class]),
        mcc=_mcc(target, guess),
        nll=float(-np.maximum(logp[rows, target], FLOOR).mean()),
        brier=float(((probs - hit) ** 2).sum(axis=1).mean()),
        ece=expected_calibration_error(confidence, correct),
        ece_band=ece_band(confidence, seed=seed),
        per_class=per_class,
        confusion=_confusion(target, guess, len(labels)),
    )


def normalise(log_probs: Any) -> Floats:
    """[N, K] log-probabilities that sum to one over the labels.

    Raises:
        InputError: not a table of at least one row and two labels, or a row that holds no usable number.
    """
    scores = np.asarray(log_probs, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise InputError(f"label scores have shape {scores.shape}, expected [rows, 2 or more labels].", "Give one log-probability per row and label.")
    if len(scores) == 0:
        raise InputError("there are no rows to judge.", "Give at least one held-out row.")
    top = scores.max(axis=1, keepdims=True)
    bad = ~np.isfinite(top[:, 0])  # NaN spreads through max; +inf, or -inf everywhere, cannot be normalised either
    if bad.any():
        raise InputError(
            f"the label scores of {int(bad.sum())} of {len(scores)} rows are not numbers (first at row {int(bad.argmax())}).",
            "The model gave no usable probability: try a higher precision (fp32) or a smaller learning rate.",
        )
    shifted = scores - top
    normal: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normal


def predict(log_probs: Any) -> Ints:
    """[N] index of the most probable label; the first one where several are equal."""
    chosen: Ints = np.asarray(log_probs).argmax(axis=1).astype(np.int64)
    return chosen


def check_truth(truth: Any, n: int, labels: Sequence[str], columns: int) -> Ints:
    """[N] true label indices, after checking them against the rows and the labels."""
    target = np.asarray(truth)
    if columns != len(labels):
        raise InputError(f"there are scores for {columns} labels, but {len(labels)} labels: {', '.join(labels)}.", "Score every label once.")
    if target.shape != (n,):
        raise InputError(f"there are true labels for {target.shape} rows, but scores for {n}.", "Judge exactly the rows whose truth is given.")
    if not np.issubdtype(target.dtype, np.integer) or target.min() < 0 or target.max() >= len(labels):
        raise InputError(f"true labels are not all indices from 0 to {len(labels) - 1}.", f"Expected positions in: {', '.join(labels)}.")
    checked: Ints = target.astype(np.int64)
    return checked


def expected_calibration_error(confidence: Floats, correct: Any) -> float:
    """Mean over equal-mass bins of |accuracy - confidence|, weighted by size (Naeini et al. 2015; equal mass: Nixon et al. 2019).

    5 bins below 200 rows, else 10; equal confidences share a bin, so the order of the rows does not matter.
    """
    gaps = np.bincount(bins_of(confidence), weights=np.asarray(correct, dtype=np.float64) - confidence)
    return float(np.abs(gaps).sum() / len(confidence))


def ece_band(confidence: Floats, *, seed: int, draws: int = 1000) -> Interval:
    """The middle 95 % of the ECE when every confidence is exactly right (consistency resampling, Bröcker & Smith 2007): never just 0."""
    bins = bins_of(confidence)
    member = np.eye(int(bins.max()) + 1)[bins]  # [N, bins]
    rng = np.random.default_rng(seed)
    simulated = [float(np.abs(((rng.random(len(confidence)) < confidence) - confidence) @ member).sum() / len(confidence)) for _ in range(draws)]
    low, high = np.quantile(simulated, [0.025, 0.975])
    return float(low), float(high)


def bins_of(confidence: Floats) -> NDArray[np.intp]:
    """[N] the equal-mass bin of every row: 5 bins below 200 rows, else 10."""
    count = 5 if len(confidence) < 200 else 10
    inner = np.quantile(confidence, np.linspace(0, 1, count + 1))[1:-1]
    return np.searchsorted(inner, confidence, side="right")


def _per_class(target: Ints, guess: Ints, labels: Sequence[str]) -> tuple[ClassScores, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    table = precision_recall_fscore_support(target, guess, labels=list(range(len(labels))), average=None, zero_division=np.nan)
    precision, recall, f1, support = table
    predicted = np.bincount(guess, minlength=len(labels))
    return tuple(
        ClassScores(
            label=label,
            support=int(support[k]),
            predicted=int(predicted[k]),
            precision=_defined(precision[k]),
            recall=_defined(recall[k]),
            f1=_defined(f1[k]),
        )
        for k, label in enumerate(labels)
    )


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))


def _mcc(target: Ints, guess: Ints) -> float:
    if len(np.unique(target)) == 1 or len(np.unique(guess)) == 1:
        return 0.0
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(target, guess))


def _confusion(target: Ints, guess: Ints, k: int) -> tuple[tuple[int, ...], ...]:
    from sklearn.metrics import confusion_matrix

    return tuple(tuple(int(cell) for cell in row) for row in confusion_matrix(target, guess, labels=list(range(k))))
