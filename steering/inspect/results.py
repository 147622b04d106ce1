"""What a view gives back: six pictures and a stack of them. Page, command line and report draw any view without knowing it. No torch.

Every result has a ``title``, a ``caption`` (how to read it, what was computed) and a ``note`` (what may and may not be concluded). All values are
plain JSON values, and none is NaN: an absent number is None. ::

    table == result_from_json(result_to_json(table))
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from steering.errors import SpecError
from steering.knobs import from_json, to_json

ColumnKind = Literal["text", "token", "number", "percent", "tokens"]
"""``token``: one token as :func:`~steering.inspect.tokens.show` writes it; ``tokens``: a list of objects with at least ``token``."""

Role = Literal["muted", "start", "learned", "accent"]
"""What a series stands for, so that every picture colours and shapes the same thing the same way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a :class:`Table`: the key in every row, its heading, how to print it, and a one-line explanation."""

    name: str
    title: str
    kind: ColumnKind = "text"
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of named values. A row may hold more keys than there are columns; they are for machines."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[dict[str, Any], ...]
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Points of one kind in a :class:`Scatter`; ``size`` is in the unit of ``Scatter.size_title``."""

    name: str
    role: Role
    x: tuple[float, ...]
    y: tuple[float, ...]
    size: tuple[float, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Points in a plane, with arrows (x from, y from, x to, y to)."""

    title: str
    clouds: tuple[Cloud, ...]
    arrows: tuple[tuple[float, ...], ...] = ()
    x_title: str = ""
    y_title: str = ""
    size_title: str = ""
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap:
    """``values[row][column]``; None where there is nothing. ``centre``: the value with no colour, where values go both ways."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    row_title: str = ""
    column_title: str = ""
    unit: str = ""
    centre: float | None = None
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar with its interval, where it has one."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    role: Role = "learned"
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A reference line across :class:`Bars` or :class:`Lines`: the noise floor, the manual prompt's level."""

    label: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars on one axis."""

    title: str
    bars: tuple[Bar, ...]
    unit: str = ""
    marks: tuple[Mark, ...] = ()
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve, with a band where ``low`` and ``high`` are given."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    role: Role = "learned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Curves over one x axis."""

    title: str
    lines: tuple[Line, ...]
    x_title: str = ""
    y_title: str = ""
    marks: tuple[Mark, ...] = ()
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Paragraphs of plain text (never markup)."""

    title: str
    paragraphs: tuple[str, ...]
    caption: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Several results that belong together, drawn one below the other."""

    title: str
    parts: tuple["Table | Scatter | Heatmap | Bars | Lines | Text", ...]
    caption: str = ""
    note: str = ""


Part = Table | Scatter | Heatmap | Bars | Lines | Text
Result = Part | Stack

PARTS: dict[str, Callable[..., Part]] = {
    "table": Table,
    "scatter": Scatter,
    "heatmap": Heatmap,
    "bars": Bars,
    "lines": Lines,
    "text": Text,
}
"""The ``type`` tag of every picture; a stack of them is ``stack``."""


def result_to_json(result: Result) -> dict[str, Any]:
    """Plain JSON values, with a ``type`` tag."""
    if isinstance(result, Stack):
        plain = {"title": result.title, "caption": result.caption, "note": result.note}
        return {"type": "stack", **plain, "parts": [result_to_json(part) for part in result.parts]}
    return {"type": type(result).__name__.lower(), **to_json(result)}


def result_from_json(value: dict[str, Any]) -> Result:
    """The result that :func:`result_to_json` wrote.

    Raises:
        SpecError: no known ``type``, or fields that do not fit it.
    """
    if not isinstance(value, dict):
        raise SpecError(f"a result is {type(value).__name__}, expected an object with a 'type'.")
    fields = {name: item for name, item in value.items() if name != "type"}
    kind = value.get("type")
    if kind != "stack":
        return _part(value)
    parts = fields.pop("parts", [])
    try:
        return Stack(**fields, parts=tuple(map(_part, parts)))
    except TypeError as error:
        raise SpecError(f"a stack cannot be made from {sorted(value)}: {error}.") from None


def _part(value: dict[str, Any]) -> Part:
    kind = value.get("type")
    if kind not in PARTS:
        raise SpecError(f"result type {kind!r} is not known.", f"Expected one of: {', '.join(PARTS)}, stack.")
    made: Part = from_json(PARTS[kind], {name: item for name, item in value.items() if name != "type"})  # type: ignore[arg-type]
    return made
