"""Steer, edit or write: one task's ladder, measured rung by rung, with costs, side effects, Pareto fronts and advice. A request of its own.

Rungs are contestants like any others; what a rung cannot be on this task (label biases without labels) is left out and said.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from steering.data.neutral import neutral
from steering.engine import fairness
from steering.engine.asking import asked
from steering.engine.comparing import require_classes
from steering.engine.contestants import Context
from steering.engine.cost import measure
from steering.engine.crossval import row_scores
from steering.engine.curve import SEEDED
from steering.engine.judging import Contestant
from steering.errors import DataError, SpecError
from steering.evaluate.advice import Rung, advise, pareto
from steering.evaluate.intervals import wilson
from steering.knobs import to_json
from steering.lm.encode import encode_text
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Target, score_targets
from steering.spec import Example, TaskSpec

if TYPE_CHECKING:
    from steering.engine.requests import Office

SEEDS = 3
COSTS = ("trainable_parameters", "file_bytes", "training_seconds", "prompt_tokens", "first_token_seconds")

LADDER: tuple[tuple[str, str], ...] = (
    ("majority", "majority"),
    ("none", "none"),
    ("prompt", "manual"),
    ("manual+bias", "manual_bias"),
    ("few-shot:4", "few_shot"),
    ("tune:prompt_tuning", "soft"),
    ("tune:prefix_tuning,layers=last 4", "few_layers"),
    ("tune:prefix_tuning", "all_layers"),
    ("tune:lora", "weights"),
)
"""Rungs from shallow to deep: how each is written ("prompt" is the task's own) and its depth."""


def ladder(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Growing results: ``rungs`` (without single rows), ``left_out`` {rung: reason}, ``done``, ``of``; last ``advice``, ``pareto`` {cost: names}.

    Payload: ``task``, ``train``, ``rows`` (judged; its test side where it is the training dataset too), ``model``, ``seeds``; ``steps`` of every
    training (empty: the recipe's).

    Raises:
        SpecError: not a classification; InputError: rows that are trained on and judged.
    """
    context = office.context(payload)
    task, seeds = context.task, int(payload.get("seeds") or SEEDS)
    if task.kind != "classification":
        raise SpecError("the ladder goes by right and wrong, and this task writes texts.", "Compare its contestants instead.")
    rows = [e for e in office.store.dataset(payload["rows"]).examples if payload["rows"] != payload["train"] or e.side == "test"]
    require_classes(task, rows)
    rows = fairness.apart_from_fits(["tune:lora"], context, rows, skip=False)
    rungs: list[Rung] = []
    left_out: dict[str, str] = {}
    shown: list[dict[str, Any]] = []
    for number, (form, depth) in enumerate(LADDER):
        spec = f"prompt:{task.prompt}" if form == "prompt" else form
        try:
            rung = yield from _rung(office, _with_steps(spec, payload.get("steps")), depth, context, rows, seeds)
        except (SpecError, DataError) as error:
            left_out[form] = str(error)
        else:
            rungs.append(rung)
            shown.append({key: value for key, value in to_json(rung).items() if key != "correct"} | {"accuracy": rung.accuracy})
        yield {"rungs": list(shown), "left_out": dict(left_out), "done": number + 1, "of": len(LADDER), "n": len(rows)}
    fronts = {cost: pareto(rungs, cost) for cost in COSTS}
    whole = {"advice": to_json(advise(rungs)), "pareto": fronts, "done": len(LADDER), "of": len(LADDER)}
    yield {"rungs": shown, "left_out": left_out, "n": len(rows)} | whole


def _with_steps(spec: str, steps: object) -> str:
    return f"{spec},steps={steps}" if steps and spec.startswith("tune:") else spec


def _rung(office: "Office", spec: str, depth: str, context: Context, rows: Sequence[Example], seeds: int) -> Generator[dict[str, Any], None, Rung]:
    """One rung: made with every seed it has, judged, and its request measured under the middle seed."""
    form = spec.partition(":")[0]
    specs = [SEEDED[form](spec, seed) for seed in range(seeds)] if form in SEEDED else [spec]
    made: list[Contestant] = []
    seconds: list[float] = []
    for one in specs:
        start = time.perf_counter()
        made += yield from office.enter([one], context)
        seconds.append(time.perf_counter() - start)
    answers = yield from asked(office.lm, context.task, _named_apart(made), rows, office.store)
    scores = [row_scores(context.task, one, rows, "accuracy") for one in answers]
    middle = sorted(range(len(scores)), key=lambda i: (scores[i].mean(), i))[len(scores) // 2]
    chosen, right = made[middle], scores[middle]
    first = yield from _first_token(office.lm, context.task, chosen, rows)
    added = yield from _drift(office.lm, chosen.root)
    levels = [float(score.mean()) for score in scores]
    return Rung(
        name=spec,
        depth=depth,
        correct=tuple(float(x) for x in right),
        accuracy_ci=wilson(int(right.sum()), len(rows)),
        trainable_parameters=int(chosen.made.get("trainable_parameters", 0)),
        file_bytes=int(chosen.made.get("file_bytes", 0)),
        training_seconds=float(np.median(seconds)) if "trainable_parameters" in chosen.made else 0.0,
        prompt_tokens=chosen.root.length,
        first_token_seconds=first,
        seed_spread=max(levels) - min(levels) if len(levels) > 1 else None,
        drift=added,
        improving=0 < chosen.made.get("best_step", 0) == chosen.made.get("steps", 0),
    )


def _named_apart(made: Sequence[Contestant]) -> list[Contestant]:
    return [replace(one, name=f"{one.name} {i}") for i, one in enumerate(made)]


def _first_token(lm: FrozenLM, task: TaskSpec, one: Contestant, rows: Sequence[Example]) -> Generator[dict[str, Any], None, float]:
    typical = sorted(rows, key=lambda row: (len("".join(row.values.values())), row.key))[len(rows) // 2]
    ids = encode_text(lm, task, typical.values, one.root.length)
    found = 0.0
    for item in measure(lm, one, ids, repeats=3):
        found = item.first_token_seconds if item is not None else found
        yield {}
    return found


def _drift(lm: FrozenLM, root: Root) -> Generator[dict[str, Any], None, float]:
    """Mean added loss on neutral sentences, nats a token (SCIENCE notes A3, view 12); changed weights are measured too, unlike in the view."""
    ids = [lm.encode(text) for text in neutral()]
    targets = [Target(found[:1], found[1:]) for found in ids if len(found) > 1]
    levels = []
    for one in (lm.text_root(""), root):
        parts = []
        for _, nll in score_targets(lm, one, targets):
            parts += nll.tolist()
            yield {}
        levels.append(float(np.mean(parts)))
    return levels[1] - levels[0]
