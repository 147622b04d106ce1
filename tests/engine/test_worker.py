"""The engine, in this process: a whole run, stop and continue, requests between slices, failures as sentences."""

import pytest
import tiny
import torch

from steering import artifact
from steering.engine.worker import Worker
from steering.errors import ModelError
from steering.lm.encode import prompt_text
from steering.spec import Recipe
from steering.studio import Studio

MODEL = "tiny-llama"


def _studio(home):
    return Studio.open(home)


def _worker(studio, **keywords):
    return Worker(studio.store, studio.folders, load=lambda name: tiny.build(), **keywords)


def _start(studio, steps=12, method="prompt_tuning", name="films"):
    upload = studio.data.upload("films.csv", tiny.rows())
    recipe = Recipe(steps=steps, batch_size=4, evaluate_every=4, learning_rate=0.1, folds=0)
    return studio.start(studio.plan(upload.digest, upload.task, name=name, method_name=method, model=MODEL, recipe=recipe))


def _drain(worker, most=5000):
    for _ in range(most):
        if not worker.turn():
            return
    raise AssertionError("the worker never came to an end")


def _vectors(studio, run):
    name = studio.run(run).artifact["name"]
    return artifact.read(artifact.find(studio.folders, name)).tensors


def test_a_run_from_file_to_judged_readable_saved_prompt(home):
    studio = _studio(home)
    for method, view in (("prompt_tuning", "neighbours"), ("p_tuning", "neighbours"), ("prefix_tuning", "trajectory"), ("lora", "")):
        run = _start(studio, method=method, name=f"films {method}")
        _drain(_worker(studio))
        seen = studio.run(run)
        assert seen.run.state == "done", seen.run.error
        assert seen.progress == 1.0 and seen.finished["step"] == 12
        assert [c["name"] for c in seen.comparison["contestants"]] == ["none", "manual", "few-shot:4", "manual+bias", "learned"]
        assert seen.comparison["n"] == len(seen.comparison["inputs"]) == 18
        card = artifact.read(artifact.find(studio.folders, seen.artifact["name"])).card
        assert card.run == run and card.scores["test_rows"] == 18 and card.verdict
        assert not view or studio.kept_view(seen.artifact["name"], view)["rows" if view == "neighbours" else "title"]


def test_a_run_may_start_from_a_saved_prompt(home):
    studio = _studio(home)
    _start(studio, name="first")
    _drain(_worker(studio))
    upload = studio.data.upload("films.csv", tiny.rows())
    chosen = {"start": "saved", "start_from": "first"}
    recipe = Recipe(steps=1, batch_size=4, folds=0)
    second, third = (
        studio.start(studio.plan(upload.digest, upload.task, name=name, model=MODEL, method_options=chosen | extra, recipe=recipe))
        for name, extra in (("second", {}), ("third", {"start_from": "nobody"}))
    )
    _drain(_worker(studio))
    seen = studio.run(second)
    assert seen.run.state == "done", seen.run.error
    assert seen.started["note"] == "The vectors start from the saved prompt 'first', so step 0 is that prompt, not yours."
    assert seen.validations[0]["nll"] == pytest.approx(artifact.read(artifact.find(studio.folders, "first")).card.scores["validation_nll"], abs=1e-5)
    assert studio.run(third).run.error["message"] == "there is no saved prompt 'nobody'."


def test_stop_keeps_the_best_and_continue_equals_an_undisturbed_run(home, tmp_path):
    quiet = _studio(tmp_path / "quiet")
    undisturbed = _start(quiet)
    _drain(_worker(quiet))
    studio = _studio(home)
    run = _start(studio)
    worker = _worker(studio)
    while studio.store.run(run).step < 5:
        worker.turn()
    studio.stop(run)
    _drain(worker)
    stopped = studio.run(run)
    assert stopped.run.state == "stopped" and 5 <= stopped.run.step <= 7
    assert stopped.artifact["name"] == "films" and not stopped.comparison
    studio.resume(run)
    _drain(_worker(studio))
    assert studio.run(run).run.state == "done"
    assert len(artifact.listing([studio.folders[0]])) == 1
    for name, tensor in _vectors(quiet, undisturbed).items():
        assert (tensor == _vectors(studio, run)[name]).all()


def test_a_killed_worker_loses_nothing_that_matters(home, tmp_path):
    quiet = _studio(tmp_path / "quiet")
    undisturbed = _start(quiet)
    _drain(_worker(quiet))
    studio = _studio(home)
    run = _start(studio)
    worker = _worker(studio)
    while studio.store.run(run).step < 7:
        worker.turn()
    del worker  # as SIGKILL would: no goodbye, the run is still "running", there is no checkpoint yet
    again = _worker(studio)
    again.recover()
    _drain(again)
    assert studio.run(run).run.state == "done"
    assert all((t == _vectors(studio, run)[n]).all() for n, t in _vectors(quiet, undisturbed).items())
    assert len(studio.run(run).steps) == 12


