"""Which delimiter and which quotes: decided by evidence over the whole file, not by its first kilobyte.

Every delimiter is tried with every way of quoting that the text gives reason for; the one under which most records have the same number of
fields wins. The standard library's ``csv.Sniffer`` looks for a pattern of quotes first and is easily misled by free text. To be quick, the
beginning of the file is asked first: if its answer explains the whole file without exception, no other can be better.
"""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from steering.data.names import clean_name, is_known
from steering.data.readers.text import LINE

DELIMITERS = {"\t": "tsv", ";": "csv", ",": "csv", "|": "csv"}
"""Delimiter and the format's name. The first wins a tie: commas are the likeliest to stand in texts, tabs the least."""

HEAD_CHARS = 100_000
MAX_FIELDS = 501
"""Fields of a record beyond this are not kept: the table is refused or the row left out anyway."""
_END = "\x00end\x00"  # NUL characters are refused before, so no cell can hold this

Record = tuple[int, list[str]]
_Score = tuple[bool, float, int]


class OpenQuote(Exception):
    """A quote is opened on ``line`` and never closed."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class LongCell(OpenQuote):
    """A cell is longer than the parser takes: a whole book, or a quote that swallows half the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How fields are told apart. ``quote`` None: quotes are ordinary characters. ``spaced``: a space after the delimiter is none of the field's."""

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None
    spaced: bool = False


def records(text: str, dialect: Dialect, *, cut: bool = False) -> Iterator[Record]:
    """Records with the line on which each begins; blank lines come as empty lists. ``cut``: the text may end anywhere.

    Raises:
        OpenQuote: a quote is never closed.
    """
    lines = itertools.chain((match[0] for match in LINE.finditer(text)), [_END])
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or '"',
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape,
        doublequote=not dialect.escape,
        skipinitialspace=dialect.spaced,
    )
    start = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:
            raise LongCell(start) from None
        if fields is None or fields == [_END]:
            return
        if fields and _END in fields[-1]:
            if cut:
                return
            raise OpenQuote(start)
        yield start, fields if len(fields) <= MAX_FIELDS else fields[:MAX_FIELDS]
        start = reader.line_num + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniffed:
    """A dialect, and the records of the file under it."""

    dialect: Dialect
    records: Iterable[Record]


def sniff(text: str, delimiters: Iterable[str] = tuple(DELIMITERS)) -> Sniffed | None:
    """The dialect under which the file is a table of at least two columns; None if there is none.

    Raises:
        OpenQuote: the file would be a table, were it not for a quote that is never closed.
    """
    delimiters = tuple(delimiters)
    if len(text) > 2 * HEAD_CHARS:
        head = text[: text.rfind("\n", 0, HEAD_CHARS) + 1] or text[:HEAD_CHARS]
        likely = _best(head, delimiters, cut=True, likely_only=True)
        found = None if likely is None else _all_even(text, likely)
        if likely is not None and found is not None:
            return Sniffed(dialect=likely, records=found)
    dialect = _best(text, delimiters)
    return None if dialect is None else Sniffed(dialect=dialect, records=records(text, dialect))


def _all_even(text: str, dialect: Dialect) -> list[Record] | None:
    """All records, if they have the same number of fields, at least two; None as soon as one has not."""
    found: list[Record] = []
    width = 0
    try:
        for record in records(text, dialect):
            fields = record[1]
            if len(fields) != width and fields and any(field.strip() for field in fields):
                if width:
                    return None
                width = len(fields)
            found.append(record)
    except OpenQuote:
        return None
    return found if width > 1 else None


def _best(text: str, delimiters: tuple[str, ...], *, cut: bool = False, likely_only: bool = False) -> Dialect | None:
    """The best dialect for ``text``. ``likely_only``: a fault is no reason to raise, somebody will look again."""
    best: tuple[_Score, Dialect] | None = None
    open_quotes: dict[str, OpenQuote] = {}
    for delimiter in delimiters:
        mine: tuple[_Score, Dialect] | None = None
        for dialect in _candidates(text, delimiter):
            try:
                score = _score(text, dialect, cut=cut)
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
        if open_quotes and not likely_only:
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
    yield Dialect(delimiter=delimiter, spaced=_spaced(text, delimiter))
    if 0 < single < 0.5:
        yield Dialect(delimiter=delimiter, quote="'")
    if '\\"' in text:
        yield Dialect(delimiter=delimiter, escape="\\")
    if '"' in text:
        yield Dialect(delimiter=delimiter, quote=None)


def _spaced(text: str, delimiter: str) -> bool:
    """Whether quotes open after a space as a rule: ``"text", "label"``."""
    return text.count(f'{delimiter} "') >= 0.5 * max(text.count("\n"), text.count("\r"), 1)


def _single_quoted(text: str, delimiter: str) -> float:
    """The share of lines that hold a field in single quotes which ends where a field ends."""
    if delimiter + "'" not in text and not re.search(r"^'", text, re.MULTILINE):
        return 0.0
    filled = quoted = 0
    for match in LINE.finditer(text):
        line = match[0].rstrip("\r\n")
        filled += bool(line.strip())
        opened = 0 if line.startswith("'") else line.find(delimiter + "'") + 1 or None
        if opened is not None:
            quoted += line.find("'" + delimiter, opened + 1) >= 0 or (line.endswith("'") and len(line) > opened + 1)
    return quoted / max(filled, 1)


def _score(text: str, dialect: Dialect, *, cut: bool = False) -> _Score | None:
    """(the header has known names, share of records with the usual number of fields, that number); None if this makes no table."""
    widths: Counter[int] = Counter()
    head: list[list[str]] = []
    for _, fields in records(text, dialect, cut=cut):
        if fields and (fields[0] or any(field.strip() for field in fields)):
            if len(head) < 20:
                head.append(fields)
            widths[len(fields)] += 1
    if not head:
        return None
    first = next((fields for fields in head if sum(bool(field.strip()) for field in fields) > 1), head[0])
    named = len(first) > 1 and any(is_known(clean_name(cell)) for cell in first)
    width = len(first) if named else widths.most_common(1)[0][0]
    share = widths[width] / widths.total()
    if width < 2 or (not named and share < 0.5):
        return None
    return named, share if share == 1.0 else min(round(share, 3), 0.999), width
