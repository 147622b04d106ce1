"""One JSON document: a list of objects, a list of lists, columns, or any of these under a key such as ``{"data": [...]}``.

The rows are the largest list of objects that is found; where it was found, and what was passed over, is said.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from steering.data.names import is_known
from steering.data.readers import jsonl
from steering.data.readers.grid import to_grid
from steering.data.readers.objects import EXPECTED, Object, has_half_pair, text_of, to_table
from steering.data.readers.source import Source
from steering.data.readers.text import lost_characters
from steering.data.table import Table, as_it_stands, at_lines, check_size, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

MAX_DEPTH = 6
_OPENS = re.compile(r'\s*(\[\s*([\[{"\]]|$)|\{\s*(["}]|$))')
_COMMENTS = re.compile(r"\s*(?:(?://[^\r\n]*|/\*.*?\*/)\s*)+", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)  # NaN is how Python writes a missing number

Path = tuple[str, ...]


def claims(source: Source) -> bool:
    """Whether the text opens like a JSON document and is not JSON Lines."""
    return bool(_OPENS.match(_without_comment(source.text))) and not jsonl.claims(source)


def _without_comment(text: str) -> str:
    """The beginning of the text behind a comment, which JSON does not have but some programs write."""
    found = _COMMENTS.match(text, 0, 20_000)
    return text[found.end() : found.end() + 1000] if found else text


def read(source: Source) -> Table:
    """Read a JSON document.

    Raises:
        DataError: not valid JSON (with line and character), nested too deeply, or no list of records in it.
    """
    name, text = source.name, source.text
    if _COMMENTS.match(text, 0, 20_000):
        raise DataError(f"{name!r} is not valid JSON: it begins with a comment, which JSON does not have.", f"Delete the comments. {EXPECTED}")
    try:
        value, end = _DECODER.raw_decode(text, _skip(text, 0))
        rest = _skip(text, end)
        if rest < len(text) and isinstance(value, dict) and text[rest] == "{":
            return _one_after_another(source, value, rest)
        if rest < len(text):
            raise json.JSONDecodeError("there is more after the end", text, rest)
        if has_half_pair(text):
            raise DataError(f"{name!r} holds half of a surrogate pair.", "Export the file again from its source, as UTF-8.")
    except json.JSONDecodeError as error:
        where = f"{error.msg.removesuffix(' at')} on line {_line(text, error.pos)}, character {error.colno}"
        raise DataError(f"{name!r} is not valid JSON: {where}.", f"Repair it there, or export it again. {EXPECTED}") from None
    except RecursionError:
        raise DataError(f"{name!r} is nested too deeply.", f"A flat list is expected. {EXPECTED}") from None
    except ValueError as error:
        raise DataError(f"{name!r} is not valid JSON: {error}.", EXPECTED) from None
    return _table(source, value)


def _one_after_another(source: Source, first: Any, rest: int) -> Table:
    """Objects without a list around them, each over several lines as it is printed for people."""
    text, at, counted = source.text, rest, _skip(source.text, 0)
    line = 1 + _line_ends(text, 0, counted)
    records: list[Object] = [(line, first)]
    while at < len(text):
        line, counted = line + _line_ends(text, counted, at), at
        value, end = _DECODER.raw_decode(text, at)
        if not isinstance(value, dict):
            raise json.JSONDecodeError("there is more after the end", text, at)
        records.append((line, value))
        check_size(source.name, 1, len(records), source.limits)
        at = _skip(text, end)
    if has_half_pair(f"[{json.dumps([value for _, value in records])}]"):
        raise DataError(f"{source.name!r} holds half of a surrogate pair.", "Export the file again from its source, as UTF-8.")
    return to_table(source, records, format="json", unreadable=(), notes=[])


def _split_form(value: Any) -> list[Any]:
    """What pandas writes with ``orient="split"``: the names of the columns, then the rows; empty for anything else."""
    if not isinstance(value, dict) or not isinstance(value.get("columns"), list) or not isinstance(value.get("data"), list):
        return []
    names = value["columns"]
    fits = names and all(isinstance(name, str) for name in names) and all(isinstance(row, list) and len(row) == len(names) for row in value["data"])
    return [names, *value["data"]] if fits else []


def _table(source: Source, value: Any) -> Table:
    split = _split_form(value)
    if split:
        told = replace(source, options=replace(source.options, header=True if source.options.header is None else source.options.header))
        return _of_lists(told, split, [1, *_element_lines(source.text, ("data",), len(split) - 1)], [])
    found = sorted(_lists(value, ()), key=lambda item: -len(item[1]))
    if found:
        path, items = found[0]
        lines = _element_lines(source.text, path, len(items))
        notes = [_path_note(path, len(items), found[1:])] if path else []
        if isinstance(items[0], list):
            return _of_lists(source, items, lines, notes)
        records = [(line, item) for line, item in zip(lines, items, strict=True) if isinstance(item, dict)]
        odd = [as_it_stands(line, text_of(item) or "null") for line, item in zip(lines, items, strict=True) if not isinstance(item, dict)]
        broken = [line for line, _ in odd]
        check_size(source.name, 1, len(items), source.limits)
        if broken:
            message = f"{plural(len(broken), 'element that is', 'elements that are')} no object left out {at_lines(broken)}."
            notes.append(make_problem("broken_lines", "warning", broken, message, EXPECTED))
        return to_table(source, records, format="json", unreadable=tuple(odd), notes=notes)
    records = _of_columns(value) or _of_record(value)
    if not records:
        raise DataError(f"{source.name!r} is JSON without a list of records; it holds {_shape(value)}.", EXPECTED)
    check_size(source.name, 1, len(records), source.limits)
    return to_table(source, records, format="json", unreadable=(), notes=[])


def _lists(value: Any, path: Path) -> Iterator[tuple[Path, list[Any]]]:
    """Lists of objects, or of equally long lists, with the keys that lead to them."""
    if isinstance(value, list):
        objects = sum(isinstance(item, dict) for item in value)
        if value and (objects > len(value) / 2 or _is_matrix(value)):
            yield path, value
    elif isinstance(value, dict) and len(path) < MAX_DEPTH:
        for key, item in value.items():
            yield from _lists(item, (*path, key))


def _is_matrix(value: list[Any]) -> bool:
    """Lists of one length, but for a few slips."""
    if not value or not all(isinstance(item, list) for item in value):
        return False
    width, count = Counter(map(len, value)).most_common(1)[0]
    return width > 1 and count >= 0.8 * len(value)


def _of_columns(value: Any) -> list[Object]:
    """``{"text": [...], "label": [...]}``, and what pandas writes: ``{"text": {"0": ...}}`` or ``{"0": {"text": ...}}``."""
    if not isinstance(value, dict) or len(value) < 2:
        return []
    parts = list(value.values())
    if all(isinstance(part, list) for part in parts) and len({len(part) for part in parts}) == 1:
        return [(index, dict(zip(value, cells, strict=True))) for index, cells in enumerate(zip(*parts, strict=True), start=1)]
    if not all(isinstance(part, dict) for part in parts):
        return []
    inner = list(dict.fromkeys(key for part in parts for key in part))
    by_column = any(is_known(key) for key in value) or (all(key.isdigit() for key in inner) and not all(key.isdigit() for key in value))
    if not by_column:
        return [(index, part) for index, part in enumerate(parts, start=1)]
    return [(index, {column: part.get(key) for column, part in value.items()}) for index, key in enumerate(inner, start=1)]


def _of_record(value: Any) -> list[Object]:
    """A document that is a single record."""
    flat = isinstance(value, dict) and len(value) > 1 and not any(isinstance(item, (dict, list)) for item in value.values())
    return [(1, value)] if flat else []


def _of_lists(source: Source, items: list[Any], lines: list[int], notes: list[Problem]) -> Table:
    cells = ((line, [text_of(cell) or "" for cell in item]) for line, item in zip(lines, items, strict=True))
    grid = to_grid(source, cells, "Every list needs one value for each column.")
    problems = (*source.decoded.problems, *notes, *grid.problems, *lost_characters(grid.rows))
    encoding = source.decoded.encoding
    return Table(
        columns=grid.columns,
        rows=grid.rows,
        format="json",
        encoding=encoding,
        delimiter=None,
        digest="",
        unreadable_rows=grid.unreadable_rows,
        problems=problems,
    )


def _path_note(path: Path, count: int, others: list[tuple[Path, list[Any]]]) -> Problem:
    message = f"the rows were taken from {'.'.join(path)!r} ({plural(count, 'element')})"
    if not others:
        return make_problem("json_path", "note", [], f"{message}.")
    passed = ", ".join(f"{'.'.join(other)!r} ({len(items):,})" for other, items in others[:5])
    return make_problem(
        "json_path", "warning", [], f"{message}; not read: {passed}.", "Upload the other lists as files of their own if you need them."
    )


def _element_lines(text: str, path: Path, count: int) -> list[int]:
    """The lines on which the elements of the list under ``path`` begin. The text is known to be valid JSON."""
    at = _skip(text, 0)
    for wanted in path:
        at = _value_of(text, at, wanted)
    found = []
    line, counted = 1, 0
    at = _skip(text, at + 1)
    for _ in range(count):
        line += _line_ends(text, counted, at)
        counted = at
        found.append(line)
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
    return found


def _value_of(text: str, at: int, wanted: str) -> int:
    """Where the (last) value of a key begins in the object that begins at ``at``."""
    found = at
    at = _skip(text, at + 1)
    while text[at] != "}":
        key = _STRING.match(text, at)
        assert key is not None
        at = _skip(text, _skip(text, key.end()) + 1)
        if json.loads(key[0]) == wanted:
            found = at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        at = _skip(text, at + 1) if text[at] == "," else at
    return found


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _line(text: str, position: int) -> int:
    return 1 + _line_ends(text, 0, position)


def _line_ends(text: str, start: int, end: int) -> int:
    return text.count("\n", start, end) + text.count("\r", start, end) - text.count("\r\n", start, end)


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(map(repr, list(value)[:5]))}" if value else "an empty object"
    return f"a list of {type(value[0]).__name__} values" if isinstance(value, list) and value else "an empty list"
