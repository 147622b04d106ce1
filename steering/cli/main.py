"""Parsing, and the one place where results are printed and errors become exit codes."""

import argparse
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from steering.cli import compare, exchange, looking, report, training, verbs
from steering.cli.columns import columns as _columns
from steering.cli.columns import scoring as _scoring
from steering.errors import InputError, SteeringError, StorageError
from steering.methods import LEARNED
from steering.spec import EFFORTS, EMBEDDED_MODEL


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    raw = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 is no reason to fail
    try:
        code = _run(raw)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output went away; Python must not find out again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(raw: list[str]) -> int:
    try:
        _require_text(raw)
        args = parser().parse_args(raw)
        args.argv = raw
        result = args.act(args)
    except SteeringError as error:
        return _report(error, "--json" in raw)
    except verbs.Ended as end:
        _print(end.result, "--json" in raw)
        return end.code
    except KeyboardInterrupt:
        _report(SteeringError("interrupted before there was a result.", "Run the same command again."), "--json" in raw)
        return 130
    if result is not None:
        _print(result, args.json)
    return 0


def _require_text(words: list[str]) -> None:
    """Bytes that are not UTF-8 reach Python as half characters, which neither JSON nor the store can hold."""
    for word in words:
        if not word.isascii() and any("\ud800" <= c <= "\udfff" for c in word):
            raise InputError(f"{word!a} is not UTF-8 text.", "Use a terminal with UTF-8, or avoid the character.")


class _Parser(argparse.ArgumentParser):
    """argparse, but errors are exceptions of ours: usage problems too are reported as JSON."""

    def error(self, message: str) -> Any:
        raise InputError(message, f"See {self.prog} --help.")


def _report(error: SteeringError, as_json: bool) -> int:
    if as_json:
        _print({"error": error.as_dict()}, as_json)
    else:
        sys.stderr.write(f"error: {error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
    return 2 if isinstance(error, InputError | StorageError) else 1


def _print(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        utf8 = (sys.stdout.encoding or "").lower() == "utf-8"
        sys.stdout.write(json.dumps(result, ensure_ascii=not utf8, default=str) + "\n")
    else:
        from steering.cli.text import plain

        sys.stdout.write(plain(result) + "\n")


def parser() -> argparse.ArgumentParser:
    """All verbs with their arguments."""
    made_parser = _Parser(prog="python -m steering", description="Train soft prompts and prefixes, judge them, read them.")
    verbs_of = made_parser.add_subparsers(dest="verb", required=True, parser_class=_Parser)
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    common.add_argument("--home", type=Path, help="folder of the store and saved prompts of this call (default: the app's own)")

    def verb(name: str, act: Callable[[argparse.Namespace], dict[str, Any] | None], help: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs_of.add_parser(name, help=help, description=help, parents=[common])
        made.set_defaults(act=act)
        return made

    check = verb("check", verbs.check_file, "read a dataset and say everything that is wrong with it")
    check.add_argument("file", type=Path)
    _columns(check)
    _train_arguments(verb("train", training.train, "train to the end in the foreground; Ctrl-C stops at a step boundary and keeps the best"))
    compare.add_verbs(verb)
    report.add_verbs(verb)
    inspect = verb("inspect", looking.inspect, "one inspection view of a saved prompt")
    inspect.add_argument("name", nargs="?", default="")
    inspect.add_argument("--view", required=True, help="the view; 'list' names them with their badge, 'summary' says it in three sentences")
    inspect.add_argument("--rows", type=Path, help="labelled rows that training never saw; all are used (else the held-out rows of its own dataset)")
    inspect.add_argument("--against", default="", metavar="NAME", help="a second saved prompt, for views that compare two")
    inspect.add_argument("--prompt", action="append", default=[], metavar="TEXT", help="a manual prompt to compare with; may be repeated")
    inspect.add_argument("--text", default="", help="a manual prompt that is looked at in its place, on the same rows: the natural control")
    inspect.add_argument("--again", action="store_true", help="measure anew, also where a result is kept")
    exchange.add_verbs(verb)
    verb("runs", verbs.runs, "list the runs")
    verb("stop", verbs.stop, "stop a run at its next step").add_argument("run")
    resume = verb("resume", training.resume, "continue a run in the foreground")
    resume.add_argument("run")
    resume.add_argument("--more", type=int, default=0, metavar="STEPS", help="train a run that is done for this many more steps")
    verb("saved", verbs.saved, "list the saved prompts")
    models = verb("models", verbs.models, "list the models, fetching the embedded one first")
    models.add_argument("--model", default="", help="also check this Hub id or folder")
    demo = verb("demo", training.demo, "the whole story on a shipped dataset: train, judge, read the vectors, save")
    demo.add_argument("--sample", default="support_tickets")
    app = verb("app", verbs.app, "the web app, same as python app.py")
    app.add_argument("--host", default="")
    app.add_argument("--port", type=int, default=0)
    app.add_argument("--demo", action="store_true")
    app.add_argument("--max-mb", type=float)
    app.add_argument("--max-rows", type=int)
    app.add_argument("--auth-file", default="")
    app.add_argument("--root-path", default="")
    return made_parser


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--method", required=True, choices=sorted(LEARNED))
    parser.add_argument("--name", default="")
    parser.add_argument("--model", default=EMBEDDED_MODEL, help="Hub id or folder")
    parser.add_argument("--prompt", default=None, help="the prompt you use today: training starts there")
    parser.add_argument("--template", default="")
    parser.add_argument("--label-words", default="", metavar="RAW=WORD,...")
    _scoring(parser)
    parser.add_argument("--validation", type=Path, help="your own validation rows")
    parser.add_argument("--test", type=Path, help="your own test rows")
    parser.add_argument("--virtual-tokens", type=int)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="a setting of the method's own; repeat it")
    parser.add_argument("--effort", choices=sorted(EFFORTS), default="standard", help="how much time it may take; other settings win over it")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, help="seeds trained together; the median one is kept and the spread is said")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument(
        "--try",
        action="append",
        default=[],
        dest="variants",
        metavar="SETTING",
        help="a setting trained beside; the best by validation is kept; repeat it",
    )
    parser.add_argument("--imitate", default="", metavar="SPEC", help="learn to answer as few-shot:K or prompt:TEXT does, labels unused")
    parser.add_argument("--inputs", type=Path, help="texts without labels to imitate on (default: the training rows)")
    parser.add_argument("--batch-size", type=int)
    _columns(parser)
