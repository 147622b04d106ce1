"""One function a verb: arguments to use-cases of the studio, results to the keys of the contract."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from steering.cli.foreground import Foreground
from steering.cli.settings import label_words, method_options
from steering.data import ReadOptions, limits_of, prepare, read, unmapped
from steering.errors import DataError, NotFoundError, SpecError
from steering.inspect import VIEWS
from steering.knobs import check
from steering.spec import EMBEDDED_MODEL, Recipe, Side, TaskSpec
from steering.studio import Reading, RunView, Studio, Upload


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


def train(args: argparse.Namespace) -> dict[str, Any]:
    """``train``."""
    studio = Studio.open(args.home, limits_of(args.max_mb, args.max_rows))
    own: tuple[tuple[Side, Path | None], ...] = (("validation", args.validation), ("test", args.test))
    upload = studio.data.upload(
        args.file.name,
        read_file(args.file),
        Reading(text_column=args.text_column, label_column=args.label_column),
        extra={side: read_file(path) for side, path in own if path is not None},
    )
    task = _task(upload, args.prompt, args.template, args.label_words)
    given = {"steps": args.steps, "seed": args.seed, "learning_rate": args.learning_rate, "batch_size": args.batch_size}
    recipe = check(Recipe(**{name: value for name, value in given.items() if value is not None}))
    options = method_options(args.method, args.option) | ({} if args.virtual_tokens is None else {"virtual_tokens": args.virtual_tokens})
    spec = studio.plan(
        upload.digest, task, method_name=args.method, name=args.name or args.file.stem, model=args.model, method_options=options, recipe=recipe
    )
    run = studio.start(spec)
    return _finish(studio, run)


def resume(args: argparse.Namespace) -> dict[str, Any]:
    """``resume``: continue in the foreground."""
    studio = Studio.open(args.home)
    studio.resume(args.run)
    return _finish(studio, args.run)


def demo(args: argparse.Namespace) -> dict[str, Any]:
    """``demo``."""
    studio = Studio.open(args.home)
    run = studio.start_sample(args.sample)
    result = _finish(studio, run)
    kept = {view: studio.kept_view(result["artifact"], view) for view in ("neighbours", "prefix")}
    return result | {"neighbours": kept["neighbours"] or kept["prefix"]}


def _finish(studio: Studio, run: str) -> dict[str, Any]:
    with Foreground(studio) as engine:
        view = engine.follow(run)
    result = run_result(view)
    if view.run.state == "stopped":
        raise Ended(result, 130)
    return result


def run_result(view: RunView) -> dict[str, Any]:
    """The keys of ``train``."""
    best: dict[str, Any] | None = next((v for v in reversed(view.validations) if v["step"] == view.finished.get("best_step")), None)
    best = best or next((v for v in reversed(view.validations) if v["best"]), None) or {}
    comparison = {key: value for key, value in view.comparison.items() if key not in ("inputs", "rows")}
    primary: dict[str, Any] = next((p for p in view.comparison.get("pairs", []) if p["primary"]), {})
    verdict = {"kind": primary.get("verdict", ""), "sentence": primary.get("sentence", ""), "detail": primary.get("detail", "")}
    return {
        "run": view.run.id,
        "state": view.run.state,
        "artifact": view.artifact.get("name", ""),
        "path": view.artifact.get("path", ""),
        "method": view.run.spec.method,
        "model": view.run.spec.model,
        "virtual_tokens": view.started.get("virtual_tokens", 0),
        "trainable_parameters": view.started.get("trainable_parameters", 0),
        "file_bytes": view.artifact.get("file_bytes", 0),
        "steps": view.run.step,
        "best_step": view.artifact.get("best_step", best.get("step", 0)),
        "seconds": round(view.run.finished - view.run.started, 2) if view.run.started and view.run.finished else 0.0,
        "validation": {"accuracy": best.get("accuracy"), "nll": best.get("nll")},
        "comparison": comparison,
        "verdict": verdict,
    }


def _task(upload: Upload, prompt: str | None, template: str, words: str) -> TaskSpec:
    task = upload.task
    changes: dict[str, Any] = {}
    if prompt is not None:
        changes["prompt"] = prompt
    if template:
        changes["template"] = template.replace("\\n", "\n")
    if words:
        changes["label_words"] = {**task.label_words, **label_words(words)}
    return replace(task, **changes)


def inspect(args: argparse.Namespace) -> dict[str, Any]:
    """``inspect``."""
    if args.view == "list":
        return {"views": [{"view": v.name, "title": v.title, "badge": v.badge, "needs": v.needs, "summary": v.summary} for v in VIEWS.values()]}
    if not args.name:
        raise SpecError("inspect needs the name of a saved prompt.", "`saved` lists them.")
    studio = Studio.open(args.home)
    request = studio.ask_view(args.name, args.view)
    with Foreground(studio) as engine:
        engine.wait(request)
    return {"view": args.view, "badge": VIEWS[args.view].badge, "result": studio.kept_view(args.name, args.view)}


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
