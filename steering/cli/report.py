"""The verb ``repeat``: a report's comparison once more, every row scored again, and whether it is equal or where not."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steering.cli.compare import compare
from steering.cli.foreground import Foreground
from steering.cli.verbs import Ended, read_file
from steering.errors import DataError
from steering.evaluate.report import FORMAT, differences
from steering.studio import Studio
from steering.studio.reports import repeated

LISTED = 50


def repeat(args: argparse.Namespace) -> dict[str, Any]:
    """``repeat``; exit code 3 where the new result differs.

    Raises:
        DataError: not a report of ours.
        NotFoundError: a report of the page whose run is not in this home.
        Ended: it differs.
    """
    report = read_report(args.file)
    first, result = AGAIN[report["argv"][0]](args, report)
    found = differences(first, {"result": result})
    told = {"equal": not found, "differences": found[:LISTED], "different": len(found), "command": report["command"]}
    if found:
        raise Ended(told, 3)
    return told


def _compared(args: argparse.Namespace, report: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A report of ``compare``: the command once more."""
    from steering.cli.main import parser

    again = parser().parse_args(report["argv"])
    again.argv, again.home, again.report, again.fresh = report["argv"], args.home or again.home, None, True
    try:
        return report, compare(again)
    except Ended as end:  # a claim that does not hold is part of the result
        return report, end.result


def _judged(args: argparse.Namespace, report: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A report of the page: the run's judgement once more, on the rows that this home has of it."""
    studio = Studio.open(args.home)
    first, payload = repeated(studio.store, report)
    with Foreground(studio) as engine:
        return first, engine.answer("repeat", payload)


AGAIN = {"compare": _compared, "repeat": _judged}
"""How a report is repeated, by the command that it carries."""


def read_report(path: Path) -> dict[str, Any]:
    """The JSON of a report.

    Raises:
        NotFoundError: no such file; DataError: not a report of ours.
    """
    try:
        value = json.loads(read_file(path))
    except (ValueError, RecursionError):
        value = None
    argv = value.get("argv") if isinstance(value, dict) else None
    known = isinstance(value, dict) and value.get("format") == FORMAT and isinstance(value.get("result"), dict)
    if not known or not isinstance(argv, list) or not argv or argv[0] not in AGAIN or not all(isinstance(word, str) for word in argv):
        raise DataError(
            f"{path.name} is not a report of this app.",
            "Name the FILE.json that `compare --report FILE.html` wrote, or the JSON report of station 3.",
        )
    assert isinstance(value, dict)
    return value


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Its arguments."""
    made = verb("repeat", repeat, "run a report's comparison again and say equal, or where not")
    made.add_argument("file", type=Path, metavar="REPORT.json")
