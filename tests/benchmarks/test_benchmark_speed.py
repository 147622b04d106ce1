"""The speed benchmark on a tiny model: its keys, that both sides compute the same gradient, that it resumes, and that peaks are of a step."""

import json
from pathlib import Path

import pytest
import tiny
import torch

from benchmarks import pairing, speed, theirs
from benchmarks.batch import long, short
from benchmarks.ledger import Ledger
from benchmarks.memory import peak_mb
from benchmarks.rate import linear_shapes, matmul_rate, parameters
from benchmarks.timing import compare, interleaved
from steering.lm.load import load

CONTRACT = {
    "method", "virtual_tokens", "batch", "tokens", "dtype", "ours_seconds", "peft_seconds", "ratio", "gradient_relative_error", "ours_peak_mb",
    "peft_peak_mb",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def small(folder):
    return load(str(folder), dtype=torch.float32)


@pytest.mark.parametrize("name", theirs.FLAT)
def test_our_gradient_is_that_of_the_padded_batch(folder, small, name):
    batch = short(None, 6)
    start = pairing.start_of(small, batch, name, 7)
    reference = pairing.theirs(theirs.load(str(folder), torch.float32), small, start).gradient()
    found = pairing.gradient(small, start)
    assert found.shape == reference.shape and float(reference.norm()) > 0
    assert pairing.relative_error(found, reference) < 1e-5


@pytest.mark.parametrize("name", theirs.FLAT)
def test_both_steps_begin_with_the_same_loss_of_the_answer(folder, small, name):
    batch = short(None, 6)
    start = pairing.start_of(small, batch, name, 5)
    step = pairing.theirs(theirs.load(str(folder), torch.float32), small, start)
    first, second = step(), step()
    assert first > second > 0  # it learns
    assert pairing.ours(small, batch, name, 5)() > 0


def test_the_object_has_the_keys_of_the_contract_and_resumes(folder, tmp_path):
    plan = speed.Plan(methods=("prompt_tuning",), virtual_tokens=(3, 9), batch=4, rounds=1, long=40, memory=False, model=str(folder))
    said: list[str] = []
    found = speed.run(plan, Ledger(tmp_path / "speed.jsonl", speed.KEYS), said.append)
    assert [(row["virtual_tokens"], row["dtype"]) for row in found["rows"]] == [(p, d) for p in (3, 9) for d in ("bf16", "fp32", "defaults")]
    assert all(row.keys() >= CONTRACT and row["ratio"] > 0 and row["gradient_relative_error"] < 1e-5 for row in found["rows"])
    assert found["gemm_fraction"] > 0 and found["long"]["per_token"] > 0 and len(found["cost"]) == 3
    assert "| prompt_tuning | 3 | bf16 |" in speed.report(found)
    said.clear()
    again = speed.run(plan, Ledger(tmp_path / "speed.jsonl", speed.KEYS), said.append)
    assert again["rows"] == found["rows"] and not said


def test_the_command_prints_json(folder, tmp_path, capsys):
    flags = ["--quick", "--json", "--model", str(folder), "--batch", "4", "--out", str(tmp_path / "x.jsonl"), "--data", str(tmp_path)]
    assert speed.main(flags) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"].endswith("sst2 holds no train file.")


def test_a_peak_counts_what_lives_at_once_and_nothing_that_was_there():
    kept = torch.ones(64, 2**20, dtype=torch.uint8)

    def step() -> None:
        first = kept + 1
        del first
        _ = (kept + 2) + 3  # two at once

    assert 128 <= peak_mb(step) < 130


def test_peaks_of_both_sides_stand_in_the_table(folder, tmp_path):
    plan = speed.Plan(methods=("prompt_tuning",), virtual_tokens=(9,), batch=4, rounds=1, long=0, model=str(folder))
    rows = speed.run(plan, Ledger(tmp_path / "speed.jsonl", speed.KEYS), lambda line: None)["rows"]
    assert all(row["ours_peak_mb"] > 0 and row["peft_peak_mb"] > 0 for row in rows)


def test_long_rows_are_as_long_as_asked_for(lm):
    batch = long(lm, short(None, 4), 90)
    lengths = [len(lm.encode(next(iter(e.values.values())))) for e in batch.rows]
    assert all(80 <= length <= 90 for length in lengths)


def test_weights_that_every_token_goes_through_are_counted(lm):
    shapes = linear_shapes(lm)
    each = 32 * 32 * 2 + 2 * 16 * 32 + 3 * 64 * 32  # q, o; k, v; gate, up, down
    assert parameters(shapes) == 3 * each
    assert matmul_rate(shapes, 8, torch.float32, rounds=1) > 0


def test_rounds_are_interleaved_and_the_first_warms_up():
    order: list[str] = []
    steps = {name: lambda name=name: float(len(order.append(name) or order)) for name in ("a", "b")}
    seconds = interleaved(steps, 2)
    assert order == ["a", "b"] * 3 and [len(times) for times in seconds.values()] == [2, 2]


def test_a_ratio_is_the_median_of_rounds():
    assert compare([1.0, 2.0, 1.0], [3.0, 8.0, 2.0])["ratio"] == 3.0
