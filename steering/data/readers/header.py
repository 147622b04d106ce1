"""Where a table begins and ends inside a sheet or a file: cover rows above it, its header, totals below it. Decided by evidence."""

import re
from collections import Counter
from collections.abc import Sequence

from steering.data.names import clean_name, is_known

HEADER_SAMPLE = 500
COVER_ROWS = 20
TOTAL_ROWS = 3
_TOTAL = re.compile(
    r"(grand|sub)?[ -]?totals?|sum|summe|gesamt|insgesamt|gesamtsumme|zwischensumme|totale|somme|suma|итого|всего|合计|合計|总计|總計|합계|총계",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*%?")


def table_start(rows: Sequence[list[str]]) -> int:
    """How many rows stand above the table: titles, dates and the like, which fill fewer cells than the header below them.

    Nothing is skipped unless a header follows: a first row with an empty cell may simply be a row with an empty cell.
    """
    head = rows[:COVER_ROWS]
    filled = [_filled(row) for row in head]
    if not filled or Counter(_filled(row) for row in rows[:200]).most_common(1)[0][0] < 2:
        return 0
    for start, row in enumerate(head):
        names = sum(is_known(clean_name(cell)) for cell in row)
        if names >= 2 and all(count < filled[start] for count in filled[:start]):
            return start
    start = next((index for index, count in enumerate(filled) if count > 1), 0)
    return start if start and has_header(rows[start:]) else 0


def totals_below(rows: Sequence[list[str]]) -> int:
    """How many rows at the end only add up what stands above them."""
    count = 0
    for row in reversed(rows[-TOTAL_ROWS:]):
        cells = [cell.strip() for cell in row if cell.strip()]
        first = cells[0].rstrip(" :") if cells else ""
        said = re.sub(r"[\s:=]+[\d.,]+$", "", first)
        if not _TOTAL.fullmatch(said) or not all(is_number(cell) for cell in cells[1:]):
            break
        count += 1
    return count


def has_header(rows: Sequence[list[str]]) -> bool:
    """Whether the first record names the columns. Evidence: known names, cells that recur below (data), lengths and numbers unlike those below."""
    first = [clean_name(cell) for cell in rows[0]]
    known = sum(is_known(cell) for cell in first)
    if known >= 2:
        return True
    body = rows[1 : HEADER_SAMPLE + 1]
    columns = [[row[index].strip() for row in body if index < len(row) and row[index].strip()] for index in range(len(first))]
    if any(cell and cell in column for cell, column in zip(first, columns, strict=True)):
        return False
    return known > 0 or sum(_vote(cell, column) for cell, column in zip(first, columns, strict=True)) > 0


def is_number(text: str) -> bool:
    """Whether a cell is a bare number or a percentage."""
    return bool(_NUMBER.fullmatch(text))


def _filled(row: list[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _vote(cell: str, column: list[str]) -> int:
    if not cell or not column:
        return 0
    if is_number(cell) or len(cell) > 60:
        return -2
    numeric = sum(is_number(value) for value in column) >= 0.9 * len(column)
    much_shorter = sorted(map(len, column))[len(column) // 2] >= 3 * len(cell)
    new_among_few = len(column) >= 4 and len(set(column)) <= len(column) / 4
    return int(numeric) + int(much_shorter) + int(new_among_few)
