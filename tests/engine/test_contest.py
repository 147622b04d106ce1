"""More contestants against a run: judged on its held-out rows, kept under it; strengths and seeds as contestants."""

import pytest
import tiny

from steering.engine.requests import HANDLERS, Office
from steering.engine.worker import Worker
from steering.errors import NotFoundError, SpecError
from steering.spec import Recipe
from steering.studio import Studio

MODEL = "tiny-llama"


def drain(studio):
    worker = Worker(studio.store, studio.folders, load=lambda name: tiny.build())
    for _ in range(5000):
        if not worker.turn():
            return
    raise AssertionError("the worker never came to an end")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A studio with a run of two seeds."""
    studio = Studio.open(tmp_path_factory.mktemp("contest"))
    upload = studio.data.upload("films.csv", tiny.rows())
    recipe = Recipe(steps=8, batch_size=4, evaluate_every=4, learning_rate=0.1, folds=0)
    run = studio.start(studio.plan(upload.digest, upload.task, name="films", method_name="prompt_tuning", model=MODEL, recipe=recipe, seeds=2))
    drain(studio)
    assert studio.run(run).run.state == "done", studio.run(run).run.error
    return studio, run


def asked(studio, run, specs, **declared):
    request = studio.contests.ask(run, specs, **declared)
    drain(studio)
    return studio.store.request(request)


def test_contestants_are_judged_on_the_held_out_rows_and_kept(trained):
    studio, run = trained
    prompt = studio.store.run(run).spec.task.prompt
    name = studio.run(run).artifact["name"]
    specs = ["none", f"prompt:{prompt}", f"strength:0@{name}", f"strength:1@{name}", f"seeds:{run}", f"run:{run}@4", f"run:{run}"]
    done = asked(studio, run, specs, primary=(f"run:{run}", f"prompt:{prompt}"), margin=3.0, cost=True)
    assert done.state == "done", done.error
    kept = studio.contests.index(run)
    assert kept is not None and studio.contests.judgements(run)[-1].id == done.result["judgement"]
    found = kept.found
    held_out = [row.row for row in studio.store.dataset(studio.store.run(run).spec.dataset).examples if row.side == "test"]
    assert found["lines"] == held_out and found["reveal"] == 2 and found["exploratory"] and found["margin"] == 3.0
    by_name = {one["name"]: one for one in found["contestants"]}
    assert by_name[f"strength:0@{name}"]["nll"] == pytest.approx(by_name["manual"]["nll"], abs=1e-4)
    assert by_name[f"strength:1@{name}"]["nll"] == pytest.approx(by_name[f"saved:{name}"]["nll"], abs=1e-5)
    assert by_name[f"seeds:{run}"]["kind"] == "ensemble" and len(found["cost"]["costs"]) == len(specs)
    assert next(pair for pair in found["pairs"] if pair["primary"])["a"] == f"saved:{name}"
    assert studio.contests.index(run, "own").found["reveal"] == 1


@pytest.mark.parametrize("value", ["", "x@films", "99@films", "0.5", "nan@films"])
def test_a_strength_that_is_none_is_a_sentence(trained, value):
    studio, run = trained
    if not value:
        with pytest.raises(SpecError, match="is not known"):
            studio.contests.ask(run, ["none", f"strength:{value}"])
        return
    assert "is no strength of a saved prompt. Write strength:0.75@NAME" in said(asked(studio, run, ["none", f"strength:{value}"]))


def said(request):
    return f"{request.error['message']} {request.error['hint']}"


def test_what_cannot_be_asked_is_a_sentence(trained):
    studio, run = trained
    for specs, match in ((["none"], "fewer than two"), (["none", "none"], "given twice"), (["none", "odd:x"], "is not known")):
        with pytest.raises(SpecError, match=match):
            studio.contests.ask(run, specs)
    with pytest.raises(NotFoundError):
        studio.contests.ask("no such run", ["none", "majority"])


def test_progress_goes_from_making_to_judging_and_never_back(trained):
    studio, run = trained
    payload = {"run": run, "contestants": ["none", "probe", "few-shot:2@nearest"], "model": MODEL}
    said = [next(iter(item)) for item in HANDLERS["contest"](Office(tiny.build(), studio.store, studio.folders), payload) if item]
    assert said[0] == "making" and said[-1] == "judgement"
    assert set(said[said.index("judging") : -1]) == {"judging"}


def test_a_run_deleted_meanwhile_is_a_sentence(trained):
    studio, _ = trained
    request = studio.store.add_request("contest", {"run": "gone", "contestants": ["none", "majority"], "model": MODEL})
    drain(studio)
    assert "there is no run 'gone'" in studio.store.request(request).error["message"]
