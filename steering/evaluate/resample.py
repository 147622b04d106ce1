"""Paired bootstrap of every metric at once, also of those that are no mean over rows (macro-F1, MCC, ECE, chrF, BLEU).

Each metric is a function of sums over rows. A resample is a row of weights (how often each row was drawn), so the sums of all resamples are one
matrix product, the same draws for everybody: differences are paired, and 2,000 resamples of 300 rows take a few milliseconds a contestant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steering.evaluate.classification import FLOOR, bins_of, normalise
from steering.evaluate.intervals import Floats, members

DRAWS = 2000
_CELLS_AT_ONCE = 4_000_000

Score = Callable[[Floats], Floats]
"""From sums [R, F] to the metric [R]; the first column is the number of rows drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What the metrics of one contestant are made of: ``columns`` [N, F] a row, and each metric as a function of their sums."""

    columns: Floats
    metrics: dict[str, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One metric of a pair: both values, their difference a minus b, and its 95 % interval (percentile)."""

    metric: str
    a: float
    b: float
    difference: float
    low: float
    high: float


def classification_sums(log_probs: Any, truth: Any, classes: int) -> Sums:
    """Of [N, K] log-probabilities and true indices [N]."""
    logp, target = normalise(log_probs), np.asarray(truth, dtype=np.int64)
    probs, guess, rows = np.exp(logp), logp.argmax(1), np.arange(len(logp))
    hit = np.eye(classes)[target]
    confidence, correct = probs.max(1), (guess == target).astype(np.float64)
    bin_of = bins_of(confidence)
    bins = np.eye(int(bin_of.max()) + 1)[bin_of] * (correct - confidence)[:, None]
    means = [correct, -np.maximum(logp[rows, target], FLOOR), ((probs - hit) ** 2).sum(1)]
    predicted = np.eye(classes)[guess]
    columns = np.column_stack([np.ones(len(logp)), *means, predicted * correct[:, None], predicted, hit, bins])
    k = classes

    def parts(sums: Floats) -> tuple[Floats, Floats, Floats]:
        return sums[:, 4 : 4 + k], sums[:, 4 + k : 4 + 2 * k], sums[:, 4 + 2 * k : 4 + 3 * k]

    return Sums(
        columns,
        {
            "accuracy": lambda sums: sums[:, 1] / sums[:, 0],
            "balanced_accuracy": lambda sums: _balanced(*parts(sums)),
            "macro_f1": lambda sums: _macro_f1(*parts(sums)),
            "mcc": lambda sums: _mcc(sums[:, 0], *parts(sums)),
            "nll": lambda sums: sums[:, 2] / sums[:, 0],
            "brier": lambda sums: sums[:, 3] / sums[:, 0],
            "ece": lambda sums: np.abs(sums[:, 4 + 3 * k :]).sum(1) / sums[:, 0],
        },
    )


