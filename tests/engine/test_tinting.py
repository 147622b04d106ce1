"""Token log-probabilities under several contestants: equal to a plain forward, refused where there are none."""

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

from steering.engine.requests import HANDLERS, Office
from steering.engine.tinting import log_probs
from steering.errors import SpecError
from steering.knobs import to_json
from steering.lm.forest import Branch, Tree
from steering.lm.generate import Decoding, generate
from steering.spec import Example, TaskSpec
from steering.store import Store

TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})
ROWS = [Example(row=i, values={"text": f"film {i}"}, target=("pos", "neg")[i % 2], key=f"{i:04}") for i in range(20)]


@pytest.fixture(scope="module")
def lm():
    torch.set_num_threads(1)
    return tiny.build()


def payload(**changes):
    base = {"contestants": ["prompt:the film", "none"], "task": to_json(TASK), "train": "d1", "values": {"text": "my card"}, "answer": "pos"}
    return base | changes


@pytest.fixture
def office(lm, tmp_path: Path):
    store = Store(tmp_path)
    store.add_dataset("films", "d1", {"problems": []}, tuple(ROWS))
    return Office(lm, store, [])


def test_no_prompt_comes_first_and_a_label_is_its_word(office):
    last = list(HANDLERS["tint"](office, payload()))[-1]
    assert [column["name"] for column in last["columns"]] == ["none", "manual"] and last["tokens"][-1] == "good"
    assert last["columns"][0]["log_probs"] != last["columns"][1]["log_probs"]


def test_log_probabilities_equal_those_of_generation(lm):
    root, ids = lm.text_root("the film\n\n"), lm.encode("my card is label")
    answer = list(generate(lm, [(root, ids)], Decoding(max_new_tokens=5, stop_newline=False)))[-1][0]
    step, target = [], []
    for _ in range(answer.tokens):
        with torch.no_grad():
            logits = torch.log_softmax(lm.logits([Tree(root, (Branch(ids + tuple(target)),))]).float(), -1)[0]
        target.append(int(logits.argmax()))
        step.append(float(logits.max()))
    assert log_probs(lm, root, ids, tuple(target)) == pytest.approx(step, abs=2e-3)
    assert sum(step) / len(step) == pytest.approx(answer.log_prob, abs=2e-3)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"answer": " "}, "no answer to look into"),
        ({"contestants": ["few-shot:2@nearest"]}, "token probabilities of its own"),
        ({"task": to_json(replace(TASK, scoring="channel"))}, "this task scores the input behind each label"),
    ],
)
def test_what_has_no_tokens_is_a_sentence(office, changes, match):
    with pytest.raises(SpecError, match=match):
        list(HANDLERS["tint"](office, payload(**changes)))


def test_nearest_demonstrations_answer_with_those_of_the_typed_text(office):
    last = list(HANDLERS["generate"](office, payload(contestants=["few-shot:2@nearest", "none"])))[-1]
    assert {one["name"] for one in last["outputs"]} == {"few-shot:2@nearest", "none"} and all(one["labels"] for one in last["outputs"])
