"""What little can be fitted on top of a frozen model: label biases, and a linear probe. References: a learned prompt should beat both.

Fitted on training rows; validation rows only choose (whether to use the biases, how strongly to shrink the probe). numpy in, numpy out.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from steering.errors import DataError
from steering.evaluate.intervals import Floats

BIAS_SPREAD = 3.0
"""Standard deviation, in nats, of the normal prior on every bias: keeps them finite where a few rows can be separated, and lets them be as large as
a confident model needs (its margins are some nats) once there are rows enough to say so."""

STRENGTHS = tuple(10.0**e for e in range(-4, 3))
"""Candidates for the probe's C, scikit-learn's inverse strength of L2 shrinkage."""

FLOOR = 1e-6
"""Probability that a probe gives to a class it never saw."""


def fit_biases(log_probs: Any, truth: Any, *, validation: tuple[Any, Any] | None = None) -> Floats:
    """Biases [K] that, added to label log-probabilities [N, K], fit ``truth`` [N] best (mean 0); zeros where they do not help ``validation``.

    The sum over labels is a constant shift and means nothing, so the biases' mean is taken out.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax, softmax

    scores, wanted = np.asarray(log_probs, float), np.asarray(truth, int)
    count, classes = scores.shape
    share = np.bincount(wanted, minlength=classes) / count
    shrink = 1.0 / (2.0 * BIAS_SPREAD**2 * count)

    def loss(bias: Floats) -> tuple[float, Floats]:
        shifted = scores + bias
        nll = -log_softmax(shifted, axis=1)[np.arange(count), wanted].mean()
        return float(nll + shrink * (bias**2).sum()), softmax(shifted, axis=1).mean(0) - share + 2 * shrink * bias

    found = minimize(loss, np.zeros(classes), jac=True, method="L-BFGS-B").x
    bias: Floats = found - found.mean()
    if validation is not None and len(validation[1]):
        held, target = np.asarray(validation[0], float), np.asarray(validation[1], int)
        rows = np.arange(len(target))
        before, after = (-log_softmax(held + b, axis=1)[rows, target].mean() for b in (np.zeros(classes), bias))
        if after >= before:
            return np.zeros(classes)
    return bias


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probe:
    """A linear classifier on standardised features; ``strength`` is the C that was chosen, ``seen`` the classes it knows."""

    mean: Floats
    scale: Floats
    weights: Floats
    offsets: Floats
    seen: tuple[int, ...]
    classes: int
    strength: float

    def log_probs(self, features: Any) -> Floats:
        """Log-probabilities [N, K] of features [N, H]."""
        from scipy.special import log_softmax

        scores = (np.asarray(features, float) - self.mean) / self.scale @ self.weights.T + self.offsets
        out = np.full((scores.shape[0], self.classes), np.log(FLOOR))
        out[:, list(self.seen)] = log_softmax(scores, axis=1)
        return out


def fit_probe(features: Any, truth: Any, classes: int, *, validation: tuple[Any, Any] | None = None) -> Probe:
    """Logistic regression on features [N, H] (Alain & Bengio 2016), shrunk as validation, or else cross-validation, likes best.

    Raises:
        DataError: the training rows have one class only.
    """
    rows, wanted = np.asarray(features, float), np.asarray(truth, int)
    seen = tuple(sorted(set(wanted.tolist())))
    if len(seen) < 2:
        raise DataError("a linear probe needs rows of at least two classes, and there is one.", "Give training rows of every class.")
    held = validation if validation is not None and len(validation[1]) else None
    losses = {strength: _held_out_loss(rows, wanted, classes, strength, held) for strength in STRENGTHS}
    return _fit(rows, wanted, classes, min(losses, key=lambda c: (losses[c], c)))  # of equals the most shrunk


def _held_out_loss(rows: Floats, truth: Any, classes: int, strength: float, validation: tuple[Any, Any] | None) -> float:
    """Mean NLL on rows that were not fitted."""
    if validation is not None:
        return _nll(_fit(rows, truth, classes, strength), *validation)
    from sklearn.model_selection import StratifiedKFold

    folds = min(5, *np.bincount(truth)[np.bincount(truth) > 0].tolist())
    if folds < 2:
        return abs(math.log10(strength) + 1)  # nothing can be held out: C = 0.1
    parts = StratifiedKFold(folds, shuffle=True, random_state=0).split(rows, truth)
    return float(np.mean([_nll(_fit(rows[fit], truth[fit], classes, strength), rows[held], truth[held]) for fit, held in parts]))


def _fit(rows: Floats, truth: Any, classes: int, strength: float) -> Probe:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, scale = rows.mean(0), np.maximum(rows.std(0), 1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a weak shrinkage that has not settled is judged like any other
        found = LogisticRegression(C=strength, max_iter=500).fit((rows - mean) / scale, truth)
    weights, offsets = found.coef_, found.intercept_
    if len(weights) == 1:  # two classes: scikit-learn keeps one row
        weights, offsets = np.concatenate([np.zeros_like(weights), weights]), np.concatenate([np.zeros_like(offsets), offsets])
    seen = tuple(int(c) for c in found.classes_)
    return Probe(mean=mean, scale=scale, weights=weights, offsets=offsets, seen=seen, classes=classes, strength=strength)


def _nll(probe: Probe, rows: Any, truth: Any) -> float:
    wanted = np.asarray(truth, int)
    return float(-probe.log_probs(rows)[np.arange(len(wanted)), wanted].mean())
