"""The verbs ``export`` and ``import``: saved prompts out to other tools and in from them."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steering.artifact.doors import EXPORTS
from steering.cli.foreground import Foreground
from steering.cli.settings import label_words
from steering.errors import SpecError
from steering.spec import TaskSpec
from steering.studio import Studio, exchange


def export(args: argparse.Namespace) -> dict[str, Any]:
    """``export``."""
    return exchange.export(Studio.open(args.home), args.name, args.to, args.folder)


def import_(args: argparse.Namespace) -> dict[str, Any]:
    """``import``: a file of ours is copied; a PEFT folder is checked against its model first."""
    studio = Studio.open(args.home)
    if not args.path.is_dir():
        given = [flag for flag, value in (("--model", args.model), ("--template", args.template), ("--label-words", args.label_words)) if value]
        if given and args.path.is_file():
            raise SpecError(f"{given[0]} is for PEFT folders; {args.path.name} says itself what it is for.", "Leave it out.")
        return exchange.import_file(studio, args.path, args.name)
    words = label_words(args.label_words) if args.label_words else {}
    template = args.template.replace("\\n", "\n") if args.template else "{text}\n"
    task = TaskSpec(kind="classification" if words else "generation", template=template, label_words=words, prompt=args.prompt)
    request = exchange.ask_import(studio, args.path, name=args.name, model=args.model, task=task)
    with Foreground(studio) as engine:
        return engine.wait(request)


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Their arguments."""
    out = verb("export", export, "write a saved prompt for PEFT, for vLLM, or as a plain safetensors file")
    out.add_argument("name")
    out.add_argument("--to", required=True, choices=list(EXPORTS))
    out.add_argument("folder", type=Path, metavar="DIR")
    back = verb("import", import_, "keep a PEFT folder (prompt tuning, P-tuning, prefix tuning) or a saved prompt's file")
    back.add_argument("path", type=Path, metavar="PATH")
    back.add_argument("--name", default="")
    back.add_argument("--model", default="", help="the model that a PEFT folder belongs to, where it does not say")
    back.add_argument("--prompt", default="", help="the manual prompt to compare it with")
    back.add_argument("--template", default="", help="how inputs are written for it (default: {text} and a line break)")
    back.add_argument("--label-words", default="", metavar="RAW=WORD,...", help="makes it a classification task")
