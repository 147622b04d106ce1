"""Cross-validation of contestants: each fold's contestants are made from the other folds' rows and judged on that fold; a request of its own."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steering.data import folds
from steering.engine import fairness
from steering.engine.asking import asked
from steering.engine.comparing import groups_of, require_classes
from steering.engine.contestants import FITTED, Context, parse
from steering.errors import SpecError
from steering.evaluate.comparison import Judged
from steering.evaluate.crossval import cross_validated
from steering.evaluate.decision import METRICS
from steering.evaluate.generation import score_generation
from steering.knobs import to_json
from steering.spec import Example, TaskSpec

if TYPE_CHECKING:
    from steering.engine.requests import Office

FOLDS, REPEATS = 5, 5


@dataclass(slots=True)
class _Table:
    """Out-of-fold scores of one contestant: [repeats, N]."""

    name: str
    kind: str
    scores: Any


def cross_validate(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Payload: ``contestants``, ``task``, ``rows`` (all of them are divided), ``model``, ``metric``; ``folds`` and ``repeats`` (5 and 5).

    Raises:
        InputError: rows that a contestant was made from elsewhere; SpecError: more folds than rows of the rarest class.
    """
    context, specs = office.context(payload | {"train": "", "validation": ""}), [str(spec) for spec in payload["contestants"]]
    dataset = office.store.dataset(payload["rows"])
    rows, task = list(dataset.examples), context.task
    require_classes(task, rows)
    parts, repeats = int(payload.get("folds") or FOLDS), int(payload.get("repeats") or REPEATS)
    metric = "accuracy" if task.kind == "classification" else payload.get("metric") or "chrf"
    groups = groups_of(rows, dataset.reading.get("group_column"))
    joined = {row.key: group for row, group in zip(rows, groups or (), strict=False)}
    fixed = yield from office.enter([spec for spec in specs if parse(spec)[0] not in FITTED], context)
    fairness.apart(fixed, rows, skip=False)
    tables: dict[str, _Table] = {}
    for repeat in range(repeats):
        side = folds(rows, parts, repeat, kind=task.kind, groups=joined)
        for fold in range(parts):
            yield {"judging": {"repeat": repeat, "fold": fold, "of": parts * repeats}}
            held = [i for i, where in enumerate(side) if where == fold]
            own = Context(task, [row for row, where in zip(rows, side, strict=True) if where != fold], office.folders, (), office.store)
            found = yield from _fold(office, specs, own, [rows[i] for i in held])
            for spec, one in zip(specs, found, strict=True):
                table = tables.setdefault(spec, _Table(one.name, one.kind, np.full((repeats, len(rows)), np.nan)))
                table.scores[repeat, held] = row_scores(task, one, [rows[i] for i in held], metric)
    result = cross_validated(
        [(tables[spec].name, tables[spec].kind, tables[spec].scores) for spec in specs],
        folds=parts,
        metric=metric,
        top=METRICS[metric].top,
        groups=groups,
    )
    yield to_json(result) | {"task": task.kind, "inputs": [row.values for row in rows], "lines": [row.row for row in rows]}


def _fold(office: "Office", specs: Sequence[str], context: Context, held: Sequence[Example]) -> Generator[dict[str, Any], None, list[Judged]]:
    entered = yield from office.enter(list(specs), context)
    return (yield from asked(office.lm, context.task, entered, held, office.store))


def row_scores(task: TaskSpec, one: Judged, rows: Sequence[Example], metric: str) -> Any:
    """[N] score of every row: 1 or 0 for right or wrong, or the text metric.

    Raises:
        SpecError: a metric that has no score for single rows here.
    """
    if task.kind == "classification":
        labels = list(task.label_words)
        return np.array([labels[i] == row.target for i, row in zip(np.asarray(one.log_probs).argmax(1), rows, strict=True)], dtype=np.float64)
    each = getattr(score_generation(one.predictions, [[row.target, *row.references] for row in rows]).each, metric, ())
    if len(each) != len(rows):
        raise SpecError(f"metric {metric!r} has no score for these rows.", "Use chrf, rouge_l or exact_match.")
    return np.array(each)
