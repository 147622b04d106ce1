"""The request ``contest``: further contestants against a run's learned prompt, on the held-out rows of the run's own dataset. What comes out is kept
in the store under the run; the request itself only names it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steering.engine.comparing import compare
from steering.engine.memory import Nothing
from steering.engine.own import left_by, own_judgement
from steering.errors import DataError
from steering.knobs import to_json
from steering.spec import RunSpec
from steering.store import Dataset

if TYPE_CHECKING:
    from steering.engine.requests import Office


def contest(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Judge, keep, and name what was kept: ``judgement``. Until then ``judging``, or ``making`` while a contestant is fitted or searched for.

    Payload: ``run``, ``contestants``, and what :func:`~steering.engine.comparing.compare` takes that is declared beforehand.

    Raises:
        NotFoundError: the run was deleted; DataError: it has no held-out rows; otherwise as :func:`~steering.engine.comparing.compare`.
    """
    _, dataset = held_out(office, payload["run"])
    judging = False
    for slices, item in enumerate(judged(office, payload | {"pinned": office.store.pins(dataset.name)})):
        if "contestants" in item:
            office.store.run(payload["run"])  # it may have been deleted meanwhile
            yield {"judgement": office.store.add_judgement(payload["run"], item)}
            return
        judging = judging or bool(item)
        yield item or ({"making": slices} if slices % 20 == 0 and not judging else {})


def repeat(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The request ``repeat``: a judgement of a run once more, every row scored anew; nothing is kept. Result: the comparison.

    Payload: ``run``, ``contestants`` (none: the judgement that the run made of itself), ``pinned``, and what was declared beforehand.

    Raises:
        As :func:`contest`.
    """
    if payload["contestants"]:
        yield from judged(office, payload | {"fresh": True})
        return
    spec, dataset = held_out(office, payload["run"])
    context = office.context({"task": to_json(spec.task), "train": spec.dataset})
    learned = left_by(office.lm, office.store, payload["run"], context)
    working = own_judgement(office.lm, spec, dataset, context, learned, office.store, Nothing(), list(payload["pinned"]))
    while True:
        try:
            next(working)
            yield {}
        except StopIteration as end:
            yield end.value[1]
            return


def judged(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Contestants on the held-out rows of a run's dataset, as the request ``compare`` has it."""
    spec, _ = held_out(office, payload["run"])
    own = {"task": to_json(spec.task), "rows": spec.dataset, "train": spec.dataset, "side": "test"}
    yield from compare(office, payload | own)


def held_out(office: "Office", run: str) -> tuple[RunSpec, Dataset]:
    """A run's specification and dataset.

    Raises:
        NotFoundError: the run was deleted; DataError: there are no held-out rows.
    """
    spec = office.store.run(run).spec
    dataset = office.store.dataset(spec.dataset)
    if not any(row.side == "test" for row in dataset.examples):
        raise DataError("this run has no held-out rows to judge on.", "Give the file a test part on station 1 and train again.")
    return spec, dataset
