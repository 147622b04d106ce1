"""Rows to examples, with everything that is wrong with them (see cleaning.py for the rules, checks.py for the list)."""

from collections.abc import Iterable

from steering.data.checks import CHECKS
from steering.data.cleaning import Cleaned, clean
from steering.data.mapping import Mapping
from steering.data.table import Table
from steering.spec import Example, Problem

SEVERITY_ORDER = {"blocking": 0, "warning": 1, "note": 2}


def examples(table: Table, mapping: Mapping, *, merge_spellings: bool = False) -> tuple[list[Example], list[Problem]]:
    """Usable examples in the order of the file, and the problems found on the way.

    The counts add up: rows read = usable rows + rows of each reason.
    """
    data = clean(table, mapping, merge_spellings=merge_spellings)
    return list(data.examples), problems(data)


def problems(data: Cleaned) -> list[Problem]:
    """Everything wrong with a file, what was found while reading included; the gravest first."""
    found = [problem for look in CHECKS.values() if (problem := look(data)) is not None]
    return by_severity([*data.table.problems, *found])


def by_severity(found: Iterable[Problem]) -> list[Problem]:
    """The gravest first, otherwise in their order."""
    return sorted(found, key=lambda problem: SEVERITY_ORDER[problem.severity])
