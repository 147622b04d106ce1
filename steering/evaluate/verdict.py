"""One verdict on two contestants that were judged on the same held-out rows. It can say "keep your manual prompt".

    verdict = classification_verdict(learned_correct, manual_correct)
    verdict.kind        # "win", "lean", "tie", "loss", "small", "unstable" or "equivalent"
    verdict.sentence    # "Learned prompt beats your manual prompt by 34.3 points (95% CI ..."

Which kind it is, is decided in decision.py; how it is said, in wording.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steering.errors import InputError
from steering.evaluate.decision import FEWEST_DECISIVE, METRICS, Evidence, Metric, VerdictKind, decide, seed_gaps
from steering.evaluate.front import OWN, Front
from steering.evaluate.intervals import Estimate, Interval, mde, members, paired_bootstrap, paired_rows, settle_n
from steering.evaluate.paired import PairedCounts, mcnemar, paired_counts, permutation
from steering.evaluate.wording import detail, sentence

LEARNED = "Learned prompt"
BASELINE = OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What may be said, and the numbers it rests on.

    ``difference`` is learned minus baseline in the unit of ``metric`` (accuracy 0 to 1, chrF 0 to 100). ``p_value`` is Holm-adjusted where
    ``adjusted``. ``fixed`` and ``broken`` are rows that only the learned one, or only the baseline, got right (text: scored higher, lower);
    ``both_right`` and ``both_wrong`` the others (text: same score, above 0 or not). ``detectable`` is the smallest gap that this test could
    see, ``settle_n`` how many rows would settle a gap of the measured size. ``seeds_agree`` of ``seeds`` point the same way.
    """

    kind: VerdictKind
    sentence: str
    detail: str
    metric: str
    difference: float
    ci: Interval
    narrow: Interval
    p_value: float
    adjusted: bool
    fixed: int
    broken: int
    both_right: int
    both_wrong: int
    n: int
    detectable: float
    settle_n: int | None
    seeds: int
    seeds_agree: int


def classification_verdict(
    learned_correct: Any,
    baseline_correct: Any,
    *,
    learned_name: str = LEARNED,
    baseline_name: str = BASELINE,
    seed_correct: Sequence[Any] = (),
    p_adjusted: float | None = None,
    share_prior: float | None = None,
    margin: float | None = None,
    reveal: int = 1,
    metric_name: str = "accuracy",
    groups: Sequence[Any] | None = None,
    fronts: tuple[Front | None, Front | None] = (None, None),
    seed: int = 0,
) -> Verdict:
    """Judge by right and wrong: Newcombe's paired interval and the exact McNemar test; rows in groups: the cluster bootstrap and its permutation.

    Args:
        learned_correct, baseline_correct: [N] true where right, the same rows in the same order.
        seed_correct: [N] for every training seed of the learned contestant, if several were trained.
        p_adjusted: p after Holm, where this is one of several comparisons; it then decides.
        share_prior: share of the gain that fitted label biases alone would bring.
        margin: a difference below this one would not matter (0.02 is 2 points); allows the verdict "equivalent".
        reveal: how many times these rows have been looked at.
        groups: [N] rows that belong together (one customer, one document) are resampled together.
        fronts: what the learned one and the baseline put in front of an input; said where the margin decides.
        seed: of that resampling.

    Raises:
        InputError: different rows, no rows, or something else than right and wrong.
    """
    counts = paired_counts(learned_correct, baseline_correct)
    baseline = float(np.mean(np.asarray(baseline_correct, dtype=np.float64)))
    seeds = [float(np.mean(paired_rows(seed, baseline_correct)[0])) for seed in seed_correct]
    metric = _metric(metric_name)
    test = _rows_apart(counts) if groups is None else _rows_together(learned_correct, baseline_correct, groups, metric, seed, 10_000)
    evidence = Evidence(
        metric=metric,
        test=test.name,
        difference=test.difference,
        narrow=test.narrow,
        p_value=test.p_value() if p_adjusted is None else p_adjusted,
        adjusted=p_adjusted is not None,
        groups=test.groups,
        fixed=counts.a_only,
        broken=counts.b_only,
        both_right=counts.both,
        both_wrong=counts.neither,
        detectable=max(test.detectable, min(1.0, FEWEST_DECISIVE / counts.n)),
        settle_n=test.settle_n,
        seed_differences=seed_gaps(seeds, baseline),
        margin=margin,
        fronts=fronts,
    )
    return _verdict(evidence, learned_name, baseline_name, share_prior, reveal)


