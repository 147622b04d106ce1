"""Learning curves, ladders and the prompt workshop as requests: growing results of plain values, rows apart, and what cannot be is said."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

from steering.engine.curve import part
from steering.engine.ladder import COSTS, LADDER
from steering.engine.requests import HANDLERS, Office
from steering.errors import DataError, InputError, SpecError
from steering.evaluate.advice import DEPTHS
from steering.knobs import to_json
from steering.spec import Example, TaskSpec
from steering.store import Store

TASK = TaskSpec(kind="classification", template="{text}", prompt="the film", label_words={"pos": "good", "neg": "bad"})


def rows(start, count, side="train"):
    kinds = (("great", "pos"), ("awful", "neg"))
    made = [(i, f"film {i} {kinds[i % 2][0]}", kinds[i % 2][1]) for i in range(start, start + count)]
    return tuple(Example(row=i, values={"text": text}, target=label, key=f"{i:04}", side=side) for i, text, label in made)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    torch.set_num_threads(1)
    store = Store(tmp_path)
    everything = (*rows(0, 24), *rows(24, 8, "validation"), *rows(32, 40, "test"))
    store.add_dataset("films", "d1", {"problems": []}, everything)
    return Office(tiny.build(scale=8.0), store, [])


def results(office, kind, **payload):
    base = {"task": to_json(TASK), "train": "d1", "rows": "d1"}
    found = [item for item in HANDLERS[kind](office, base | payload) if item and "judging" not in item]
    assert json.loads(json.dumps(found, allow_nan=False)) == found, "plain JSON values"
    return found


def test_a_curve_grows_point_by_point_and_ends_with_sentences(office):
    tune = "tune:prompt_tuning,steps=2,batch_size=4,virtual_tokens=2"
    found = results(office, "curve", contestants=[tune, "few-shot:2"], shares=[0.25, 1.0], seeds=2)
    assert [item["done"] for item in found[:-1]] == list(range(1, 9)) and found[-1]["finding"] and found[-1]["of"] == 8 and found[-1]["n"] == 40
    assert [(p["contestant"], p["rows"]) for p in found[-1]["points"]] == [(s, r) for r in (6, 24) for s in (tune, "few-shot:2") for _ in range(2)]
    assert [(b["contestant"], b["share"], b["seeds"]) for b in found[-1]["bands"]] == [(s, x, 2) for s in (tune, "few-shot:2") for x in (0.25, 1.0)]
    assert found[-1]["sentences"].keys() == {tune, "few-shot:2"} and found[0]["sentences"] == {}
    assert [one["kind"] for one in found[-1]["flat"]] == ["none", "manual"]
    with pytest.raises(SpecError, match="expected shares above 0 and up to 1"):
        results(office, "curve", shares=[2.0])


def test_parts_are_nested_stratified_and_depend_on_the_seed():
    train = rows(0, 24)
    small, large, other = part(TASK, train, 0.25, 0), part(TASK, train, 0.5, 0), part(TASK, train, 0.25, 1)
    assert {e.key for e in small} < {e.key for e in large} and {e.key for e in small} != {e.key for e in other}
    assert [e.target for e in small].count("pos") == 3 == len(small) // 2
    with pytest.raises(DataError, match=r"10% of 1 training rows are 1: nothing can be fitted on that\. Give more rows or larger shares\."):
        part(TASK, train[:1], 0.1, 0)


def test_a_ladder_measures_every_rung_and_ends_with_advice(office):
    found = results(office, "ladder", seeds=2, steps=2)[-1]
    left = set(found["left_out"])
    assert [rung["depth"] for rung in found["rungs"]] == [depth for form, depth in LADDER if form not in left]
    assert left <= {"tune:prefix_tuning,layers=last 4"}, found["left_out"]
    for rung in found["rungs"]:
        assert rung["accuracy_ci"][0] <= rung["accuracy"] <= rung["accuracy_ci"][1] and rung["first_token_seconds"] > 0
        trained = rung["depth"] in ("soft", "few_layers", "all_layers", "weights")
        assert (rung["trainable_parameters"] > 0) == (rung["file_bytes"] > 0) == (rung["training_seconds"] > 0) == trained
        assert (rung["seed_spread"] is not None) == (trained or rung["depth"] == "few_shot")
    by_depth = {rung["depth"]: rung for rung in found["rungs"]}
    assert by_depth["none"]["drift"] == pytest.approx(0.0, abs=1e-6) and by_depth["manual"]["drift"] != 0.0
    assert found["advice"]["kind"] in ("unknown", "missing", "calibrate", "write", "steer", "edit") and found["advice"]["reasons"]
    assert found["pareto"].keys() == set(COSTS) and all(found["pareto"].values())
    assert {depth for _, depth in LADDER} == set(DEPTHS)


def test_a_ladder_is_for_right_and_wrong_and_rows_stay_apart(office):
    task = replace(TASK, kind="generation", label_words={})
    with pytest.raises(SpecError, match="the ladder goes by right and wrong, and this task writes texts"):
        results(office, "ladder", task=to_json(task))
    office.store.add_dataset("same", "d2", {"problems": []}, rows(0, 12))
    with pytest.raises(InputError, match="12 of 12 test rows are rows that tune:lora was made from"):
        results(office, "ladder", rows="d2")


def test_the_workshop_scores_prompts_on_validation_rows_as_they_come(office):
    found = results(office, "workshop", prompts=["the film", "was it good", "the film"])
    assert [len(item["prompts"]) for item in found] == [1, 2, 3] and found[-1]["prompts"][0] == found[-1]["prompts"][2]
    assert {one["rows"] for one in found[-1]["prompts"]} == {8} and found[-1]["best"] in (0, 1)
    with pytest.raises(SpecError, match="0 prompts are to be tried, expected 1 to 50"):
        results(office, "workshop", prompts=[])
