"""Comparisons as use-cases: each enqueues a request and returns its id; what was found is kept in the store (``finding``) with plain JSON values.

The payloads are documented at the handlers in steering/engine: comparing, crossval, curve, ladder, cost, workshop, together.
"""

from typing import Any

from steering.engine.contestants import parse
from steering.errors import SpecError
from steering.evaluate.gate import parse_claim
from steering.knobs import to_json
from steering.spec import TaskSpec
from steering.store import Store

KINDS = ("compare", "cross_validate", "curve", "ladder", "cost", "workshop")


def ask(store: Store, kind: str, task: TaskSpec, payload: dict[str, Any]) -> str:
    """Enqueue one of :data:`KINDS`; what only a slip of the pen is, is refused at once.

    Raises:
        SpecError: an unknown kind or contestant, or a claim that is none.
    """
    if kind not in KINDS:
        raise SpecError(f"{kind!r} is no comparison.", f"Choose one of: {', '.join(KINDS)}.")
    specs = [str(spec) for spec in payload.get("contestants") or ()]
    for spec in specs:
        parse(spec)
    for claim in payload.get("gate") or ():
        parse_claim(claim, specs, task.kind)
    return store.add_request(kind, payload | {"task": to_json(task)})


def ask_together(store: Store, asks: list[tuple[str, TaskSpec, dict[str, str]]], model: str = "", run: str = "") -> str:
    """Enqueue "what do these prompts of different tasks answer, each to its own text?": (contestant, task, values) each. ``run``: for whose page."""
    for spec, _, _ in asks:
        parse(spec)
    asked = [{"contestant": spec, "task": to_json(task), "values": values} for spec, task, values in asks]
    return store.add_request("together", {"asks": asked, "model": model, "run": run})


def latest(store: Store, dataset: str, kind: str = "compare") -> dict[str, Any] | None:
    """The newest of what was found on these rows: ``id``, ``kind``, ``payload``, ``result``; None where nothing was."""
    names = store.findings(dataset, kind)
    return {"id": names[0]} | store.finding(names[0]) if names else None
