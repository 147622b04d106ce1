"""What a run tells beside its losses: an estimate, a trail, its seeds; and steps that are added after its end."""

import pytest
import tiny

from steering import artifact
from steering.engine import trail
from steering.engine.worker import Worker
from steering.errors import SpecError
from steering.inspect.summary import RESTS_ON
from steering.lm import memory
from steering.spec import Recipe
from steering.studio import Studio

MODEL = "tiny-llama"


def _start(studio, *, steps=12, method="prompt_tuning", name="films", seeds=1):
    upload = studio.data.upload("films.csv", tiny.rows())
    recipe = Recipe(folds=0, steps=steps, batch_size=4, evaluate_every=4, learning_rate=0.1)
    return studio.start(studio.plan(upload.digest, upload.task, name=name, method_name=method, model=MODEL, recipe=recipe, seeds=seeds))


def _drain(studio):
    worker = Worker(studio.store, studio.folders, load=lambda name: tiny.build())
    while worker.turn():
        pass


def _saved(studio, run):
    return artifact.read(artifact.find(studio.folders, studio.run(run).artifact["name"]))


@pytest.mark.parametrize("method", ["prompt_tuning", "prefix_tuning"])
def test_three_seeds_are_trained_judged_and_kept_beside_the_median(home, method):
    studio = Studio.open(home)
    run = _start(studio, seeds=3, method=method)
    _drain(studio)
    view = studio.run(run)
    assert view.run.state == "done", view.run.error
    ends = view.finished["members"]
    assert [end["seed"] for end in ends] == [0, 1, 2]
    kept = ends[view.finished["member"]]
    assert kept["nll"] == sorted(end["nll"] for end in ends)[1]
    assert view.validations[-1]["member"] == view.finished["member"] and len(view.others) == 2
    assert any("3 training seeds" in pair["detail"] or "seeds" in pair["sentence"] for pair in view.comparison["pairs"])
    folder = studio.store.run_folder(run)
    assert [seed for seed, _ in trail.read_seeds(folder)] == [end["seed"] for end in ends if end != kept]
    steps = dict(trail.read_trail(folder))
    assert sorted(steps) == [0, 4, 8, 12]
    for name, tensor in _saved(studio, run).tensors.items():
        assert steps[kept["best_step"]][name].numpy() == pytest.approx(tensor, abs=2e-3)


def test_what_the_sentences_rest_on_is_measured_after_the_run_by_itself(home):
    studio = Studio.open(home)
    run = _start(studio, steps=4)
    worker = Worker(studio.store, studio.folders, load=lambda name: tiny.build())
    while studio.store.run(run).state != "done":
        worker.turn()
    assert [(one.payload["view"], one.state) for one in studio.store.requests("inspect")] == [
        (view, "idle") for view in ("ablation", "faithfulness", "gain")
    ]
    while worker.turn():
        pass
    looked = studio.views.look("films")
    assert {one for one in RESTS_ON if looked.views[one].state == "kept"} == set(RESTS_ON)


def test_few_rows_are_cross_validated_and_all_of_them_learned_from(home):
    studio = Studio.open(home)
    upload = studio.data.upload("few.csv", tiny.rows(40))
    recipe = Recipe(steps=12, batch_size=4, evaluate_every=4, learning_rate=0.1, folds=3)
    run = studio.start(studio.plan(upload.digest, upload.task, name="few", model=MODEL, recipe=recipe))
    _drain(studio)
    view = studio.run(run)
    assert view.run.state == "done", view.run.error
    assert view.started["folds"] == 3 and view.started["rows"] == {"train": 40, "validation": 0, "test": 0} and not view.comparison
    found = view.crossval
    assert found["n"] == 40 and found["folds"] == 3 and found["name"] == "cross-validated estimate"
    names = [one["name"] for one in found["contestants"]]
    assert names == ["no prompt", "your manual prompt", "4-shot", "Learned prompt"]
    assert all(len(one["rows"]) == 40 and 0.0 <= one["score"] <= 1.0 for one in found["contestants"])
    assert found["notes"][-1].startswith("All folds stop at the step that their mean chose")
    assert [v["step"] for v in view.validations] == [0, 4, 8, 12] and not view.others
    assert view.finished["best_step"] == min(view.validations, key=lambda v: v["nll"])["step"]
    own = studio.data.add_own(upload.digest, "validation", tiny.rows(10))
    other = studio.start(studio.plan(own.digest, own.task, name="own", model=MODEL, recipe=recipe))
    _drain(studio)
    assert studio.run(other).started["folds"] == 0


def test_the_watched_rows_are_the_same_at_every_look(home):
    studio = Studio.open(home)
    run = _start(studio)
    _drain(studio)
    view = studio.run(run)
    assert [w["step"] for w in view.watched] == [0, 4, 8, 12]
    assert len(view.started["watched"]) == len(view.watched[0]["answers"]) == 3
    assert {tuple(a["row"] for a in w["answers"]) for w in view.watched} == {(0, 1, 2)} or len(view.watched[0]["answers"]) == 3


def test_an_estimate_stands_before_the_first_step_and_can_be_asked_for_alone(home):
    studio = Studio.open(home)
    run = _start(studio)
    spec = studio.store.run(run).spec
    request = studio.ask_estimate(spec)
    _drain(studio)
    asked, said = studio.store.request(request).result, studio.run(run).estimate
    for found in (asked, said):
        assert found["seconds"] > 0 and found["peak_mb"] > 0 and found["budget"] > 0
        assert found["seconds"] == pytest.approx(12 * found["step_seconds"] + 4 * found["look_seconds"], abs=0.05)