def test_two_deaths_at_one_step_fail_the_run(home):
    studio = _studio(home)
    run = _start(studio)
    for _ in range(2):
        worker = _worker(studio)
        worker.recover()
        while studio.store.run(run).step < 2:
            worker.turn()
        studio.store.update_run(run, step=0)
    _worker(studio).recover()
    error = studio.run(run).run.error
    assert error["message"] == "the engine died twice at step 0 of this run (most often: out of memory)."


def test_requests_come_before_training(home):
    studio = _studio(home)
    run = _start(studio, steps=60)
    worker = _worker(studio)
    while studio.store.run(run).step < 2:
        worker.turn()
    spec = studio.store.run(run).spec
    request = studio.ask(
        ["none", f"prompt:{spec.task.prompt}", "few-shot:2", f"run:{run}"], spec.task, {"text": "the film was good"}, train=spec.dataset
    )
    for _ in range(8):
        worker.turn()
    found = studio.store.request(request)
    assert found.state == "done", found.error
    assert [o["name"] for o in found.result["outputs"]] == ["none", "manual", "few-shot:2", "manual"]
    assert studio.store.run(run).step < 4
    assert all(abs(sum(o["labels"].values()) - 1) < 1e-5 and o["fingerprint"] for o in found.result["outputs"])


def test_generated_answers_stream(home):
    studio = _studio(home)
    from steering.spec import TaskSpec

    task = TaskSpec(kind="generation", template="{text} answer", max_new_tokens=12)
    request = studio.ask(["none", "prompt:the film"], task, {"text": "good"}, model=MODEL)
    worker = _worker(studio)
    lengths = []
    for _ in range(40):
        worker.turn()
        found = studio.store.request(request)
        if found.result:
            lengths.append(found.result["outputs"][0].get("tokens", 0))
    assert found.state == "done" and lengths == sorted(lengths) and len(set(lengths)) > 3


def test_saved_prompt_of_another_model_is_refused(home):
    studio = _studio(home)
    run = _start(studio)
    _drain(_worker(studio))
    name = studio.run(run).artifact["name"]
    spec = studio.store.run(run).spec
    request = studio.ask([f"saved:{name}"], spec.task, {"text": "x"}, model="other")
    worker = Worker(studio.store, studio.folders, load=lambda name: _named(tiny.build("qwen3"), name))
    _drain(worker)
    error = studio.store.request(request).error
    assert error["type"] == "ArtifactError" and "was trained on tiny-llama" in error["message"]


def _named(lm, name):
    lm.id = name
    return lm


def test_a_model_that_cannot_be_loaded_fails_the_run_with_the_reason(home):
    def refuse(name):
        raise ModelError(f"model {name!r} is not here.", "Choose another.")

    studio = _studio(home)
    run = _start(studio)
    _drain(Worker(studio.store, studio.folders, load=refuse))
    assert studio.run(run).run.error == {"type": "ModelError", "message": "model 'tiny-llama' is not here.", "hint": "Choose another."}


def test_out_of_memory_is_a_sentence_and_the_next_run_starts(home, monkeypatch):
    studio = _studio(home)
    first, second = _start(studio), _start(studio, name="next")
    lm = tiny.build()
    worker = Worker(studio.store, studio.folders, load=lambda name: lm)
    while studio.store.run(first).step < 2:
        worker.turn()
    real = lm.logits
    monkeypatch.setattr(lm, "logits", lambda trees: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")))
    while studio.store.run(first).state == "running":
        worker.turn()
    monkeypatch.setattr(lm, "logits", real)
    _drain(worker)
    error = studio.run(first).run.error
    assert error["message"] == "one row of 24 tokens does not fit into this machine's memory."
    assert error["hint"] == "Use shorter rows, fewer virtual tokens or a smaller model; then press Continue."
    assert studio.run(second).run.state == "done"


def test_learned_contestant_is_not_the_manual_prompt(home):
    studio = _studio(home)
    run = _start(studio)
    _drain(_worker(studio))
    lm = tiny.build()
    from steering.methods.forms import root_of

    root = root_of(lm, {n: torch.from_numpy(t) for n, t in _vectors(studio, run).items()})
    assert not torch.allclose(root.embeds, lm.text_root(prompt_text(studio.store.run(run).spec.task.prompt)).embeds)
