"""Rows that must stand on one side, and rows whose side the file itself says: group columns, near-duplicates, split columns."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from steering.data.cleaning import Cleaned, text_key
from steering.data.near import NearDuplicates
from steering.data.own_split import side_named
from steering.data.table import at_lines, make_problem, plural
from steering.spec import SIDES, Example, Fix, Problem, Severity, Side


def groups_of(examples: Iterable[Example], column: str | None, near: NearDuplicates | None) -> dict[str, str]:
    """The group of every key that is not alone: rows with the same value in the column, or nearly the same text, are in one."""
    head: dict[str, str] = {}

    def top(key: str) -> str:
        while (above := head.get(key, key)) != key:
            head[key] = head.get(above, above)
            key = above
        return key

    def join(keys: Sequence[str]) -> None:
        tops = {top(key) for key in keys}
        head.update(dict.fromkeys(tops, min(tops)))

    if column:
        same: dict[str, list[str]] = defaultdict(list)
        for example in examples:
            value = example.values.get(column, "").strip().casefold()
            if value:
                same[value].append(example.key)
        for members in same.values():
            join(members)
    for keys in near.groups if near else ():
        join(keys)
    sizes = Counter(map(top, head))
    return {key: top(key) for key in head if sizes[top(key)] > 1}


def own_sides(data: Cleaned, column: str) -> tuple[dict[str, Side], Problem | None]:
    """The side of every key as the column says, and a warning about texts that it puts on several: those belong to the test side, so that
    nothing is trained on that is tested."""
    order: dict[Side, int] = {"train": 0, "validation": 1, "test": 2}
    sides: dict[str, Side] = {}
    doubled: set[str] = set()
    lines: dict[str, list[int]] = defaultdict(list)
    usable = {example.key for example in data.examples}
    for row in data.table.rows:
        side = side_named((row.values.get(column) or "").strip())
        key = text_key("\n".join(row.values.get(name) or "" for name in data.mapping.parts))
        if side is None or key not in usable:
            continue
        lines[key].append(row.line)
        if sides.setdefault(key, side) != side:
            doubled.add(key)
            sides[key] = max(side, sides[key], key=order.__getitem__)
    if not doubled:
        return sides, None
    return sides, shared_problem([line for key in doubled for line in lines[key]], len(doubled), f"the column {column!r}")


def shared_problem(lines: Sequence[int], texts: int, said_by: str) -> Problem:
    """The same text on several sides of the user's own division."""
    message = f"{plural(texts, 'text')} on more than one side of {said_by} {at_lines(lines)}."
    return make_problem("shared_texts", "warning", lines, message, "Each is used for testing only: what was trained on tests nothing.")


TOGETHER = "They are kept on one side, so that none is trained on and tested at once; fewer of them make the result more honest still."
APART = "Some stand on both sides, because the file says so or a run was already started on these rows. Leave them out for an honest result."


def near_problem(near: NearDuplicates, placed: Sequence[Example]) -> list[Problem]:
    """What the search for near-duplicates found, in words; ``placed``: the examples with their sides."""
    found = []
    side = {example.key: example.side for example in placed}
    target = {example.key: example.target for example in placed}
    lines = {example.key: example.row for example in placed}
    if near.groups:
        rest = [lines[key] for group in near.groups for key in group[1:]]
        differ = sum(len({target[key] for key in group}) > 1 for group in near.groups)
        first = f"line {lines[near.groups[0][0]]} and line {lines[near.groups[0][1]]}"
        labels = f"; {plural(differ, 'group has', 'groups have')} several labels" if differ else ""
        message = f"{plural(len(rest), 'row is', 'rows are')} nearly the same as an earlier one {at_lines(rest)}, for example {first}{labels}."
        fix = Fix(name="leave_out_near_duplicates", sentence=f"Leave out {plural(len(rest), 'near-duplicate')}")
        apart = any(len({side[key] for key in group}) > 1 for group in near.groups)
        severity: Severity = "warning" if apart else "note"
        found.append(make_problem("near_duplicates", severity, rest, message, APART if apart else TOGETHER, fix))
    for group in near.forms:
        members = [lines[key] for key in group]
        message = f"{plural(len(group), 'row')} are nearly the same {at_lines(members)}: they look like one form filled in."
        hint = "They cannot be kept on one side, so training and test share the form. Use only the part of the text that differs."
        found.append(make_problem("form", "warning", members, message, hint))
    return found


def split_problem(column: str, sides: dict[str, Side]) -> Problem:
    """That the file's own division is respected."""
    counts = Counter(sides.values())
    shown = ", ".join(f"{counts[side]} {side}" for side in SIDES if counts[side])
    message = f"the column {column!r} says which rows are for what: {shown}."
    return make_problem("split_column", "note", [], message, "It is kept to; validation rows are taken from the training ones where it names none.")
