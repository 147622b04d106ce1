"""Any picture as a table of its numbers: what stands beside every chart, and what is saved as CSV. No torch.

A row that stands for a slot has its number under ``slot``, as rows of the views' own tables have.
"""

from collections.abc import Callable
from typing import Any

from steering.inspect.dossier import named_slots
from steering.inspect.results import Bars, Column, Heatmap, Lines, Part, Scatter, Table, Text

Row = dict[str, Any]


def numbers(part: Part) -> Table:
    """The same content as rows."""
    columns, rows = _WAYS[type(part)](part)
    return Table(title=part.title, columns=columns, rows=tuple(rows), caption=part.caption, note=part.note)


def _table(part: Table) -> tuple[tuple[Column, ...], list[Row]]:
    return part.columns, list(part.rows)


def _bars(part: Bars) -> tuple[tuple[Column, ...], list[Row]]:
    slots = _slots([bar.label for bar in part.bars])
    rows = [
        {"label": bar.label, "value": bar.value, "low": bar.low, "high": bar.high, "detail": bar.detail or None} | slot
        for bar, slot in zip(part.bars, slots, strict=True)
    ]
    rows += [{"label": mark.label, "value": mark.value} for mark in part.marks]
    numeric = (Column(name="value", title=part.unit or "Value", kind="number"), _number("low", "Low"), _number("high", "High"))
    return _filled((Column(name="label", title="Name", kind="token"), *numeric, Column(name="detail", title="Detail")), rows), rows


def _lines(part: Lines) -> tuple[tuple[Column, ...], list[Row]]:
    rows: list[Row] = []
    for line in part.lines:
        bands = [tuple(side) or (None,) * len(line.x) for side in (line.low, line.high)]
        rows += [{"line": line.name, "x": x, "y": y, "low": low, "high": high} for x, y, low, high in zip(line.x, line.y, *bands, strict=True)]
    rows += [{"line": mark.label, "y": mark.value} for mark in part.marks]
    axes = (_number("x", part.x_title or "x"), _number("y", part.y_title or "y"), _number("low", "Low"), _number("high", "High"))
    return _filled((Column(name="line", title="Line"), *axes), rows), rows


def _scatter(part: Scatter) -> tuple[tuple[Column, ...], list[Row]]:
    rows: list[Row] = []
    for cloud in part.clouds:
        sizes = cloud.size or (None,) * len(cloud.x)
        points = zip(cloud.labels, cloud.x, cloud.y, sizes, _slots(cloud.labels), strict=True)
        rows += [{"cloud": cloud.name, "label": label, "x": x, "y": y, "size": size} | slot for label, x, y, size, slot in points]
    axes = (_number("x", part.x_title or "x"), _number("y", part.y_title or "y"), _number("size", part.size_title or "Size"))
    return _filled((Column(name="cloud", title="Kind"), Column(name="label", title="Name", kind="token"), *axes), rows), rows


def _heatmap(part: Heatmap) -> tuple[tuple[Column, ...], list[Row]]:
    columns = (Column(name="row", title=part.row_title or "Row"), *(_number(f"c{i}", title) for i, title in enumerate(part.columns)))
    slots = _slots(part.rows)
    rows = [
        {"row": name, **{f"c{i}": value for i, value in enumerate(values)}} | slot
        for name, values, slot in zip(part.rows, part.values, slots, strict=True)
    ]
    return columns, rows


def _text(part: Text) -> tuple[tuple[Column, ...], list[Row]]:
    return (Column(name="text", title="Text"),), [{"text": paragraph} for paragraph in part.paragraphs]


def _number(name: str, title: str) -> Column:
    return Column(name=name, title=title, kind="number")


def _slots(labels: Any) -> list[Row]:
    found = named_slots(list(labels))
    return [{"slot": slot} for slot in found] or [{} for _ in labels]


def _filled(columns: tuple[Column, ...], rows: list[Row]) -> tuple[Column, ...]:
    """Without columns that hold nothing."""
    return tuple(column for column in columns if any(row.get(column.name) is not None for row in rows)) or columns[:1]


_WAYS: dict[type, Callable[[Any], tuple[tuple[Column, ...], list[Row]]]] = {
    Table: _table,
    Bars: _bars,
    Lines: _lines,
    Scatter: _scatter,
    Heatmap: _heatmap,
    Text: _text,
}
