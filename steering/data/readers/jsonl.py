"""JSON Lines: one object a line. A line that is no object is named and left out, the others are read.

Numbers and booleans become text as JSON writes them. Lists and objects become JSON text, unless the column otherwise holds plain text: there
they are a slip of whoever made the file, and count as empty.
"""

import io
import json
from collections import defaultdict
from typing import Any, NoReturn

from steering.data.names import clean_name
from steering.data.readers.text import BOM, decode, lost_characters
from steering.data.table import Row, Table, at_lines, check_size, content_digest, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

EXPECTED = 'Each line holds one object, for example {"text": "My card was stolen", "label": "card"}.'


def claims(content: bytes) -> bool:
    """Whether most of the first lines begin with a brace, or the whole is JSON of another shape (which :func:`read` refuses by name)."""
    head = [line.strip() for line in content[:200_000].removeprefix(b"\xef\xbb\xbf").splitlines()[:50]]
    head = [line for line in head if line]
    if not head:
        return False
    objects = sum(line.startswith(b"{") for line in head)
    return objects > len(head) / 2 or head[0] in {b"{", b"[", b"[{"} or head[0].startswith((b'[{"', b"[[", b'{"'))


def read(name: str, content: bytes) -> Table:
    """Read JSON Lines.

    Raises:
        DataError: no line is an object, or there are too many rows or columns.
    """
    text, encoding = decode(name, content)
    records: list[tuple[int, dict[str, Any]]] = []
    broken: dict[int, str] = {}
    blank: list[int] = []
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if not line.strip(BOM + " \t\r\n"):
            blank.append(number)
            continue
        record, fault = _parse(line)
        if record is None:
            broken[number] = fault
        else:
            records.append((number, record))
        check_size(name, 1, len(records) + len(broken))
    if not records:
        raise DataError(f"{name!r} looks like JSON, but no line holds an object. {_shape(text)}".strip(), f"Save it as JSON Lines. {EXPECTED}")
    columns = tuple(dict.fromkeys(column for _, record in records for column in record))
    check_size(name, len(columns), len(records))
    if len(columns) < 2:
        raise DataError(
            f"{name!r} has the single field {', '.join(columns) or '(none)'}, expected at least two.", f"A text and a label are needed. {EXPECTED}"
        )
    rows, slips = _rows(columns, records)
    return Table(
        columns=columns,
        rows=tuple(rows),
        format="jsonl",
        encoding=encoding,
        delimiter=None,
        digest=content_digest(content),
        unreadable=len(broken),
        problems=(*_problems(broken, blank, slips), *lost_characters(rows)),
    )


def _parse(line: str) -> tuple[dict[str, Any] | None, str]:
    """The object on a line, or None and what is wrong with it."""
    try:
        value = json.loads(line.lstrip(BOM), parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return None, f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return None, str(error) if isinstance(error, ValueError) else "nested too deeply"
    if not isinstance(value, dict):
        return None, "not an object"
    try:
        flat = json.dumps(value, ensure_ascii=False)
        flat.encode("utf-8")
    except (ValueError, RecursionError):
        return None, "half of a surrogate pair"
    return {clean_name(str(key)) or "unnamed": item for key, item in value.items()}, ""


def _no_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


def _shape(text: str) -> str:
    """What the file is instead."""
    start = text.lstrip()[:1]
    if start == "[":
        return "It is one JSON list."
    return "It is one JSON object over several lines." if start == "{" and "\n" in text.strip() else ""


def _rows(columns: tuple[str, ...], records: list[tuple[int, dict[str, Any]]]) -> tuple[list[Row], dict[str, list[int]]]:
    """Rows of text, and per column the lines whose list or object stands where others have text."""
    plain: dict[str, int] = defaultdict(int)
    nested: dict[str, list[int]] = defaultdict(list)
    for number, record in records:
        for column, value in record.items():
            if isinstance(value, (dict, list)):
                nested[column].append(number)
            elif value is not None:
                plain[column] += 1
    slips = {column: lines for column, lines in nested.items() if plain[column] >= len(lines)}
    rows = []
    for number, record in records:
        values = {column: _text(record.get(column), column in slips) for column in columns}
        rows.append(Row(line=number, values=values))
    return rows, slips


def _text(value: Any, plain_column: bool) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if plain_column and isinstance(value, (dict, list)):
        return None
    return json.dumps(value, ensure_ascii=False)


def _problems(broken: dict[int, str], blank: list[int], slips: dict[str, list[int]]) -> list[Problem]:
    found = []
    if broken:
        first, fault = next(iter(broken.items()))
        message = f"{plural(len(broken), 'line')} could not be read as JSON {at_lines(list(broken))}; line {first}: {fault}."
        found.append(make_problem("broken_lines", "warning", broken, message, f"Repair or delete them. {EXPECTED}"))
    for column, lines in slips.items():
        where = f"in the column {column!r}, which otherwise holds plain values {at_lines(lines)}"
        message = f"{plural(len(lines), 'row')} with a list or an object {where}."
        found.append(make_problem("nested_values", "warning", lines, message, "These cells count as empty; write one plain value there."))
    if blank:
        found.append(make_problem("blank_lines", "note", blank, f"{plural(len(blank), 'blank line')} skipped."))
    return found
