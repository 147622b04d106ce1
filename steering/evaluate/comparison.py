"""All contestants on the same held-out rows: what each scored, what every pair shows, and the rows themselves.

    comparison = compare_classification([manual, learned], truth, labels, primary=("learned", "manual"))
    comparison.primary.sentence
    comparison_json(comparison)      # the object that the command line prints

The primary pair was declared before the rows were looked at and keeps its own p; every other pair is Holm-corrected among the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from steering.errors import InputError
from steering.evaluate.classification import ClassificationScores, check_truth, normalise, predict, score_classification
from steering.evaluate.decision import METRICS
from steering.evaluate.front import Front
from steering.evaluate.generation import score_generation
from steering.evaluate.intervals import Floats
from steering.evaluate.paired import holm, mcnemar, paired_counts, permutation
from steering.evaluate.prior import SharePrior
from steering.evaluate.prior import share_prior as share_prior_of
from steering.evaluate.resample import Gap, classification_sums, gaps, generation_sums
from steering.evaluate.results import METRICS_OF, Comparison, ContestantResult, Row, pair
from steering.evaluate.verdict import Verdict, classification_verdict, generation_verdict
from steering.spec import Kind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What one contestant answered, as the engine hands it over.

    ``log_probs`` is [N, K] for classification, ``predictions`` [N] texts for generation; ``seed_log_probs`` and ``seed_predictions`` hold one
    of these per training seed. ``spoken`` is how a sentence calls it ("your manual prompt", "no prompt"); empty: its name.
    ``seconds`` is the time for all rows, ``front`` what stands before every input (None: not the same for all). ``flags`` and ``made`` are
    handed on as they are (see :class:`~steering.evaluate.results.ContestantResult`).
    """

    name: str
    kind: str
    log_probs: Any = None
    predictions: tuple[str, ...] = ()
    seed_log_probs: tuple[Any, ...] = ()
    seed_predictions: tuple[tuple[str, ...], ...] = ()
    prompt_tokens: int = 0
    front: Front | None = None
    seconds: float = 0.0
    fingerprint: str = ""
    spoken: str = ""
    flags: tuple[str, ...] = ()
    made: dict[str, Any] = field(default_factory=dict)


def compare_classification(
    results: Sequence[Judged],
    truth: Any,
    labels: Sequence[str],
    *,
    primary: tuple[str, str] | None = None,
    share_prior: float | None = None,
    margin: float | None = None,
    reveal: int = 1,
    groups: Sequence[Any] | None = None,
) -> Comparison:
    """Judge every contestant and every pair by right and wrong.

    Args:
        results: at least one contestant; in a pair that is not the primary one, the later is ``a`` (put the simple ones first).
        truth: [N] index of the true label.
        labels: the K labels.
        primary: names (a, b) of the comparison declared beforehand; with two contestants it may be left out.
        share_prior, margin, reveal, groups: see :func:`~steering.evaluate.verdict.classification_verdict`; the first is said of the primary pair,
            and measured where ``manual+bias`` is among the contestants.

    Raises:
        InputError: contestants without a name of their own, or judged on other rows, an unknown primary, or unusable scores.
    """
    pairs = _pairs(results, primary)
    contestants, correct, seeds = [], [], []
    for one in results:
        scores = _scored(one, truth, labels)
        target = check_truth(truth, scores.n, labels, len(labels))
        guess = predict(normalise(one.log_probs))
        correct.append((guess == target).astype(np.float64))
        seeds.append([(predict(normalise(logp)) == target).astype(np.float64) for logp in one.seed_log_probs])
        names = tuple(labels[index] for index in guess)
        contestants.append(_result(one, scores, "classification", names, label_probs=_shares(one.log_probs)))

    found = _prior(results, correct, pairs)
    said = share_prior if found is None else found.share

    def judge(a: int, b: int, p_adjusted: float | None) -> Verdict:
        prior = said if p_adjusted is None else None
        return classification_verdict(
            correct[a],
            correct[b],
            learned_name=results[a].spoken or results[a].name,
            baseline_name=results[b].spoken or results[b].name,
            seed_correct=seeds[a],
            p_adjusted=p_adjusted,
            share_prior=prior,
            margin=margin,
            reveal=reveal,
            groups=groups,
            fronts=(results[a].front, results[b].front),
        )

    def chance(a: int, b: int) -> float:
        return _chance(correct[a], correct[b], groups)

    targets = [labels[int(index)] for index in np.asarray(truth)]
    sums = [classification_sums(one.log_probs, truth, len(labels)) for one in results]
    resampled = gaps(sums, [(a, b) for a, b, _ in pairs], groups)
    made = _comparison("classification", results, contestants, pairs, chance, judge, targets, correct, resampled)
    return replace(made, labels=tuple(labels), notes=_one_class(targets, labels), share_prior=found)


