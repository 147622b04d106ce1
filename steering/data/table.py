"""A file as rows: what every reader returns, whatever the file was.

Values are text or None (an empty cell is ``""``, a key that a JSON line lacks is None). Line numbers are those that an editor shows, so that a
message can send a person to the right place.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from steering.errors import DataError
from steering.spec import Problem, Severity

MAX_BYTES = 50_000_000
MAX_ROWS = 200_000
MAX_COLUMNS = 500
MAX_CELLS = 5_000_000
ROWS_LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record. ``line`` is the line on which it begins, as an editor counts them."""

    line: int
    values: dict[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file that has been read. ``unreadable`` counts records that could not become rows; each is named in ``problems``."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    format: str
    encoding: str
    delimiter: str | None
    digest: str
    unreadable: int = 0
    problems: tuple[Problem, ...] = field(default=())

    def column(self, name: str) -> list[str]:
        """The cells of one column, stripped; missing ones are empty."""
        return [(row.values.get(name) or "").strip() for row in self.rows]


def content_digest(content: bytes) -> str:
    """Sixteen hex digits of the SHA-256 of a file's bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


def make_problem(kind: str, severity: Severity, lines: Iterable[int], message: str, hint: str = "") -> Problem:
    """A problem that concerns ``lines``; counts them all and lists the first twenty."""
    ordered = sorted(lines)
    return Problem(kind=kind, severity=severity, count=len(ordered), rows=tuple(ordered[:ROWS_LISTED]), message=message, hint=hint)


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 row``, ``3 rows``, ``2 classes`` (with ``many="classes"``)."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def at_lines(lines: Sequence[int], most: int = 5) -> str:
    """``(line 4)``, ``(lines 4, 6, 9, ...)``."""
    ordered = sorted(lines)
    more = ", ..." if len(ordered) > most else ""
    return f"({'line' if len(ordered) == 1 else 'lines'} {', '.join(str(line) for line in ordered[:most])}{more})"


def check_size(name: str, columns: int, rows: int) -> None:
    """Refuse a table that would not fit into the memory of a small machine.

    Raises:
        DataError: too many rows, columns or cells.
    """
    remedy = "Keep the columns and rows that matter; a few hundred labelled rows are enough for a soft prompt."
    if rows > MAX_ROWS:
        raise DataError(f"{name!r} has more than {MAX_ROWS:,} rows.", remedy)
    if columns > MAX_COLUMNS:
        raise DataError(f"{name!r} has {columns:,} columns, more than {MAX_COLUMNS}.", remedy)
    if rows * columns > MAX_CELLS:
        raise DataError(f"{name!r} has {rows * columns:,} cells, more than {MAX_CELLS:,}.", remedy)
