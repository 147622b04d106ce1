"""JSON Lines: one object a line (or one list a line, of which the first names the columns). A line that is neither is named and left out."""

import itertools
import json
import re
from collections.abc import Callable, Container
from functools import partial
from typing import Any, NoReturn

from steering.data.readers.grid import to_grid
from steering.data.readers.objects import EXPECTED, Object, has_half_pair, text_of, to_table
from steering.data.readers.source import Source
from steering.data.readers.text import BOM, lines, lost_characters
from steering.data.table import Record, Table, as_it_stands, at_lines, check_size, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

HEAD_LINES = 50
_OPENS_DOCUMENT = re.compile(r'\{\s*("(?:[^"\\]|\\.)*"\s*:\s*[\[{]?\s*)?')


def claims(source: Source) -> bool:
    """Whether most of the first lines begin with a brace (or all with a bracket), and the whole is not one document."""
    filled = (stripped for _, line in lines(source.text) if (stripped := line.strip(BOM + " \t")))
    head = list(itertools.islice(filled, HEAD_LINES))
    if not head:
        return False
    if head[0].startswith("["):
        return len(head) > 1 and all(line.startswith("[") for line in head) and all(_is_complete(line) for line in head[:2])
    objects = sum(line.startswith("{") for line in head)
    if objects <= len(head) / 2 or len(head) == 1:
        return False
    return not head[0].startswith("{") or _is_complete(head[0]) or not (_OPENS_DOCUMENT.fullmatch(head[0]) or _is_complete(source.text))


def read(source: Source) -> Table:
    """Read JSON Lines.

    Raises:
        DataError: no line is an object, or there are too many rows or columns.
    """
    if source.text.count("\n") > source.limits.rows:  # counted before two hundred thousand lines are parsed for nothing
        check_size(source.name, 1, sum(not line.isspace() and line != "" for _, line in lines(source.text)), source.limits)
    records: list[Object] = []
    lists: list[tuple[int, list[str]]] = []
    broken: dict[int, str] = {}
    blank: list[int] = []
    read_line = _line_reader(source.text)
    for number, line in lines(source.text):
        stripped = line.strip(BOM + " \t")
        if not stripped:
            blank.append(number)
            continue
        value, fault = read_line(stripped)
        if isinstance(value, dict):
            records.append((number, value))
        elif isinstance(value, list):
            lists.append((number, [text_of(item) or "" for item in value]))
        else:
            broken[number] = fault
        check_size(source.name, 1, len(records) + len(broken) + len(lists), source.limits)
    if lists and not records:
        return _of_lists(source, lists, _problems(broken, blank), _as_they_stand(source, broken))
    broken |= {number: "not an object" for number, _ in lists}
    if not records:
        raise DataError(f"{source.name!r} looks like JSON, but no line holds an object.", f"Save it as JSON or JSON Lines. {EXPECTED}")
    notes = _problems(dict(sorted(broken.items())), blank)
    return to_table(source, records, format="jsonl", unreadable=_as_they_stand(source, broken), notes=notes)


def _as_they_stand(source: Source, broken: Container[int]) -> tuple[Record, ...]:
    return tuple(as_it_stands(number, line) for number, line in lines(source.text) if number in broken) if broken else ()


def _line_reader(text: str) -> Callable[[str], tuple[Any, str]]:
    """How a line is read: where NaN stands in many lines, it is how the program that wrote them says "no number"."""
    marks = sum(len(re.findall(rf":\s*{mark}\b", text)) for mark in ("NaN", "-?Infinity"))
    return partial(parse_line, decoder=_LENIENT if marks > NAN_MEANT * (text.count("\n") + 1) else _DECODER)


def parse_line(line: str, decoder: json.JSONDecoder | None = None) -> tuple[Any, str]:
    """The value on a line, or None and what is wrong with it."""
    try:
        value = (decoder or _DECODER).decode(line)
    except json.JSONDecodeError as error:
        return None, f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return None, str(error) if isinstance(error, ValueError) else "nested too deeply"
    if not isinstance(value, (dict, list)):
        return None, "not an object"
    return (None, "half of a surrogate pair") if has_half_pair(line) else (value, "")


def _no_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
"""Made once: ``json.loads`` would make one for every line."""
_LENIENT = json.JSONDecoder(parse_constant=lambda _: None)
NAN_MEANT = 0.1


def _is_complete(line: str) -> bool:
    """Whether this is a JSON object or list as it stands."""
    try:
        return isinstance(json.loads(line), (dict, list))
    except (ValueError, RecursionError):
        return False


def _of_lists(source: Source, lists: list[tuple[int, list[str]]], notes: list[Problem], unreadable: tuple[Record, ...]) -> Table:
    grid = to_grid(source, lists, "Every list needs one value for each column.")
    return Table(
        columns=grid.columns,
        rows=grid.rows,
        format="jsonl",
        encoding=source.decoded.encoding,
        delimiter=None,
        digest="",
        unreadable_rows=(*unreadable, *grid.unreadable_rows),
        problems=(*source.decoded.problems, *notes, *grid.problems, *lost_characters(grid.rows)),
    )


def _problems(broken: dict[int, str], blank: list[int]) -> list[Problem]:
    found = []
    if broken:
        first, fault = next(iter(broken.items()))
        message = f"{plural(len(broken), 'line')} could not be read as JSON {at_lines(list(broken))}; line {first}: {fault}."
        found.append(make_problem("broken_lines", "warning", broken, message, f"Repair or delete them. {EXPECTED}"))
    if blank:
        found.append(make_problem("blank_lines", "note", blank, f"{plural(len(blank), 'blank line')} skipped."))
    return found
