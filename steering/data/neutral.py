"""Plain sentences about nothing in particular, written for this project: on them a prompt for a task should change little."""

from functools import cache
from pathlib import Path

from steering.errors import DataError

FILE = Path(__file__).parents[2] / "assets" / "neutral.txt"


@cache
def neutral(file: Path = FILE) -> tuple[str, ...]:
    """The sentences, one a line.

    Raises:
        DataError: the file is not there, or empty.
    """
    try:
        found = tuple(line for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except OSError:
        found = ()
    if not found:
        raise DataError(f"there are no neutral sentences in {file.name!r}.", "Install the application again.")
    return found
