"""How long every view of a saved prompt takes, and how much memory beyond the engine's own: ``python -m benchmarks.views NAME``.

The engine's own work in this process, over a home of its own: the model is loaded first, so that what is counted is what looking costs. The CPU's
own time stands beside the seconds, because a machine is rarely quiet. Memory is what the process's peak grows by (Linux). ``distil`` (a search) and
``seeds`` (needs other seeds) are left out unless named.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from steering.errors import SteeringError
from steering.inspect import VIEWS
from steering.studio import Studio

LEFT_OUT = ("distil", "seeds")


def peak_bytes() -> int:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(studio: Studio, name: str, views: list[str]) -> dict[str, Any]:
    """Seconds of each view, in the table's order, until its preview too where it has one; memory beyond the engine's own."""
    from steering.engine.worker import Worker

    worker = Worker(studio.store, studio.folders, only="-")
    worker.warm(studio.views.card(name).model)
    own = peak_bytes()
    rows = [_one(studio, worker, name, view) for view in views]
    sums = {key: round(sum(row[key] for row in rows), 2) for key in ("seconds", "cpu_s")}
    return {"name": name, "rows": rows, **sums, "memory_mb": round((peak_bytes() - own) / 1e6)}


def _one(studio: Studio, worker: Any, name: str, view: str) -> dict[str, Any]:
    row: dict[str, Any] = {"view": view, "seconds": 0.0, "cpu_s": 0.0, "preview_s": None, "problem": ""}
    start, busy = time.perf_counter(), time.process_time()
    try:
        request = studio.views.ask(name, view, again=True)
    except SteeringError as error:
        return row | {"problem": str(error)}
    while (found := studio.store.request(request)).state not in ("done", "failed"):
        worker.turn()
        if row["preview_s"] is None and "preview" in (found.result or {}):
            row["preview_s"] = round(time.perf_counter() - start, 2)
    row["problem"] = (found.error or {}).get("message", "")
    spent = {"seconds": round(time.perf_counter() - start, 2), "cpu_s": round(time.process_time() - busy, 2)}
    return row | spent | {"peak_mb": round(peak_bytes() / 1e6)}


def main(argv: list[str] | None = None) -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.views", description=__doc__)
    parser.add_argument("name", nargs="?", default="sort-support-tickets")
    parser.add_argument("--view", action="append", default=[], choices=list(VIEWS))
    parser.add_argument("--home", type=Path, help="keep the results there (else nowhere)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio.open(given.home or Path(folder))
        found = measure(studio, given.name, given.view or [view for view in VIEWS if view not in LEFT_OUT])
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