def generation_sums(predictions: Sequence[str], references: Sequence[Sequence[str]], each: Any) -> Sums:
    """Of texts and their right ones; ``each``: the :class:`~steering.evaluate.generation.RowScores` of the same rows."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    from steering.evaluate.generation import streams

    texts, right = list(predictions), streams(references)
    chrf = np.array(CHRF()._extract_corpus_statistics(texts, right), dtype=np.float64)
    bleu = np.array(BLEU(force=True)._extract_corpus_statistics(texts, right), dtype=np.float64)
    means: dict[str, Any] = {"exact_match": each.exact_match, "rouge_l": each.rouge_l, "mean_length": [len(text) for text in texts]}
    if each.json_field_f1:
        means["json_field_f1"] = each.json_field_f1
    columns = np.column_stack([np.ones(len(texts)), *means.values(), chrf, bleu])
    first = 1 + len(means)
    second = first + chrf.shape[1]
    metrics: dict[str, Score] = {name: _mean_of(i + 1) for i, name in enumerate(means)}
    metrics["chrf"] = lambda sums: _chrf(sums[:, first:second])
    metrics["bleu"] = lambda sums: _bleu(sums[:, second:])
    return Sums(columns, metrics)


def gaps(everybody: Sequence[Sums], pairs: Sequence[tuple[int, int]], groups: Sequence[Any] | None = None, *, seed: int = 0) -> list[tuple[Gap, ...]]:
    """Every metric of every pair (numbers into ``everybody``), over the same draws of rows, or of groups of rows [N]."""
    n = len(everybody[0].columns)
    values = [_resampled(one, weights) for one in everybody for weights in (np.ones((1, n)),)]
    drawn: list[dict[str, list[Floats]]] = [{name: [] for name in one.metrics} for one in everybody]
    for weights in _weights(n, groups, seed):
        for one, into in zip(everybody, drawn, strict=True):
            for name, found in _resampled(one, weights).items():
                into[name].append(found)
    joined = [{name: np.concatenate(parts) for name, parts in one.items()} for one in drawn]
    table: list[tuple[Gap, ...]] = []
    for a, b in pairs:
        row = []
        for name in everybody[a].metrics:
            low, high = np.quantile(joined[a][name] - joined[b][name], [0.025, 0.975])
            first, second = float(values[a][name][0]), float(values[b][name][0])
            row.append(Gap(metric=name, a=first, b=second, difference=first - second, low=float(low), high=float(high)))
        table.append(tuple(row))
    return table


def _resampled(one: Sums, weights: Floats) -> dict[str, Floats]:
    sums = weights @ one.columns
    return {name: score(sums) for name, score in one.metrics.items()}


def _weights(n: int, groups: Sequence[Any] | None, seed: int) -> Any:
    """Slabs [R, N] of how often each row is drawn, DRAWS rows in all."""
    rng = np.random.default_rng(seed)
    sets = members(groups, n)
    slab = max(1, _CELLS_AT_ONCE // n)
    for start in range(0, DRAWS, slab):
        counts = rng.multinomial(len(sets), np.full(len(sets), 1 / len(sets)), size=min(slab, DRAWS - start))
        if groups is None:
            yield counts.astype(np.float64)
            continue
        weights = np.zeros((len(counts), n))
        for number, rows in enumerate(sets):
            weights[:, rows] = counts[:, number : number + 1]
        yield weights


def _mean_of(column: int) -> Score:
    return lambda sums: sums[:, column] / sums[:, 0]


def _share(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _balanced(hits: Floats, predicted: Floats, true: Floats) -> Floats:
    return _share(_share(hits, true).sum(1), (true > 0).sum(1).astype(np.float64))


def _macro_f1(hits: Floats, predicted: Floats, true: Floats) -> Floats:
    return _share(_share(2 * hits, predicted + true).sum(1), ((predicted + true) > 0).sum(1).astype(np.float64))


def _mcc(n: Floats, hits: Floats, predicted: Floats, true: Floats) -> Floats:
    """Gorodkin 2004, as scikit-learn computes it; 0 where either side has one label only."""
    covariance = hits.sum(1) * n - (predicted * true).sum(1)
    spread = (n**2 - (predicted**2).sum(1)) * (n**2 - (true**2).sum(1))
    return _share(covariance, np.sqrt(spread))


def _chrf(sums: Floats) -> Floats:
    """chrF2 from [R, 18] counts of n-grams (hypothesis, reference, match for n = 1 to 6), as sacrebleu 2 combines them."""
    written, right, match = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    there = (written > 0) & (right > 0)
    orders = there.sum(1).astype(np.float64)
    precision = _share((_share(match, written) * there).sum(1), orders)
    recall = _share((_share(match, right) * there).sum(1), orders)
    return 100 * _share(5 * precision * recall, 4 * precision + recall)


def _bleu(sums: Floats) -> Floats:
    """BLEU from [R, 10] sums (lengths of both sides, matches and totals for n = 1 to 4) with sacrebleu's "exp" smoothing."""
    ours, theirs, correct, total = sums[:, 0], sums[:, 1], sums[:, 2:6], sums[:, 6:10]
    halvings = np.cumsum((correct == 0) & (total > 0), axis=1)
    matches = np.where(correct > 0, correct, 0.5**halvings)
    with np.errstate(divide="ignore"):
        logs = np.where(total > 0, np.log(_share(matches, total)), -np.inf).mean(1)
    short = np.exp(np.minimum(0.0, 1 - np.divide(theirs, ours, out=np.full_like(ours, np.inf), where=ours > 0)))
    return np.where(correct.any(1), 100 * short * np.exp(logs), 0.0)
