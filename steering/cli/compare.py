"""The verbs ``compare`` and ``generate``: contestants judged on all rows of a file, or answering one text side by side."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steering.cli.columns import columns, scoring
from steering.cli.foreground import Foreground
from steering.cli.reporting import about, write_report
from steering.cli.settings import label_words
from steering.cli.verbs import Ended, read_file
from steering.data import fields, limits_of
from steering.errors import SpecError
from steering.evaluate.gate import GRAMMAR, parse_claim
from steering.knobs import to_json
from steering.spec import EMBEDDED_MODEL, TaskSpec, check_task
from steering.studio import Reading, Studio, Upload

if TYPE_CHECKING:
    from steering.artifact import Card

CONTESTANTS = (
    "none, prompt:TEXT, few-shot:K (few-shot:K@SEED, few-shot:K@nearest, few-shot:@LINE,LINE), saved:NAME, run:ID[@STEP], ensemble:A+B, random[:P]; "
    "distilled:NAME (the text that inspect --view distil found); "
    "made from --train: lora, probe, manual+bias, majority, tune:METHOD[,NAME=VALUE], search[:BUDGET]; repeat it"
)
METRICS = ("chrf", "rouge_l", "exact_match", "json_field_f1")


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """``compare``; exit code 3 where a claim does not hold.

    Raises:
        Ended: a claim does not hold.
    """
    specs = _specs(args)
    studio = Studio.open(args.home, limits_of(args.max_mb, args.max_rows))
    reading = Reading(text_column=args.text_column, label_column=args.label_column, group_column=args.group_column)
    rows = studio.data.upload(args.file.name, read_file(args.file), reading)
    task, model = _task(studio, args, specs, rows)
    for claim in args.gate:
        parse_claim(claim, specs, task.kind)  # a slip of the pen is refused before a model is loaded
    if args.metric and task.kind == "classification":
        raise SpecError(f"--metric {args.metric} compares texts, and this is a classification.", "Leave it out.")
    payload = {
        "contestants": specs,
        "task": to_json(task),
        "rows": rows.digest,
        "train": _upload(studio, args.train),
        "validation": _upload(studio, args.validation),
        "pins": _upload(studio, args.pin),
        "declared": {spec: _upload(studio, Path(file)) for spec, file in args.trained_on},
        "primary": args.primary,
        "margin": args.margin,
        "metric": args.metric,
        "gate": args.gate,
        "skip_trained": args.skip_trained_rows,
        "model": model,
        "cost": args.cost,
        "fresh": args.fresh,
    }
    if args.cross_validate:
        return _cross_validated(studio, args, payload)
    with Foreground(studio) as engine:
        result = engine.answer("compare", payload)
    if args.report:
        result["report"] = write_report(args.report, result, about(args, studio, payload))
    if not all(ruling["holds"] for ruling in result["gate"]):
        raise Ended(result, 3)
    return result


def _cross_validated(studio: Studio, args: argparse.Namespace, payload: dict[str, Any]) -> dict[str, Any]:
    """``compare --cross-validate``: fits and demonstrations come from the other folds of FILE."""
    given = {"--train": args.train, "--validation": args.validation, "--pin": args.pin, "--gate": args.gate, "--primary": args.primary}
    given |= {"--report": args.report, "--cost": args.cost}
    for flag in (flag for flag, value in given.items() if value):
        raise SpecError(f"{flag} has no place in a cross-validation.", "All rows of FILE are divided into folds: leave it out.")
    with Foreground(studio) as engine:
        return engine.answer("cross_validate", payload)


def generate(args: argparse.Namespace) -> dict[str, Any]:
    """``generate``."""
    specs = _specs(args)
    studio = Studio.open(args.home)
    cards = _cards(studio, specs)
    if len(cards) == len(specs) and len({str(to_json(card.task)) for card in cards}) > 1 and not (args.template or args.label_words):
        return _together(studio, args, specs, cards)
    upload = studio.data.upload(args.train.name, read_file(args.train)) if args.train else None
    task, model = _task(studio, args, specs, upload)
    names = fields(task.template) or ["text"]
    values = dict.fromkeys(names, "") | {names[0]: args.input}
    payload = {"contestants": specs, "task": to_json(task), "values": values, "train": upload.digest if upload else "", "model": model}
    with Foreground(studio) as engine:
        return engine.answer("generate", payload)


def _together(studio: Studio, args: argparse.Namespace, specs: list[str], cards: "list[Card]") -> dict[str, Any]:
    """Saved prompts of different tasks: each with its own template and label words, in one batch."""
    if len({card.fingerprint for card in cards}) > 1:
        raise SpecError("the saved prompts belong to different models.", "Ask prompts of one model.")
    asks = []
    for spec, card in zip(specs, cards, strict=True):
        names = fields(card.task.template) or ["text"]
        asks.append({"contestant": spec, "task": to_json(card.task), "values": dict.fromkeys(names, "") | {names[0]: args.input}})
    with Foreground(studio) as engine:
        return engine.answer("together", {"asks": asks, "model": args.model or cards[0].model})


def _cards(studio: Studio, specs: list[str]) -> "list[Card]":
    """Of the saved prompts among the contestants."""
    from steering import artifact

    return [artifact.read(artifact.find(studio.folders, spec.removeprefix("saved:"))).card for spec in specs if spec.startswith("saved:")]


def _specs(args: argparse.Namespace) -> list[str]:
    """Contestants as given; with --prompts FILE, the best of its lines too."""
    from steering.engine.contestants import parse

    given = [str(spec) for spec in args.contestant]
    if getattr(args, "prompts", None):
        given.append("prompts:" + read_file(args.prompts).decode("utf-8", "replace"))
    for spec in given:
        parse(spec)
    twice = next((spec for spec in given if given.count(spec) > 1), "")
    if twice:
        raise SpecError(f"contestant {twice!r} is given twice.", "Give each once.")
    return given


def _upload(studio: Studio, path: Path | None) -> str:
    return studio.data.upload(path.name, read_file(path)).digest if path else ""


def _task(studio: Studio, args: argparse.Namespace, specs: list[str], upload: Upload | None) -> tuple[TaskSpec, str]:
    """The task that all contestants are given: a saved prompt's own where there is one, else guessed from the file."""
    cards = _cards(studio, specs)
    if len({card.fingerprint for card in cards}) > 1:
        raise SpecError("the saved prompts belong to different models.", "Compare prompts of one model.")
    if len({(card.task.kind, *sorted(card.task.label_words)) for card in cards}) > 1:
        raise SpecError("the saved prompts belong to different tasks.", "Compare prompts of one task.")
    if len({card.task.scoring for card in cards}) > 1 and not args.scoring:
        raise SpecError("the saved prompts were trained with different ways of scoring.", "Say with --scoring which one all of them are judged with.")
    if len({card.task.template for card in cards}) > 1 and not args.template:
        raise SpecError("the saved prompts were trained with different templates.", "Say with --template which one all of them are judged with.")
    task = cards[0].task if cards else upload.task if upload else TaskSpec(kind="generation", template="{text}\n")
    if upload is not None and task.kind != upload.task.kind:
        raise SpecError(f"the saved prompt is for {task.kind}, the file for {upload.task.kind}.", "Compare contestants on a file of their own task.")
    if args.template:
        task = replace(task, template=args.template.replace("\\n", "\n"))
    if args.scoring:
        task = replace(task, scoring=args.scoring)
    if args.label_words:
        task = replace(task, label_words={**task.label_words, **label_words(args.label_words)})
    return check_task(task), args.model or (cards[0].model if cards else EMBEDDED_MODEL)


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Their arguments."""
    judge = verb("compare", compare, "judge contestants on all rows of a file")
    judge.add_argument("file", type=Path)
    _contestants(judge)
    judge.add_argument("--train", type=Path, help="rows for demonstrations and fits")
    judge.add_argument("--validation", type=Path, help="rows that choose between fits and prompts (default: some of --train)")
    judge.add_argument("--prompts", type=Path, help="a text file of manual prompts, one a line: the best on validation rows is judged")
    judge.add_argument("--trained-on", nargs=2, action="append", default=[], metavar=("SPEC", "FILE"), help="rows that a pasted prompt was made from")
    judge.add_argument("--primary", nargs=2, metavar=("A", "B"), help="the comparison declared beforehand; all others are Holm-corrected")
    judge.add_argument("--margin", type=float, metavar="POINTS", help="the smallest difference that matters: allows 'equivalent' and 'not worse'")
    judge.add_argument("--metric", choices=METRICS, help="what texts are compared by (default chrf)")
    judge.add_argument("--pin", type=Path, metavar="FILE", help="rows that must not break: listed as right or wrong, not scored")
    judge.add_argument("--gate", action="append", default=[], metavar="CLAIM", help=f"exit 3 unless it holds; {GRAMMAR}; repeat it")
    judge.add_argument("--skip-trained-rows", action="store_true", help="leave out rows that a contestant was made from, instead of refusing")
    judge.add_argument("--group-column", help="rows with the same value there belong together and are resampled together")
    judge.add_argument("--cross-validate", action="store_true", help="few rows: 5 x 5 folds of FILE, fits and demonstrations from the other folds")
    judge.add_argument("--cost", action="store_true", help="also measure what a request costs under each contestant, on this machine")
    judge.add_argument("--fresh", action="store_true", help="score every row again instead of remembering answers")
    judge.add_argument("--report", type=Path, metavar="FILE.html", help="also write a self-contained report, and the same as FILE.json")
    columns(judge)
    ask = verb("generate", generate, "outputs of contestants side by side")
    ask.add_argument("--input", required=True, help="the text to answer")
    ask.add_argument("--train", type=Path, help="rows for demonstrations")
    _contestants(ask)


def _contestants(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--contestant", action="append", required=True, metavar="SPEC", help=CONTESTANTS)
    parser.add_argument("--model", default="")
    parser.add_argument("--template", default="")
    parser.add_argument("--label-words", default="", metavar="RAW=WORD,...")
    scoring(parser)
