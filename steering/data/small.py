"""Sets of fewer than 60 rows: too few for a test side that says anything, so every row is judged in its turn (SCIENCE notes, C1).

    for placed in cross_validation(examples, kind=kind, groups=report.groups):    # 25 times
        train on placed "train", stop by its "validation", judge its "test" rows

Predictions are pooled within a repeat, where every row is judged once; folds share training rows, so there is no exact test over them.
"""

from collections.abc import Iterator, Mapping, Sequence

from steering.data.splits import folds, place
from steering.data.table import plural, problem_of_count
from steering.spec import Example, Kind, Problem, Side

SMALL = 60
FOLDS, REPEATS = 5, 5
"""Repeated stratified 5 x 5: few enough trainings for a laptop, and the repeats show how much the division itself moves the result."""
_NOTHING: Mapping[str, str] = {}


def shares(rows: int) -> tuple[float, float]:
    """The shares of test and validation rows: 0.3 and 0.2, and 0.2 each below 60 rows, so that 16 rows leave 10 to train on."""
    return (0.3, 0.2) if rows >= SMALL else (0.2, 0.2)


def cross_validation(
    examples: Sequence[Example],
    *,
    kind: Kind = "classification",
    groups: Mapping[str, str] = _NOTHING,
    seed: int = 0,
    times: int = FOLDS,
    repeats: int = REPEATS,
) -> Iterator[list[Example]]:
    """All examples in their order, once for every repeat and fold: those of the fold on the test side, a fifth of the others for validation.

    Stratified; the rows of a group (see ``Report.groups``) stay together; the same whatever the order of the file. There are as many folds as
    groups where those are fewer than ``times``.

    Raises:
        SpecError: a single row or group.
    """
    count = min(times, len({groups.get(example.key, example.key) for example in examples}))
    for repeat in range(repeats):
        where = dict(zip((e.key for e in examples), folds(examples, count, seed * repeats + repeat, kind=kind, groups=groups), strict=True))
        for fold in range(count):
            tested: dict[str, Side] = {key: "test" for key, mine in where.items() if mine == fold}
            yield place(examples, tested, test=0.0, validation=0.2, kind=kind, groups=groups)


def small_problem(rows: int) -> Problem:
    """What a run does with so few rows, in words (steering/engine/foldwise.py); ``compare --cross-validate`` repeats it with other divisions."""
    message = (
        f"{plural(rows, 'usable row')}, fewer than {SMALL}: a test side of its own would be too small to show anything. Every row is judged by "
        f"prompts that never saw it (cross-validation in {FOLDS} folds), and the result is called a cross-validated estimate."
    )
    return problem_of_count("small_set", "note", rows, message, f"With {SMALL} rows or more the result comes from test rows that are kept aside.")