def generation_verdict(
    learned_scores: Any,
    baseline_scores: Any,
    metric_name: str = "chrf",
    *,
    learned_name: str = LEARNED,
    baseline_name: str = BASELINE,
    seed_scores: Sequence[Any] = (),
    p_adjusted: float | None = None,
    margin: float | None = None,
    reveal: int = 1,
    groups: Sequence[Any] | None = None,
    fronts: tuple[Front | None, Front | None] = (None, None),
    seed: int = 0,
    resamples: int = 10_000,
) -> Verdict:
    """Judge by a per-row score: paired percentile bootstrap of the mean difference, and a paired permutation test for p.

    Args:
        learned_scores, baseline_scores: [N] score of each row in the unit of the metric.
        metric_name: a name from :data:`~steering.evaluate.decision.METRICS`.
        seed, resamples: of the bootstrap and the permutation test.

    The others as in :func:`classification_verdict`; ``margin`` is in the unit of the metric.

    Raises:
        InputError: an unknown metric, different rows, no rows, or scores that are not numbers.
    """
    learned, baseline = paired_rows(learned_scores, baseline_scores)
    gaps = learned - baseline
    level = float(baseline.mean())
    seeds = [float(paired_rows(one, baseline)[0].mean()) for one in seed_scores]
    fixed, broken, same = gaps > 0, gaps < 0, gaps == 0
    metric = _metric(metric_name)
    test = _rows_together(learned, baseline, groups, metric, seed, resamples)
    evidence = Evidence(
        metric=metric,
        test=test.name,
        difference=test.difference,
        narrow=test.narrow,
        p_value=test.p_value() if p_adjusted is None else p_adjusted,
        adjusted=p_adjusted is not None,
        groups=test.groups,
        fixed=int(fixed.sum()),
        broken=int(broken.sum()),
        both_right=int((same & (learned > 0)).sum()),
        both_wrong=int((same & (learned <= 0)).sum()),
        detectable=test.detectable,
        settle_n=test.settle_n,
        seed_differences=seed_gaps(seeds, level),
        margin=margin,
        fronts=fronts,
    )
    return _verdict(evidence, learned_name, baseline_name, None, reveal)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """How a difference was tested. ``groups``: how many groups of rows there are (0: every row stands alone)."""

    name: str
    difference: Estimate
    narrow: Estimate
    p_value: Callable[[], float]
    detectable: float
    settle_n: int | None
    groups: int = 0


def _rows_apart(counts: PairedCounts) -> _Test:
    """Right and wrong, every row by itself."""
    difference, q = counts.difference(), counts.discordance
    return _Test(
        name="exact McNemar",
        difference=difference,
        narrow=counts.difference(0.90),
        p_value=lambda: mcnemar(counts.a_only, counts.b_only),
        detectable=mde(counts.n, q),
        settle_n=settle_n(q, difference.value),
    )


def _rows_together(learned: Any, baseline: Any, groups: Sequence[Any] | None, metric: Metric, seed: int, resamples: int) -> _Test:
    """Scores of rows or groups of rows, by resampling; what can be seen follows from the spread of the (group) differences."""
    first, second = paired_rows(learned, baseline)
    gaps, n = first - second, len(first)
    sums = np.array([gaps[rows].sum() for rows in members(groups, n)])
    difference = paired_bootstrap(first, second, seed=seed, resamples=resamples, groups=groups)
    # The variance of a row's difference that independent rows would need to spread the mean this much (q, where rows stand alone).
    spread = sums - gaps.mean() * np.array([len(rows) for rows in members(groups, n)])
    variance = float((spread**2).sum() / max(1, len(sums) - 1) * len(sums) / n) / metric.top**2 if len(sums) > 1 else 1.0
    return _Test(
        name="paired permutation" if groups is None else "paired permutation by group",
        difference=difference,
        narrow=paired_bootstrap(first, second, seed=seed, resamples=resamples, groups=groups, level=0.90),
        p_value=lambda: permutation(first, second, seed=seed, resamples=resamples, groups=groups),
        detectable=mde(n, variance) * metric.top,
        settle_n=settle_n(variance, difference.value / metric.top),
        groups=0 if groups is None else len(sums),
    )


def _metric(name: str) -> Metric:
    if name not in METRICS:
        raise InputError(f"metric {name!r} has no score for single rows.", f"Expected one of {', '.join(METRICS)}.")
    return METRICS[name]


def _verdict(e: Evidence, learned: str, baseline: str, share_prior: float | None, reveal: int) -> Verdict:
    kind = decide(e)
    return Verdict(
        kind=kind,
        sentence=sentence(kind, e, learned, baseline),
        detail=detail(kind, e, learned, baseline, share_prior, reveal),
        metric=e.metric.name,
        difference=e.difference.value,
        ci=e.difference.ci,
        narrow=e.narrow.ci,
        p_value=e.p_value,
        adjusted=e.adjusted,
        fixed=e.fixed,
        broken=e.broken,
        both_right=e.both_right,
        both_wrong=e.both_wrong,
        n=e.n,
        detectable=e.detectable,
        settle_n=e.settle_n,
        seeds=len(e.seed_differences),
        seeds_agree=e.seeds_agree,
    )
