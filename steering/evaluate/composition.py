"""What a composition of two prompts does, against each of them alone: numbers with intervals, and one sentence. Pure."""

from typing import Any

from steering.evaluate.results import Comparison, ContestantResult, Pair
from steering.evaluate.shares import mean

BIAS = (
    "These rows helped to choose each prompt's best step, so the single prompts look a little better here than they are. "
    "Held-out rows were not looked at."
)


def effect(comparison: Comparison, name: str) -> dict[str, Any]:
    """Result: ``rows``, ``metric``, ``scores`` [{name, score, low, high}], ``against`` [{name, difference, low, high, p}], ``sentence``, ``note``.

    ``name``: the composition's contestant in ``comparison``. Scores are accuracies with Wilson's interval, or means over rows of the text metric.
    """
    metric = comparison.metric
    scores: list[dict[str, Any]] = [{"name": one.name} | _score(comparison, at, one) for at, one in enumerate(comparison.contestants)]
    against = [_against(pair, name) for pair in comparison.pairs if name in (pair.a, pair.b)]
    own = next(one for one in scores if one["name"] == name)
    parts = [f"On {comparison.n} validation rows: {_words(metric, own['score'])} (95 % interval {_span(metric, own['low'], own['high'])})."]
    parts += [_sentence(metric, one) for one in against]
    return {"rows": comparison.n, "metric": metric, "scores": scores, "against": against, "sentence": " ".join(parts), "note": BIAS}


def _score(comparison: Comparison, at: int, one: ContestantResult) -> dict[str, float]:
    if comparison.task == "classification":
        assert one.accuracy is not None and one.accuracy_ci is not None
        return {"score": one.accuracy, "low": one.accuracy_ci[0], "high": one.accuracy_ci[1]}
    found = mean([row.scores[at] for row in comparison.rows])
    return {"score": found.value, "low": found.low, "high": found.high}


def _against(pair: Pair, name: str) -> dict[str, Any]:
    sign = 1 if pair.a == name else -1
    low, high = pair.ci if sign > 0 else (-pair.ci[1], -pair.ci[0])
    return {"name": pair.b if sign > 0 else pair.a, "difference": sign * pair.difference, "low": low, "high": high, "p": pair.p_value}


def _sentence(metric: str, one: dict[str, Any]) -> str:
    settled = one["low"] > 0 or one["high"] < 0
    word = "better" if one["difference"] > 0 else "worse"
    said = f"{word} than" if settled else "not established to differ from"
    points = f"{_gap(metric, one['difference'])} ({_gap(metric, one['low'])} to {_gap(metric, one['high'])})"
    return f"It is {said} {one['name'].removeprefix('saved:')} alone: {points}."


def _words(metric: str, value: float) -> str:
    return f"{100 * value:.0f} % right" if metric == "accuracy" else f"{metric} {value:.1f}"


def _span(metric: str, low: float, high: float) -> str:
    return f"{100 * low:.0f} to {100 * high:.0f} %" if metric == "accuracy" else f"{low:.1f} to {high:.1f}"


def _gap(metric: str, value: float) -> str:
    return f"{100 * value:+.0f} points" if metric == "accuracy" else f"{value:+.1f}"
