"""A run as a page or a terminal shows it: everything it said so far, as plain values out of the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from steering.store import FINAL, Run, Store, StoredEvent

PACE_STEPS = 30
"""Latest steps whose pace says how long the rest will take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as a page shows it. Everything is plain values out of the store; missing parts are empty, not absent.

    ``steps`` and ``validations`` are those of the seed that is kept (the first one while it trains), ``others`` what the other seeds said, by
    number. ``watched``: the same few validation rows answered at every look. ``alarms``: the last of every kind, with the step since which it holds
    no longer (``passed``, None while it stands). ``progress`` is 0..1 of the whole run; ``seconds_left`` None while unknown; ``train_seconds``: how
    long training took from its first look to its end, None where it has not ended or went on later than it began; ``queue_position`` 0 where it is
    not waiting.
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
    crossval: dict[str, Any]
    artifact: dict[str, Any]
    progress: float
    seconds_left: float | None
    train_seconds: float | None
    queue_position: int


def run_view(store: Store, run: str) -> RunView:
    """Collect a run's events.

    Raises:
        NotFoundError: no such run.
    """
    found = store.run(run)
    ended = store.events(run, ("finished",))
    kept = int(ended[-1].data.get("member", 0)) if ended else 0
    # Steps of other seeds and of folds are shown nowhere, and there may be a hundred thousand of them.
    members = found.spec.seeds + found.spec.recipe.folds
    events = store.events(run, without=tuple(_kind("step", member) for member in range(members) if member != kept))
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_kind.setdefault(event.kind.partition(".")[0], []).append(event.data)

    def last(kind: str) -> dict[str, Any]:
        return by_kind.get(kind, [{}])[-1]

    looks: dict[int, list[dict[str, Any]]] = {}
    for data in by_kind.get("validation", []):
        looks.setdefault(data.get("member", 0), []).append(data)
    queue = [r.id for r in store.runs(("queued",))]
    view = RunView(
        run=found,
        started=last("started"),
        steps=by_kind.get("step", []),
        validations=looks.pop(kept, []),
        others=dict(sorted(looks.items())),
        watched=by_kind.get("watched", []),
        estimate=last("estimate"),
        alarms=_alarms(by_kind.get("alarm", []), by_kind.get("passed", [])),
        finished=last("finished"),
        judging=last("judging"),
        comparison=last("comparison"),
        imitation=last("imitation"),
        crossval=last("crossval"),
        artifact=last("artifact"),
        progress=0.0,
        seconds_left=None,
        train_seconds=_train_seconds(events),
        queue_position=queue.index(run) + 1 if run in queue else 0,
    )
    return replace(view, progress=_progress(view), seconds_left=_seconds_left(view, events))


def _alarms(raised: Sequence[dict[str, Any]], passed: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last alarm of every kind; ``passed``: the step since which it holds no longer, None while it stands."""
    last = {alarm["kind"]: alarm for alarm in sorted(raised, key=lambda alarm: alarm["step"])}
    over = {event["kind"]: event["step"] for event in sorted(passed, key=lambda event: event["step"])}
    return [alarm | {"passed": over[kind] if over.get(kind, -1) > alarm["step"] else None} for kind, alarm in last.items()]


def alarm_text(alarm: dict[str, Any]) -> str:
    """An alarm in a sentence, and since when it is over."""
    return str(alarm["message"]) + (f" Passed at step {alarm['passed']}." if alarm.get("passed") is not None else "")


def _kind(kind: str, member: int) -> str:
    """How the engine files what a member says: the first one without its number."""
    return f"{kind}.{member}" if member else kind


def _progress(view: RunView) -> float:
    if view.run.state == "done":
        return 1.0
    weights = {"training": (0.02, 0.7), "measuring": (0.01, 0.0), "saving": (0.72, 0.0), "judging": (0.72, 0.22), "reading": (0.95, 0.05)}
    base, span = weights.get(view.run.phase, (0.0, 0.0))
    part = view.run.step / max(1, view.run.steps) if view.run.phase == "training" else 0.0
    return base + span * min(1.0, part)


def _seconds_left(view: RunView, events: Sequence[StoredEvent]) -> float | None:
    """Of training, if no look ends it early: the estimate of what is left, at the pace of the latest steps. None where nothing can be said yet."""
    said = view.estimate
    if view.run.state != "running" or view.run.phase != "training" or not said:
        return None
    steps = max(0, view.run.steps - view.run.step)
    looks = -(-steps // view.run.spec.recipe.evaluate_every)
    pace = _step_seconds(events) or said["step_seconds"]
    return float(steps * pace + looks * said["look_seconds"] * (pace / said["step_seconds"] if said["step_seconds"] else 1.0))


def _step_seconds(events: Sequence[StoredEvent]) -> float | None:
    """Median seconds of a step, from what was said last before it to its end; a pause of the run, however long, is one value among many."""
    over: dict[int, float] = {}
    began: dict[int, float] = {}
    for event in events:
        kind = event.kind.partition(".")[0]
        if kind == "step":
            over[event.step] = event.at
        if kind in ("step", "validation", "watched"):
            began[event.step + 1] = max(event.at, began.get(event.step + 1, 0.0))
    latest = sorted(over)[-PACE_STEPS:]
    found = [over[step] - began[step] for step in latest if step in began and over[step] > began[step] > 0]
    return median(found) if len(found) >= 3 else None


def _train_seconds(events: Sequence[StoredEvent]) -> float | None:
    """A run that was interrupted says a second time that it started, after its estimate; its seconds would count the pause."""
    at = {event.kind: event.at for event in events if event.kind in ("started", "estimate", "finished")}
    whole = len(at) == 3 and 0 < at["started"] <= at["estimate"] <= at["finished"]
    return at["finished"] - at["estimate"] if whole else None


def is_final(run: Run) -> bool:
    """Whether a run has ended."""
    return run.state in FINAL
