"""What a run said, as a page sees it: time left, time taken, and only the seed that is kept step by step."""

from pathlib import Path

import pytest

from steering.spec import Recipe, RunSpec, TaskSpec
from steering.store import Store
from steering.studio.runview import run_view

ESTIMATE = {"seconds": 44.0, "step_seconds": 0.4, "look_seconds": 0.4}


class Clock:
    """Time that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("steering.store.runs.time.time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def begun(tmp_path: Path, seeds: int = 1) -> tuple[Store, str]:
    store = Store(tmp_path / "home")
    spec = RunSpec(name="n", dataset="d", task=TaskSpec(kind="classification"), method="prompt_tuning", recipe=Recipe(evaluate_every=10), seeds=seeds)
    run = store.add_run(spec)
    store.claim(run)
    store.put_event(run, 0, "started", {}, phase="training")
    return store, run


def train(store: Store, run: str, clock: Clock, steps: range, seconds: float, member: str = "") -> None:
    for step in steps:
        clock.now += seconds
        store.put_event(run, step, f"step{member}", {"step": step, "member": int(member[1:] or 0), "loss": 1.0}, step=step)


def test_time_left_is_the_estimate_until_there_are_steps(tmp_path, clock) -> None:
    store, run = begun(tmp_path)
    assert run_view(store, run).seconds_left is None
    store.put_event(run, 0, "estimate", ESTIMATE)
    assert run_view(store, run).seconds_left == pytest.approx(100 * 0.4 + 10 * 0.4)


def test_time_left_follows_the_pace_and_not_a_pause(tmp_path, clock) -> None:
    store, run = begun(tmp_path)
    store.put_event(run, 0, "estimate", ESTIMATE)
    train(store, run, clock, range(1, 11), 0.8)
    clock.now += 5.0
    store.put_event(run, 10, "validation", {"step": 10, "nll": 1.0})
    clock.now += 3600.0  # stopped, and continued an hour later
    train(store, run, clock, range(11, 21), 0.8)
    assert run_view(store, run).seconds_left == pytest.approx(80 * 0.8 + 8 * 0.8)


def test_what_training_took_is_known_only_without_a_pause(tmp_path, clock) -> None:
    store, run = begun(tmp_path)
    store.put_event(run, 0, "estimate", ESTIMATE)
    train(store, run, clock, range(1, 11), 0.5)
    assert run_view(store, run).train_seconds is None
    store.put_event(run, 10, "finished", {"step": 10, "best_step": 10})
    assert run_view(store, run).train_seconds == pytest.approx(5.0)
    clock.now += 60.0
    store.put_event(run, 0, "started", {})
    assert run_view(store, run).train_seconds is None


def test_events_of_an_older_version_have_no_time(tmp_path, clock) -> None:
    store, run = begun(tmp_path)
    clock.now = 0.0
    for step in range(1, 6):
        store.put_event(run, step, "step", {"step": step, "loss": 1.0}, step=step)
    store.put_event(run, 0, "estimate", ESTIMATE)
    store.put_event(run, 5, "finished", {"step": 5})
    view = run_view(store, run)
    assert view.train_seconds is None and view.seconds_left == pytest.approx(95 * 0.4 + 10 * 0.4)


def test_only_the_kept_seed_is_read_step_by_step(tmp_path, clock) -> None:
    store, run = begun(tmp_path, seeds=3)
    train(store, run, clock, range(1, 4), 0.1, ".3")  # a fold
    for member in ("", ".1", ".2"):
        train(store, run, clock, range(1, 4), 0.1, member)
        store.put_event(run, 3, f"validation{member}", {"step": 3, "member": int(member[1:] or 0), "nll": 1.0})
    assert {step["member"] for step in run_view(store, run).steps} == {0}
    store.put_event(run, 3, "finished", {"step": 3, "member": 2})
    view = run_view(store, run)
    assert [step["member"] for step in view.steps] == [2, 2, 2] and view.validations[0]["member"] == 2 and list(view.others) == [0, 1]
