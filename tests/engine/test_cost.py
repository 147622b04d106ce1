"""Costs are measured: counts are exact, longer prompts cost more, and the request grows contestant by contestant."""

from pathlib import Path

import pytest
import tiny
import torch

from steering.engine.contestants import Context, build
from steering.engine.cost import kv_bytes, measure
from steering.engine.requests import HANDLERS, Office
from steering.knobs import to_json
from steering.spec import Example, TaskSpec
from steering.store import Store

TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})
ROWS = [Example(row=i, values={"text": f"film {i}"}, target=("pos", "neg")[i % 2], key=f"{i:04}") for i in range(40)]


@pytest.fixture
def lm():
    torch.set_num_threads(1)
    return tiny.build()


def test_counts_are_exact_and_a_longer_prompt_takes_longer(lm):
    short, long = (build(lm, spec, Context(TASK, ROWS, [])) for spec in ("none", "few-shot:30"))
    ids = lm.encode("film 1 label")
    found = [list(measure(lm, one, ids, repeats=9))[-1] for one in (short, long)]
    assert [one.prompt_tokens for one in found] == [0, long.root.length] and found[0].kv_bytes == 0
    assert found[1].kv_bytes == 2 * 3 * 2 * 8 * long.root.length * 4 == kv_bytes(lm, long.root.length)
    assert found[1].first_token_seconds > found[0].first_token_seconds > 0
    assert found[1].cached_first_token_seconds < found[1].first_token_seconds


def test_the_request_grows_and_says_a_sentence(lm, tmp_path: Path):
    store = Store(tmp_path)
    store.add_dataset("films", "d1", {"problems": []}, tuple(ROWS))
    specs = ["none", "few-shot:4", "tune:prompt_tuning,steps=1,virtual_tokens=3"]
    payload = {"contestants": specs, "task": to_json(TASK), "train": "d1", "values": {"text": "film 3"}}
    results = [item for item in HANDLERS["cost"](Office(lm, store, []), payload) if item]
    assert [len(item["costs"]) for item in results] == [1, 2, 3]
    assert results[-1]["sentences"][0].startswith("3 vectors replace a ") and "-token few-shot prompt: " in results[-1]["sentences"][0]
