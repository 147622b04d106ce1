"""The engine in a child process: it really is killed, and the run goes on by itself."""

import os
import signal
import time

import numpy as np
import pytest
import tiny

from steering import artifact
from steering.engine import desk as desk_module
from steering.engine.child import ChildEngine
from steering.spec import Recipe
from steering.studio import Studio


def _start(studio, model):
    upload = studio.data.upload("films.csv", tiny.rows())
    recipe = Recipe(steps=60, batch_size=4, evaluate_every=20, patience=1000, learning_rate=0.02, folds=0)
    return studio.start(studio.plan(upload.digest, upload.task, name="films", model=str(model), recipe=recipe))


def _until(condition, seconds=600.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def model(tmp_path, monkeypatch):
    # The child warms the embedded model at start; this keeps it from fetching one.
    monkeypatch.setenv("STEERING_WARM", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tiny.save(tmp_path / "model")


def test_sigkill_in_mid_run_gives_the_same_vectors(tmp_path, model):
    results = []
    for name in ("quiet", "killed"):
        studio = Studio.open(tmp_path / name)
        engine = ChildEngine(studio.store.home, studio.folders).start()
        try:
            run = _start(studio, model)
            _until(lambda: studio.store.run(run).step >= 5)  # noqa: B023 - called at once
            if name == "killed":
                first = engine.pid
                os.kill(first, signal.SIGKILL)
                _until(lambda: engine.pid not in (None, first))  # noqa: B023
            _until(lambda: studio.store.run(run).state in ("done", "failed"))  # noqa: B023
            assert studio.store.run(run).state == "done", studio.store.run(run).error
            assert len(studio.run(run).steps) == 60
            results.append(artifact.read(artifact.find(studio.folders, "films")).tensors["soft_prompt"])
        finally:
            engine.close()
        assert engine.pid is None
    assert np.array_equal(*results)


def test_a_quiet_end_requeues_the_run_without_counting_a_death(tmp_path, model):
    studio = Studio.open(tmp_path / "home")
    engine = ChildEngine(studio.store.home, studio.folders).start()
    run = _start(studio, model)
    _until(lambda: studio.store.run(run).step >= 3)
    engine.close()
    found = studio.store.run(run)
    assert found.state == "queued" and found.deaths == 0


def test_the_child_dies_with_its_parents_pipe(tmp_path, model):
    studio = Studio.open(tmp_path / "home")
    engine = ChildEngine(studio.store.home, studio.folders).start()
    _until(lambda: studio.store.engine().get("pid") == engine.pid)
    process = engine.process
    engine._closing.set()
    process.stdin.close()  # what the operating system does when the app is killed
    assert process.wait(30) == 0


def test_checkpoints_are_at_most_ten_seconds_apart():
    assert desk_module.CHECKPOINT_SECONDS <= 10
