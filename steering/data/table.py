"""A file as rows: what every reader returns, whatever the file was.

Values are text or None (an empty cell is ``""``, a key that a JSON line lacks is None). Line numbers are those that an editor shows, so that a
message can send a person to the right place.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import overload

from steering.data.limits import Limits
from steering.errors import DataError
from steering.spec import Fix, Problem, Severity

ROWS_LISTED = 20
RAW_CHARS = 2000
"""What is kept of a record that could not become a row: enough to find and mend it."""
FEWER = "Keep the columns and rows that matter; a few hundred labelled rows are enough for a soft prompt."


Record = tuple[int, str]
"""A line, and what stands on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record. ``line`` is the line on which it begins, as an editor counts them."""

    line: int
    values: dict[str, str | None]


class Rows(Sequence[Row]):
    """Rows kept by column and made when they are asked for: a dict for each of them would take more memory than its text.

    ``lines`` has the line of every row, ``cells`` its cell in every column.
    """

    __slots__ = ("cells", "lines")

    def __init__(self, lines: list[int], cells: dict[str, list[str | None]]) -> None:
        self.lines, self.cells = lines, cells

    @classmethod
    def of(cls, rows: Sequence[Row], columns: Iterable[str]) -> "Rows":
        """Rows that are there already; what a row lacks is None."""
        if isinstance(rows, Rows):
            return rows
        return cls([row.line for row in rows], {name: [row.values.get(name) for row in rows] for name in columns})

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return Row(line=self.lines[index], values={name: column[index] for name, column in self.cells.items()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and (self.lines, self.cells) == (other.lines, other.cells)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file that has been read. ``unreadable_rows``: line and beginning of the records that could not become rows, as they stand in the file."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    format: str
    encoding: str
    delimiter: str | None
    digest: str
    unreadable_rows: tuple[Record, ...] = ()
    problems: tuple[Problem, ...] = field(default=())
    _stripped: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", Rows.of(self.rows, self.columns))

    @property
    def cells(self) -> dict[str, list[str | None]]:
        """The cells of every column as they were read."""
        assert isinstance(self.rows, Rows)
        return self.rows.cells

    @property
    def lines(self) -> list[int]:
        """The line of every row."""
        assert isinstance(self.rows, Rows)
        return self.rows.lines

    @property
    def unreadable(self) -> int:
        """How many records could not become rows."""
        return len(self.unreadable_rows)

    @property
    def unreadable_lines(self) -> tuple[int, ...]:
        """The lines on which they begin."""
        return tuple(line for line, _ in self.unreadable_rows)

    def column(self, name: str) -> list[str]:
        """The cells of one column, stripped; missing ones are empty. Asked for by every look at a column, so it is kept."""
        if name not in self._stripped:
            self._stripped[name] = [(cell or "").strip() for cell in self.cells[name]]
        return self._stripped[name]


def as_it_stands(line: int, text: str) -> Record:
    """A record that could not become a row, cut where it is long."""
    return line, text if len(text) <= RAW_CHARS else f"{text[: RAW_CHARS - 1]}…"


def content_digest(content: bytes) -> str:
    """Sixteen hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


def make_problem(kind: str, severity: Severity, lines: Iterable[int], message: str, hint: str = "", *fixes: Fix) -> Problem:
    """A problem that concerns ``lines``; counts them all and lists the first twenty."""
    ordered = sorted(lines)
    return Problem(kind=kind, severity=severity, count=len(ordered), rows=tuple(ordered[:ROWS_LISTED]), message=message, hint=hint, fixes=fixes)


def problem_of_count(kind: str, severity: Severity, count: int, message: str, hint: str, *fixes: Fix) -> Problem:
    """A problem of the whole file rather than of some lines."""
    return Problem(kind=kind, severity=severity, count=count, rows=(), message=message, hint=hint, fixes=fixes)


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 row``, ``3 rows``, ``2 classes`` (with ``many="classes"``)."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def at_lines(lines: Sequence[int], most: int = 5) -> str:
    """``(line 4)``, ``(lines 4, 6, 9, ...)``."""
    ordered = sorted(lines)
    more = ", ..." if len(ordered) > most else ""
    return f"({'line' if len(ordered) == 1 else 'lines'} {', '.join(str(line) for line in ordered[:most])}{more})"


def check_size(name: str, columns: int, rows: int, limits: Limits) -> None:
    """Refuse a table that would not fit into the memory of a small machine.

    Raises:
        DataError: too many rows, columns or cells.
    """
    if rows > limits.rows:
        raise DataError(f"{name!r} has more than {limits.rows:,} rows.", FEWER)
    if columns > limits.columns:
        raise DataError(f"{name!r} has {columns:,} columns, more than {limits.columns:,}.", FEWER)
    if rows * columns > limits.cells:
        raise DataError(f"{name!r} has {rows * columns:,} cells, more than {limits.cells:,}.", FEWER)


def check_cells(name: str, table: Table, limits: Limits) -> None:
    """Refuse a table whose cells are too long, alone or together (formats that store a text once and repeat it can hold far more than their size).

    Raises:
        DataError: names the line of the first cell that is too long.
    """
    total = 0
    for column in table.cells.values():
        lengths = [len(cell or "") for cell in column]
        total += sum(lengths)
        if max(lengths, default=0) > limits.cell_chars:
            raise long_cell(name, table.rows[next(index for index, length in enumerate(lengths) if length > limits.cell_chars)].line, limits)
    if total > 2 * limits.bytes:
        raise DataError(f"{name!r} holds {total / 1e6:,.0f} million characters, more than {2 * limits.bytes / 1e6:,.0f} million.", FEWER)


def long_cell(name: str, line: int, limits: Limits) -> DataError:
    """The refusal of a cell that is longer than any model reads."""
    message = f"{name!r} has a cell of more than {limits.cell_chars:,} characters in the record that begins on line {line:,}."
    return DataError(message, "Shorten the text, or delete the row; if a quote is opened there and never closed, close it.")
