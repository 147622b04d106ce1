"""CSV, TSV and text delimited by semicolons, bars, or whatever divides every line alike; Markdown tables as they are pasted."""

import re
from collections.abc import Iterator

from steering.data.readers.grid import EXPECTED, Record, to_grid
from steering.data.readers.sniff import DELIMITERS, Dialect, LongCell, OpenQuote, Sniffed, records, sniff
from steering.data.readers.source import Source
from steering.data.readers.text import lines, lost_characters
from steering.data.table import Table, long_cell, make_problem
from steering.errors import DataError
from steering.spec import Problem

UNUSUAL = (":::", "|||", "||", "::", "\x01", "\x1f", "^", "~", " | ", " - ", "   ")
"""Delimiters that are tried when no usual one makes a table. They must divide every line into the same number of fields."""
_STAND_IN = "\x1e"
_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?\r?(?:\n|\r|$)', re.IGNORECASE)
_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?")


def claims(source: Source) -> bool:
    """Always: what no other reader claims is read as delimited text, and refused there if it is none."""
    return True


def read(source: Source) -> Table:
    """Read delimited text.

    Raises:
        DataError: a quote that is never closed, a single column, no rows below the header, or more than the limits allow.
    """
    told = _SEPARATOR_LINE.match(source.text)
    body = source.text[told.end() :] if told else source.text
    offset = 1 if told else 0
    wanted = source.options.delimiter or (told[1] if told else None)
    try:
        markdown = _markdown(body) if wanted is None else None
        if markdown is not None:
            return _table(source, "|", iter(markdown), offset, [])
        sniffed, shown = _sniffed(source, body, wanted)
        return _table(source, shown, iter(sniffed.records), offset, _notes(sniffed.dialect))
    except LongCell as error:
        raise long_cell(source.name, error.line + offset, source.limits) from None
    except OpenQuote as error:
        raise DataError(
            f"{source.name!r}: a quote opened in the record that begins on line {error.line + offset} is never closed.",
            'Close it, or write a quote inside a quoted text twice (""), then upload the file again.',
        ) from None


def _table(source: Source, delimiter: str, found: Iterator[Record], offset: int, notes: list[Problem]) -> Table:
    if offset:
        found = ((line + offset, cells) for line, cells in found)
    grid = to_grid(source, found, f"A text that holds {delimiter!r} must be put in double quotes.", delimiter)
    return Table(
        columns=grid.columns,
        rows=grid.rows,
        format=DELIMITERS.get(delimiter, "csv" if delimiter else "txt"),
        encoding=source.decoded.encoding,
        delimiter=delimiter or None,
        digest="",
        unreadable_rows=grid.unreadable_rows,
        problems=(*source.decoded.problems, *grid.problems, *notes, *lost_characters(grid.rows)),
    )


def _sniffed(source: Source, text: str, wanted: str | None) -> tuple[Sniffed, str]:
    """The dialect with its records, and the delimiter as a person would name it.

    Raises:
        DataError: nothing divides the lines.
    """
    if wanted is not None and (len(wanted) > 1 or wanted in "\r\n\"'"):
        return _stand_in(wanted, text)
    sniffed = sniff(text, DELIMITERS if wanted is None else (wanted,))
    if sniffed is not None:
        return sniffed, sniffed.dialect.delimiter
    if wanted is not None:
        plain = Dialect(delimiter=wanted)
        return Sniffed(dialect=plain, records=records(text, plain)), wanted
    filled = [line.strip() for _, line in lines(text) if line.strip()]
    if len(filled) <= 1:
        raise DataError(f"{source.name!r} holds one line only.", EXPECTED)
    for mark in UNUSUAL:
        if mark in filled[0] and len({line.count(mark) for line in filled}) == 1:
            return _stand_in(mark, text)
    if source.options.unlabelled:
        plain = Dialect(delimiter=_STAND_IN)
        return Sniffed(dialect=plain, records=records(text, plain)), ""
    raise DataError(f"{source.name!r} has a single column: no comma, tab, semicolon or bar divides its {len(filled):,} lines evenly.", EXPECTED)


def _stand_in(mark: str, text: str) -> tuple[Sniffed, str]:
    """A delimiter of several characters, which the parser does not know, has a stand-in in the text."""
    dialect = Dialect(delimiter=_STAND_IN, quote=None)
    found = records(text.replace(mark, _STAND_IN), dialect)
    return Sniffed(dialect=dialect, records=((line, [cell.strip() for cell in cells]) for line, cells in found)), mark


def _markdown(text: str) -> list[Record] | None:
    """The records of a Markdown table, which has bars around its cells and a rule below its header; None if this is none."""
    if not _RULE.search(text, 0, 20_000):
        return None
    found = [(number, line.strip()) for number, line in lines(text)]
    filled = [line for _, line in found if line]
    if len(filled) < 3 or not _RULE.fullmatch(filled[1]) or "|" not in filled[0]:
        return None
    return [(number, _bar_cells(line)) for number, line in found if line and line != filled[1]]


def _bar_cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.removeprefix("|"))
    if cells and not cells[-1].strip():
        cells.pop()
    return [cell.strip().replace("\\|", "|") for cell in cells]


def _notes(dialect: Dialect) -> list[Problem]:
    if dialect.quote == '"' or dialect.delimiter == _STAND_IN:
        return []
    how = "single quotes enclose texts" if dialect.quote else "double quotes are taken as ordinary characters"
    return [make_problem("quoting", "note", [], f"in this file {how}.")]
