"""Excel workbooks (.xlsx), by openpyxl in its reading mode: values as they were last calculated, formulas are never evaluated.

The sheet is the visible one with the most rows of at least two cells; hidden sheets and those not read are named. Row numbers are those of Excel.
"""

import datetime
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from steering.data.readers.archive import ZIP, is_workbook, list_members
from steering.data.readers.grid import EXPECTED, Record, to_grid
from steering.data.readers.source import Source
from steering.data.readers.text import lost_characters
from steering.data.table import Table, check_size, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

MAX_SHEETS = 50
MAX_GAP = 20_000  # empty rows after which a sheet is taken to have ended
ERRORS = frozenset({"#N/A", "#REF!", "#DIV/0!", "#NAME?", "#VALUE!", "#NUM!", "#NULL!"})
_SAVE = "Open it in a spreadsheet program and save it again as .xlsx, or as 'CSV UTF-8'."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """The rows of a sheet that hold anything, cut to the columns that do, and how many cells hold an error instead of a value."""

    title: str
    visible: bool
    records: list[Record]
    errors: int = 0

    @property
    def weight(self) -> int:
        """Rows that could belong to a table."""
        return sum(sum(bool(cell) for cell in cells) > 1 for _, cells in self.records)


def claims(source: Source) -> bool:
    """Whether this is a zip archive with a workbook in it."""
    return source.content.startswith(ZIP) and is_workbook(source.content)


def read(source: Source) -> Table:
    """Read the sheet that holds the table.

    Raises:
        DataError: damaged, an unknown sheet, no table, or more than the limits allow.
    """
    list_members(source.name, source.content, source.limits)  # sizes as declared
    sheets = _sheets(source)
    chosen = _choose(source, sheets)
    grid = to_grid(source, chosen.records, "Delete the cells to the right of the table.")
    problems = (*_notes(sheets, chosen), *grid.problems, *lost_characters(grid.rows))
    return Table(
        columns=grid.columns,
        rows=grid.rows,
        format="xlsx",
        encoding="binary",
        delimiter=None,
        digest="",
        unreadable_rows=grid.unreadable_rows,
        problems=problems,
    )


def _sheets(source: Source) -> list[_Sheet]:
    import openpyxl

    found: list[_Sheet] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of formats and validations that it leaves out
            book = openpyxl.load_workbook(io.BytesIO(source.content), read_only=True, data_only=True, keep_links=False)
            try:
                spent = 0
                for sheet in book.worksheets[:MAX_SHEETS]:
                    visible = sheet.sheet_state == "visible" or sheet.title == source.options.sheet
                    records, errors, spent = _records(source, sheet, spent) if visible else ([], 0, spent)
                    found.append(_Sheet(title=sheet.title, visible=visible, records=records, errors=errors))
            finally:
                book.close()
    except DataError:
        raise
    except Exception as error:  # openpyxl raises whatever a damaged file makes it stumble over
        raise DataError(f"{source.name!r} is a damaged Excel workbook ({type(error).__name__}).", _SAVE) from None
    return found


def _records(source: Source, sheet: Any, spent: int) -> tuple[list[Record], int, int]:
    """Rows with their numbers, error cells, and cells looked at so far. The size that a sheet declares is not believed."""
    sheet.reset_dimensions()
    records: list[Record] = []
    errors = 0
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        spent += len(values)
        if spent > source.limits.cells:
            raise DataError(
                f"{source.name!r} has more than {source.limits.cells:,} cells.", "Keep the columns and rows that matter in a sheet of their own."
            )
        if not any(value is not None and value != "" for value in values):
            if number - (records[-1][0] if records else 0) > MAX_GAP:
                break
            continue
        cells = [_text(value) for value in values]
        errors += sum(cell in ERRORS for cell in cells)
        while cells and not cells[-1].strip():
            cells.pop()
        cells = ["" if cell in ERRORS else cell for cell in cells]
        records.append((number, cells))
        check_size(source.name, len(cells), 1, source.limits)
        if len(records) > source.limits.rows + 50:
            check_size(source.name, 1, len(records), source.limits)
    return _even(records), errors, spent


def _even(records: list[Record]) -> list[Record]:
    """Rows of one width, without the empty columns to the left of the table."""
    width = max((len(cells) for _, cells in records), default=0)
    left = min((next(index for index, cell in enumerate([*cells, "x"]) if cell.strip()) for _, cells in records if cells), default=0)
    return [(line, [*cells, *[""] * (width - len(cells))][left:]) for line, cells in records]


def _text(value: Any) -> str:
    """A cell as Excel shows it, near enough: whole numbers without a point, dates as ISO writes them."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("_x000D_", "")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _choose(source: Source, sheets: list[_Sheet]) -> _Sheet:
    names = ", ".join(repr(sheet.title) for sheet in sheets[:10])
    wanted = source.options.sheet
    if wanted is not None:
        chosen = next((sheet for sheet in sheets if sheet.title == wanted), None)
        if chosen is None:
            raise DataError(f"{source.name!r} has no sheet {wanted!r} (sheets: {names}).", "Choose one of them.")
    else:
        visible = [sheet for sheet in sheets if sheet.visible]
        chosen = max(visible, key=lambda sheet: sheet.weight, default=None)
    if chosen is None or chosen.weight < 2:
        hidden = [sheet.title for sheet in sheets if not sheet.visible]
        more = f" Hidden sheets are not read: {', '.join(map(repr, hidden[:5]))}." if hidden else ""
        message = f"{source.name!r} has no sheet with a table of at least two columns (sheets: {names or 'none'}).{more}"
        raise DataError(message, f"{EXPECTED} If the cells are formulas, open and save the workbook once, so that their values are stored.")
    return chosen


def _notes(sheets: list[_Sheet], chosen: _Sheet) -> Iterator[Problem]:
    hidden = [sheet.title for sheet in sheets if not sheet.visible]
    others = [sheet.title for sheet in sheets if sheet.visible and sheet is not chosen and sheet.records]
    if others or hidden:
        yield make_problem("sheet", "note", [], f"the sheet {chosen.title!r} was read.")
    if others:
        yield make_problem("other_sheets", "note", [], f"{plural(len(others), 'other sheet')} not read: {', '.join(map(repr, others[:5]))}.")
    if hidden:
        yield make_problem("hidden_sheets", "note", [], f"{plural(len(hidden), 'hidden sheet')} not read: {', '.join(map(repr, hidden[:5]))}.")
    if chosen.errors:
        message = f"{plural(chosen.errors, 'cell holds', 'cells hold')} an error such as #REF! instead of a value."
        yield make_problem("cell_errors", "warning", [], message, "These cells count as empty; repair the formulas.")
