"""Views at the engine's edge: rows from the store, progress and previews on the way, results kept by what they were measured with, prompts made."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from steering import artifact
from steering.engine.contestants import Context, build
from steering.engine.rows import mixed, thin
from steering.engine.trail import write_seeds
from steering.engine.views import Measured, look_and_keep, subject_with_rows, tried
from steering.engine.worker import Worker
from steering.errors import ArtifactError, DataError, NotFoundError, SpecError
from steering.inspect import VIEWS, result_from_json, result_to_json
from steering.inspect.results import Column, Stack, Table
from steering.knobs import to_json
from steering.lm.encode import prompt_text
from steering.spec import Example, Recipe
from steering.studio import Studio

MODEL = "tiny-llama"


@pytest.fixture
def studio(home):
    return Studio.open(home)


def drain(studio):
    worker = Worker(studio.store, studio.folders, load=lambda name: tiny.build())
    while worker.turn():
        pass


def saved(studio, lm, name="films", dataset=None, noise=0.02, **card):
    """A soft prompt near the manual prompt, as a run on the small CSV would leave it."""
    upload = studio.data.upload("films.csv", tiny.rows())
    task = replace(upload.task, prompt="the film is good or bad", template="{text}\n")
    ids = lm.encode(prompt_text(task.prompt))
    rows = lm.embed(ids).numpy() + noise * np.random.default_rng(0).normal(size=(len(ids), lm.shape.H))
    made = artifact.Artifact(
        artifact.Card(
            name=name, method="prompt_tuning", model=MODEL, revision="", fingerprint=lm.fingerprint, task=task,
            dataset=upload.digest if dataset is None else dataset, virtual_tokens=len(ids), start_ids=ids, **card,
        ),
        {"soft_prompt": rows.astype(np.float32)},
    )  # fmt: skip
    artifact.write(studio.folders[0], made)
    return made


def test_rows_come_from_the_side_that_training_never_saw(studio, lm):
    made = saved(studio, lm)
    seen = subject_with_rows(lm, studio.store, made, Measured())
    assert [{e.side for e in part} for part in (seen.rows, seen.train, seen.validation)] == [{"test"}, {"train"}, {"validation"}]
    assert {e.target for e in seen.rows[:2]} == {"pos", "neg"}, "a preview of two rows has both classes"
    upload = studio.data.upload("more.csv", tiny.rows(80))
    given = subject_with_rows(lm, studio.store, made, Measured(rows=upload.digest))
    trained = {e.key for e in (*given.train, *given.validation)}
    assert not trained & {e.key for e in given.rows} and len(given.rows) == 80 - len(trained)


def test_rows_that_are_not_there(studio, lm):
    made = saved(studio, lm, dataset="0" * 16)
    with pytest.raises(NotFoundError, match=r"the rows that 'films' was trained and judged on are not here\. Name a file with rows"):
        subject_with_rows(lm, studio.store, made, Measured())
    upload = studio.data.upload("films.csv", tiny.rows())
    assert len(subject_with_rows(lm, studio.store, made, Measured(rows=upload.digest)).rows) == 60
    own = saved(studio, lm, name="own")
    only = [e for e in studio.store.dataset(upload.digest).examples if e.side != "test"]
    studio.store.add_dataset("cut.csv", "1" * 16, {}, only, "", {})
    with pytest.raises(DataError, match="there are no rows that training of 'own' never saw"):
        subject_with_rows(lm, studio.store, own, Measured(data="1" * 16))


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_view_that_applies_is_kept_once(studio, lm, name):
    run = "b1f8c904f2f74fb7b84296ef41630fde"
    made = saved(studio, lm, run=run)
    write_seeds(studio.store.run_folder(run), {1: {key: torch.from_numpy(array) * 1.1 for key, array in made.tensors.items()}})
    said = list(look_and_keep(lm, studio.store, made, name))
    kept = studio.store.view(made.digest, name)
    if VIEWS[name].applies(made.tensors):
        assert said == [] and kept is None
        return
    assert result_from_json(kept).title and all({"progress"} <= set(one) for one in said)
    assert list(look_and_keep(lm, studio.store, made, name)) == []
    assert studio.views.kept("films", name) == kept


def test_previews_ride_in_the_request_and_are_never_kept_as_results(studio, lm):
    made = saved(studio, lm)
    items = list(look_and_keep(lm, studio.store, made, "faithfulness"))
    previews = [item["preview"] for item in items if "preview" in item]
    assert previews and "16 rows" in previews[0]["caption"] and previews[0] != studio.store.view(made.digest, "faithfulness")


def test_what_a_view_was_measured_with_tells_its_results_apart(studio, lm):
    saved(studio, lm)
    saved(studio, lm, name="second", noise=0.05)
    rows = studio.data.upload("more.csv", tiny.rows(80)).digest
    studio.views.ask("films", "manual_neighbours", prompts=("a good film", "is it bad"))
    studio.views.ask("films", "strength", other="second", rows=rows)
    drain(studio)
    assert studio.views.kept("films", "manual_neighbours") is None
    table = studio.views.kept("films", "manual_neighbours", prompts=("is it bad", "a good film"))["parts"][1]
    assert {"a good film", "is it bad"} <= {row["prompt"] for row in table["rows"]}
    assert studio.views.kept("films", "strength") is None
    assert "second" in studio.views.kept("films", "strength", other="second", rows=rows)["parts"][-1]["title"]


def test_a_manual_prompt_is_looked_at_on_the_same_rows(studio, lm):
    saved(studio, lm)
    studio.views.ask("films", "faithfulness", text="a good film")
    studio.views.ask("films", "neighbours", text="a good film")
    drain(studio)
    assert studio.views.kept("films", "faithfulness") is None
    rows = studio.views.kept("films", "faithfulness", text="a good film")["parts"][-1]["rows"]
    losses = {row["name"]: row["loss"] for row in rows}
    assert losses["the learned prompt"] == losses["the text it started from"] == losses["its closest entries as text"]
    assert {row["status"] for row in studio.views.kept("films", "neighbours", text="a good film")["rows"]} == {"unmoved"}


def test_prompts_of_earlier_runs_are_the_ones_tried(studio, lm):
    made = saved(studio, lm)
    upload = studio.data.upload("films.csv", tiny.rows())
    for prompt in ("first", "second", made.card.task.prompt, "first"):
        studio.start(studio.plan(upload.digest, replace(made.card.task, prompt=prompt), model=MODEL, recipe=Recipe(steps=1)))
    assert tried(studio.store, made) == ("first", "second")


def test_a_request_that_cannot_be(studio, lm):
    saved(studio, lm)
    with pytest.raises(SpecError, match="view 'tea' is not known"):
        studio.views.ask("films", "tea")
    with pytest.raises(NotFoundError, match="there is no saved prompt 'nobody'"):
        studio.views.ask("films", "strength", other="nobody")
    saved(studio, lm, name="foreign", dataset="0" * 16)
    request = studio.views.ask("foreign", "gain")
    drain(studio)
    assert studio.store.request(request).error["message"].startswith("the rows that 'foreign' was trained and judged on are not here")


def test_slots_that_hurt_go_into_a_prompt_of_its_own(studio, lm):
    made = saved(studio, lm, noise=0.3)
    request = studio.views.ask_prune("films")
    drain(studio)
    found = studio.store.request(request)
    assert found.state == "done", found.error
    result = found.result
    if not result["slots"]:
        assert result["artifact"] == "" and result["sentence"].startswith("No slot was taken out")
        return
    pruned = artifact.read(artifact.find(studio.folders, result["artifact"]))
    assert pruned.card.virtual_tokens == made.card.virtual_tokens - len(result["slots"]) == pruned.tensors["soft_prompt"].shape[0]
    assert len(pruned.card.start_ids) == pruned.card.virtual_tokens and pruned.card.scores["test_rows"] == 18
    assert result["validation"]["after"] < result["validation"]["before"]
    assert "held-out rows changes by" in result["sentence"]


def test_a_strength_is_saved(studio, lm):
    made = saved(studio, lm)
    request = studio.views.ask_strength("films", 0.0)
    drain(studio)
    found = studio.store.request(request)
    assert found.state == "done", found.error
    start = artifact.read(artifact.find(studio.folders, found.result["artifact"]))
    np.testing.assert_array_equal(start.tensors["soft_prompt"], lm.embed(made.card.start_ids).numpy())
    assert found.result["sentence"].startswith("At strength 0: the loss on 18 held-out rows changes by")
    for bad in ("much", None, True, 1e9):
        request = studio.views.ask_strength("films", bad)
        drain(studio)
        assert "expected a number from -10 to 10" in studio.store.request(request).error["message"]


def test_zones_of_a_strength(studio, lm):
    saved(studio, lm)
    request = studio.views.ask_zones("films")
    drain(studio)
    found = studio.store.request(request).result
    assert found["caution"][0] <= found["normal"][0] <= 0 <= found["normal"][1] <= found["caution"][1] and len(found["factors"]) == 9
    assert studio.views.kept_zones("films") == found


def test_zones_that_the_view_measured_are_known_to_the_playground(studio, lm):
    made = saved(studio, lm)
    assert studio.views.kept_zones("films") is None
    studio.views.ask("films", "strength")
    drain(studio)
    found = studio.views.kept_zones("films")
    assert found["normal"][0] <= 0 <= found["normal"][1] and studio.store.view(made.digest, "zones") is None
    studio.store.put_view(made.digest, "strength", {"type": "of another version"})
    assert studio.views.kept_zones("films") is None


def test_another_models_prompt_is_refused(studio, lm):
    made = saved(studio, lm)
    artifact.write(studio.folders[0], artifact.Artifact(replace(made.card, name="other", fingerprint="f" * 16), made.tensors))
    request = studio.views.ask("other", "gain")
    drain(studio)
    assert studio.store.request(request).error["type"] == ArtifactError.__name__


def test_the_beginning_of_mixed_rows_has_every_class():
    rows = [Example(row=i, values={}, target="a" if i < 30 else "b", key=f"{i:03}") for i in range(40)]
    first = mixed(rows)[:8]
    assert [e.target for e in first].count("b") == 2 and thin(rows, 40) == rows and thin(rows, 8) == first


def keep_text(studio, made, text, found_on=()):
    rows = ({"name": "the text found", "prompt": text, "found_on": list(found_on)}, {"name": "your prompt", "prompt": made.card.task.prompt})
    table = Table(title="In numbers", columns=(Column(name="name", title="Prompt"),), rows=rows)
    studio.store.put_view(made.digest, "distil", result_to_json(Stack(title="As text", parts=(table,))))


def test_a_found_text_is_a_contestant_made_from_the_rows_that_its_prompt_learned_from(studio, lm):
    made = saved(studio, lm)
    context = Context(made.card.task, (), studio.folders, store=studio.store)
    with pytest.raises(NotFoundError) as caught:
        build(lm, "distilled:films", context)
    assert str(caught.value) == (
        "no text that does better than the manual prompt has been found for 'films'. Search for one: python -m steering inspect films --view distil."
    )
    keep_text(studio, made, "a found text\nof two lines", ["another row"])
    one = build(lm, "distilled:films", context)
    own = build(lm, "prompt:a found text\nof two lines", context)
    assert one.name == "distilled:films" and one.text == "a found text\nof two lines" and torch.equal(one.root.embeds, own.root.embeds)
    learned = {e.key for e in studio.store.dataset(made.card.dataset).examples if e.side != "test"}
    assert one.seen == learned | {"another row"}
    payload = {"contestants": ["none", "distilled:films"], "task": to_json(made.card.task), "rows": made.card.dataset, "model": MODEL}
    request = studio.store.add_request("compare", payload | {"train": ""})
    drain(studio)
    said = studio.store.request(request).error["message"]
    assert f"{len(learned)} of 60 test rows are rows that distilled:films was made from" in said


def test_a_found_text_whose_prompts_rows_are_not_here_is_not_said_to_be_apart(studio, lm):
    made = saved(studio, lm, dataset="gone")
    keep_text(studio, made, "a found text")
    assert build(lm, "distilled:films", Context(made.card.task, (), studio.folders, store=studio.store)).seen is None
