"""A verdict of the page as a report: one self-contained HTML file, and the same as JSON."""

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from steering.errors import DataError
from steering.evaluate.report import page, report_of
from steering.knobs import to_json
from steering.spec import SIDES
from steering.store import Run, Store
from steering.studio.pinned import pinned
from steering.studio.studio import default_home

PACKAGES = ("prompt-steering-studio", "torch", "transformers", "numpy", "scipy", "scikit-learn", "statsmodels", "sacrebleu")


def versions() -> dict[str, str]:
    """Python and the packages that numbers depend on; ``source`` where one is not installed as a package."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"


FILE = "verdict.json"
"""What the JSON report of the page is called; the command that repeats it names it."""


def run_report(store: Store, run: Run, result: dict[str, Any]) -> dict[str, Any]:
    """The report of a run's comparison: data with its digest and sides, the run's settings, model, versions, and the command that repeats it."""
    dataset = store.dataset(run.spec.dataset)
    sides = {side: sum(row.side == side for row in dataset.examples) for side in SIDES}
    engine, pins = store.engine(), pinned(store, run, result)
    argv = ["repeat", FILE, *(["--home", str(store.home)] if store.home != default_home() else [])]
    about = {
        "title": f"Verdict on {run.name}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "steering", *argv]),
        "argv": argv,
        "request": request_of(run, result, pins),
        "data": {"name": dataset.name, "dataset": run.spec.dataset, "rows": len(dataset.examples), "split": sides},
        "settings": to_json(run.spec),
        "run": run.id,
        "model": {name: engine.get(name, "") for name in ("model", "fingerprint", "device", "dtype")},
        "versions": versions(),
    }
    whole = {"notes": [], "lines": list(range(1, len(result["rows"]) + 1)), "inputs": [{}] * len(result["rows"])} | result
    return report_of(whole | {"pins": pins}, about)


def request_of(run: Run, result: Mapping[str, Any], pins: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What judges the same once more (the request ``repeat``): who, on which run's rows, and what was declared beforehand. No contestants: the
    judgement that the run made of itself. Pinned rows are asked again where everybody was asked."""
    metric = result.get("metric") if run.spec.task.kind == "generation" else None
    declared = {"primary": result.get("primary"), "margin": result.get("margin"), "metric": metric}
    keys = [str(pin["key"]) for pin in pins if None not in pin["right"]]
    return {"run": run.id, "contestants": list(result.get("spec_names") or {}), "pinned": keys, **declared}


def repeated(store: Store, report: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report with those pinned rows only that are asked again, and the payload of the request ``repeat``.

    Raises:
        DataError: the report does not say what was asked; NotFoundError: the run is not in this store.
    """
    asked = report.get("request")
    fields: dict[str, Any] = asked if isinstance(asked, dict) else {}
    lists: list[Any] = [fields.get(name) for name in ("contestants", "pinned")]
    if not isinstance(fields.get("run"), str) or not all(isinstance(one, list) and all(isinstance(item, str) for item in one) for one in lists):
        raise DataError("the report does not say which judgement it is of.", "Download it again on station 3.")
    found = store.run(fields["run"])
    payload = {name: fields.get(name) for name in ("run", "contestants", "pinned", "primary", "margin", "metric")} | {"model": found.spec.model}
    pins = [pin for pin in report["result"].get("pins") or [] if pin.get("key") in lists[1]]
    return {**report, "result": report["result"] | {"pins": pins}}, payload


def written(report: dict[str, Any], form: str) -> bytes:
    """The report as ``html`` or ``json``."""
    text = page(report) if form == "html" else json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", "replace")
