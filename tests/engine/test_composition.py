"""Compositions as contestants, and their effect on validation rows: counted as it is, no look at held-out rows, refused with a reason."""

from dataclasses import replace

import pytest
import tiny

from steering import artifact
from steering.engine.composed import folded
from steering.engine.contestants import Context, build
from steering.engine.requests import HANDLERS, Office
from steering.engine.worker import Worker
from steering.errors import DataError, SpecError
from steering.lm.encode import encode_labels, encode_text
from steering.spec import Recipe, TaskSpec
from steering.store import looked_at
from steering.studio import Studio, compositions

MODEL = "tiny-llama"


def drain(studio):
    worker = Worker(studio.store, studio.folders, load=lambda name: tiny.build())
    while worker.turn():
        pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A studio with two soft prompts of one task, and a prefix."""
    studio = Studio.open(tmp_path_factory.mktemp("compose"))
    upload = studio.data.upload("films.csv", tiny.rows())
    runs = {}
    for name, method in (("one", "prompt_tuning"), ("two", "prompt_tuning"), ("deep", "prefix_tuning")):
        recipe = Recipe(steps=3, batch_size=4, evaluate_every=3, learning_rate=0.1, folds=0, seed=len(runs))
        runs[name] = studio.start(studio.plan(upload.digest, upload.task, name=name, method_name=method, model=MODEL, recipe=recipe))
    drain(studio)
    assert all(run.state == "done" for run in studio.runs())
    return studio, runs["one"]


def office(studio):
    return Office(tiny.build(), studio.store, studio.folders)


def measured(studio, run, first, second, how):
    request = compositions.ask(studio, studio.store.run(run), first, second, how)
    drain(studio)
    return studio.store.request(request)


@pytest.mark.parametrize("how", ["joined", "averaged"])
def test_a_composition_is_measured_on_validation_rows_against_both(trained, how):
    studio, run = trained
    test = looked_at(row.key for row in studio.store.dataset(studio.store.run(run).spec.dataset).examples if row.side == "test")
    looks = studio.store.reveals(test)
    done = measured(studio, run, "one", "two", how)
    assert done.state == "done", done.error
    name, found = compositions.latest(studio.store, studio.store.run(run))
    assert name == f"{how}:one+two" and found["metric"] == "accuracy"
    dataset = studio.store.dataset(studio.store.run(run).spec.dataset)
    rows = [row for row in dataset.examples if row.side == "validation"]
    assert found["rows"] == len(rows) and {one["name"] for one in found["scores"]} == {name, "saved:one", "saved:two"}
    assert {one["name"] for one in found["against"]} == {"saved:one", "saved:two"}
    lm = tiny.build()
    context = Context(studio.store.run(run).spec.task, (), studio.folders, (), studio.store)
    made = build(lm, name, context)
    right = 0
    for row in rows:
        ids = encode_text(lm, context.task, row.values, made.root.length)
        ((_, log_probs),) = list(made.scorer(lm, made.root, [ids], encode_labels(lm, context.task)))
        right += list(context.task.label_words)[int(log_probs[0].argmax())] == row.target
    own = next(one for one in found["scores"] if one["name"] == name)
    assert own["score"] == pytest.approx(right / len(rows)) and own["low"] <= own["score"] <= own["high"]
    for gap in found["against"]:
        other = next(one for one in found["scores"] if one["name"] == gap["name"])
        assert gap["difference"] == pytest.approx(own["score"] - other["score"]) and gap["low"] <= gap["difference"] <= gap["high"]
    assert f"On {len(rows)} validation rows" in found["sentence"] and "Held-out rows were not looked at" in found["note"]
    assert studio.store.reveals(test) == looks
    size = card(studio, "one").virtual_tokens
    assert made.root.length == {"joined": 2 * size - card(studio, "one").header, "averaged": size}[how]
    assert made.seen == frozenset(row.key for row in dataset.examples if row.side != "test")


def card(studio, name):
    return artifact.read(artifact.find(studio.folders, name)).card


def test_why_not_is_said(trained):
    studio, run = trained
    done = measured(studio, run, "one", "deep", "joined")
    assert done.state == "failed" and "is a soft prompt and the other a prefix" in done.error["message"]
    context = Context(studio.store.run(run).spec.task, (), studio.folders, (), studio.store)
    lm = tiny.build()
    for value in ("one", "one+one", "one+two+deep", "+one"):
        with pytest.raises(SpecError, match=r"does not name two saved prompts\. Write joined:NAME\+NAME\."):
            build(lm, f"joined:{value}", context)
    other = TaskSpec(kind="classification", template="{text}", label_words={"x": "good", "y": "bad"})
    with pytest.raises(SpecError, match="was trained for the labels"):
        build(lm, "joined:one+two", Context(other, (), studio.folders))


def test_one_of_the_two_may_be_of_another_task(trained):
    studio, run = trained
    made = artifact.read(artifact.find(studio.folders, "two"))
    style = TaskSpec(kind="generation", template="{text}\n", prompt="be brief")
    artifact.write(studio.folders[0], artifact.Artifact(replace(made.card, name="style", task=style), made.tensors))
    done = measured(studio, run, "one", "style", "joined")
    assert done.state == "done", done.error
    assert [one["name"] for one in done.result["scores"]] == ["saved:one", "joined:one+style"]


def test_rows_that_a_run_learned_from_measure_nothing(trained):
    studio, run = trained
    assert not folded(studio.store, run)
    studio.store.put_event(run, 0, "started", studio.store.events(run, ("started",))[-1].data | {"folds": 5})
    payload = {"run": run, "rows": studio.store.run(run).spec.dataset, "first": "one", "second": "two", "how": "joined"}
    with pytest.raises(DataError, match="no validation rows that this run did not learn from"):
        list(HANDLERS["composition"](office(studio), payload))


def test_a_composition_answers_beside_its_parts_and_is_judged_like_anybody(trained):
    studio, run = trained
    spec = studio.store.run(run).spec
    request = studio.ask(["saved:one", "saved:two", "joined:one+two"], spec.task, {"text": "the film was good"}, model=MODEL)
    drain(studio)
    found = studio.store.request(request)
    assert [one["name"] for one in found.result["outputs"]] == ["saved:one", "saved:two", "joined:one+two"], found.error
    studio.contests.ask(run, ["none", "joined:one+two", f"run:{run}"])
    drain(studio)
    index = studio.contests.index(run)
    assert "joined:one+two" in index.names and index.found["n"] == len(index.found["rows"])