def compare_generation(
    results: Sequence[Judged],
    references: Sequence[Sequence[str]],
    *,
    metric: str = "chrf",
    primary: tuple[str, str] | None = None,
    margin: float | None = None,
    reveal: int = 1,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
) -> Comparison:
    """Judge every contestant by all text metrics, and every pair by ``metric`` row by row ("exact_match": by right and wrong).

    Args:
        references: [N] for each row the texts that would have been right; the first one is shown as its target.
        metric: "chrf", "rouge_l", "exact_match" or "json_field_f1".

    The others, and what is raised, as in :func:`compare_classification`.
    """
    if metric not in METRICS or metric == "accuracy":
        raise InputError(f"metric {metric!r} cannot compare texts.", f"Expected one of {', '.join(name for name in METRICS if name != 'accuracy')}.")
    pairs = _pairs(results, primary)
    contestants, levels, seeds, sums = [], [], [], []
    for one in results:
        scores = score_generation(one.predictions, references)
        sums.append(generation_sums(one.predictions, references, scores.each))
        contestants.append(_result(one, scores, "generation", tuple(one.predictions)))
        levels.append(_row_scores(scores.each, metric))
        seeds.append([_row_scores(score_generation(texts, references).each, metric) for texts in one.seed_predictions])

    def judge(a: int, b: int, p_adjusted: float | None) -> Verdict:
        names = {"learned_name": results[a].spoken or results[a].name, "baseline_name": results[b].spoken or results[b].name}
        fronts = results[a].front, results[b].front
        shared: dict[str, Any] = {**names, "p_adjusted": p_adjusted, "margin": margin, "reveal": reveal, "groups": groups, "fronts": fronts}
        if metric == "exact_match":
            return classification_verdict(levels[a], levels[b], seed_correct=seeds[a], metric_name=metric, **shared)
        return generation_verdict(levels[a], levels[b], metric, seed_scores=seeds[a], seed=seed, **shared)

    def chance(a: int, b: int) -> float:
        return _chance(levels[a], levels[b], groups) if metric == "exact_match" else permutation(levels[a], levels[b], seed=seed, groups=groups)

    resampled = gaps(sums, [(a, b) for a, b, _ in pairs], groups, seed=seed)
    made = _comparison("generation", results, contestants, pairs, chance, judge, [refs[0] for refs in references], levels, resampled)
    return replace(made, metric=metric)


def _scored(one: Judged, truth: Any, labels: Sequence[str]) -> ClassificationScores:
    """Scores, or the error with the contestant's name."""
    try:
        return score_classification(one.log_probs, truth, labels)
    except InputError as error:
        raise InputError(f"{one.name}: {error.message}", error.hint) from None


