"""Rows back to CSV, in a form that is safe to open in a spreadsheet program."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these may be taken for a formula and run (OWASP, "CSV Injection")."""


def export_csv(rows: Iterable[Mapping[str, str | float | None]], columns: Sequence[str], titles: Sequence[str] = ()) -> bytes:
    """CSV in UTF-8 with byte order mark and CRLF, as Excel expects it. Texts that would be formulas get an apostrophe in front; numbers stay numbers.

    Values that a row lacks are empty cells; columns that are not named are left out. ``titles``: what the header says in place of ``columns``.
    """
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow([neutral(title) for title in titles or columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return target.getvalue().encode("utf-8-sig", "replace")


def _cell(value: str | float | None) -> str | float:
    return neutral(value or "") if isinstance(value, str | None) else value


def neutral(cell: str) -> str:
    """The cell, as text for any spreadsheet program."""
    return f"'{cell}" if cell.startswith(FORMULA_MARKS) else cell
