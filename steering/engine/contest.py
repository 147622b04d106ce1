"""The request ``contest``: further contestants against a run's learned prompt, on the held-out rows of the run's own dataset. What comes out is kept
in the store under the run; the request itself only names it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steering.engine.comparing import compare
from steering.errors import DataError
from steering.knobs import to_json

if TYPE_CHECKING:
    from steering.engine.requests import Office


def contest(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Judge, keep, and name what was kept: ``judgement``. Until then ``judging``, or ``making`` while a contestant is fitted or searched for.

    Payload: ``run``, ``contestants``, and what :func:`~steering.engine.comparing.compare` takes that is declared beforehand.

    Raises:
        NotFoundError: the run was deleted; DataError: it has no held-out rows; otherwise as :func:`~steering.engine.comparing.compare`.
    """
    spec = office.store.run(payload["run"]).spec
    dataset = office.store.dataset(spec.dataset)
    if not any(row.side == "test" for row in dataset.examples):
        raise DataError("this run has no held-out rows to judge on.", "Give the file a test part on station 1 and train again.")
    own = {"task": to_json(spec.task), "rows": spec.dataset, "train": spec.dataset, "side": "test", "pinned": office.store.pins(dataset.name)}
    judging = False
    for slices, item in enumerate(compare(office, payload | own)):
        if "contestants" in item:
            office.store.run(payload["run"])  # it may have been deleted meanwhile
            yield {"judgement": office.store.add_judgement(payload["run"], item)}
            return
        judging = judging or bool(item)
        yield item or ({"making": slices} if slices % 20 == 0 and not judging else {})
