"""Numbers to Plotly JSON. Pure: no gradio, no plotly, no colours of a theme (the page's script adds those). Text is escaped for Plotly's own tags."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any

from steering.inspect.dossier import named_slots
from steering.inspect.results import Bars, Heatmap, Lines, Part, Scatter

LEARNED, MUTED, START, ACCENT = "#6366f1", "#94a3b8", "#7c8aa0", "#d97706"
ROLES = {"muted": MUTED, "start": START, "learned": LEARNED, "accent": ACCENT}
SYMBOLS = {"muted": "circle", "start": "diamond-open", "learned": "circle", "accent": "square"}
MOST_CLASSES = 14


def plain(text: object) -> str:
    """Text that Plotly shows literally."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def lines_of(name: str, width: int = 18) -> list[str]:
    """A name beside an axis in lines of about ``width`` letters, three at most, so that it leaves room for the picture on a narrow screen."""
    return textwrap.wrap(name, width, max_lines=3, placeholder=" …") or [" "]


def wrapped(name: str, width: int = 18) -> str:
    """The same for Plotly, which knows ``<br>`` and shows everything else literally."""
    return "<br>".join(map(plain, lines_of(name, width)))


def figure(data: list[dict[str, Any]], *, height: int = 320, **layout: Any) -> str:
    """A figure as JSON."""
    base: dict[str, Any] = {"margin": {"l": 56, "r": 16, "t": 16, "b": 44}, "height": height, "hovermode": "closest", "showlegend": False}
    return json.dumps({"data": data, "layout": base | layout}, ensure_ascii=False, allow_nan=False)


def smoothed(values: Sequence[float], share: float = 0.85) -> list[float]:
    """Exponential moving average, corrected for its start."""
    found, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = share * total + (1 - share) * value, share * weight + (1 - share)
        found.append(total / weight)
    return found


def line(
    name: str, x: Sequence[Any], y: Sequence[Any], color: str, *, mode: str = "lines", width: float = 2, dash: str = "", **more: Any
) -> dict[str, Any]:
    """One curve."""
    stroke = {"color": color, "width": width} | ({"dash": dash} if dash else {})
    return {"type": "scatter", "mode": mode, "name": plain(name), "x": list(x), "y": list(y), "line": stroke, **more}


