"""The verb ``inspect``: one view of a saved prompt, the list of views, or the three sentences made from several."""

import argparse
from typing import Any

from steering.cli.foreground import Foreground
from steering.cli.verbs import read_file
from steering.errors import SpecError, SteeringError
from steering.inspect import VIEWS, result_to_json
from steering.inspect.summary import NAME, RESTS_ON, TITLE, as_text, summarise
from steering.studio import Studio

LINE = "three sentences made from other views, which are measured first: what it reaches, what may be read, which slots carry it"


def inspect(args: argparse.Namespace) -> dict[str, Any]:
    """``inspect``.

    Raises:
        SpecError: no name, no such view, or one that does not apply.
    """
    if args.view == "list":
        listed = [{"view": v.name, "title": v.title, "badge": v.badge, "needs": v.needs, "summary": v.summary} for v in VIEWS.values()]
        return {"views": [*listed, {"view": NAME, "title": TITLE, "badge": "MEASURED", "needs": "any", "summary": LINE}]}
    if not args.name:
        raise SpecError("inspect needs the name of a saved prompt.", "`saved` lists them.")
    studio = Studio.open(args.home)
    rows = studio.data.upload(args.rows.name, read_file(args.rows)).digest if args.rows else ""
    if args.view == NAME:
        return summary(studio, args.name, rows=rows, text=args.text, again=args.again)
    given = {"other": args.against, "prompts": args.prompt, "rows": rows, "text": args.text}
    request = studio.views.ask(args.name, args.view, **given, again=args.again)
    with Foreground(studio) as engine:
        engine.wait(request)
    return {"view": args.view, "badge": VIEWS[args.view].badge, "result": studio.views.kept(args.name, args.view, **given)}


def summary(studio: Studio, name: str, *, rows: str = "", text: str = "", again: bool = False) -> dict[str, Any]:
    """The sentences, after measuring what they rest on; a view that fails is said to be not measured, and why."""
    looked, failed = studio.views.look(name, rows=rows, text=text), {}
    with Foreground(studio) as engine:
        for view in RESTS_ON:
            one = looked.views[view]
            if one.reason or (one.kept is not None and not again):
                continue
            try:
                engine.wait(studio.views.ask(name, view, rows=rows, text=text, again=again))
            except SteeringError as error:
                failed[view] = error.message
    looked = studio.views.look(name, rows=rows, text=text)
    sentences = summarise(looked.results(), looked.reasons(), looked.card.scores)
    told = [{"text": one.text, "badge": one.badge, "views": list(one.views), "measured": one.known} for one in sentences]
    return {"view": NAME, "badge": "MEASURED", "result": result_to_json(as_text(sentences)), "sentences": told, "failed": failed}
