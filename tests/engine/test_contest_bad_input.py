"""What a comparison can be given that is wrong, one by one, as the page asks it: a sentence or the stated degenerate result, never a crash."""

from dataclasses import replace

import pytest
import tiny
import torch

from steering.engine.requests import HANDLERS, Office
from steering.engine.worker import Worker
from steering.errors import ArtifactError, InputError, NotFoundError, SpecError
from steering.knobs import to_json
from steering.spec import Example, Recipe, TaskSpec
from steering.store import Store
from steering.studio import Studio

MODEL = "tiny-llama"
TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})
WRITING = replace(TASK, kind="generation", label_words={}, max_new_tokens=4)


def drain(studio, name="llama"):
    worker = Worker(studio.store, studio.folders, load=lambda model: tiny.build(name))
    for _ in range(5000):
        if not worker.turn():
            return
    raise AssertionError("the worker never came to an end")


def train(studio, content, *, model=MODEL, name="films"):
    upload = studio.data.upload(f"{name}.csv", content)
    recipe = Recipe(steps=2, batch_size=4, evaluate_every=2, folds=0)
    run = studio.start(studio.plan(upload.digest, upload.task, name=name, method_name="prompt_tuning", model=model, recipe=recipe))
    drain(studio, model.removeprefix("tiny-"))
    assert studio.run(run).run.state == "done", studio.run(run).run.error
    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A studio with three runs: films, the same words under other labels, and films on another model."""
    torch.set_num_threads(1)
    studio = Studio.open(tmp_path_factory.mktemp("bad"))
    films = train(studio, tiny.rows())
    other = train(studio, tiny.rows(start=200).replace(b",pos", b",yes").replace(b",neg", b",no"), name="other")
    return studio, films, other, train(studio, tiny.rows(start=400), model="tiny-qwen3", name="elsewhere")


def asked(studio, run, specs, **declared):
    request = studio.contests.ask(run, specs, **declared)
    drain(studio)
    found = studio.store.request(request)
    return found.state, f"{found.error['message']} {found.error['hint']}" if found.error else ""


def test_runs_and_prompts_of_other_tasks_or_models(place):
    studio, films, other, elsewhere = place
    named = {run: studio.run(run).artifact["name"] for run in (other, elsewhere)}
    labels = "was trained for the labels no, yes; here they are neg, pos. Compare contestants of one task."
    assert asked(studio, films, ["none", f"saved:{named[other]}"]) == ("failed", f"saved:{named[other]} {labels}")
    assert asked(studio, films, ["none", f"run:{other}"]) == ("failed", f"run:{other} {labels}")
    assert asked(studio, films, ["none", f"run:{other}@2"]) == ("failed", f"run:{other}@2 {labels}")
    state, said = asked(studio, films, ["none", f"saved:{named[elsewhere]}"])
    assert state == "failed" and "was trained on tiny-qwen3" in said and "the loaded model is tiny-llama" in said
    for spec in (f"run:{elsewhere}", f"run:{elsewhere}@2"):
        assert asked(studio, films, ["none", spec]) == (
            "failed",
            f"run {elsewhere!r} is a run of the model tiny-qwen3; the loaded model is tiny-llama. Compare contestants of one model "
            "(here --model tiny-qwen3).",
        )


def test_rows_that_another_run_was_trained_on(place):
    studio, films, *_ = place
    spec = studio.store.run(films).spec
    trained = next(row for row in studio.store.dataset(spec.dataset).examples if row.side == "train")
    name = studio.run(films).artifact["name"]
    studio.store.add_dataset("again", "again", {"problems": []}, (replace(trained, side="test"),))
    office = Office(tiny.build(), studio.store, studio.folders)
    with pytest.raises(InputError, match=rf"1 of 1 test rows are rows that saved:{name} was made from \(line {trained.row}\)"):
        list(HANDLERS["compare"](office, {"task": to_json(spec.task), "rows": "again", "contestants": ["none", f"saved:{name}"]}))


def test_a_run_deleted_while_it_is_judged(place):
    studio, *_ = place
    run = train(studio, tiny.rows(start=600), name="short")
    office = Office(tiny.build(), studio.store, studio.folders)
    working = HANDLERS["contest"](office, {"run": run, "contestants": ["none", "majority"], "model": MODEL})
    next(working)
    studio.store.delete_run(run)
    with pytest.raises(NotFoundError, match=f"there is no run {run!r} here"):
        list(working)
    with pytest.raises(NotFoundError):
        studio.contests.ask(run, ["none", "majority"])


@pytest.fixture
def office(tmp_path):
    torch.set_num_threads(1)
    return Office(tiny.build(scale=4.0), Store(tmp_path), [])


def judged(office, task, rows, specs=("none", "prompt:Say it."), **more):
    examples = tuple(Example(row=i, values={"text": text}, target=target, key=f"{i:04}", side="test") for i, (text, target) in enumerate(rows))
    office.store.add_dataset("d", "d1", {"problems": []}, examples)
    *_, end = HANDLERS["compare"](office, {"task": to_json(task), "rows": "d1", "contestants": list(specs)} | more)
    return end


ROWS = [(f"film {i} {('great', 'awful')[i % 2]}", ("pos", "neg")[i % 2]) for i in range(40)]


def test_test_rows_of_one_class_are_judged_with_a_note(office):
    found = judged(office, TASK, [(text, "pos") for text, _ in ROWS])
    assert found["notes"][0].startswith("All 40 rows are 'pos': a contestant that always says so scores 100 %, and MCC is 0.")
    assert all(one["mcc"] == 0.0 and 0 <= one["accuracy"] <= 1 and one["balanced_accuracy"] is not None for one in found["contestants"])


def test_scores_that_are_no_numbers_name_the_contestant(office):
    """Weights that hold values that are not numbers, as a damaged or overflowing model has them."""
    with torch.no_grad():
        office.lm.model.get_output_embeddings().weight[:] = float("nan")
    with pytest.raises(InputError) as caught:
        judged(office, TASK, ROWS)
    assert str(caught.value).startswith("none: ") and "not numbers" in str(caught.value)


def test_empty_texts_score_nothing_and_are_counted(office):
    office.lm.model.generation_config.eos_token_id = list(range(office.lm.shape.V))
    found = judged(office, WRITING, [(text, "good") for text, _ in ROWS])
    assert [one["empty"] for one in found["contestants"]] == [40, 40]
    assert all(one["chrf"] == one["exact_match"] == 0.0 and set(one["predictions"]) == {""} for one in found["contestants"])
    assert found["pairs"][0]["verdict"] == "small" and found["pairs"][0]["difference"] == 0.0


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("json_field_f1", "'json_field_f1' needs targets that are JSON objects, and most of these are not. Compare by chrf."),
        ("accuracy", "metric 'accuracy' cannot compare texts."),
        ("bleu", "metric 'bleu' cannot compare texts."),
    ],
)
def test_a_metric_that_does_not_apply(office, metric, said):
    with pytest.raises(InputError) as caught:
        judged(office, WRITING, [(text, "good") for text, _ in ROWS], metric=metric)
    assert str(caught.value).startswith(said)


def test_text_metrics_in_a_claim_about_labels(office):
    with pytest.raises(SpecError, match="'chrf' is no metric of a classification"):
        judged(office, TASK, ROWS, gate=["none chrf>=3"])


def test_a_checkpoint_of_another_model_is_no_contestant(place):
    studio, _, _, elsewhere = place
    office = Office(tiny.build(), studio.store, studio.folders)
    with pytest.raises(ArtifactError, match="is a run of the model tiny-qwen3"):
        judged(office, TASK, ROWS, ["none", f"run:{elsewhere}@2"])
