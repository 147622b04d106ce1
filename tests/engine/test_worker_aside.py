"""A view gives way to an answer that somebody waits for, and goes on afterwards."""

from types import SimpleNamespace

import pytest

from steering.engine import worker as module
from steering.engine.worker import Worker
from steering.store import Store


@pytest.fixture
def order(monkeypatch) -> list[str]:
    said: list[str] = []

    def slices(kind: str, count: int):
        def work(office, payload):
            for at in range(count):
                said.append(f"{payload.get('mark', kind)}{at}")
                yield {"at": at}

        return work

    monkeypatch.setattr(module, "HANDLERS", {"inspect": slices("view", 3), "generate": slices("answer", 2)})
    return said


@pytest.fixture
def worker(tmp_path) -> Worker:
    lm = SimpleNamespace(id="m", device="cpu", dtype="fp32", fingerprint="f")
    return Worker(Store(tmp_path / "home"), [], load=lambda name: SimpleNamespace(**{**vars(lm), "id": name}))


def drain(worker: Worker) -> None:
    while worker.turn():
        pass


def test_an_answer_comes_before_views_that_wait(worker, order) -> None:
    worker.store.add_request("inspect", {"model": "m"})
    worker.store.add_request("generate", {"model": "m"})
    drain(worker)
    assert order == ["answer0", "answer1", "view0", "view1", "view2"]


def test_a_view_at_work_is_put_aside_and_goes_on(worker, order) -> None:
    first = worker.store.add_request("inspect", {"model": "m", "mark": "a"})
    worker.store.add_request("inspect", {"model": "m", "mark": "b"})
    worker.turn(), worker.turn()
    answers = [worker.store.add_request("generate", {"model": "m"}) for _ in range(2)]
    drain(worker)
    assert order == ["a0", "answer0", "answer1", "answer0", "answer1", "a1", "a2", "b0", "b1", "b2"]
    assert {worker.store.request(one).state for one in (first, *answers)} == {"done"}


def test_an_answer_of_another_model_waits_for_the_view(worker, order) -> None:
    worker.store.add_request("inspect", {"model": "m"})
    worker.turn(), worker.turn()
    worker.store.add_request("generate", {"model": "other"})
    drain(worker)
    assert order == ["view0", "view1", "view2", "answer0", "answer1"]


def test_a_failing_answer_does_not_take_the_view_with_it(worker, order, monkeypatch) -> None:
    view = worker.store.add_request("inspect", {"model": "m"})
    worker.turn(), worker.turn()
    asked = worker.store.add_request("no such kind", {"model": "m"})
    drain(worker)
    assert worker.store.request(asked).state == "failed" and worker.store.request(view).state == "done"


def test_what_nobody_waits_for_is_done_when_nothing_else_is_to_be_done(worker, order) -> None:
    for mark in "ab":
        worker.store.add_request("inspect", {"model": "m", "mark": mark}, idle=True)
    worker.turn(), worker.turn()
    assert order == ["a0"]
    worker.store.add_request("inspect", {"model": "m", "mark": "asked"})
    drain(worker)
    assert order == ["a0", "asked0", "asked1", "asked2", "a1", "a2", "b0", "b1", "b2"]
    assert {one.state for one in worker.store.requests("inspect")} == {"done"}


def test_a_training_comes_before_what_nobody_waits_for(worker, order, monkeypatch) -> None:
    worker.store.add_request("inspect", {"model": "m", "mark": "a"}, idle=True)
    worker.turn(), worker.turn()
    steps = iter(["step0", "step1"])
    run = SimpleNamespace(id="r", spec=SimpleNamespace(model="m"))

    def begins() -> None:
        if not order.count("step0"):
            worker.run = (run, iter(()))

    def advances() -> None:
        order.append(next(steps))
        if order[-1] == "step1":
            worker.run = None

    monkeypatch.setattr(worker, "_begin_run", begins)
    monkeypatch.setattr(worker, "_advance_run", advances)
    drain(worker)
    assert order == ["a0", "step0", "step1", "a1", "a2"]


def test_another_models_question_sends_idle_work_back_to_the_queue(worker, order) -> None:
    mine = worker.store.add_request("inspect", {"model": "m"}, idle=True)
    worker.turn(), worker.turn()
    worker.store.add_request("generate", {"model": "other"})
    worker.turn()
    assert worker.idle is None and worker.store.request(mine).state == "idle", "two models at once would not fit"
    drain(worker)
    assert order == ["view0", "answer0", "answer1", "view0", "view1", "view2"]


def test_a_death_leaves_idle_work_idle_and_a_worker_for_one_run_leaves_it_alone(worker, order) -> None:
    mine = worker.store.add_request("inspect", {"model": "m"}, idle=True)
    worker.turn(), worker.turn()
    worker.store.reset_requests()
    assert worker.store.request(mine).state == "idle" and worker.store.waiting_request() is None
    assert not Worker(worker.store, [], only="another", load=worker._load).turn()
