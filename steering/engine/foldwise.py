"""Where folds decide, they judge too: every row by vectors that never saw it, beside the prompts a person would use instead.

The folds were trained anyway, so this costs their answers only. All folds stop at the step that their mean chose, which flatters the learned prompt
a little; the note says so.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steering.engine import contestants
from steering.engine.asking import asked
from steering.engine.beginning import Beginning
from steering.engine.crossval import row_scores
from steering.engine.desk import Desk
from steering.engine.judging import Contestant
from steering.evaluate.crossval import cross_validated
from steering.evaluate.decision import METRICS
from steering.knobs import to_json
from steering.lm.frozen import FrozenLM
from steering.methods.forms import root_of
from steering.slices import relayed
from steering.spec import Example, RunSpec

NOTE = "All folds stop at the step that their mean chose, which flatters the learned prompt a little."


def foldwise(lm: FrozenLM, spec: RunSpec, begun: Beginning, desk: Desk, groups: dict[str, str]) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """A cross-validated estimate of no prompt, the manual prompt, few-shot and the learned prompt on all rows of the folds, as JSON values."""
    metric = "accuracy" if spec.task.kind == "classification" else "chrf"
    rows = [row for part in begun.parts for row in part]
    tables: dict[str, list[Any]] = {}
    kinds: dict[str, str] = {}
    for number, held in enumerate(begun.parts):
        others = [row for i, part in enumerate(begun.parts) for row in part if i != number]
        entered = yield from _entered(lm, spec, begun, desk, number, others)
        found = yield from asked(lm, spec.task, entered, held, desk.store)
        for one, contestant in zip(found, entered, strict=True):
            kinds[contestant.spoken] = one.kind
            tables.setdefault(contestant.spoken, []).append(row_scores(spec.task, one, held, metric))
    result = cross_validated(
        [(spoken, kinds[spoken], np.concatenate(scores)[None]) for spoken, scores in tables.items()],
        folds=len(begun.parts),
        metric=metric,
        top=METRICS[metric].top,
        groups=[groups.get(row.key, row.key) for row in rows] if groups else None,
    )
    made = to_json(replace(result, notes=(*result.notes, NOTE)))
    return made | {"inputs": [row.values for row in rows], "lines": [row.row for row in rows], "targets": [row.target for row in rows]}


def _entered(
    lm: FrozenLM, spec: RunSpec, begun: Beginning, desk: Desk, number: int, others: Sequence[Example]
) -> Generator[dict[str, Any], None, list[Contestant]]:
    """Everybody as they are without this fold's rows."""
    context = contestants.Context(spec.task, others, desk.folders, (), desk.store)
    entered = []
    for name in ("none", *([f"prompt:{spec.task.prompt}"] if spec.task.prompt.strip() else []), f"few-shot:{spec.few_shot}"):
        one = yield from relayed(contestants.enter(lm, name, context), lambda _: {})
        entered.append(one)
    fold = begun.trainer.members[len(begun.trainer.candidates) + number]
    learned = contestants.learned(lm, spec.method, root_of(lm, fold.best).detach(), f"{desk.run} fold {number} of step {fold.best_step}")
    return [*entered, learned]
