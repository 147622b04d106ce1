"""Everybody's answers as slices of a request: to the rows that are judged on, and to pinned rows."""

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steering.engine.judging import Contestant, Judging, answers
from steering.engine.memory import Memory
from steering.evaluate.comparison import Judged
from steering.evaluate.pins import is_kept
from steering.knobs import to_json
from steering.lm.frozen import FrozenLM
from steering.slices import relayed
from steering.spec import Example, TaskSpec

if TYPE_CHECKING:
    from steering.engine.requests import Office

Slices = Generator[dict[str, Any], None, list[dict[str, Any]]]


def asked(
    lm: FrozenLM, task: TaskSpec, entered: Sequence[Contestant], rows: Sequence[Example], memory: Memory
) -> Generator[dict[str, Any], None, list[Judged]]:
    """Everybody's answers, as slices of a request: ``judging`` says how far it is."""
    return (yield from relayed(answers(lm, task, entered, rows, memory), _said))


def _said(item: Judging) -> dict[str, Any]:
    """Now and then, how far it is."""
    if item.done % 64 and item.done != item.rows:
        return {}
    return {"judging": {"contestant": item.contestant, "done": item.done, "rows": item.rows}}


def to_pins(lm: FrozenLM, task: TaskSpec, entered: Sequence[Contestant], rows: Sequence[Example], memory: Memory, *, own: bool = False) -> Slices:
    """What everybody answers to pinned rows, and whether that is right (a text: exactly one of the right ones); see :mod:`steering.evaluate.pins`.
    ``own``: the rows are of the dataset that is judged on, so their side is told."""
    if not rows:
        return []
    results = yield from asked(lm, task, entered, rows, memory)
    labels = list(task.label_words)
    said = [[labels[i] for i in np.asarray(one.log_probs).argmax(1)] if labels else list(one.predictions) for one in results]
    return [
        {
            "line": row.row,
            "key": row.key,
            "side": row.side if own else "",
            "values": row.values,
            "target": row.target,
            "answers": [texts[i] for texts in said],
            "right": [is_kept(texts[i], (row.target, *row.references)) for texts in said],
        }
        for i, row in enumerate(rows)
    ]


def pinned_rows(examples: Sequence[Example], keys: Sequence[str]) -> list[Example]:
    """The rows that these keys name, in the order of the keys; keys of rows that are not there any more are passed over."""
    known = {row.key: row for row in examples}
    return [known[key] for key in keys if key in known]


def pins(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The request ``pins``: the rows of a run's dataset that are pinned now, answered once more. Result: ``specs``, ``pins``.

    Payload: ``run``, ``rows`` (its dataset), ``contestants``. It is no look at held-out rows: nobody is compared, and nothing is scored.

    Raises:
        NotFoundError: the run or its dataset was deleted; what :func:`~steering.engine.contestants.enter` raises.
    """
    spec = office.store.run(payload["run"]).spec
    dataset = office.store.dataset(spec.dataset)
    context = office.context({"task": to_json(spec.task), "train": spec.dataset})
    specs = [str(one) for one in payload["contestants"]]
    entered = yield from office.enter(specs, context)
    rows = pinned_rows(dataset.examples, office.store.pins(dataset.name))
    found = yield from to_pins(office.lm, spec.task, entered, rows, office.store, own=True)
    yield {"specs": specs, "pins": found}
