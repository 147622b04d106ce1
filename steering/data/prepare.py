"""Bytes to placed examples in one call: what the studio uses."""

import gc
from collections import abc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from steering.data.checks.rows import MIN_ROWS
from steering.data.cleaning import Cleaned, LeftOut, clean
from steering.data.columns import describe
from steering.data.fixes import check_fixes, fix_cells
from steering.data.groups import groups_of, near_problem, own_sides, split_problem
from steering.data.limits import ReadOptions
from steering.data.mapping import Mapping, check_columns, guess
from steering.data.near import NearDuplicates, find_near_duplicates
from steering.data.own_split import find_split_column
from steering.data.readers import read
from steering.data.report import Decided, Report, report
from steering.data.small import SMALL, shares, small_problem
from steering.data.splits import place
from steering.data.table import Table
from steering.knobs import to_json
from steering.spec import Example, Fix, Kind, Problem, Side, digest

_EVERYDAY = ReadOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A file on which a run can be based, unless ``report.blocking`` says otherwise. ``left_out``: the rows that are not used, and why."""

    table: Table
    mapping: Mapping
    examples: tuple[Example, ...]
    report: Report
    left_out: tuple[LeftOut, ...] = ()

    def on(self, side: Side) -> list[Example]:
        """The examples of one side, in the order of the file."""
        return [example for example in self.examples if example.side == side]

    @property
    def sides(self) -> dict[str, Side]:
        """Key and side of every example: what must be stored for rows to stay where they are."""
        return {example.key: example.side for example in self.examples}

    @property
    def digest(self) -> str:
        """Sixteen hex digits over everything that decides the examples: the file, the columns, the fixes, targets and sides."""
        rows = [[example.key, example.target, example.side] for example in self.examples]
        fixes = [to_json(fix) for fix in self.report.fixes]
        return digest({"table": self.table.digest, "mapping": to_json(self.mapping), "fixes": fixes, "rows": rows})


def prepare(
    name: str,
    content: bytes,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    kind: Kind | None = None,
    join: Sequence[str] = (),
    stored: abc.Mapping[str, Side] | None = None,
    fixed: Side | None = None,
    test: float | None = None,
    validation: float | None = None,
    merge_spellings: bool = False,
    fixes: Sequence[Fix] = (),
    group_column: str | None = None,
    split_column: str | None = None,
    near: NearDuplicates | bool = False,
    options: ReadOptions = _EVERYDAY,
) -> Prepared:
    """Read, map, clean, split and describe a file. Problems of the data are reported, not raised; only what cannot be read raises.

    Args:
        join: columns that make up the text together, in reading order.
        fixes: what was asked for by a click; the same call without one undoes it.
        test, validation: shares of these sides; None: 0.3 and 0.2, less below 60 rows (:func:`steering.data.small.shares`).
        group_column: rows with the same value there stay on one side.
        split_column: where the file says itself which rows are for training and testing; None: looked for, "": there is none.
        near: True to look for near-duplicates (about a second for 20,000 rows), or what was found before; they stay on one side.

    Raises:
        DataError: the file cannot be read as labelled data, or a named column is not in it.
        SpecError: impossible shares of test and validation rows, or an unknown fix.
    """
    check_fixes(fixes)
    with uncollected():
        table = read(name, content, options)
        columns = describe(table)
        mapping = guess(table, text_column, label_column, kind, join=join, columns=columns)
        check_columns(table, group_column, split_column)
        table, changed = fix_cells(table, mapping.label, fixes)
        data = clean(table, mapping, merge_spellings=merge_spellings, fixes=fixes)
        found = _near(data, near)
        if any(fix.name == "leave_out_near_duplicates" for fix in fixes):
            found = found or _near(data, True)
            later = frozenset(key for group in found.groups for key in group[1:]) if found else frozenset[str]()
            data, found = clean(table, mapping, merge_spellings=merge_spellings, fixes=fixes, without=later), None
        column = (find_split_column(table) if split_column is None else split_column) if fixed is None else ""
        own, said = _own(data, column)
        taken = set(own.values())
        usual = shares(len(data.examples))
        kept_aside = 0.0 if "test" in taken else usual[0] if test is None else test
        groups = groups_of(data.examples, group_column, found) if group_column or found else {}
        placed = place(
            data.examples,
            {**(stored or {}), **own},
            test=kept_aside,
            validation=0.0 if "validation" in taken else usual[1] if validation is None else validation,
            fixed=fixed,
            kind=mapping.kind,
            groups=groups,
        )
        small = MIN_ROWS <= len(placed) < SMALL and kept_aside > 0 and fixed is None
        said += [small_problem(len(placed))] if small else []
        changed |= {"keep_majority": data.settled} if any(fix.name == "keep_majority" for fix in fixes) else {}
        decided = Decided(fixes=tuple(fixes), changed=changed, group_column=group_column, split_column=column or None, near_looked=near is not False)
        decided = replace(decided, cross_validate=small, groups=groups if small else {})
        said += near_problem(found, placed) if found else []
        made = report(data, placed, columns=columns, decided=decided, said=said)
        return Prepared(table=table, mapping=mapping, examples=tuple(placed), report=made, left_out=data.left_out)


def _near(data: Cleaned, near: NearDuplicates | bool) -> NearDuplicates | None:
    """Near-duplicates among the usable rows: looked for, or as they were found before, without what is no longer there."""
    if isinstance(near, bool):
        return find_near_duplicates([example.key for example in data.examples], data.texts) if near else None
    known = {example.key for example in data.examples}
    left = (tuple(key for key in group if key in known) for group in near.groups)
    return replace(
        near, groups=tuple(group for group in left if len(group) > 1), forms=tuple(group for group in near.forms if known.issuperset(group))
    )


def _own(data: Cleaned, column: str | None) -> tuple[dict[str, Side], list[Problem]]:
    """Sides that the file itself says (where it names no validation rows, those for training are left to be divided), and what to say."""
    if not column:
        return {}, []
    sides, shared = own_sides(data, column)
    said = [split_problem(column, sides), *([shared] if shared else [])]
    if "validation" in sides.values() and "test" in sides.values():
        return sides, said
    return {key: side for key, side in sides.items() if side != "train"}, said


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python from looking for cycles among hundreds of thousands of small values that have none: a third of the time of a large file."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
