"""What a file may cost: every limit, and how a person says how a file is to be read. Pure values, passed in by the caller."""

from dataclasses import dataclass, field

from steering.errors import SpecError

MAX_BYTES = 50_000_000
MAX_ROWS = 200_000
MAX_COLUMNS = 500
MAX_CELLS = 5_000_000
MAX_CELL_CHARS = 131_072
"""The longest cell: what the standard library's CSV parser takes, and far more than the default model reads."""
MAX_UNPACKED = 200_000_000
"""Bytes that an archive or a workbook may unpack to (XML is bulky; the rows in it are bounded by cells)."""
MAX_RATIO = 250
"""Unpacked bytes per packed byte, above the first megabyte. Text packs 3 to 10 times, repetitive tables up to 100 times."""
MAX_LINES_PER_ROW = 10
"""Lines of text per allowed row: a file of line breaks only is not worth reading to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes beyond which a file is refused. The defaults fit a laptop; a server may set its own."""

    bytes: int = MAX_BYTES
    rows: int = MAX_ROWS
    columns: int = MAX_COLUMNS
    cells: int = MAX_CELLS
    cell_chars: int = MAX_CELL_CHARS
    unpacked: int = MAX_UNPACKED
    ratio: int = MAX_RATIO


def limits_of(megabytes: float | None = None, rows: int | None = None) -> Limits:
    """The everyday limits with what a person's flags change; what bounds memory grows along.

    Raises:
        SpecError: not a positive number.
    """
    for name, given in (("--max-mb", megabytes), ("--max-rows", rows)):
        if given is not None and not given > 0:
            raise SpecError(
                f"{name} is {given:g}, expected more than 0.", f"Without it the limits are {MAX_BYTES // 1_000_000} MB and {MAX_ROWS:,} rows."
            )
    scale = max(1.0, (megabytes or 0) * 1e6 / MAX_BYTES, (rows or 0) / MAX_ROWS)
    return Limits(
        bytes=int(megabytes * 1e6) if megabytes else MAX_BYTES,
        rows=rows or MAX_ROWS,
        cells=int(MAX_CELLS * scale),
        unpacked=int(MAX_UNPACKED * scale),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a person decided about a file; whatever is None is decided by evidence.

    ``header``: whether the first row of the table names the columns. ``encoding``: a name that Python knows. ``delimiter``: one character.
    ``sheet``: the sheet of a workbook, by its name. ``unlabelled``: one column is enough, because the labels are still to come.
    """

    header: bool | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    unlabelled: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def least_columns(self) -> int:
        """How many columns a table must have."""
        return 1 if self.unlabelled else 2
