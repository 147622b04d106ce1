"""A run that starts from a saved prompt goes on from the same vectors, whatever becomes of the file."""

import shutil

import numpy as np
import pytest
import tiny

from steering import artifact
from steering.engine.worker import Worker
from steering.spec import Recipe
from steering.studio import Studio

MODEL = "tiny-llama"
CHOSEN = {"start": "saved", "start_from": "first"}


@pytest.fixture
def studio(tmp_path):
    made = Studio.open(tmp_path / "home")
    begin(made, "first", {})
    drain(made)
    return made


def worker(studio):
    return Worker(studio.store, studio.folders, load=lambda name: tiny.build(scale=8.0))


def drain(studio):
    at_work = worker(studio)
    while at_work.turn():
        pass


def begin(studio, name, options, steps=8):
    upload = studio.data.upload("films.csv", tiny.rows())
    recipe = Recipe(steps=steps, batch_size=4, evaluate_every=4, folds=0, learning_rate=0.1)
    return studio.start(studio.plan(upload.digest, upload.task, name=name, model=MODEL, method_options=options, recipe=recipe))


def vectors(studio, run):
    return artifact.read(artifact.find(studio.folders, studio.run(run).artifact["name"])).tensors["soft_prompt"]


def spoil(studio, how):
    path = artifact.find(studio.folders, "first")
    if how == "deleted":
        path.unlink()
    else:
        made = artifact.read(path)
        changed = artifact.Artifact(made.card, {name: tensor + 1 for name, tensor in made.tensors.items()})
        path.unlink()
        artifact.write(path.parent, changed)


@pytest.mark.parametrize("how", ["deleted", "altered"])
def test_an_interrupted_run_needs_the_file_no_more(studio, how):
    undisturbed = begin(studio, "whole", CHOSEN)
    drain(studio)
    run = begin(studio, "cut", CHOSEN)
    at_work = worker(studio)
    while studio.store.run(run).step < 3:
        at_work.turn()
    studio.stop(run)
    while at_work.turn():
        pass
    assert studio.run(run).run.state == "stopped"
    spoil(studio, how)
    studio.resume(run)
    drain(studio)  # another engine: nothing but files and the store is left of the first
    view = studio.run(run)
    assert view.run.state == "done", view.run.error
    assert np.array_equal(vectors(studio, run), vectors(studio, undisturbed))
    assert view.run.spec.digest == studio.run(undisturbed).run.spec.digest


def test_another_file_of_that_name_is_no_start_of_a_waiting_run(studio):
    run = begin(studio, "waiting", CHOSEN)
    had = artifact.read(artifact.find(studio.folders, "first")).digest
    assert studio.store.run(run).spec.options["start_from"] == f"first@{had}"
    shutil.copy(artifact.find(studio.folders, "first"), studio.store.home / "old")
    spoil(studio, "altered")
    now = artifact.read(artifact.find(studio.folders, "first")).digest
    drain(studio)
    error = studio.run(run).run.error
    assert error["type"] == "ArtifactError"
    assert error["message"] == f"the saved prompt 'first' is no longer the one that this run was to start from: it holds {now}, expected {had}."
    assert error["hint"] == "Bring the old file back, or start another run from the new one."
    shutil.copy(studio.store.home / "old", artifact.find(studio.folders, "first"))
    studio.resume(run)
    drain(studio)
    assert studio.run(run).run.state == "done", studio.run(run).run.error
