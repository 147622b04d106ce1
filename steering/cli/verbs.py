"""One function a verb: arguments to use-cases of the studio, results to the keys of the contract."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from steering.cli.settings import label_words
from steering.data import ReadOptions, limits_of, prepare, read, unmapped
from steering.errors import DataError, NotFoundError
from steering.spec import EMBEDDED_MODEL, TaskSpec
from steering.studio import Studio, Upload


class Ended(Exception):
    """A result that comes with an exit code of its own: 130 where a person stopped it, 3 where a claim does not hold."""

    def __init__(self, result: dict[str, Any], code: int) -> None:
        super().__init__(f"exit code {code}")
        self.result, self.code = result, code


def read_file(path: Path) -> bytes:
    """The bytes of a file the user named.

    Raises:
        NotFoundError: it does not exist; DataError: it is a folder or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {str(path)!r}.", "Check the path.") from None
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read: {error.strerror or error}.", "Name a file that you may read.") from None


def check_file(args: argparse.Namespace) -> dict[str, Any]:
    """``check``: nothing is stored."""
    content, options = read_file(args.file), ReadOptions(limits=limits_of(args.max_mb, args.max_rows))
    try:
        made = prepare(args.file.name, content, text_column=args.text_column, label_column=args.label_column, near=True, options=options)
        return made.report.as_dict()
    except DataError as error:
        if args.text_column or args.label_column:
            raise
        return unmapped(read(args.file.name, content, options), error)  # refuses again what is no data; what is data is described


def task_of(upload: Upload, prompt: str | None, template: str, words: str, scoring: str = "") -> TaskSpec:
    """The task guessed from a file, with what was said on the command line."""
    task = upload.task
    changes: dict[str, Any] = {}
    if prompt is not None:
        changes["prompt"] = prompt
    if template:
        changes["template"] = template.replace("\\n", "\n")
    if words:
        changes["label_words"] = {**task.label_words, **label_words(words)}
    if scoring:
        changes["scoring"] = scoring
    return replace(task, **changes)


def runs(args: argparse.Namespace) -> dict[str, Any]:
    """``runs``."""
    return {"runs": [{"run": r.id, "name": r.name, "state": r.state, "step": r.step, "steps": r.steps} for r in Studio.open(args.home).runs()]}


def stop(args: argparse.Namespace) -> dict[str, Any]:
    """``stop``."""
    studio = Studio.open(args.home)
    studio.stop(args.run)
    return {"run": args.run, "state": studio.store.run(args.run).state, "stopping": studio.store.run(args.run).stop}


def saved(args: argparse.Namespace) -> dict[str, Any]:
    """``saved``."""
    found = Studio.open(args.home).saved()
    return {
        "saved": [
            {
                "name": item.name,
                "method": item.card.method if item.card else "",
                "model": item.card.model if item.card else "",
                "file_bytes": item.file_bytes,
                "problem": item.problem,
            }
            for item in found
        ]
    }


def models(args: argparse.Namespace) -> dict[str, Any]:
    """``models``: the embedded model is fetched first."""
    from steering.lm import embedded

    found: list[dict[str, Any]] = [{"id": EMBEDDED_MODEL, "path": str(embedded.fetch()), "default": True}]
    if args.model:
        from steering.lm.load import load

        lm = load(args.model)
        found.append({"id": lm.id, "path": args.model, "default": False, "layout": lm.layout, "fingerprint": lm.fingerprint})
    return {"models": found}


def app(args: argparse.Namespace) -> None:
    """``app``: hand over to the page."""
    from steering.ui.app import main

    names = ("host", "port", "auth_file", "root_path", "home", "max_mb", "max_rows")
    given = [(f"--{name.replace('_', '-')}", getattr(args, name)) for name in names]
    flags = [part for name, value in given if value for part in (name, str(value))]
    main([*flags, *(["--demo"] if args.demo else [])])
