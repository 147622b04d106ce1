"""Reports on disk: what a comparison was made of and with, and both files written whole or not at all."""

import argparse
import hashlib
import json
import shlex
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from steering.cli.verbs import read_file
from steering.errors import DataError, StorageError
from steering.evaluate.report import page, report_of
from steering.spec import SIDES
from steering.store import replace_file
from steering.studio import Studio
from steering.studio.reports import versions

FILES = {"file": "rows", "train": "train", "validation": "validation", "pin": "pins"}
"""Arguments that name a file, and the payload's dataset that was read from it."""


def about(args: argparse.Namespace, studio: Studio, payload: dict[str, Any]) -> dict[str, Any]:
    """Data with digests and sides, settings, versions, and the exact command."""
    data = {}
    for name, key in FILES.items():
        path = getattr(args, name)
        if path is not None:
            rows = studio.store.dataset(payload[key]).examples
            sides = {side: sum(row.side == side for row in rows) for side in SIDES}
            content = hashlib.sha256(read_file(path)).hexdigest()
            data[name] = {"path": str(path), "sha256": content, "dataset": payload[key], "rows": len(rows), "split": sides}
    engine = studio.store.engine()
    return {
        "title": f"Comparison on {args.file.name}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "steering", *map(str, args.argv)]),
        "argv": [str(word) for word in args.argv],
        "data": data,
        "settings": {key: value for key, value in payload.items() if key not in ("rows", "train", "validation", "pins")},
        "model": {name: engine.get(name, "") for name in ("model", "fingerprint", "device", "dtype")},
        "versions": versions(),
    }


def write_report(path: Path, result: dict[str, Any], told: dict[str, Any]) -> dict[str, str]:
    """FILE.html and FILE.json; returns their paths.

    Raises:
        DataError: not a name for an HTML file; StorageError: it cannot be written.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise DataError(f"--report {str(path)!r} is not an HTML file.", "Write --report NAME.html; the JSON goes beside it.")
    made = report_of(result, told)
    texts = {path: page(made), path.with_suffix(".json"): json.dumps(made, ensure_ascii=False, indent=1, allow_nan=False)}
    for target, text in texts.items():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{target.parent} cannot be made: {error.strerror or error}.", "Choose a writable folder.") from None
        replace_file(target, partial(_fill, text))
    return {"html": str(path), "json": str(path.with_suffix(".json"))}


def _fill(text: str, path: Path) -> None:
    path.write_bytes(text.encode("utf-8", "replace"))