def test_a_run_that_cannot_fit_is_refused_before_it_starts(home, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda device: 10)
    monkeypatch.setattr(memory, "in_use", lambda device: 100_000_000)
    monkeypatch.setattr(memory, "_high_water", lambda device: 105_000_000)
    studio = Studio.open(home)
    run = _start(studio)
    _drain(studio)
    error = studio.run(run).run.error
    assert error["type"] == "TrainingError" and "tokens needs about 5 MB for a training step, and 0 MB are free." in error["message"]
    assert error["hint"] == "Use shorter rows, fewer virtual tokens or a smaller model, or close other programs."
    assert not studio.run(run).steps


def test_parts_are_made_small_enough_for_the_memory_there_is(home, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda device: 20_000_000)
    monkeypatch.setattr(memory, "in_use", lambda device: 100_000_000)
    monkeypatch.setattr(memory, "_high_water", lambda device: 105_000_000)
    studio = Studio.open(home)
    run = _start(studio)
    _drain(studio)
    assert studio.run(run).run.state == "done"
    small = studio.run(run).estimate["budget"]
    monkeypatch.undo()
    other = _start(studio, name="roomy")
    _drain(studio)
    assert small < studio.run(other).estimate["budget"]


def test_steps_are_added_to_a_run_that_is_done(home):
    studio = Studio.open(home)
    run = _start(studio)
    with pytest.raises(SpecError, match=r"run 'films' is queued; steps are added to a run that is done\."):
        studio.train_on(run, 5)
    _drain(studio)
    before = studio.run(run)
    studio.train_on(run, 8)
    assert studio.store.run(run).state == "queued" and studio.store.run(run).steps == before.run.step + 8
    _drain(studio)
    after = studio.run(run)
    assert after.run.state == "done", after.run.error
    assert [s["step"] for s in after.steps] == list(range(1, before.run.step + 9))
    assert after.steps[: before.run.step] == before.steps
    assert after.run.spec.recipe.more == (8,) and after.comparison and after.artifact["name"] == before.artifact["name"]
    with pytest.raises(SpecError, match="0 more steps were asked for, expected 1 to 5000"):
        studio.train_on(run, 0)


def test_a_long_trail_is_thinned_and_keeps_first_and_last(tmp_path, monkeypatch):
    monkeypatch.setattr(trail, "MOST_SNAPSHOTS", 5)
    import torch

    for step in range(0, 120, 10):
        trail.add_snapshot(tmp_path, 0, step, {"soft_prompt": torch.full((2, 3), float(step))})
    trail.keep_trail(tmp_path, 0)
    steps = [step for step, _ in trail.read_trail(tmp_path)]
    assert steps[0] == 0 and steps[-1] == 110 and len(steps) <= 5
    assert all((vectors["soft_prompt"] == step).all() for step, vectors in trail.read_trail(tmp_path))


def test_a_damaged_or_absent_trail_is_empty(tmp_path):
    assert trail.read_trail(tmp_path) == ()
    (tmp_path / trail.TRAIL).write_bytes(b"not safetensors")
    assert trail.read_trail(tmp_path) == ()


def test_settings_are_trained_side_by_side_and_the_best_by_validation_is_kept(home):
    studio = Studio.open(home)
    upload = studio.data.upload("films.csv", tiny.rows())
    recipe = Recipe(folds=0, steps=12, batch_size=4, evaluate_every=4, learning_rate=0.0001)
    variants = [{"learning_rate": 0.1}, {"method": "prefix_tuning", "layers": "last 1", "learning_rate": 0.0001}]
    run = studio.start(studio.plan(upload.digest, upload.task, name="both", model=MODEL, recipe=recipe, variants=variants, seeds=2))
    _drain(studio)
    view = studio.run(run)
    assert view.run.state == "done", view.run.error
    ends = view.finished["members"]
    assert [(end["setting"], end["seed"]) for end in ends] == [
        (setting, seed) for setting in ("as set", "learning_rate=0.1", "method=prefix_tuning, layers=last 1, learning_rate=0.0001") for seed in (0, 1)
    ]
    kept = ends[view.finished["member"]]
    assert kept["setting"] == min(ends, key=lambda end: end["nll"])["setting"] == "learning_rate=0.1"
    assert "Best of 3 settings on" in view.finished["note"] and "The test rows had no part in it." in view.finished["note"]
    assert _saved(studio, run).card.method == "prompt_tuning"
    assert len(trail.read_seeds(studio.store.run_folder(run))) == 1


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ({"learning_rate": 7.0}, "learning_rate is 7.0, expected 1e-05 to 2"),
        ({"method": "manual"}, "method 'manual' cannot be trained beside another"),
        ({"layers": "last 1"}, "'layers' is not a setting of PromptTuningOptions"),
    ],
)
def test_settings_that_no_method_has_are_refused(home, variant, said):
    studio = Studio.open(home)
    upload = studio.data.upload("films.csv", tiny.rows())
    with pytest.raises(SpecError, match=said):
        studio.plan(upload.digest, upload.task, model=MODEL, variants=[variant])
