"""Claims that a script can hold a comparison to: ``compare --gate CLAIM`` exits 3 unless the claim holds. Pure text in, yes or no out.

    saved:x >= prompt:Sort it.              the score of the first is at least that of the second (accuracy, or the metric compared by)
    saved:x accuracy >= 0.8                 a metric against a number; accuracy.low is the lower end of its 95 % interval
    saved:x prompt_tokens < few-shot:4      a metric of both
    saved:x beats prompt:Sort it.           the verdict is a win: interval above 0, p < 0.05, all seeds agree
    saved:x not-worse-than none by 3        non-inferior: the 90 % interval of the difference lies above -3 points (one-sided 5 %)
    saved:x within 3 of prompt:Sort it.     equivalent: the 90 % interval lies inside +-3 points (two one-sided tests, Schuirmann 1987)
    saved:x keeps pins                      every pinned row is answered right

Contestants are named as they were given. Names may hold any text, so a claim is read against the list of names, longest first.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steering.errors import SpecError
from steering.evaluate.decision import ALPHA, METRICS
from steering.evaluate.pins import kept_words
from steering.evaluate.results import METRICS_OF, Comparison, Pair

GRAMMAR = "A>=B, A METRIC>=NUMBER, A METRIC<=B, A beats B, A not-worse-than B by POINTS, A within POINTS of B, or A keeps pins"
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
COSTS = ("prompt_tokens", "seconds_per_example")
_COMPARED = re.compile(r"\s*(?:([a-z_0-9]+(?:\.(?:low|high))?)\s*)?(>=|<=|>|<)\s*(.+)", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim that was understood. ``a`` and ``b`` (empty: none) are contestants as they were given, ``said`` is the whole text.

    ``kind`` is a key of :data:`CHECKS`; ``metric`` and ``sign`` belong to comparisons, ``number`` is a level or a margin in points.
    """

    said: str
    kind: str
    a: str
    b: str = ""
    metric: str = ""
    sign: str = ""
    number: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Whether a claim holds, and the numbers that decided."""

    claim: str
    holds: bool
    because: str


def parse_claim(text: str, names: Sequence[str], task: str) -> Claim:
    """Read a claim.

    Args:
        names: contestants as they were given. task: "classification" or "generation": which metrics there are.

    Raises:
        SpecError: it is none of the forms, names nobody, or a metric that this task does not have.
    """
    said = text.strip()
    for name in sorted(names, key=len, reverse=True):
        if said.startswith(name) and (len(said) == len(name) or said[len(name)] in " \t><"):
            return _after(said, name, said[len(name) :].strip(), names, task)
    raise SpecError(f"--gate {text!r} does not begin with a contestant.", f"Contestants: {', '.join(names)}. Write {GRAMMAR}.")


def _after(said: str, a: str, rest: str, names: Sequence[str], task: str) -> Claim:
    if rest == "keeps pins":
        return Claim(said=said, kind="pins", a=a)
    if rest.startswith("beats "):
        return Claim(said=said, kind="beats", a=a, b=_other(said, a, rest.removeprefix("beats "), names))
    if rest.startswith("not-worse-than "):
        b, mark, points = rest.removeprefix("not-worse-than ").rpartition(" by ")
        if not mark:
            raise SpecError(f"--gate {said!r} says not by how much.", "Write A not-worse-than B by 3 (points).")
        return Claim(said=said, kind="not worse", a=a, b=_other(said, a, b, names), number=_points(said, points))
    if rest.startswith("within "):
        points, mark, b = rest.removeprefix("within ").partition(" of ")
        if not mark:
            raise SpecError(f"--gate {said!r} says not within how much of whom.", "Write A within 3 of B (points).")
        return Claim(said=said, kind="within", a=a, b=_other(said, a, b, names), number=_points(said, points))
    found = _COMPARED.fullmatch(rest)
    if found is None:
        raise SpecError(f"--gate {said!r} is not a claim.", f"Write {GRAMMAR}.")
    metric, sign, right = found.groups()
    if metric is not None:
        _require_metric(said, metric, task)
        if _NUMBER.fullmatch(right.strip()):
            return Claim(said=said, kind="level", a=a, metric=metric, sign=sign, number=float(right))
    return Claim(said=said, kind="compared", a=a, b=_other(said, a, right, names), metric=metric or "", sign=sign)


def _other(said: str, a: str, text: str, names: Sequence[str]) -> str:
    b = text.strip()
    if b not in names:
        raise SpecError(f"--gate {said!r}: {b!r} is not a contestant.", f"Contestants: {', '.join(names)}.")
    if b == a:
        raise SpecError(f"--gate {said!r} compares {a!r} with itself.", "Name two contestants.")
    return b


def _points(said: str, text: str) -> float:
    number = text.strip().removesuffix("points").removesuffix("point").strip()
    if not _NUMBER.fullmatch(number) or not 0 < float(number) <= 100:
        raise SpecError(f"--gate {said!r}: {text.strip()!r} is no margin in points.", "Expected a number above 0 and up to 100.")
    return float(number)


def _require_metric(said: str, metric: str, task: str) -> None:
    bare, _, end = metric.partition(".")
    known = [name for name in METRICS_OF[task] if not name.endswith(("_ci", "_band")) and name not in ("per_class", "confusion", "label_probs")]
    if bare not in known and bare not in COSTS:
        raise SpecError(f"--gate {said!r}: {bare!r} is no metric of a {task}.", f"Metrics: {', '.join([*known, *COSTS])}.")
    if end and f"{bare}_ci" not in METRICS_OF[task]:
        raise SpecError(f"--gate {said!r}: {bare} has no interval of its own.", "Leave .low or .high out, or use accuracy or exact_match.")


def rule(claim: Claim, comparison: Comparison, names: Mapping[str, str], pins: Mapping[str, Sequence[bool]]) -> Ruling:
    """Whether the claim holds.

    Args:
        names: contestants as they were given -> as they are called in ``comparison``.
        pins: contestants as they are called -> for each pinned row whether it was answered right.

    Raises:
        SpecError: a metric that could not be computed here, or no pinned rows.
    """
    holds, because = CHECKS[claim.kind](claim, comparison, names, pins)
    return Ruling(claim=claim.said, holds=holds, because=because)


Check = Callable[[Claim, Comparison, Mapping[str, str], Mapping[str, Sequence[bool]]], tuple[bool, str]]


def _level(claim: Claim, comparison: Comparison, names: Mapping[str, str], pins: Mapping[str, Sequence[bool]]) -> tuple[bool, str]:
    value = _value(claim, comparison, names[claim.a], claim.metric)
    return OPERATORS[claim.sign](value, claim.number), f"{claim.metric} is {value:.4g}"


def _compared(claim: Claim, comparison: Comparison, names: Mapping[str, str], pins: Mapping[str, Sequence[bool]]) -> tuple[bool, str]:
    metric = claim.metric or comparison.metric
    first, second = (_value(claim, comparison, names[name], metric) for name in (claim.a, claim.b))
    return OPERATORS[claim.sign](first, second), f"{metric} is {first:.4g} against {second:.4g}"


def _beats(claim: Claim, comparison: Comparison, names: Mapping[str, str], pins: Mapping[str, Sequence[bool]]) -> tuple[bool, str]:
    pair, sign = _pair(comparison, names[claim.a], names[claim.b])
    low, high = _turned(pair.ci, sign)
    won = pair.verdict == "win" if sign > 0 else low > 0 and pair.p_value < ALPHA
    return won, f"difference {sign * pair.difference:+.4g} ({low:.4g} to {high:.4g}), p = {pair.p_value:.4g}"


def _not_worse(claim: Claim, comparison: Comparison, names: Mapping[str, str], pins: Mapping[str, Sequence[bool]]) -> tuple[bool, str]:
    low, _, said = _narrow(claim, comparison, names)
    return low > -claim.number, said


def _within(claim: Claim, comparison: Comparison, names: Mapping[str, str], pins: Mapping[str, Sequence[bool]]) -> tuple[bool, str]:
    low, high, said = _narrow(claim, comparison, names)
    return -claim.number < low and high < claim.number, said


def _pins(claim: Claim, comparison: Comparison, names: Mapping[str, str], pins: Mapping[str, Sequence[bool]]) -> tuple[bool, str]:
    right = pins.get(names[claim.a], ())
    if not right:
        raise SpecError(f"--gate {claim.said!r}: there are no pinned rows.", "Give them with --pin FILE.")
    return all(right), kept_words(right)


CHECKS: dict[str, Check] = {
    "level": _level,
    "compared": _compared,
    "beats": _beats,
    "not worse": _not_worse,
    "within": _within,
    "pins": _pins,
}


def _value(claim: Claim, comparison: Comparison, name: str, metric: str) -> float:
    one = next(c for c in comparison.contestants if c.name == name)
    bare, _, end = metric.partition(".")
    value = getattr(one, f"{bare}_ci")[end == "high"] if end else getattr(one, bare)
    if value is None:
        raise SpecError(f"--gate {claim.said!r}: {metric} cannot be computed for these rows.", "Use another metric.")
    return float(value)


def _narrow(claim: Claim, comparison: Comparison, names: Mapping[str, str]) -> tuple[float, float, str]:
    """The 90 % interval of the difference in points, and how to say it."""
    pair, sign = _pair(comparison, names[claim.a], names[claim.b])
    low, high = (100 * end / METRICS[pair.metric].top for end in _turned(pair.narrow, sign))
    said = f"90% CI of the difference {low:.1f} to {high:.1f} points"
    fronts = [next(one.front for one in comparison.contestants if one.name == names[name]) for name in (claim.a, claim.b)]
    return low, high, f"{said}, with {fronts[0]} against {fronts[1]}" if all(fronts) else said


def _pair(comparison: Comparison, a: str, b: str) -> tuple[Pair, int]:
    """The pair, and 1 where it is a against b, -1 where it is b against a."""
    for pair in comparison.pairs:
        if {pair.a, pair.b} == {a, b}:
            return pair, 1 if pair.a == a else -1
    raise AssertionError(f"no pair {a}, {b}")


def _turned(interval: tuple[float, float], sign: int) -> tuple[float, float]:
    return interval if sign > 0 else (-interval[1], -interval[0])
