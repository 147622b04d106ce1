"""The imitation benchmark: its rows, that it resumes, and that inputs, shots and judged rows are different rows."""

import json
from pathlib import Path

import pytest
import tiny

from benchmarks import imitation
from benchmarks.ledger import Ledger
from benchmarks.sets import trial
from steering.spec import Recipe

RECIPE = Recipe(steps=2, batch_size=4, evaluate_every=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One set under a name of the table."""
    root = tmp_path_factory.mktemp("sets")
    (root / "sst2").mkdir()
    for side, low, high in (("train", 0, 60), ("test", 60, 80)):
        lines = [f"the film {i} was {'good' if i % 2 else 'bad'},{'positive' if i % 2 else 'negative'}" for i in range(low, high)]
        (root / "sst2" / f"{side}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return root


def plan(data: Path, **more):
    return imitation.Plan(data=data, sets=("sst2",), demonstrations=2, inputs=30, virtual_tokens=4, test_rows=10, recipe=RECIPE, **more)


def test_rows_say_what_was_agreed_and_a_rerun_measures_nothing(data, lm, tmp_path):
    said: list[str] = []
    rows = imitation.run(plan(data), lm, Ledger(tmp_path / "rows.jsonl", imitation.KEYS), said.append)
    assert [row["pupil"] for row in rows] == list(imitation.PUPILS)
    for row in rows:
        assert row["tokens"] == 4 < row["teacher_tokens"] and row["n"] == 10 and row["steps"] == 2
        assert all(0 <= row[name] <= 1 for name in ("agreement", "accuracy", "teacher_accuracy", "manual_accuracy"))
    assert rows[1]["prefill_ratio"] > 0
    said.clear()
    assert imitation.run(plan(data), lm, Ledger(tmp_path / "rows.jsonl", imitation.KEYS), said.append) == rows and not said


def test_inputs_are_neither_shots_nor_judged(data):
    one = plan(data)
    drawn = trial(data, "sst2", seed=0, shots=2, test_rows=10)
    texts = imitation._texts(one, drawn, 0)
    others = {row.values["text"] for row in drawn.train + drawn.validation + drawn.test}
    assert len(texts) == 30 and not others & set(texts)


def test_the_command_prints_json(data, tmp_path, capsys):
    folder = tiny.save(tmp_path / "model")
    flags = ["--data", str(data), "--sets", "nothing", "--model", str(folder), "--json", "--out", str(tmp_path / "x.jsonl")]
    assert imitation.main(flags) == 2
    assert "is not known" in json.loads(capsys.readouterr().out)["error"]["message"]
