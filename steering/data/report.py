"""What ``check`` and the data page say of a file."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from steering.data.cleaning import REASONS, Cleaned
from steering.data.columns import Column, describe
from steering.data.examples import by_severity, problems
from steering.data.mapping import Mapping
from steering.data.suggest import Suggestions, suggest
from steering.data.table import Table, make_problem
from steering.errors import DataError
from steering.knobs import to_json
from steering.spec import SIDES, Example, Fix, Kind, Problem

ALWAYS_NAMED = ("missing_text", "missing_label", "duplicates", "conflicts", "other_answers", "unreadable")
"""Reasons that are counted even where the count is 0; the others appear only where a person asked for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided about a file after it was read, and how many rows each fix rewrote."""

    fixes: tuple[Fix, ...] = ()
    changed: dict[str, int] = field(default_factory=dict)
    group_column: str | None = None
    split_column: str | None = None
    near_looked: bool = False
    cross_validate: bool = False
    groups: dict[str, str] = field(default_factory=dict)


_NOTHING = Decided()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything about a file that a person should know before training on it.

    ``rows_read == rows_usable + sum(left_out.values())``. ``sides`` counts the rows of each side, ``labels`` those of each class (empty for
    generation). ``detectable_gap_points`` is the smallest difference in accuracy that the test rows are likely to show. ``fixes`` are those that
    were applied, ``changed`` the rows that they rewrote; ``suggestions`` are not applied;
    ``near_looked``: near-duplicates were looked for. ``cross_validate``: too few rows for a test side (see :mod:`steering.data.small`), whose
    ``groups`` (key and group of the rows that belong together) are kept for it.
    """

    format: str
    encoding: str
    delimiter: str | None
    digest: str
    rows_read: int
    rows_usable: int
    left_out: dict[str, int]
    columns: tuple[str, ...]
    mapping: Mapping
    task: Kind
    labels: dict[str, int]
    sides: dict[str, int]
    problems: tuple[Problem, ...]
    detectable_gap_points: float | None
    column_details: tuple[Column, ...] = ()
    suggestions: Suggestions = field(default_factory=Suggestions)
    fixes: tuple[Fix, ...] = ()
    changed: dict[str, int] = field(default_factory=dict)
    group_column: str | None = None
    split_column: str | None = None
    near_looked: bool = False
    cross_validate: bool = False
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def blocking(self) -> tuple[Problem, ...]:
        """The problems that forbid training."""
        return tuple(problem for problem in self.problems if problem.severity == "blocking")

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of the command line."""
        return to_json(self)


def report(
    data: Cleaned, placed: Sequence[Example], *, columns: dict[str, Column], decided: Decided = _NOTHING, said: Iterable[Problem] = ()
) -> Report:
    """Describe a cleaned file and its sides. ``said``: problems that were found while rows were placed."""
    table = data.table
    count = Counter(example.side for example in placed)
    sides: dict[str, int] = {side: count[side] for side in SIDES}
    counts = Counter(item.reason for item in data.left_out) | Counter(unreadable=table.unreadable)
    left_out = {reason: counts[reason] for reason in REASONS if reason in ALWAYS_NAMED or counts[reason]}
    return Report(
        format=table.format,
        encoding=table.encoding,
        delimiter=table.delimiter,
        digest=table.digest,
        rows_read=data.rows_read,
        rows_usable=len(data.examples),
        left_out=left_out,
        columns=table.columns,
        mapping=data.mapping,
        task=data.mapping.kind,
        labels=data.classes,
        sides=sides,
        problems=tuple(by_severity([*problems(data), *said])),
        detectable_gap_points=detectable_gap_points(sides["test"]),
        column_details=tuple(columns.values()),
        suggestions=suggest(data.table, data.mapping, columns, list(data.classes)),
        fixes=decided.fixes,
        changed=decided.changed,
        group_column=decided.group_column,
        split_column=decided.split_column,
        near_looked=decided.near_looked,
        cross_validate=decided.cross_validate,
        groups=decided.groups,
    )


def unmapped(table: Table, error: DataError) -> dict[str, Any]:
    """The same keys for a file that was read but in which no text or no label column was found: everything that can be said without them."""
    lines = [row.line for row in table.rows]
    return {
        **{name: getattr(table, name) for name in ("format", "encoding", "delimiter", "digest")},
        "rows_read": len(table.rows) + table.unreadable,
        "rows_usable": 0,
        "left_out": {"unmapped": len(table.rows), "unreadable": table.unreadable},
        "columns": list(table.columns),
        "mapping": {"text": None, "label": None, "kind": None, "candidates": []},
        "task": None,
        "labels": {},
        "sides": dict.fromkeys(SIDES, 0),
        "problems": [to_json(p) for p in by_severity([make_problem("no_columns", "blocking", lines, error.message, error.hint), *table.problems])],
        "detectable_gap_points": None,
        "column_details": [to_json(column) for column in describe(table).values()],
    }


def detectable_gap_points(test_rows: int) -> float | None:
    """The difference in accuracy, in points, that a paired test on so many rows finds with 80 % power at the 5 % level.

    2.80 is 1.96 + 0.84; 0.2 the variance of the per-row difference when two contestants disagree on a fifth of the rows.
    """
    return round(2.80 * math.sqrt(0.2 / test_rows) * 100, 1) if test_rows > 0 else None
