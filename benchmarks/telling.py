"""How a benchmark ends on the command line: progress and errors on stderr, the result on stdout, 2 where the request is at fault."""

import json
import sys
from collections.abc import Callable

from benchmarks.ledger import Row
from steering.errors import SteeringError

Say = Callable[[str], None]


def say(line: str) -> None:
    """One line of progress, seen at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def told(work: Callable[[Say], Row], report: Callable[[Row], str], *, as_json: bool) -> int:
    """Do the work and print what it found, as one line of JSON or as tables; the exit status."""
    try:
        found = work(say)
    except SteeringError as error:
        say(str(error))
        if as_json:
            sys.stdout.write(json.dumps({"error": error.as_dict()}, ensure_ascii=False) + "\n")
        return 2
    sys.stdout.write((json.dumps(found, ensure_ascii=False) if as_json else report(found)) + "\n")
    return 0
