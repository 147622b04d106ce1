"""Numbers as sentences have them, and the bars that measured views share. No torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from steering.evaluate.intervals import Estimate, wilson
from steering.evaluate.shares import mean
from steering.inspect.results import Bar, Bars, Role

LOSS = "loss in nats a row; less is better"
CAPTION_ROWS = "Measured on {n} rows that training never saw; bars are 95% intervals over rows."


def percent(value: float) -> str:
    """``14%``."""
    return f"{100 * value:.0f}%"


def share_text(estimate: Estimate) -> str:
    """``14% (95% CI 5 to 25%)``."""
    return f"{percent(estimate.value)} (95% CI {100 * estimate.low:.0f} to {percent(estimate.high)})"


def nats(estimate: Estimate) -> str:
    """``+0.12 nats (95% CI 0.03 to 0.21)``."""
    return f"{estimate.value:+.3f} nats (95% CI {estimate.low:.3f} to {estimate.high:.3f})"


def points(estimate: Estimate) -> str:
    """``+7.5 points (95% CI 2.2 to 12.9)`` for a difference of shares."""
    return f"{100 * estimate.value:+.1f} points (95% CI {100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def rounded(estimate: Estimate | None, prefix: str) -> dict[str, float | None]:
    """``{prefix}``, ``{prefix}_low`` and ``{prefix}_high`` for machines."""
    values = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    names = (prefix, f"{prefix}_low", f"{prefix}_high")
    return {name: None if value is None else round(value, 5) for name, value in zip(names, values, strict=True)}


def bar(label: str, estimate: Estimate, role: Role = "learned", detail: str = "") -> Bar:
    """An estimate as a bar."""
    value, low, high = (round(number, 5) for number in (estimate.value, estimate.low, estimate.high))
    return Bar(label=label, value=value, low=low, high=high, role=role, detail=detail)


def loss_bars(title: str, losses: Mapping[str, Any], roles: Mapping[str, Role]) -> Bars:
    """Mean loss of every contestant, [N] each."""
    bars = tuple(bar(name, mean(loss), roles.get(name, "muted")) for name, loss in losses.items())
    return Bars(title=title, bars=bars, unit=LOSS)


def accuracy_bars(title: str, correct: Mapping[str, Sequence[bool]], roles: Mapping[str, Role]) -> Bars:
    """Share of right answers of every contestant, [N] each, with Wilson's interval."""
    bars = []
    for name, right in correct.items():
        k, n = int(sum(right)), len(right)
        low, high = wilson(k, n)
        bars.append(bar(name, Estimate(value=k / n, low=low, high=high), roles.get(name, "muted"), f"{k} of {n} right"))
    return Bars(title=title, bars=tuple(bars), unit="share of right answers")
