"""Pinned rows of a run's dataset: answered by the run's own judgement, by further ones, and on request; never scored, and no look."""

import pytest
import tiny

from steering.engine.worker import Worker
from steering.spec import Recipe
from steering.studio import Studio
from steering.studio import pinned as pinning

MODEL = "tiny-llama"


def drain(studio):
    worker = Worker(studio.store, studio.folders, load=lambda name: tiny.build())
    while worker.turn():
        pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    studio = Studio.open(tmp_path_factory.mktemp("pins"))
    upload = studio.data.upload("films.csv", tiny.rows())
    rows = [next(row for row in upload.prepared.examples if row.side == side) for side in ("validation", "test")]
    for row in rows:
        studio.store.pin("films.csv", row.key)
    recipe = Recipe(steps=4, batch_size=4, evaluate_every=2, learning_rate=0.1, folds=0)
    run = studio.start(studio.plan(upload.digest, upload.task, name="films", model=MODEL, recipe=recipe))
    drain(studio)
    assert studio.run(run).run.state == "done", studio.run(run).run.error
    return studio, run, rows


def test_a_run_answers_the_pinned_rows_when_it_is_judged(trained):
    studio, run, rows = trained
    found = studio.contests.index(run).found
    assert [(pin["key"], pin["side"], pin["line"]) for pin in found["pins"]] == [(row.key, row.side, row.row) for row in rows]
    for pin, row in zip(found["pins"], rows, strict=True):
        assert len(pin["answers"]) == len(found["contestants"]) and pin["right"] == [answer == row.target for answer in pin["answers"]]
    at = found["lines"].index(rows[1].row)
    assert found["pins"][1]["right"] == [bool(score) for score in found["rows"][at]["scores"]], "a held-out row is ruled as it was scored"


def test_further_judgements_list_them_and_a_row_pinned_later_is_asked_for(trained):
    studio, run, rows = trained
    studio.contests.ask(run, ["none", f"run:{run}"])
    drain(studio)
    found = studio.contests.index(run).found
    assert [pin["key"] for pin in found["pins"]] == [row.key for row in rows] and found["n"] == len(found["rows"])
    looks = found["reveal"]
    later = next(row for row in studio.store.dataset(studio.store.run(run).spec.dataset).examples if row.side == "train")
    studio.store.pin("films.csv", later.key)
    known = studio.store.run(run)
    assert pinning.pinned(studio.store, known, found)[2]["right"] == [None, None]
    request = pinning.ask(studio.store, known, found)
    drain(studio)
    done = studio.store.request(request)
    assert done.state == "done", done.error
    last = pinning.pinned(studio.store, known, found)[2]
    assert last["right"] == [answer == later.target for answer in last["answers"]] and last["side"] == "train"
    own = pinning.pinned(studio.store, known, studio.contests.index(run, "own").found)
    assert own[2]["right"][0] == last["right"][0], "what was asked is known in every judgement of the run"
    studio.contests.ask(run, ["none", f"run:{run}"])
    drain(studio)
    assert studio.contests.index(run).found["reveal"] == looks
