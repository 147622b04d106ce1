"""A verdict of the page as a report: one self-contained HTML file, and the same as JSON."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from steering.evaluate.report import page, report_of
from steering.knobs import to_json
from steering.spec import SIDES
from steering.store import Run, Store
from steering.studio.pinned import pinned

PACKAGES = ("prompt-steering-studio", "torch", "transformers", "numpy", "scipy", "scikit-learn", "statsmodels", "sacrebleu")


def versions() -> dict[str, str]:
    """Python and the packages that numbers depend on; ``source`` where one is not installed as a package."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"


def run_report(store: Store, run: Run, result: dict[str, Any]) -> dict[str, Any]:
    """The report of a run's comparison: data with its digest and sides, the run's settings, model and versions beside the result."""
    dataset = store.dataset(run.spec.dataset)
    sides = {side: sum(row.side == side for row in dataset.examples) for side in SIDES}
    engine = store.engine()
    about = {
        "title": f"Verdict on {run.name}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {"name": dataset.name, "dataset": run.spec.dataset, "rows": len(dataset.examples), "split": sides},
        "settings": to_json(run.spec),
        "run": run.id,
        "model": {name: engine.get(name, "") for name in ("model", "fingerprint", "device", "dtype")},
        "versions": versions(),
    }
    own = {"pins": pinned(store, run, result)}
    whole = {"notes": [], "lines": list(range(1, len(result["rows"]) + 1)), "inputs": [{}] * len(result["rows"])} | result | own
    return report_of(whole, about)


def written(report: dict[str, Any], form: str) -> bytes:
    """The report as ``html`` or ``json``."""
    text = page(report) if form == "html" else json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", "replace")
