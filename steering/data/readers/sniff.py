"""Which delimiter, which quotes, is there a header: decided by evidence over the whole file, not by its first kilobyte.

Every delimiter is tried with every way of quoting that the text gives reason for; the one under which most records have the same number of
fields wins. The standard library's ``csv.Sniffer`` looks for a pattern of quotes first and is easily misled by free text.
"""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from steering.data.names import clean_name, is_known

DELIMITERS = {"\t": "tsv", ";": "csv", ",": "csv", "|": "csv"}
"""Delimiter and the format's name. The first wins a tie: commas are the likeliest to stand in texts, tabs the least."""

HEADER_SAMPLE = 500
_END = "\x00end\x00"  # NUL bytes are refused before, so no cell can hold this


class OpenQuote(Exception):
    """A quote is opened on ``line`` and never closed (or only after more text than a cell can hold)."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How fields are told apart. ``quote`` None: quotes are ordinary characters."""

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None


def records(text: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each begins; blank lines come as empty lists.

    Raises:
        OpenQuote: a quote is never closed.
    """
    lines = itertools.chain(io.StringIO(text, newline=""), [_END])
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or '"',
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape,
        doublequote=not dialect.escape,
    )
    start = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:
            raise OpenQuote(start) from None
        if fields == [_END] or fields is None:
            return
        if fields and _END in fields[-1]:
            raise OpenQuote(start)
        yield start, fields
        start = reader.line_num + 1


def sniff(text: str) -> Dialect | None:
    """The dialect under which the file is a table of at least two columns; None if there is none.

    Raises:
        OpenQuote: the file would be a table, were it not for a quote that is never closed.
    """
    best: tuple[tuple[bool, float, int], Dialect] | None = None
    open_quotes: dict[str, OpenQuote] = {}
    for delimiter in DELIMITERS:
        mine: tuple[tuple[bool, float, int], Dialect] | None = None
        for dialect in _candidates(text, delimiter):
            try:
                score = _score(text, dialect)
            except OpenQuote as error:
                open_quotes.setdefault(delimiter, error)
                continue
            # Another way of quoting must be more even, not just wider: quotes taken literally always give more fields.
            if score and (mine is None or score[:2] > mine[0][:2]):
                mine = score, dialect
        if mine and (best is None or mine[0] > best[0]):
            best = mine
    if best is None or (best[1].quote is None and best[0][1] < 1.0 and best[1].delimiter in open_quotes):
        # Taking quotes literally must explain the file completely, otherwise the open quote is the fault to report.
        if open_quotes:
            raise next(iter(open_quotes.values()))
        return None
    return best[1]


def _candidates(text: str, delimiter: str) -> Iterator[Dialect]:
    """Ways of quoting that the text gives reason for, the likeliest first."""
    if delimiter not in text:
        return
    single = _single_quoted(text, delimiter)
    if single >= 0.5:
        yield Dialect(delimiter=delimiter, quote="'")
    yield Dialect(delimiter=delimiter)
    if 0 < single < 0.5:
        yield Dialect(delimiter=delimiter, quote="'")
    if '\\"' in text:
        yield Dialect(delimiter=delimiter, escape="\\")
    if '"' in text:
        yield Dialect(delimiter=delimiter, quote=None)


def _single_quoted(text: str, delimiter: str) -> float:
    """The share of lines that hold a field in single quotes which ends where a field ends."""
    mark = re.escape(delimiter)
    if not re.search(rf"(?:^|{mark})'", text, re.MULTILINE):
        return 0.0
    pattern = re.compile(rf"(?:^|{mark})'.*'(?:{mark}|$)")
    lines = [line for line in text.splitlines() if line.strip()]
    return sum(bool(pattern.search(line)) for line in lines) / len(lines)


def _score(text: str, dialect: Dialect) -> tuple[bool, float, int] | None:
    """(the header has known names, share of records with the usual number of fields, that number); None if this makes no table."""
    widths: Counter[int] = Counter()
    first: list[str] | None = None
    for _, fields in records(text, dialect):
        if any(field.strip() for field in fields):
            first = fields if first is None else first
            widths[len(fields)] += 1
    if first is None:
        return None
    named = len(first) > 1 and any(is_known(clean_name(cell)) for cell in first)
    width = len(first) if named else widths.most_common(1)[0][0]
    share = widths[width] / widths.total()
    if width < 2 or (not named and share < 0.5):
        return None
    return named, round(share, 3), width


def has_header(rows: list[list[str]]) -> bool:
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


def _vote(cell: str, column: list[str]) -> int:
    if not cell or not column:
        return 0
    if _is_number(cell) or len(cell) > 60:
        return -2
    numeric = sum(_is_number(value) for value in column) >= 0.9 * len(column)
    much_shorter = sorted(map(len, column))[len(column) // 2] >= 3 * len(cell)
    new_among_few = len(column) >= 4 and len(set(column)) <= len(column) / 4
    return int(numeric) + int(much_shorter) + int(new_among_few)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+([.,]\d+)*%?", text))
