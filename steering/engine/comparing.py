"""The request ``compare``: who may be judged on which rows, what was declared beforehand, the judging itself, and all that a page shows of it.

Keys of the result beside the comparison's own (see :mod:`steering.evaluate.results`): ``inputs`` and ``lines`` of the rows, ``spec_names``
(contestants as they were given -> as they are called), ``reveal`` (1: never looked at before), ``exploratory``, ``primary``, ``margin``,
``pins``, ``gate``, ``unchecked``, ``left_out`` (rows that a contestant was made from).
"""

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from steering.engine import fairness
from steering.engine.asking import asked, pinned_rows, to_pins
from steering.engine.cost import costs_of
from steering.engine.judging import Contestant, Terms, compared, question
from steering.engine.memory import Nothing
from steering.errors import DataError, SpecError
from steering.evaluate.gate import parse_claim, rule
from steering.evaluate.results import comparison_json
from steering.knobs import to_json
from steering.lm.frozen import FrozenLM
from steering.spec import Example, TaskSpec

if TYPE_CHECKING:
    from steering.engine.requests import Office

ESTABLISHING = 60
"""Below so many rows in all, a single test part says little: cross-validate instead (SCIENCE notes C1)."""
FEW_ROWS = f"There are fewer than {ESTABLISHING} rows in all, so one test part says little: cross-validate instead (compare --cross-validate)."


def compare(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Judge contestants on all rows of a dataset.

    Payload: ``contestants``, ``task``, ``rows`` and ``train`` (datasets), ``model``; and, declared beforehand, ``primary`` [a, b], ``margin`` (in
    points), ``metric``, ``gate`` (claims), ``pins`` (a dataset) or ``pinned`` (keys of rows of ``rows``), ``declared`` {contestant: dataset},
    ``skip_trained``. ``cost``: measure requests too; ``fresh``: score everything again; ``side``: only the rows of this side of ``rows``.

    Raises:
        InputError: rows that a contestant was made from; a prompt that holds a test text; claims or metrics that do not apply; unusable scores.
    """
    context = office.context(payload)
    specs, task, lm = [str(spec) for spec in payload["contestants"]], context.task, office.lm
    claims = [parse_claim(text, specs, task.kind) for text in payload.get("gate", ())]
    dataset = office.store.dataset(payload["rows"])
    given = [row for row in dataset.examples if payload.get("side") in (None, row.side)]
    skip = bool(payload.get("skip_trained"))
    rows = fairness.apart_from_fits(specs, context, given, skip=skip)
    require_classes(task, rows)
    office.store.forget_scores()
    entered = yield from office.enter(specs, context)
    names = dict(zip(specs, [one.name for one in entered], strict=True))
    rows = fairness.apart(entered, rows, skip=skip)
    entered = fairness.flagged(entered, rows, context)
    own_pins = pinned_rows(dataset.examples, payload.get("pinned") or ())
    pinned = office.store.dataset(payload["pins"]).examples if payload.get("pins") else own_pins
    declared = payload.get("primary") or next(([claim.a, claim.b] for claim in claims if claim.b), None)
    terms = Terms(
        primary=_primary(declared, names),
        margin=_margin(payload, task),
        metric=payload.get("metric") or "chrf",
        reveal=office.store.reveal(*question(entered, rows)),
        groups=groups_of(rows, dataset.reading.get("group_column")),
    )
    memory = Nothing() if payload.get("fresh") else office.store
    made = compared(task, (yield from asked(lm, task, entered, rows, memory)), rows, terms)
    pins = yield from to_pins(lm, task, entered, pinned, memory, own=pinned is own_pins)
    kept = {one.name: [row["right"][i] for row in pins] for i, one in enumerate(entered)}
    costs = (yield from _costs(lm, task, entered, rows)) if payload.get("cost") else {}
    notes = [*made.notes, *([FEW_ROWS] if len(rows) + len(context.fitted_on) < ESTABLISHING else [])]
    yield comparison_json(made) | {
        "notes": notes,
        "inputs": [row.values for row in rows],
        "lines": [row.row for row in rows],
        "spec_names": names,
        "reveal": terms.reveal,
        "exploratory": terms.reveal > 1,
        "primary": list(terms.primary) if terms.primary else None,
        "margin": payload.get("margin"),
        "pins": pins,
        "gate": [to_json(rule(claim, made, names, kept)) for claim in claims],
        "cost": costs,
        "unchecked": fairness.unchecked(entered),
        "left_out": len(given) - len(rows),
    }


def _costs(lm: FrozenLM, task: TaskSpec, entered: Sequence[Contestant], rows: Sequence[Example]) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """What a request with the row of middle length costs."""
    typical = sorted(rows, key=lambda row: (len("".join(row.values.values())), row.key))[len(rows) // 2]
    costs: dict[str, Any] = {}
    for found in costs_of(lm, task, entered, typical.values):
        costs = found or costs
        yield {}
    return costs


def require_classes(task: TaskSpec, rows: Sequence[Example]) -> None:
    """Refuse what cannot be scored at all.

    Raises:
        DataError: no rows, or a classification with a single label in all.
    """
    if not rows:
        raise DataError("there are no rows to judge on.", "Give a file with at least one usable row.")
    if task.kind == "classification" and len(task.label_words) < 2:
        raise DataError(
            f"all {len(rows)} rows have the one label {next(iter(task.label_words), '')!r}, so there is nothing to tell apart.",
            "Give rows of several classes, or name the other labels with --label-words RAW=WORD,...",
        )


def groups_of(rows: Sequence[Example], column: object) -> tuple[str, ...] | None:
    """The group of every row by the dataset's group column; rows without a value stand alone. None: no such column, or no two rows share one."""
    if not isinstance(column, str) or not column:
        return None
    groups = tuple(row.values.get(column, "").strip().casefold() or f"\0{row.key}" for row in rows)
    return groups if len(set(groups)) < len(groups) else None


def _primary(declared: Any, names: dict[str, str]) -> tuple[str, str] | None:
    if declared is None:
        return None
    for spec in declared:
        if spec not in names and spec not in names.values():
            raise SpecError(f"the primary comparison names {spec!r}, which is not a contestant.", f"Contestants: {', '.join(names)}.")
    a, b = (names.get(spec, spec) for spec in declared)
    return a, b


def _margin(payload: dict[str, Any], task: TaskSpec) -> float | None:
    """Points as the metric's own unit."""
    from steering.evaluate.decision import METRICS

    points = payload.get("margin")
    if points is None:
        return None
    if not 0 < float(points) <= 100:
        raise SpecError(f"the margin is {points!r} points, expected above 0 and up to 100.", "Declare the smallest difference that matters.")
    metric = "accuracy" if task.kind == "classification" else payload.get("metric") or "chrf"
    return float(points) / 100 * (METRICS[metric].top if metric in METRICS else 1.0)
