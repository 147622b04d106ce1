"""The chart of a training run: losses by step, what the other seeds do, and where the best step is."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from steering.ui.plots import ACCENT, LEARNED, MUTED, START, figure, line, smoothed

MOST_POINTS = 1200
"""Points of a curve; more could not be told apart, and would have to travel at every look of the page."""

MOST_OTHER_POINTS = 200
MARKED_POINTS = 60
NAMED_SEEDS = 4
"""Other seeds that the legend names one by one; more share a line of it, and are named where the pointer stands."""

Said = Sequence[dict[str, Any]]


def training(
    steps: Said,
    looks: Said,
    total: int,
    *,
    others: Mapping[int, Said] | None = None,
    seed: int = 0,
    best: int | None = None,
    level: str = "your prompt",
) -> str:
    """Training loss raw and smoothed, validation loss with the level of step 0 and the best step; below it validation accuracy.

    ``others``: looks of the other seeds, by seed, drawn thin; ``seed``: the one that is kept. ``best``: the best step where the run has said it,
    else the lowest loss so far is marked. ``level``: what stands at step 0.
    """
    others = others or {}
    two = any(_finite(look.get("accuracy")) is not None for look in looks)
    name = f"seed {seed}, validation" if others else "validation loss"
    data = [*_losses(steps), *_thin_lines(others, "nll"), _measured(looks, "nll", name)]
    data += _reference(looks, "nll", f"{level} (step 0)", total) + _star(looks, best)
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "step"}, "range": [0, total]},
        "yaxis": {"title": {"text": "loss"}, "domain": [0.42, 1] if two else [0, 1], "rangemode": "tozero"},
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 56, "r": 16, "t": 70, "b": 44},
    }
    if two:
        lower = [*_thin_lines(others, "accuracy"), _measured(looks, "accuracy", name.replace("loss", "accuracy"))]
        lower += _reference(looks, "accuracy", f"{level}'s accuracy", total)
        data += [trace | {"yaxis": "y2", "showlegend": False} for trace in lower]
        layout["xaxis"]["anchor"] = "y2"
        layout["yaxis2"] = {
            "title": {"text": "accuracy"},
            "domain": [0, 0.3],
            "range": [0, 1],
            "tickvals": [0, 0.5, 1],
            "tickformat": ".0%",
            "anchor": "x",
        }
    return figure(data, height=430, **layout)


def _losses(steps: Said) -> list[dict[str, Any]]:
    raw = [step["loss"] for step in steps]
    at = _thin(len(steps), MOST_POINTS)
    x, even = [steps[i]["step"] for i in at], smoothed(raw)
    return [
        line("training loss, each step", x, [_finite(raw[i]) for i in at], MUTED, width=1, opacity=0.55),
        line("training loss, smoothed", x, [_finite(even[i]) for i in at], START),
    ]


def _measured(looks: Said, key: str, name: str, most: int = MOST_POINTS, **style: Any) -> dict[str, Any]:
    at = _thin(len(looks), most)
    mode = "lines+markers" if len(at) <= MARKED_POINTS and not style else "lines"
    return line(name, [looks[i]["step"] for i in at], [_finite(looks[i].get(key)) for i in at], LEARNED, mode=mode, **style)


def _thin_lines(others: Mapping[int, Said], key: str) -> list[dict[str, Any]]:
    """One line a seed. Where there are many, one entry of the legend stands for all of them, and shows or hides them together."""
    style: dict[str, Any] = {"width": 1, "dash": "dot", "opacity": 0.85, "legendgroup": "others"}
    many = len(others) > NAMED_SEEDS
    entry = [line(f"{len(others)} other seeds, validation", [None], [None], LEARNED, **style)] if many else []
    style |= {"showlegend": False} if many else {"legendgroup": ""}
    return [*entry, *(_measured(looks, key, f"seed {seed}, validation", MOST_OTHER_POINTS, **style) for seed, looks in others.items())]


def _reference(looks: Said, key: str, name: str, total: int) -> list[dict[str, Any]]:
    level = _finite(looks[0].get(key)) if looks else None
    return [] if level is None else [line(name, [0, total], [level, level], ACCENT, dash="dash", width=1.5)]


def _star(looks: Said, best: int | None) -> list[dict[str, Any]]:
    measured = [look for look in looks if _finite(look["nll"]) is not None]
    if not measured:
        return []
    lowest = min(measured, key=lambda look: look["nll"])
    chosen = next((look for look in measured if look["step"] == best), lowest)
    name = f"best step: {chosen['step']}" if best is not None else f"best so far: step {chosen['step']}"
    star = {"size": 13, "color": LEARNED, "symbol": "star"}
    return [{"type": "scatter", "mode": "markers", "name": name, "x": [chosen["step"]], "y": [chosen["nll"]], "marker": star}]


def _thin(count: int, most: int) -> list[int]:
    """At most about ``most`` places of a curve, evenly apart, and the last one: what is newest is always drawn."""
    apart = max(1, -(-count // most))
    found = list(range(0, count, apart))
    return found if not count or found[-1] == count - 1 else [*found, count - 1]


def _finite(value: float | None) -> float | None:
    """A gap where the value is no number: JSON has none, and neither has an axis."""
    return value if value is not None and math.isfinite(value) else None
