"""How much of one contestant's answers a mixture of others explains, judged on rows that the mixture was not fitted on.

log p(y|x) is fitted as b_y + sum_j w_j log p_j(y|x), up to a constant a row: a product of experts with one weight a prompt. Ridge regression on
centred log-probabilities, because its held-out R2 is what is asked for and prompts are often near-duplicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steering.evaluate.classification import normalise
from steering.evaluate.intervals import Floats

FOLDS = 5
STRENGTHS = tuple(10.0**e for e in range(-3, 4))
"""Candidates for the ridge penalty, chosen by generalised cross-validation within each fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """``r2``: share of the variance of log-probabilities around each label's mean that held-out predictions explain; ``weights``: one a prompt."""

    r2: float
    weights: tuple[float, ...]


def fit_mixture(target: Any, sources: Sequence[Any], *, seed: int = 0) -> Mixture | None:
    """Fit ``target`` [N, K] log-probabilities by ``sources``, [N, K] each; None with fewer than 10 rows, no source, or nothing that varies.

    Raises:
        InputError: scores that are not numbers.
    """
    wanted, given = _centred(target), [_centred(source) for source in sources]
    if len(wanted) < 2 * FOLDS or not given:
        return None
    from sklearn.model_selection import KFold

    missed = total = 0.0
    for fit, held in KFold(FOLDS, shuffle=True, random_state=seed).split(wanted):
        base = wanted[fit].mean(0)
        predicted, _ = _fit([g[fit] for g in given], wanted[fit], [g[held] for g in given])
        missed += float(((wanted[held] - predicted) ** 2).sum())
        total += float(((wanted[held] - base) ** 2).sum())
    if total < 1e-12:
        return None
    _, weights = _fit(given, wanted, given)
    return Mixture(r2=1 - missed / total, weights=tuple(float(w) for w in weights))


def _centred(log_probs: Any) -> Floats:
    """Constant shifts of a row say nothing: each row's mean over labels is taken out."""
    table = normalise(log_probs)
    centred: Floats = table - table.mean(1, keepdims=True)
    return centred


def _fit(sources: list[Floats], wanted: Floats, held: list[Floats]) -> tuple[Floats, Floats]:
    """Predictions [n, K] for ``held``, and the weights. The labels' offsets are free: means are taken out before and put back after."""
    from sklearn.linear_model import RidgeCV

    means = [source.mean(0) for source in sources]
    table = np.stack([(source - mean).ravel() for source, mean in zip(sources, means, strict=True)], axis=1)
    model = RidgeCV(alphas=STRENGTHS, fit_intercept=False).fit(table, (wanted - wanted.mean(0)).ravel())
    asked = np.stack([(source - mean).ravel() for source, mean in zip(held, means, strict=True)], axis=1)
    return model.predict(asked).reshape(-1, wanted.shape[1]) + wanted.mean(0), model.coef_
