"""Scores of one contestant that writes free text, over all rows and row by row.

chrF and BLEU are sacrebleu's (0 to 100, as the field prints them); exact match, ROUGE-L and the JSON scores are shares from 0 to 1.

    scores = score_generation(["a red car"], [["a red car", "one red car"]])
    scores.exact_match, scores.chrf, scores.each.chrf
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from steering.errors import InputError
from steering.evaluate.intervals import Interval, wilson
from steering.evaluate.rouge import rouge_l


@dataclass(frozen=True, slots=True, kw_only=True)
class RowScores:
    """The same metrics row by row, for pairing two contestants. ``json_field_f1`` is empty where targets are not JSON objects."""

    exact_match: tuple[float, ...]
    chrf: tuple[float, ...]
    rouge_l: tuple[float, ...]
    json_field_f1: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationScores:
    """What one contestant scored on N rows.

    ``exact_match`` ignores white space around the text, nothing else. ``chrf`` (chrF2, Popovic 2015) and ``bleu`` are corpus scores, which
    are not the mean of the rows; ``rouge_l`` is the mean F1 of the rows. ``json_valid`` is the share of outputs that parse as a JSON object
    and ``json_field_f1`` the mean F1 of their fields; both are None unless most targets are JSON objects. Lengths are in characters;
    ``empty`` counts answers without any text, which score 0 like any other wrong one.
    """

    n: int
    exact_match: float
    exact_match_ci: Interval
    chrf: float
    bleu: float
    rouge_l: float
    json_valid: float | None
    json_field_f1: float | None
    mean_length: float
    mean_target_length: float
    empty: int
    each: RowScores


def score_generation(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> GenerationScores:
    """Judge one contestant.

    Args:
        predictions: [N] what it wrote.
        references: [N] for each row the texts that would have been right, at least one; a row's score is that of the nearest.

    Raises:
        InputError: no rows, or a row without a reference.
    """
    _check(predictions, references)
    n = len(predictions)
    exact = tuple(float(any(text.strip() == ref.strip() for ref in refs)) for text, refs in zip(predictions, references, strict=True))
    chrf, bleu, chrf_each = _sacrebleu(predictions, references)
    rouge = tuple(max(rouge_l(text, ref) for ref in refs) for text, refs in zip(predictions, references, strict=True))
    fields = _json_rows(predictions, references)
    hits = int(sum(exact))
    return GenerationScores(
        n=n,
        exact_match=hits / n,
        exact_match_ci=wilson(hits, n),
        chrf=chrf,
        bleu=bleu,
        rouge_l=sum(rouge) / n,
        json_valid=sum(json_object(text) is not None for text in predictions) / n if fields else None,
        json_field_f1=sum(fields) / n if fields else None,
        mean_length=sum(map(len, predictions)) / n,
        mean_target_length=sum(sum(map(len, refs)) / len(refs) for refs in references) / n,
        empty=sum(not text.strip() for text in predictions),
        each=RowScores(exact_match=exact, chrf=chrf_each, rouge_l=rouge, json_field_f1=fields),
    )


def _check(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if len(predictions) != len(references):
        raise InputError(f"there are {len(predictions)} outputs for {len(references)} rows.", "Judge exactly the rows whose targets are given.")
    if not predictions:
        raise InputError("there are no rows to judge.", "Give at least one held-out row.")
    for index, refs in enumerate(references):
        if isinstance(refs, str) or not refs:
            raise InputError(f"the target of row {index} is {refs!r}, expected a list of at least one text.", "Give [target] for a single one.")


def _sacrebleu(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, float, tuple[float, ...]]:
    """Corpus chrF, corpus BLEU, and chrF row by row."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    filled, right, texts = _filled(references), streams(references), list(predictions)
    metric = CHRF()
    each = tuple(float(metric.sentence_score(text, refs).score) for text, refs in zip(texts, filled, strict=True))
    bleu = BLEU(force=True)  # force: no advice about texts that look tokenised
    return float(CHRF().corpus_score(texts, right).score), float(bleu.corpus_score(texts, right).score), each


def _filled(references: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[ref or " " for ref in refs] for refs in references]  # sacrebleu takes an empty reference for a missing one


def streams(references: Sequence[Sequence[str]]) -> list[Any]:
    """References as sacrebleu wants them: the first of every row, the second of every row (None where there is none), ..."""
    filled = _filled(references)
    return [[refs[k] if k < len(refs) else None for refs in filled] for k in range(max(map(len, filled)))]


def json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that ``text`` is, or None."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def field_f1(predicted: dict[str, Any] | None, target: dict[str, Any]) -> float:
    """F1 over (path, value) pairs, list items in any order; 0 for an output that is no object."""
    if predicted is None:
        return 0.0
    found, wanted = Counter(_leaves(predicted)), Counter(_leaves(target))
    total = found.total() + wanted.total()
    return 2 * (found & wanted).total() / total if total else 1.0


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, (*path, "[]"))
    elif path:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # 1 and 1.0 are the same JSON number
        yield path, json.dumps(value)


def _json_rows(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, ...]:
    """Field F1 of every row (0 where the target is no object), or nothing unless most targets are JSON objects."""
    targets = [[value for value in map(json_object, refs) if value is not None] for refs in references]
    if sum(map(bool, targets)) * 2 <= len(targets):
        return ()
    rows = []
    for text, wanted in zip(predictions, targets, strict=True):
        predicted = json_object(text)
        rows.append(max((field_f1(predicted, target) for target in wanted), default=0.0))
    return tuple(rows)
