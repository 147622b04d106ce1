"""Learning curves: contestants made again from 10, 25, 50 and 100 % of the training rows with several seeds, judged on the same test rows.

A request of its own (``curve``): a generator of growing results that a page can draw while it runs.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from steering.engine import fairness
from steering.engine.asking import asked
from steering.engine.comparing import require_classes
from steering.engine.contestants import Context, parse
from steering.engine.crossval import row_scores
from steering.errors import DataError, SpecError
from steering.evaluate.curve import Point, bands, more_labels
from steering.evaluate.decision import METRICS
from steering.knobs import to_json
from steering.spec import Example, TaskSpec

if TYPE_CHECKING:
    from steering.engine.requests import Office

SHARES = (0.1, 0.25, 0.5, 1.0)
SEEDS = 3
USUAL = ("tune:prompt_tuning", "few-shot:4", "lora")

SEEDED: dict[str, Callable[[str, int], str]] = {
    "tune": lambda spec, seed: f"{spec},seed={seed}",
    "lora": lambda spec, seed: f"tune:lora,seed={seed}",
    "few-shot": lambda spec, seed: spec if "@" in spec else f"{spec}@{seed}",
}
"""How a contestant is written with another seed; others have none, and differ by their rows only."""


def curve(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Growing results: ``points`` (without single rows), ``bands``, ``flat`` (contestants that no label changes), ``sentences``, ``done``, ``of``.

    Payload: ``task``, ``train``, ``rows`` (judged; its test side where it is the training dataset too), ``model``; ``contestants`` (those that are
    made again), ``flat`` (level lines: ``none`` and your prompt), ``shares``, ``seeds``, ``metric``.

    Raises:
        InputError: rows on both sides, too few training rows for the smallest share; SpecError: shares out of range.
    """
    context = office.context(payload)
    task, specs = context.task, [str(spec) for spec in payload.get("contestants") or USUAL]
    shares, seeds = [float(share) for share in payload.get("shares") or SHARES], int(payload.get("seeds") or SEEDS)
    if not shares or not all(0 < share <= 1 for share in shares) or seeds < 1:
        raise SpecError(f"the shares are {shares} with {seeds} seeds, expected shares above 0 and up to 1.", "Leave them out for 10, 25, 50, 100 %.")
    rows = [e for e in office.store.dataset(payload["rows"]).examples if payload["rows"] != payload["train"] or e.side == "test"]
    require_classes(task, rows)
    rows = fairness.apart_from_fits(specs, context, rows, skip=False)
    metric = "accuracy" if task.kind == "classification" else payload.get("metric") or "chrf"
    flat = [str(spec) for spec in payload.get("flat") or ["none", *([f"prompt:{task.prompt}"] if task.prompt.strip() else [])]]
    entered = yield from office.enter(flat, context)
    judged = yield from asked(office.lm, task, entered, rows, office.store)
    level = [{"name": one.name, "kind": one.kind, "score": float(row_scores(task, one, rows, metric).mean())} for one in judged]
    points: list[Point] = []
    plan = [(spec, share, seed) for share in sorted(shares) for spec in specs for seed in range(seeds)]
    for done, (spec, share, seed) in enumerate(plan):
        some = part(task, context.train, share, seed)
        own = Context(task, some, office.folders, context.validation, office.store)
        (one,) = yield from office.enter([SEEDED.get(parse(spec)[0], _same)(spec, seed)], own)
        (found,) = yield from asked(office.lm, task, [one], rows, office.store)
        each = tuple(float(score) for score in row_scores(task, found, rows, metric))
        points.append(Point(contestant=spec, share=share, rows=len(some), seed=seed, each=each))
        yield {
            "metric": metric,
            "n": len(rows),
            "points": [{key: value for key, value in to_json(p).items() if key != "each"} | {"score": p.score} for p in points],
            "bands": [to_json(band) for band in bands(points)],
            "flat": level,
            "sentences": {name: more_labels(points, name, top=METRICS[metric].top) for name in specs if done + 1 == len(plan)},
            "done": done + 1,
            "of": len(plan),
        }


def part(task: TaskSpec, train: Sequence[Example], share: float, seed: int) -> list[Example]:
    """A share of the training rows, classes in proportion with at least one row each; a larger share of one seed holds the smaller ones.

    Raises:
        DataError: fewer than two rows are left.
    """
    piles: dict[str, list[Example]] = {}
    for row in sorted(train, key=lambda e: e.key):
        piles.setdefault(row.target if task.kind == "classification" else "", []).append(row)
    chosen: list[Example] = []
    for name in sorted(piles):
        pile = list(piles[name])
        random.Random(f"{seed} {name}").shuffle(pile)
        chosen += pile[: max(1, round(share * len(pile)))]
    if len(chosen) < 2:
        raise DataError(
            f"{share:.0%} of {len(train)} training rows are {len(chosen)}: nothing can be fitted on that.", "Give more rows or larger shares."
        )
    return sorted(chosen, key=lambda e: e.key)


def _same(spec: str, seed: int) -> str:
    return spec
