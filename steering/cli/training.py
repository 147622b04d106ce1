"""The verbs that train: in the foreground, with the same engine as the app's."""

import argparse
from pathlib import Path
from typing import Any

from steering.cli.foreground import Foreground
from steering.cli.settings import method_options
from steering.cli.verbs import Ended, read_file, task_of
from steering.data import limits_of
from steering.knobs import check
from steering.spec import Recipe, Side, effort
from steering.studio import Reading, RunView, Studio
from steering.studio.beside import written_variant


def train(args: argparse.Namespace) -> dict[str, Any]:
    """``train``."""
    studio = Studio.open(args.home, limits_of(args.max_mb, args.max_rows))
    own: tuple[tuple[Side, Path | None], ...] = (("validation", args.validation), ("test", args.test))
    upload = studio.data.upload(
        args.file.name,
        read_file(args.file),
        Reading(text_column=args.text_column, label_column=args.label_column, near=True),
        extra={side: read_file(path) for side, path in own if path is not None},
    )
    task = task_of(upload, args.prompt, args.template, args.label_words, args.scoring)
    given = {"steps": args.steps, "seed": args.seed, "learning_rate": args.learning_rate, "batch_size": args.batch_size}
    chosen = effort(args.effort)
    recipe = check(Recipe(**chosen.recipe | {name: value for name, value in given.items() if value is not None}))
    options = method_options(args.method, args.option) | ({} if args.virtual_tokens is None else {"virtual_tokens": args.virtual_tokens})
    spec = studio.plan(
        upload.digest,
        task,
        method_name=args.method,
        name=args.name or args.file.stem,
        model=args.model,
        method_options=options,
        recipe=recipe,
        seeds=chosen.seeds if args.seeds is None else args.seeds,
        imitate=args.imitate,
        inputs=read_file(args.inputs) if args.inputs else b"",
        variants=[written_variant(args.method, text, "--try") for text in args.variants],
    )
    run = studio.start(spec)
    return _finish(studio, run)


def resume(args: argparse.Namespace) -> dict[str, Any]:
    """``resume``: continue in the foreground."""
    studio = Studio.open(args.home)
    if args.more:
        studio.train_on(args.run, args.more)
    else:
        studio.resume(args.run)
    return _finish(studio, args.run)


def demo(args: argparse.Namespace) -> dict[str, Any]:
    """``demo``."""
    studio = Studio.open(args.home)
    run = studio.start_sample(args.sample)
    result = _finish(studio, run)
    kept = [studio.kept_view(result["artifact"], view) for view in ("neighbours", "trajectory")]
    return result | {"neighbours": next((found for found in kept if found), {})}


def _finish(studio: Studio, run: str) -> dict[str, Any]:
    with Foreground(studio) as engine:
        view = engine.follow(run)
    result = run_result(view)
    if view.run.state == "stopped":
        raise Ended(result, 130)
    return result


def fold_verdict(crossval: dict[str, Any]) -> dict[str, Any]:
    """The learned prompt, which comes last, against the prompt a person has (none where there is none)."""
    names = [one["name"] for one in crossval["contestants"]]
    rival = next((name for name in names if name.startswith("your ")), names[0])
    found = next(pair for pair in crossval["pairs"] if {pair["a"], pair["b"]} == {names[-1], rival})
    return {"kind": found["verdict"], "sentence": found["sentence"], "detail": " ".join(crossval["notes"])}


def run_result(view: RunView) -> dict[str, Any]:
    """The keys of ``train``."""
    best: dict[str, Any] | None = next((v for v in reversed(view.validations) if v["step"] == view.finished.get("best_step")), None)
    best = best or next((v for v in reversed(view.validations) if v["best"]), None) or {}
    comparison = {key: value for key, value in view.comparison.items() if key not in ("inputs", "rows")}
    primary: dict[str, Any] = next((p for p in view.comparison.get("pairs", []) if p["primary"]), {})
    verdict = {"kind": primary.get("verdict", ""), "sentence": primary.get("sentence", ""), "detail": primary.get("detail", "")}
    if not primary and view.crossval:
        verdict = fold_verdict(view.crossval)
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
        "seeds": view.finished.get("members", []),
        "estimate": view.estimate,
        "alarms": view.alarms,
        "imitation": view.imitation,
        "cross_validated": {key: value for key, value in view.crossval.items() if key not in ("inputs", "lines", "targets")},
        "comparison": comparison,
        "verdict": verdict,
    }
