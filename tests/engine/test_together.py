"""Prompts of different tasks in one batch: every answer equals the one given alone, LoRA among them too."""

from pathlib import Path

import pytest
import tiny
import torch

from steering import artifact
from steering.engine.requests import HANDLERS, Office
from steering.errors import SpecError
from steering.knobs import to_json
from steering.methods import METHODS, Setting, options
from steering.spec import TaskSpec
from steering.store import Store

FILMS = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})
QUEUES = TaskSpec(
    kind="classification", template="{message}\n", prompt="the queue", label_words={"a": "billing", "b": "delivery", "c": "card parcel"}
)
WRITE = TaskSpec(kind="generation", template="{text}\n", prompt="answer", max_new_tokens=5)
TASKS = {"films": FILMS, "queues": QUEUES, "write": WRITE, "low": FILMS}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    torch.set_num_threads(1)
    lm = tiny.build(scale=4.0)
    for name, task, method in (
        ("films", FILMS, "prompt_tuning"),
        ("queues", QUEUES, "prefix_tuning"),
        ("write", WRITE, "prompt_tuning"),
        ("low", FILMS, "lora"),
    ):
        steering = METHODS[method].build(lm, Setting(task, ()), options(method, {}))
        noise = torch.Generator().manual_seed(len(name))
        tensors = {key: (t + 0.1 * torch.randn(t.shape, generator=noise)).numpy() for key, t in steering.vectors().items()}
        size = steering.root().length
        about = {"name": name, "method": method, "model": lm.id, "revision": "", "fingerprint": lm.fingerprint, "dataset": ""}
        card = artifact.Card(task=task, virtual_tokens=size, **about)
        artifact.write(tmp_path, artifact.Artifact(card, tensors))
    return Office(lm, Store(tmp_path / "store"), [tmp_path])


def ask(office, *names):
    values = {name: {"message" if name == "queues" else "text": "my card was bad"} for name in names}
    asks = [{"contestant": f"saved:{name}", "task": to_json(TASKS[name]), "values": values[name]} for name in names]
    return [item for item in HANDLERS["together"](office, {"asks": asks}) if item][-1]


def test_every_answer_equals_the_one_given_alone(office):
    names = ["films", "low", "queues", "write", "films"]
    found = ask(office, *names)
    assert [output["name"] for output in found["outputs"]] == [f"saved:{n}" for n in names] and found["adapters"] == 1
    for output, name in zip(found["outputs"], names, strict=True):
        (alone,) = ask(office, name)["outputs"]
        assert (output["text"], output["tokens"]) == (alone["text"], alone["tokens"])
        if "labels" in alone:
            assert output["labels"] == pytest.approx(alone["labels"], abs=1e-5) and output["labels"].keys() == alone["labels"].keys()
    assert found["together_seconds"] > 0 and found["apart_seconds"] == pytest.approx(sum(o["seconds"] for o in found["outputs"]), abs=1e-3)


def test_nobody_is_no_question(office):
    with pytest.raises(SpecError, match=r"nobody is asked\. Name at least one contestant\."):
        ask(office)