def dots(
    names: Sequence[str], values: Sequence[float], intervals: Sequence[Sequence[float] | None], *, learned: int, title: str, percent: bool
) -> str:
    """A dot with its interval for every contestant on one axis; the learned one is filled, the others are open."""
    fill = [LEARNED if i == learned else START for i in range(len(names))]
    shape = ["circle" if i == learned else "circle-open" for i in range(len(names))]
    above = [(span[1] - value) if span else 0 for value, span in zip(values, intervals, strict=True)]
    below = [(value - span[0]) if span else 0 for value, span in zip(values, intervals, strict=True)]
    data = {
        "type": "scatter",
        "mode": "markers",
        "x": list(values),
        "y": [wrapped(name) for name in names],
        "customdata": list(range(len(names))),
        "marker": {"size": 13, "color": fill, "symbol": shape, "line": {"width": 2.5, "color": fill}},
        "error_x": {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": MUTED, "thickness": 2, "width": 6},
        "hovertemplate": "%{y}: %{x:.1%}<extra></extra>" if percent else "%{y}: %{x:.1f}<extra></extra>",
    }
    xaxis: dict[str, Any] = {"title": {"text": wrapped(title)}, "automargin": True}  # in lines, or a phone cuts it
    if percent:
        xaxis |= {"tickformat": ".0%", "range": [-0.02, 1.02]}
    yaxis = {"autorange": "reversed", "automargin": True, "type": "category"}
    return figure([data], height=130 + 42 * len(names), xaxis=xaxis, yaxis=yaxis)


def classes(counts: dict[str, int]) -> str:
    """How many rows each class has: all of a few, or the largest and the sum of the others."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    top = ranked if len(ranked) <= MOST_CLASSES else ranked[: MOST_CLASSES - 1]
    if len(top) < len(ranked):
        top = [*top, (f"{len(ranked) - len(top)} others", sum(count for _, count in ranked[len(top) :]))]
    names, values = [plain(name)[:40] for name, _ in top], [value for _, value in top]
    data = {"type": "bar", "orientation": "h", "y": names, "x": values, "text": values, "textposition": "auto", "marker": {"color": LEARNED}}
    yaxis = {"autorange": "reversed", "automargin": True, "type": "category"}
    return figure([data], height=90 + 26 * len(top), xaxis={"title": {"text": "rows"}}, yaxis=yaxis)


def lengths(counts: Sequence[int]) -> str:
    """How many rows have how many tokens."""
    data = {"type": "histogram", "x": list(counts), "nbinsx": 30, "marker": {"color": LEARNED}}
    return figure(
        [data], height=220, xaxis={"title": {"text": "tokens of a row"}, "rangemode": "tozero"}, yaxis={"title": {"text": "rows"}}, bargap=0.05
    )


def part(value: Part) -> str | None:
    """An inspection result as a figure; None for what is drawn as a table or as text."""
    if isinstance(value, Scatter):
        return scatter(value)
    if isinstance(value, Lines):
        return lines(value)
    if isinstance(value, Heatmap):
        return heatmap(value)
    if isinstance(value, Bars):
        return bars(value)
    return None


def scatter(value: Scatter) -> str:
    """Clouds of points and arrows."""
    data = []
    for cloud in value.clouds:
        few = len(cloud.x) <= 40 and cloud.role != "muted"
        slots = named_slots(cloud.labels)
        top = max(cloud.size, default=0) or 1
        sizes = [7 + 12 * s / top for s in cloud.size] if cloud.size else 8
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text" if few else "markers",
                "name": plain(cloud.name),
                "x": list(cloud.x),
                "y": list(cloud.y),
                "text": [f"v{slot}" for slot in slots] or [plain(label) for label in cloud.labels],
                "hovertext": [plain(label) for label in cloud.labels],
                "textposition": "top center",
                "marker": {
                    "size": sizes,
                    "color": ROLES[cloud.role],
                    "symbol": SYMBOLS[cloud.role],
                    "opacity": 0.35 if cloud.role == "muted" else 0.95,
                },
                "hovertemplate": "%{hovertext}<extra></extra>",
                "meta": {"slots": slots},
            }
        )
    arrows = [
        {"x": a[2], "y": a[3], "ax": a[0], "ay": a[1], "xref": "x", "yref": "y", "axref": "x", "ayref": "y", "showarrow": True, "arrowhead": 2}
        | {"arrowcolor": LEARNED, "arrowwidth": 1.2, "text": ""}
        for a in value.arrows
    ]
    axes = {"xaxis": {"title": {"text": plain(value.x_title)}}, "yaxis": {"title": {"text": plain(value.y_title)}}}
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure(data, height=460, annotations=arrows, showlegend=True, legend=legend, margin={"l": 56, "r": 16, "t": 70, "b": 44}, **axes)


def lines(value: Lines) -> str:
    """Curves with bands, and reference lines."""
    data = []
    for one in value.lines:
        if one.low and one.high:
            edge = {"type": "scatter", "mode": "lines", "x": list(one.x), "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
            data += [edge | {"y": list(one.low)}, edge | {"y": list(one.high), "fill": "tonexty", "fillcolor": "rgba(148,163,184,0.25)"}]
        dash = "dot" if one.role == "muted" else "dash" if one.role == "start" else ""
        data.append(line(one.name, one.x, one.y, ROLES[one.role], dash=dash))
    shapes = [_mark(mark.value, "y") for mark in value.marks]
    notes = [_mark_label(mark.label, mark.value, "y") for mark in value.marks]
    axes = {"xaxis": {"title": {"text": plain(value.x_title)}}, "yaxis": {"title": {"text": plain(value.y_title)}}}
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    margin = {"l": 56, "r": 16, "t": 70, "b": 44}
    return figure(data, height=380, shapes=shapes, annotations=notes, showlegend=len(value.lines) > 1, legend=legend, margin=margin, **axes)


def heatmap(value: Heatmap) -> str:
    """A grid of numbers; two-sided where it has a centre."""
    scale = "RdBu" if value.centre is not None else [[0, "rgba(99,102,241,0.04)"], [1, LEARNED]]
    cells = {
        "type": "heatmap",
        "z": [list(row) for row in value.values],
        "x": [plain(c) for c in value.columns],
        "y": [plain(r) for r in value.rows],
        "colorscale": scale,
        "colorbar": {"title": {"text": plain(value.unit)}, "thickness": 12},
        "meta": {"rows": named_slots(value.rows), "columns": named_slots(value.columns)},
    } | ({"zmid": value.centre} if value.centre is not None else {})
    xaxis = {"title": {"text": plain(value.column_title)}, "type": "category", "automargin": True}
    yaxis = {"title": {"text": plain(value.row_title)}, "type": "category", "automargin": True, "autorange": "reversed"}
    return figure([cells], height=max(300, min(720, 120 + 18 * len(value.rows))), xaxis=xaxis, yaxis=yaxis)


def bars(value: Bars) -> str:
    """Bars with intervals on one axis, and reference lines."""
    error: dict[str, Any] = {}
    if any(b.low is not None and b.high is not None for b in value.bars):
        above = [0 if b.high is None else b.high - b.value for b in value.bars]
        below = [0 if b.low is None else b.value - b.low for b in value.bars]
        error = {"error_x": {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": MUTED}}
    data = {
        "type": "bar",
        "orientation": "h",
        "x": [b.value for b in value.bars],
        "y": [f"{i + 1}. {wrapped(b.label)}" for i, b in enumerate(value.bars)],
        "marker": {"color": [ROLES[b.role] for b in value.bars]},
        "hovertext": [plain(f"{b.label}: {b.detail}" if b.detail else b.label) for b in value.bars],
        "hovertemplate": "%{x:.4g}<br>%{hovertext}<extra></extra>",
        "meta": {"slots": named_slots([b.label for b in value.bars])},
    } | error
    shapes = [_mark(mark.value, "x") for mark in value.marks]
    notes = [_mark_label(mark.label, mark.value, "x") for mark in value.marks]
    yaxis = {"autorange": "reversed", "automargin": True, "type": "category"}
    height = 110 + sum(10 + 15 * len(lines_of(b.label)) for b in value.bars)
    return figure([data], height=height, xaxis={"title": {"text": plain(value.unit)}}, yaxis=yaxis, shapes=shapes, annotations=notes)


def _mark(value: float, axis: str) -> dict[str, Any]:
    other = "y" if axis == "x" else "x"
    line = {"color": ACCENT, "width": 1.5, "dash": "dash"}
    return {"type": "line", f"{axis}0": value, f"{axis}1": value, f"{other}0": 0, f"{other}1": 1, f"{other}ref": "paper", "line": line}


def _mark_label(label: str, value: float, axis: str) -> dict[str, Any]:
    other = "y" if axis == "x" else "x"
    return {axis: value, other: 1, f"{other}ref": "paper", "text": plain(label), "showarrow": False, "xanchor": "left", "yanchor": "bottom"}
