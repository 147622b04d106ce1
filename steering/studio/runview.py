"""A run as a page or a terminal shows it: everything it said so far, as plain values out of the store."""

import time
from dataclasses import dataclass, replace
from typing import Any

from steering.store import FINAL, Run, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as a page shows it. Everything is plain values out of the store; missing parts are empty, not absent.

    ``steps`` and ``validations`` are those of the seed that is kept (the first one while it trains), ``others`` what the other seeds said, by
    number. ``watched``: the same few validation rows answered at every look. ``progress`` is 0..1 of the whole run; ``seconds_left`` None while
    unknown; ``queue_position`` 0 where it is not waiting.
    """

    run: Run
    started: dict[str, Any]
    steps: list[dict[str, Any]]
    validations: list[dict[str, Any]]
    others: dict[int, list[dict[str, Any]]]
    watched: list[dict[str, Any]]
    alarms: list[dict[str, Any]]
    estimate: dict[str, Any]
    finished: dict[str, Any]
    judging: dict[str, Any]
    comparison: dict[str, Any]
    imitation: dict[str, Any]
    artifact: dict[str, Any]
    progress: float
    seconds_left: float | None
    queue_position: int


def run_view(store: Store, run: str) -> RunView:
    """Collect a run's events.

    Raises:
        NotFoundError: no such run.
    """
    found = store.run(run)
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for event in store.events(run):
        by_kind.setdefault(event.kind.partition(".")[0], []).append(event.data)

    def last(kind: str) -> dict[str, Any]:
        return by_kind.get(kind, [{}])[-1]

    kept = int(last("finished").get("member", 0))

    def said(kind: str, member: int) -> list[dict[str, Any]]:
        return [data for data in by_kind.get(kind, []) if data.get("member", 0) == member]

    seeds = {data.get("member", 0) for data in by_kind.get("validation", [])}
    queue = [r.id for r in store.runs(("queued",))]
    view = RunView(
        run=found,
        started=last("started"),
        steps=said("step", kept),
        validations=said("validation", kept),
        others={seed: said("validation", seed) for seed in sorted(seeds - {kept})},
        watched=by_kind.get("watched", []),
        estimate=last("estimate"),
        alarms=by_kind.get("alarm", []),
        finished=last("finished"),
        judging=last("judging"),
        comparison=last("comparison"),
        imitation=last("imitation"),
        artifact=last("artifact"),
        progress=0.0,
        seconds_left=None,
        queue_position=queue.index(run) + 1 if run in queue else 0,
    )
    return replace(view, progress=_progress(view), seconds_left=_seconds_left(view))


def _progress(view: RunView) -> float:
    if view.run.state == "done":
        return 1.0
    weights = {"training": (0.02, 0.7), "measuring": (0.01, 0.0), "saving": (0.72, 0.0), "judging": (0.72, 0.22), "reading": (0.95, 0.05)}
    base, span = weights.get(view.run.phase, (0.0, 0.0))
    part = view.run.step / max(1, view.run.steps) if view.run.phase == "training" else 0.0
    return base + span * min(1.0, part)


def _seconds_left(view: RunView) -> float | None:
    """Of training: the dry run's pace until there are steps; None where nothing can be said yet."""
    if view.run.state != "running" or view.run.phase != "training" or not view.estimate:
        return None
    left = 1.0 - view.run.step / max(1, view.run.steps)
    if view.run.step < 2 or view.run.started is None:
        return float(view.estimate["seconds"]) * left
    return (time.time() - view.run.started) / view.run.step * (view.run.steps - view.run.step)


def is_final(run: Run) -> bool:
    """Whether a run has ended."""
    return run.state in FINAL
