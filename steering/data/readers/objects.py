"""Objects (a JSON line, an element of a JSON list) to rows of text.

Numbers and booleans become text as JSON writes them. Lists and objects become JSON text, unless the column otherwise holds plain text: there
they are a slip of whoever made the file, and count as empty.
"""

import json
from collections import defaultdict
from typing import Any

from steering.data.names import clean_name
from steering.data.readers.chats import chat_note, unfolded
from steering.data.readers.source import Source
from steering.data.readers.text import lost_characters
from steering.data.table import Record, Row, Table, at_lines, check_size, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

EXPECTED = 'Each record is one object, for example {"text": "My card was stolen", "label": "card"}.'

SEVERAL = 0.2
"""Lists of texts in at least this share of a column's rows are meant, fewer are slips."""

Object = tuple[int, dict[str, Any]]


def to_table(source: Source, records: list[Object], *, format: str, unreadable: tuple[Record, ...], notes: list[Problem]) -> Table:
    """A table of objects, each with the line on which it begins.

    Raises:
        DataError: fewer than two fields, or more than the limits allow.
    """
    plain = records
    records = [(line, unfolded(record)) for line, record in plain]
    notes = [*notes, chat_note()] if any(new is not old for (_, new), (_, old) in zip(records, plain, strict=True)) else notes
    names: dict[str, str] = {}
    columns: dict[str, None] = {}
    cleaned: list[Object] = []
    for line, record in records:
        renamed: dict[str, Any] = {}
        for key, value in record.items():
            if key not in names:
                names[key] = clean_name(key) or "unnamed"
                columns[names[key]] = None
                check_size(source.name, len(columns), 1, source.limits)
            renamed[names[key]] = value
        cleaned.append((line, renamed))
    check_size(source.name, len(columns), len(records), source.limits)
    if len(columns) < source.options.least_columns:
        message = f"{source.name!r} has the single field {', '.join(columns) or '(none)'}, expected at least two."
        raise DataError(message, f"A text and a label are needed. {EXPECTED}")
    rows, slips = _rows(tuple(columns), cleaned)
    return Table(
        columns=tuple(columns),
        rows=tuple(rows),
        format=format,
        encoding=source.decoded.encoding,
        delimiter=None,
        digest="",
        unreadable_rows=unreadable,
        problems=(*source.decoded.problems, *notes, *_slip_problems(slips), *lost_characters(rows)),
    )


def text_of(value: Any) -> str | None:
    """A cell's text: None stays None, text stays as it is, anything else as JSON writes it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def has_half_pair(text: str) -> bool:
    """Whether JSON text may hold half of a surrogate pair, which no file can be written with."""
    if "\\ud" not in text and "\\uD" not in text:
        return False
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")
    except ValueError:
        return True
    return False


def _rows(columns: tuple[str, ...], records: list[Object]) -> tuple[list[Row], dict[str, list[int]]]:
    """Rows of text, and per column the lines whose list or object stands where others have text."""
    plain: dict[str, int] = defaultdict(int)
    nested: dict[str, list[int]] = defaultdict(list)
    for number, record in records:
        for column, value in record.items():
            if isinstance(value, (dict, list)):
                nested[column].append(number)
            elif value is not None:
                plain[column] += 1
    slips = {column: lines for column, lines in nested.items() if plain[column] >= len(lines) and not _are_answers(column, records)}
    rows = []
    for number, record in records:
        values = {}
        for column in columns:
            value = record.get(column)
            if value is not None and not isinstance(value, str):
                value = None if column in slips and isinstance(value, (dict, list)) else text_of(value)
            values[column] = value
        rows.append(Row(line=number, values=values))
    return rows, slips


def _are_answers(column: str, records: list[Object]) -> bool:
    """Whether the column often holds several texts where it mostly holds one: further right answers, not slips."""
    lists = [value for _, record in records if isinstance(value := record.get(column), list)]
    return len(lists) >= max(3, SEVERAL * len(records)) and all(value and all(isinstance(item, str) for item in value) for value in lists)


def _slip_problems(slips: dict[str, list[int]]) -> list[Problem]:
    found = []
    for column, lines in slips.items():
        where = f"in the column {column!r}, which otherwise holds plain values {at_lines(lines)}"
        message = f"{plural(len(lines), 'row')} with a list or an object {where}."
        found.append(make_problem("nested_values", "warning", lines, message, "These cells count as empty; write one plain value there."))
    return found