def _prior(results: Sequence[Judged], correct: Sequence[Floats], pairs: Sequence[tuple[int, int, bool]]) -> SharePrior | None:
    """Label balance's share of the primary pair's gain, where its second is the manual prompt and the same with fitted biases was judged too."""
    biased = next((i for i, one in enumerate(results) if one.kind == "manual_bias"), None)
    first = next(((a, b) for a, b, primary in pairs if primary and results[b].kind == "manual"), None)
    if biased is None or first is None or biased in first:
        return None
    return share_prior_of(correct[first[0]], correct[biased], correct[first[1]])


def _shares(log_probs: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in np.exp(normalise(log_probs)).round(4).tolist())


def _one_class(targets: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """What a test set of a single class cannot show."""
    if len(set(targets)) != 1 or len(labels) < 2:
        return ()
    return (
        f"All {len(targets)} rows are {targets[0]!r}: a contestant that always says so scores 100 %, and MCC is 0. Judge on rows of every class.",
    )


def _chance(a: Floats, b: Floats, groups: Sequence[Any] | None) -> float:
    if groups is not None:
        return permutation(a, b, seed=0, groups=groups)
    counts = paired_counts(a, b)
    return mcnemar(counts.a_only, counts.b_only)


def _row_scores(each: Any, metric: str) -> Floats:
    scores = np.array(getattr(each, metric), dtype=np.float64)
    if not len(scores):
        raise InputError(f"{metric!r} needs targets that are JSON objects, and most of these are not.", "Compare by chrf.")
    return scores


def _pairs(results: Sequence[Judged], primary: tuple[str, str] | None) -> list[tuple[int, int, bool]]:
    """(a, b, is it the primary pair), the primary pair first."""
    names = [one.name for one in results]
    if not names:
        raise InputError("there is no contestant.", "Give at least one.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two contestants are called {twice[0]!r}.", "Give each a name of its own.")
    for name in primary or ():
        if name not in names:
            raise InputError(f"{name!r} is not a contestant.", f"Expected one of {', '.join(names)}.")
    if primary is not None and primary[0] == primary[1]:
        raise InputError(f"{primary[0]!r} cannot be compared with itself.", "Name two contestants.")
    if primary is None and len(names) == 2:
        primary = (names[1], names[0])
    first = [(names.index(primary[0]), names.index(primary[1]), True)] if primary else []
    others = [(a, b, False) for b, a in combinations(range(len(names)), 2) if {names[a], names[b]} != set(primary or ())]
    return first + others


def _result(one: Judged, scores: Any, task: str, predictions: tuple[str, ...], **more: Any) -> ContestantResult:
    return ContestantResult(
        name=one.name,
        kind=one.kind,
        prompt_tokens=one.prompt_tokens,
        front="" if one.front is None else one.front.said,
        seconds_per_example=one.seconds / scores.n,
        fingerprint=one.fingerprint,
        predictions=predictions,
        flags=one.flags,
        made=one.made,
        **{name: getattr(scores, name) for name in METRICS_OF[task] if name not in more},
        **more,
    )


def _comparison(
    task: Kind,
    results: Sequence[Judged],
    contestants: Sequence[ContestantResult],
    pairs: Sequence[tuple[int, int, bool]],
    chance: Callable[[int, int], float],
    judge: Callable[[int, int, float | None], Verdict],
    targets: Sequence[str],
    levels: Sequence[Floats],
    resampled: Sequence[tuple[Gap, ...]],
) -> Comparison:
    others = [(a, b) for a, b, first in pairs if not first]
    adjusted = dict(zip(others, holm([chance(a, b) for a, b in others]), strict=True))
    verdicts = {(a, b): judge(a, b, adjusted.get((a, b))) for a, b, _ in pairs}
    return Comparison(
        task=task,
        n=len(targets),
        contestants=tuple(contestants),
        pairs=tuple(
            pair(results[a].name, results[b].name, first, verdicts[a, b], metrics) for (a, b, first), metrics in zip(pairs, resampled, strict=True)
        ),
        rows=tuple(Row(target=target, scores=tuple(float(level[k]) for level in levels)) for k, target in enumerate(targets)),
    )
