"""Prompts of different tasks in one batch: every answer equals the one given alone, LoRA among them too."""

import time
from pathlib import Path

import pytest
import tiny
import torch

from steering import artifact
from steering.engine import switching
from steering.engine import together as module
from steering.engine.requests import HANDLERS, Office
from steering.errors import SpecError
from steering.knobs import to_json
from steering.lm.forest import Branch, Tree
from steering.lm.root import Root
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
    assert found["together_seconds"] > 0 and found["apart_seconds"] > 0 and all(o["seconds"] > 0 for o in found["outputs"])


def test_nobody_is_no_question(office):
    with pytest.raises(SpecError, match=r"nobody is asked\. Name at least one contestant\."):
        ask(office)


def test_switching_adapters_is_measured_beside_it_with_the_same_answers(office, monkeypatch):
    seen, answered = [], module.answered

    def watched(lm, asks):
        found = yield from answered(lm, asks)
        seen.append(([ask.root.adapter for ask in asks], [answer["text"] for answer in found]))
        return found

    monkeypatch.setattr(module, "answered", watched)
    plain = office.lm.logits([Tree(Root(embeds=office.lm.embed(())), (Branch((3, 4), 2),))])
    found = ask(office, "films", "queues", "low", "write")
    lora = found["lora"]
    assert (lora["adapters"], lora["fresh"], lora["rank"]) == (4, 3, 8) and lora["seconds"] > 0 and 0 < lora["attach_seconds"] < lora["seconds"]
    switched = [(adapters[0], texts[0]) for adapters, texts in seen if len(adapters) == 1 and adapters[0] is not None]
    assert len({id(adapter) for adapter, _ in switched}) == 4
    texts = [output["text"] for output in found["outputs"]]
    assert {text for _, text in switched} == set(texts), "an adapter that nobody trained changes nothing"
    assert "Switching LoRA adapters (3 of 4 freshly made with rank 8)" in found["sentence"]
    after = office.lm.logits([Tree(Root(embeds=office.lm.embed(())), (Branch((3, 4), 2),))])
    assert torch.equal(plain, after), "and leaves the model as it was"


def test_a_model_without_a_place_for_adapters_says_so(office, monkeypatch):
    def refuse(*given):
        raise SpecError("targets is 'default': no module.", "Name some.")

    monkeypatch.setattr(switching.Lora, "build", refuse)
    found = ask(office, "films", "queues")
    assert found["lora"] is None and found["sentence"].endswith("LoRA adapters could not be measured here: targets is 'default': no module.")


def test_what_others_do_between_the_slices_is_not_counted():
    def work():
        yield {}
        return 1

    timing = module.timed(work())
    next(timing)
    time.sleep(0.05)
    with pytest.raises(StopIteration) as end:
        next(timing)
    assert end.value.value < 0.04
