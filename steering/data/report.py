"""What ``check`` and the data page say of a file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steering.data.cleaning import Cleaned
from steering.data.examples import problems
from steering.data.mapping import Mapping
from steering.knobs import to_json
from steering.spec import SIDES, Example, Kind, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything about a file that a person should know before training on it.

    ``rows_read == rows_usable + sum(left_out.values())``. ``sides`` counts the rows of each side, ``labels`` those of each class (empty for
    generation). ``detectable_gap_points`` is the smallest difference in accuracy that the test rows are likely to show.
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

    @property
    def blocking(self) -> tuple[Problem, ...]:
        """The problems that forbid training."""
        return tuple(problem for problem in self.problems if problem.severity == "blocking")

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of the command line."""
        return to_json(self)


def report(data: Cleaned, placed: Sequence[Example]) -> Report:
    """Describe a cleaned file and its sides."""
    table = data.table
    sides: dict[str, int] = {side: sum(example.side == side for example in placed) for side in SIDES}
    left_out = {
        "missing_text": len(data.missing_text),
        "missing_label": len(data.missing_label),
        "duplicates": len(data.duplicates),
        "conflicts": len(data.conflicts),
        "other_answers": len(data.other_answers),
        "unreadable": table.unreadable,
    }
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
        problems=tuple(problems(data)),
        detectable_gap_points=detectable_gap_points(sides["test"]),
    )


def detectable_gap_points(test_rows: int) -> float | None:
    """The difference in accuracy, in points, that a paired test on so many rows finds with 80 % power at the 5 % level.

    2.80 is 1.96 + 0.84; 0.2 the variance of the per-row difference when two contestants disagree on a fifth of the rows.
    """
    return round(2.80 * math.sqrt(0.2 / test_rows) * 100, 1) if test_rows > 0 else None
