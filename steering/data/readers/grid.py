"""Records of cells to a table: what delimited text, workbooks and lists of lists have in common.

Nothing is repaired by guessing: a record with too many fields is named by line and left out, one with too few is kept with empty cells.
"""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from steering.data.names import clean_name
from steering.data.readers.header import has_header, table_start, totals_below
from steering.data.readers.source import Source
from steering.data.table import Rows, as_it_stands, at_lines, check_size, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

EXPECTED = "A header line such as text,label is expected, and below it one row per example; texts that hold commas go in double quotes."

SHARED = 500
"""A column with more different texts than this is left as it is."""

Record = tuple[int, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table found among records. ``unreadable_rows``: line and text of the records that could not become rows."""

    columns: tuple[str, ...]
    rows: Rows
    unreadable_rows: tuple[tuple[int, str], ...]
    problems: tuple[Problem, ...]


@dataclass(slots=True, kw_only=True)
class _Raw:
    """Records on their way to rows, with what was noticed."""

    names: list[str]
    header: list[str] | None
    records: list[Record] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    short: list[int] = field(default_factory=list)
    long: list[Record] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def to_grid(source: Source, records: Iterable[Record], remedy: str = "", delimiter: str = ",") -> Grid:
    """Find the table: skip what stands above and below it, name the columns, sort the records into rows and the rest.

    ``remedy`` says what to do about records with too many fields; with ``delimiter`` between their fields they are listed.

    Raises:
        DataError: no rows, a single column, or more than the limits allow.
    """
    raw = _collect(source, records)
    columns = _drop_idle_columns(raw)
    if len(columns) < source.options.least_columns:
        raise DataError(f"{source.name!r} has a single column that holds anything, expected at least two.", EXPECTED)
    names = [raw.names[index] for index in columns]
    _share(raw.records)
    found: dict[str, list[str | None]] = {name: [cells[index] for _, cells in raw.records] for name, index in zip(names, columns, strict=True)}
    rows = Rows([line for line, _ in raw.records], found)
    unreadable = tuple(as_it_stands(line, _written(cells, delimiter)) for line, cells in raw.long)
    return Grid(columns=tuple(names), rows=rows, unreadable_rows=unreadable, problems=tuple(_problems(raw, remedy)))


def _written(cells: list[str], delimiter: str) -> str:
    """A record as a line of text, quoted where it must be."""
    if len(delimiter) != 1:
        return delimiter.join(cells)
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, lineterminator="").writerow(cells)
    return target.getvalue()


def _share(records: list[Record]) -> None:
    """Let cells that say the same be one text in memory, where few texts come again and again, as labels do."""
    for index in range(min(len(cells) for _, cells in records)):
        known: dict[str, str] = {}
        for _, cells in records:
            cells[index] = known.setdefault(cells[index], cells[index])
            if len(known) > SHARED:
                break


def _collect(source: Source, records: Iterable[Record]) -> _Raw:
    """Sort the records of a file into rows, blank, short and long ones."""
    blank: list[int] = []
    found: list[Record] = []
    most = source.limits.rows + 50  # room for cover rows and totals, which do not count
    for line, cells in records:
        if cells and (cells[0].strip() or any(cell.strip() for cell in cells)):
            found.append((line, cells))
            if len(found) > most:
                check_size(source.name, 1, len(found), source.limits)
        else:
            blank.append(line)
    if len(found) < 2 and not (found and source.options.header is False):
        raise DataError(f"{source.name!r} holds one line only, no rows below it.", EXPECTED)
    start = table_start([cells for _, cells in found[:300]])
    cover, found = found[:start], found[start:]
    table = [cells for _, cells in found]
    named = has_header(table) if source.options.header is None else source.options.header
    width = len(table[0]) if named else Counter(map(len, table)).most_common(1)[0][0]
    check_size(source.name, width, 1, source.limits)
    below = totals_below(table[1:]) if len(table) > 2 else 0
    totals, found = found[len(found) - below :], found[: len(found) - below]
    check_size(source.name, width, len(found) - named, source.limits)
    raw = _Raw(names=unique_names(table[0] if named else [""] * width), header=table[0] if named else None, blank=blank)
    _note_margins(raw, cover, totals, found[0][0])
    for line, cells in found[1:] if named else found:
        if len(cells) == width and cells != raw.header:
            raw.records.append((line, cells))
        else:
            _sort_in(raw, line, cells)
    if not raw.records:
        why = f": every row has more than {width} fields" if raw.long else ""
        raise DataError(f"{source.name!r} holds no row that fits its header ({', '.join(raw.names[:10])}){why}.", EXPECTED)
    return raw


def _sort_in(raw: _Raw, line: int, cells: list[str]) -> None:
    width = len(raw.names)
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    if cells == raw.header:
        raw.repeated.append(line)
        return
    if len(cells) > width:
        raw.long.append((line, cells))
        return
    if len(cells) < width:
        raw.short.append(line)
        cells = [*cells, *[""] * (width - len(cells))]
    raw.records.append((line, cells))


def unique_names(header: Iterable[str]) -> list[str]:
    """Trimmed names; nameless columns are numbered, repeated names get ``_2``, ``_3``."""
    cleaned = [clean_name(cell) for cell in header]
    names: dict[str, None] = {}
    taken = set(cleaned)
    for position, cell in enumerate(cleaned, start=1):
        name = cell or f"column_{position}"
        unique, number = name, 2
        while unique in names or (unique != name and unique in taken):
            unique, number = f"{name}_{number}", number + 1
        names[unique] = None
    return list(names)


def _note_margins(raw: _Raw, cover: list[Record], totals: list[Record], first: int) -> None:
    """Say what was skipped above and below the table, and that it has no header."""
    if cover:
        lines = [line for line, _ in cover]
        title = next(cell.strip() for cell in cover[0][1] if cell.strip())
        message = f"{plural(len(cover), 'row')} above the table skipped {at_lines(lines)}, beginning with {title[:40]!r}."
        raw.problems.append(make_problem("cover_rows", "note", lines, message))
    if totals:
        lines = [line for line, _ in totals]
        message = f"{plural(len(totals), 'row')} of totals below the table skipped {at_lines(lines)}."
        raw.problems.append(make_problem("totals", "note", lines, message))
    if raw.header is None:
        names = f"{', '.join(raw.names[:3])}{', ...' if len(raw.names) > 3 else ''}"
        message = f"no header line was found: the columns are called {names}."
        raw.problems.append(make_problem("no_header", "note", [first], message, "Check which column is the text and which the label."))


def _drop_idle_columns(raw: _Raw) -> list[int]:
    """Indices of the columns to keep: without a nameless running number at the front, and without columns that are empty throughout."""
    keep = list(range(len(raw.names)))
    first = raw.names[0]
    empty = [index for index in keep if not any(cells[index] and not cells[index].isspace() for _, cells in raw.records)]
    if re.fullmatch(r"column_1|Unnamed: 0|index", first) and _is_running_number([cells[0].strip() for _, cells in raw.records]):
        keep.remove(0)
        raw.problems.append(make_problem("index_column", "note", [], f"the first column ({first}) only numbers the rows and was left out."))
    if empty:
        called = ", ".join(raw.names[index] for index in empty[:5])
        raw.problems.append(make_problem("empty_columns", "note", [], f"{plural(len(empty), 'empty column')} left out: {called}."))
    gone = set(empty)
    return [index for index in keep if index not in gone]


def _is_running_number(cells: list[str]) -> bool:
    numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdigit() and len(cell) < 10]
    return len(numbers) == len(cells) > 2 and all(b > a for a, b in itertools.pairwise(numbers))


def _problems(raw: _Raw, remedy: str) -> list[Problem]:
    found = list(raw.problems)
    width = len(raw.names)
    if raw.long:
        lines = [line for line, _ in raw.long]
        message = f"{plural(len(lines), 'row')} left out with more than {width} fields {at_lines(lines)}."
        found.append(make_problem("long_rows", "warning", lines, message, remedy))
    if raw.short:
        message = f"{plural(len(raw.short), 'row')} with fewer than {width} fields {at_lines(raw.short)}; the missing cells count as empty."
        found.append(make_problem("short_rows", "warning", raw.short, message, "A text with a line break in it must be put in double quotes."))
    if raw.repeated:
        found.append(make_problem("repeated_header", "note", raw.repeated, f"{plural(len(raw.repeated), 'repeated header line')} skipped."))
    if raw.blank:
        found.append(make_problem("blank_lines", "note", raw.blank, f"{plural(len(raw.blank), 'blank line')} skipped."))
    return found
