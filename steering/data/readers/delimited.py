"""CSV, TSV and text delimited by semicolons or bars.

The text is never repaired by guessing: a record with too many fields is named by line and left out, one with too few is kept with empty cells.
"""

import itertools
import re
from collections import Counter
from dataclasses import dataclass, field

from steering.data.names import clean_name
from steering.data.readers.sniff import DELIMITERS, Dialect, OpenQuote, has_header, records, sniff
from steering.data.readers.text import decode, lost_characters
from steering.data.table import Row, Table, at_lines, check_size, content_digest, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

EXPECTED = "A header line such as text,label is expected, and below it one row per example; texts that hold commas go in double quotes."
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?(?:\n|\r|$)", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class _Raw:
    """Records on their way to rows, with what was noticed."""

    names: list[str]
    lines: list[int] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    short: list[int] = field(default_factory=list)
    long: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def claims(content: bytes) -> bool:
    """Always: what no other reader claims is read as delimited text, and refused there if it is none."""
    return True


def read(name: str, content: bytes) -> Table:
    """Read delimited text.

    Raises:
        DataError: not UTF-8, a quote that is never closed, a single column, no rows below the header, or too many of them.
    """
    text, encoding = decode(name, content)
    try:
        dialect, body, offset = _dialect(name, text)
        raw = _collect(name, body, dialect, offset)
    except OpenQuote as error:
        raise DataError(
            f"{name!r}: a quote opened in the record that begins on line {error.line} is never closed.",
            'Close it, or write a quote inside a quoted text twice (""), then upload the file again.',
        ) from None
    columns = _drop_idle_columns(raw)
    if len(columns) < 2:
        raise DataError(f"{name!r} has a single column that holds anything, expected at least two.", EXPECTED)
    rows = [Row(line=line, values={raw.names[index]: cells[index] for index in columns}) for line, cells in zip(raw.lines, raw.cells, strict=True)]
    return Table(
        columns=tuple(raw.names[index] for index in columns),
        rows=tuple(rows),
        format=DELIMITERS.get(dialect.delimiter, "csv"),
        encoding=encoding,
        delimiter=dialect.delimiter,
        digest=content_digest(content),
        unreadable=len(raw.long),
        problems=(*_problems(raw, dialect), *lost_characters(rows)),
    )


def _dialect(name: str, text: str) -> tuple[Dialect, str, int]:
    """The dialect, the text without Excel's ``sep=;`` line, and how many lines that was."""
    told = _SEPARATOR_LINE.match(text)
    offset = 1 if told else 0
    if told:
        text = text[told.end() :]
        if told[1] in DELIMITERS:
            return Dialect(delimiter=told[1]), text, offset
    dialect = sniff(text)
    if dialect is None:
        lines = sum(bool(line.strip()) for line in text.splitlines())
        if lines <= 1:
            raise DataError(f"{name!r} holds one line only.", EXPECTED)
        raise DataError(f"{name!r} has a single column: no comma, tab, semicolon or bar divides its {lines:,} lines evenly.", EXPECTED)
    return dialect, text, offset


def _collect(name: str, text: str, dialect: Dialect, offset: int) -> _Raw:
    """Sort the records of a file into rows, blank, short and long ones."""
    blank: list[int] = []
    found: list[tuple[int, list[str]]] = []
    for line, cells in records(text, dialect):
        if any(cell.strip() for cell in cells):
            found.append((line + offset, cells))
            check_size(name, 1, len(found))
        else:
            blank.append(line + offset)
    if len(found) < 2:
        raise DataError(f"{name!r} holds one line only, no rows below it.", EXPECTED)
    table = [cells for _, cells in found]
    named = has_header(table)
    width = len(table[0]) if named else Counter(map(len, table)).most_common(1)[0][0]
    check_size(name, width, len(found))
    raw = _Raw(names=_names(table[0] if named else [""] * width), blank=blank)
    if not named:
        message = f"no header line was found: the columns are called {', '.join(raw.names[:3])}{', ...' if width > 3 else ''}."
        raw.problems.append(make_problem("no_header", "note", [found[0][0]], message, "Check which column is the text and which the label."))
    for line, cells in found[1:] if named else found:
        _sort_in(raw, line, cells, table[0] if named else None)
    if not raw.cells:
        why = f": every row has more than {width} fields" if raw.long else ""
        raise DataError(f"{name!r} holds no row that fits its header ({', '.join(raw.names[:10])}){why}.", EXPECTED)
    return raw


def _sort_in(raw: _Raw, line: int, cells: list[str], header: list[str] | None) -> None:
    width = len(raw.names)
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    if cells == header:
        raw.repeated.append(line)
        return
    if len(cells) > width:
        raw.long.append(line)
        return
    if len(cells) < width:
        raw.short.append(line)
        cells = [*cells, *[""] * (width - len(cells))]
    raw.lines.append(line)
    raw.cells.append(cells)


def _names(header: list[str]) -> list[str]:
    """Trimmed names; nameless columns are numbered, repeated names get ``_2``, ``_3``."""
    names: list[str] = []
    taken = {clean_name(cell) for cell in header}
    for position, cell in enumerate(header, start=1):
        name = clean_name(cell) or f"column_{position}"
        unique, number = name, 2
        while unique in names or (unique != name and unique in taken):
            unique, number = f"{name}_{number}", number + 1
        names.append(unique)
    return names


def _drop_idle_columns(raw: _Raw) -> list[int]:
    """Indices of the columns to keep: without a nameless running number at the front, and without columns that are empty throughout."""
    keep = list(range(len(raw.names)))
    first = raw.names[0]
    if re.fullmatch(r"column_1|Unnamed: 0|index", first) and _is_running_number([cells[0].strip() for cells in raw.cells]):
        keep.remove(0)
        raw.problems.append(make_problem("index_column", "note", [], f"the first column ({first}) only numbers the rows and was left out."))
    empty = [index for index in keep if not any(cells[index].strip() for cells in raw.cells)]
    if empty:
        called = ", ".join(raw.names[index] for index in empty[:5])
        raw.problems.append(make_problem("empty_columns", "note", [], f"{plural(len(empty), 'empty column')} left out: {called}."))
    return [index for index in keep if index not in empty]


def _is_running_number(cells: list[str]) -> bool:
    numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdigit() and len(cell) < 10]
    return len(numbers) == len(cells) > 2 and all(b > a for a, b in itertools.pairwise(numbers))


def _problems(raw: _Raw, dialect: Dialect) -> list[Problem]:
    found = list(raw.problems)
    width = len(raw.names)
    if raw.long:
        message = f"{plural(len(raw.long), 'row')} left out with more than {width} fields {at_lines(raw.long)}."
        hint = f"A text that holds {dialect.delimiter!r} must be put in double quotes."
        found.append(make_problem("long_rows", "warning", raw.long, message, hint))
    if raw.short:
        message = f"{plural(len(raw.short), 'row')} with fewer than {width} fields {at_lines(raw.short)}; the missing cells count as empty."
        found.append(make_problem("short_rows", "warning", raw.short, message, "A text with a line break in it must be put in double quotes."))
    if raw.repeated:
        found.append(make_problem("repeated_header", "note", raw.repeated, f"{plural(len(raw.repeated), 'repeated header line')} skipped."))
    if raw.blank:
        found.append(make_problem("blank_lines", "note", raw.blank, f"{plural(len(raw.blank), 'blank line')} skipped."))
    if dialect.quote != '"':
        how = "single quotes enclose texts" if dialect.quote else "double quotes are taken as ordinary characters"
        found.append(make_problem("quoting", "note", [], f"in this file {how}."))
    return found
