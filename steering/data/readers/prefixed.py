"""One example a line with its label in front: TREC (``DESC:manner How did ...``), fastText (``__label__spam win ...``), ``1 a fine film``,
and ``positive: a fine film``. The shape must hold for nearly every line, and the labels must be few; otherwise this is prose.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable

from steering.data.readers.sniff import OpenQuote, sniff
from steering.data.readers.source import Source
from steering.data.readers.text import lines, lost_characters
from steering.data.table import Record, Row, Table, as_it_stands, at_lines, check_size, make_problem, plural
from steering.errors import DataError

MOST = 0.95
HEAD_LINES = 2000
PATTERNS: dict[str, tuple[re.Pattern[str], float]] = {
    "fasttext": (re.compile(r"(?P<label>(?:__label__\S+[ \t]+)+)(?P<text>\S.*)"), 1.0),
    "fine": (re.compile(r"(?P<label>[A-Z][A-Z_]{1,15}):(?P<sublabel>\w{1,30})[ \t]+(?P<text>\S.*)"), 0.5),
    "number": (re.compile(r"(?P<label>[+-]?\d{1,2})[ \t]+(?P<text>[^\s\d].*)"), 0.25),
    "colon": (re.compile(r"(?P<label>[^\s:,;|\t](?:[^:,;|\t]{0,23}[^\s:,;|\t])?)[ \t]*:[ \t]+(?P<text>\S.*)"), 0.25),
}
"""Shape of a line, and how many different labels there may be for each line."""


def claims(source: Source) -> bool:
    """Whether nearly every line has one of the shapes, and no delimiter makes a table of it."""
    return source.options.delimiter is None and _shape(source.text) is not None


def _shape(text: str) -> str | None:
    head = [line for _, line in itertools.islice(lines(text), HEAD_LINES) if line.strip()]
    if len(head) < 4:
        return None
    for name, (pattern, share) in PATTERNS.items():
        found = [match for line in head if (match := pattern.match(line))]
        labels = Counter(match["label"] for match in found)
        if len(found) >= MOST * len(head) and 2 <= len(labels) <= max(2.0, share * len(head)) and not _is_table(text, name):
            return name
    return None


def _is_table(text: str, name: str) -> bool:
    """Weak shapes give way to any delimiter."""
    if name in {"fasttext", "fine"}:
        return False
    try:
        return sniff(text) is not None
    except OpenQuote:
        return False


def read(source: Source) -> Table:
    """Read lines that begin with their label.

    Raises:
        DataError: more lines than the limits allow.
    """
    name = _shape(source.text)
    assert name is not None, "claims() said so"
    pattern, _ = PATTERNS[name]
    columns = ("label", "sublabel", "text") if name == "fine" else ("label", "text")
    make: Callable[[str], str] = _fasttext_labels if name == "fasttext" else str
    rows: list[Row] = []
    odd: list[Record] = []
    for number, line in lines(source.text):
        match = pattern.fullmatch(line.strip())
        if match:
            rows.append(Row(line=number, values={column: make(match[column]) if column == "label" else match[column] for column in columns}))
            check_size(source.name, len(columns), len(rows), source.limits)
        elif line.strip():
            odd.append(as_it_stands(number, line))
    if not rows:
        raise DataError(
            f"{source.name!r} holds no line that begins with a label.", "Write the label in front of each text, or save the table as CSV."
        )
    message = f"every line begins with its label, as in {rows[0].values['label']!r}; the rest of the line is the text."
    problems = [make_problem("label_prefix", "note", [], message)]
    if odd:
        where = [number for number, _ in odd]
        message = f"{plural(len(odd), 'line')} without a label in front left out {at_lines(where)}."
        problems.append(make_problem("broken_lines", "warning", where, message, "Write the label in front, as in the other lines."))
    return Table(
        columns=columns,
        rows=tuple(rows),
        format="prefixed",
        encoding=source.decoded.encoding,
        delimiter=None,
        digest="",
        unreadable_rows=tuple(odd),
        problems=(*source.decoded.problems, *problems, *lost_characters(rows)),
    )


def _fasttext_labels(marks: str) -> str:
    """``__label__a __label__b `` is ``a, b``."""
    return ", ".join(mark.removeprefix("__label__") for mark in marks.split())
