"""Sets of fewer than 60 rows: too few for a test side that says anything, so every row is judged in its turn (SCIENCE notes, C1)."""

from steering.data.table import plural, problem_of_count
from steering.spec import Problem

SMALL = 60


def shares(rows: int) -> tuple[float, float]:
    """The shares of test and validation rows: 0.3 and 0.2, and 0.2 each below 60 rows, so that 16 rows leave 10 to train on."""
    return (0.3, 0.2) if rows >= SMALL else (0.2, 0.2)


def small_problem(rows: int) -> Problem:
    """What a run does with so few rows, in words (steering/engine/foldwise.py); ``compare --cross-validate`` repeats it with other divisions."""
    message = (
        f"{plural(rows, 'usable row')}, fewer than {SMALL}: a test side of its own would be too small to show anything. Every row is judged by "
        f"prompts that never saw it (cross-validation), and the result is called a cross-validated estimate."
    )
    return problem_of_count("small_set", "note", rows, message, f"With {SMALL} rows or more the result comes from test rows that are kept aside.")
