"""The quality benchmark: its rows and keys, that it resumes, that everybody is judged on the same rows, and that shots are what they say."""

import json
from pathlib import Path

import pytest
import tiny
import torch

from benchmarks import quality
from benchmarks.learning import learn, trainer_of
from benchmarks.ledger import Ledger
from benchmarks.sets import trial
from benchmarks.tasks import TASKS
from steering.engine import beginning
from steering.methods import LEARNED
from steering.methods.forms import root_of
from steering.spec import Recipe

RECIPE = {"steps": 2, "batch_size": 4, "evaluate_every": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of each kind, under names of the table."""
    root = tmp_path_factory.mktemp("sets")
    (root / "sst2").mkdir()
    for side, low, high in (("train", 0, 40), ("test", 40, 60)):
        lines = [f"the film {i} was {'good' if i % 2 else 'bad'},{'positive' if i % 2 else 'negative'}" for i in range(low, high)]
        (root / "sst2" / f"{side}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    (root / "e2e_nlg").mkdir()
    for side, low, high in (("train", 0, 12), ("test", 12, 16)):
        lines = [json.dumps({"input": f"card {i}", "target": f"my card is {i}", "references": [f"card is {i}"]}) for i in range(low, high)]
        (root / "e2e_nlg" / f"{side}.jsonl").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def measured(data, lm, tmp_path):
    def measure(sets: str, contestants: str, **more):
        plan = quality.Plan(data=data, sets=tuple(sets.split(",")), contestants=tuple(contestants.split(",")), recipe=RECIPE, **more)
        said: list[str] = []
        return quality.run(plan, lm, Ledger(tmp_path / "rows.jsonl", quality.KEYS), said.append), said

    return measure


def test_every_contestant_is_judged_on_the_same_rows(measured):
    rows, _ = measured("sst2", ",".join(quality.ENTRANTS), shots=8, seeds=1, test_rows=10)
    assert [row["contestant"] for row in rows] == list(quality.ENTRANTS)
    assert {(row["test_rows"], row["train_rows"], row["validation_rows"]) for row in rows} == {(10, 12, 4)}
    assert all(0 <= row["accuracy"] <= 1 and row["seconds"] > 0 for row in rows)
    assert all(row["steps"] == 2 for row in rows if row["contestant"] in LEARNED)
    assert {line["contestant"]: line["mean_accuracy"] for line in quality.summary(rows)} == {
        row["contestant"]: pytest.approx(row["accuracy"], abs=1e-4) for row in rows
    }


def test_a_rerun_measures_only_what_is_missing(measured):
    first, said = measured("sst2", "none,manual", shots=8, seeds=1, test_rows=6)
    again, silent = measured("sst2", "none,manual", shots=8, seeds=1, test_rows=6)
    assert again == first and said and not silent
    _, more = measured("sst2", "none,manual", shots=8, seeds=1, test_rows=8)
    assert more  # other test rows are another measurement


def test_contestants_without_training_rows_are_judged_once(measured):
    rows, _ = measured("sst2", "manual,few_shot", shots=8, seeds=2, test_rows=4)
    assert [(row["contestant"], row["seed"]) for row in rows] == [("manual", 0), ("few_shot", 0), ("few_shot", 1)]


def test_generation_sets_have_text_measures_and_no_probe(measured):
    rows, _ = measured("e2e_nlg", "manual,linear_probe,prefix_tuning", rows=8, seeds=1, test_rows=2)
    assert [row["contestant"] for row in rows] == ["manual", "prefix_tuning"]
    assert all({"exact_match", "chrf"} <= row.keys() and "accuracy" not in row for row in rows)
    assert "chrf" in quality.report(rows)


def test_shots_hold_the_validation_rows_and_never_a_test_row(data):
    made = trial(data, "sst2", seed=0, shots=8, test_rows=20)
    sides = [{e.key for e in part} for part in (made.train, made.validation, made.test)]
    assert [len(part) for part in sides] == [12, 4, 20]
    assert not sides[0] & sides[1] and not (sides[0] | sides[1]) & sides[2]
    other = trial(data, "sst2", seed=1, shots=8, test_rows=20)
    assert {e.key for e in other.train} != sides[0] and {e.key for e in other.test} == sides[2]


def test_small_classes_give_all_they_have(data):
    made = trial(data, "sst2", seed=0, shots=1000, test_rows=20)
    assert len(made.train) + len(made.validation) == 40


def test_every_prompt_and_template_is_whole():
    for known in TASKS.values():
        assert known.prompt and known.template.rstrip().endswith(":")
        assert ("{text}" if known.kind == "classification" else "{input}") in known.template


def test_the_command_prints_the_keys_of_the_contract(data, tmp_path, monkeypatch, capsys):
    folder = tiny.save(tmp_path / "model")
    out = str(tmp_path / "rows.jsonl")
    flags = ["--data", str(data), "--sets", "sst2", "--methods", "none", "--shots", "4", "--seeds", "1", "--test-rows", "4"]
    assert quality.main([*flags, "--model", str(folder), "--out", out, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"set", "contestant", "seed", "accuracy", "seconds"} <= found["rows"][0].keys()
    assert {"contestant", "mean_accuracy", "mean_seconds"} <= found["summary"][0].keys()
    assert {"cpu", "torch", "peft"} <= found["machine"].keys()


def test_an_unknown_set_is_refused_before_anything_is_measured(data, tmp_path, capsys):
    assert quality.main(["--data", str(data), "--sets", "sst3", "--json", "--out", str(tmp_path / "x.jsonl")]) == 2
    told = capsys.readouterr()
    assert "the set 'sst3' is not known. Choose some of: sst2, subj" in told.err
    assert json.loads(told.out)["error"]["type"] == "SpecError"


def test_the_recipe_is_part_of_a_row(lm, data, monkeypatch):
    drawn = trial(data, "sst2", seed=0, shots=4, test_rows=4)
    assert quality.row_digest(lm, drawn, "none", Recipe()) != quality.row_digest(lm, drawn, "none", Recipe(steps=3))
    was = quality.row_digest(lm, drawn, "prefix_tuning", Recipe())
    monkeypatch.setattr(LEARNED["prefix_tuning"], "rate", 0.5)  # another default rate is another measurement
    assert quality.row_digest(lm, drawn, "prefix_tuning", Recipe()) != was


@pytest.mark.parametrize("few", [16, 17])
def test_learning_begins_as_a_run_of_the_app_does(data, lm, few, monkeypatch):
    monkeypatch.setattr(beginning, "FEW", few)
    drawn, recipe = trial(data, "sst2", seed=0, shots=8, test_rows=6), Recipe(**RECIPE)
    found = learn(lm, "prompt_tuning", drawn.task, drawn.train, drawn.validation, recipe)
    by_validation = trainer_of(lm, "prompt_tuning", drawn.task, drawn.train, drawn.validation, recipe)
    for _ in by_validation.events():
        pass
    enough = len(drawn.train) + len(drawn.validation) >= few
    assert enough == (few == 16)
    assert torch.equal(found.root.embeds, root_of(lm, by_validation.best).embeds) == enough, "else folds decide, and all rows are learned from"
