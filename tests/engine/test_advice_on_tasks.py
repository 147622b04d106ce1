"""Every branch of the advice on a task whose truth is known, with contestants that were really trained: tests/knowing.py holds the model.

The whole request runs: the ladder enters, trains and judges every rung on the model's own answers.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import knowing
import pytest
import torch

from steering.engine.requests import HANDLERS, Office
from steering.knobs import to_json
from steering.lm.encode import encode_examples, encode_labels, prompt_text
from steering.lm.root import Root
from steering.lm.scoring import score_labels
from steering.spec import Example
from steering.store import Store

TRAIN, VALIDATION, TEST = 96, 48, 200


@dataclass(frozen=True)
class Constructed:
    """A task: what the person's prompt says, which texts are "yes", and what the advice must then be."""

    prompt: str
    truth: Callable[[knowing.Text, random.Random], bool]
    kind: str
    steps: int
    test: int = TEST


TASKS = {
    "labels shuffled": Constructed("is it warm", lambda text, draw: draw.random() < 0.5, "missing", 40),
    "label prior only": Constructed("is it odd", lambda text, draw: draw.random() < 0.8, "calibrate", 40),
    "label prior only, and a prompt that is sure of something else": Constructed("is it warm", lambda text, draw: draw.random() < 0.8, "missing", 40),
    "a rule that shows only behind a bias": Constructed("is it very warm", lambda text, draw: text.warm, "calibrate", 40),
    "a rule that it knows and the prompt asks for": Constructed("is it warm", lambda text, draw: text.warm, "write", 40),
    "a rule that it knows and the prompt does not ask for": Constructed("is it large", lambda text, draw: text.warm, "steer", 150),
    "the same, and training stopped too early": Constructed("is it large", lambda text, draw: text.warm, "write", 20),
    "a rule that no input brings out but changed weights do": Constructed("is it warm", lambda text, draw: text.red, "edit", 150),
    "a rule that it cannot know": Constructed("is it warm", lambda text, draw: text.wet, "missing", 40),
    "too few test rows": Constructed("is it large", lambda text, draw: text.warm, "unknown", 20, test=24),
}


@pytest.fixture(scope="session")
def taught():
    torch.set_num_threads(1)
    return knowing.model()


def rows(task: Constructed) -> tuple[Example, ...]:
    draw = random.Random(5)
    made = []
    for i, side in enumerate(["train"] * TRAIN + ["validation"] * VALIDATION + ["test"] * task.test):
        text = knowing.text(draw)
        answer = "yes" if task.truth(text, draw) else "no"
        made.append(Example(row=i, values={"text": text.text}, target=answer, key=f"{i:04}", side=side))
    return tuple(made)


@pytest.fixture(scope="session")
def climbed(taught, tmp_path_factory):
    """The ladder of a task by its name: {depth: rung} and the advice; made once."""
    known = {}

    def climb(name):
        if name not in known:
            task = TASKS[name]
            store = Store(tmp_path_factory.mktemp("ladder"))
            store.add_dataset("texts", "d1", {"problems": []}, rows(task))
            payload = {"task": to_json(replace(knowing.TASK, prompt=task.prompt)), "train": "d1", "rows": "d1", "seeds": 1, "steps": task.steps}
            *_, end = (item for item in HANDLERS["ladder"](Office(taught, store, []), payload) if item)
            known[name] = {rung["depth"]: rung for rung in end["rungs"]}, end["advice"]
        return known[name]

    return climb


def accuracy(lm, prompt, truth):
    """Accuracy under a written prompt, and p("yes") of every row [N]."""
    task = Constructed(prompt, truth, "", 0)
    judged = [row for row in rows(task) if row.side == "test"]
    root = lm.text_root(prompt_text(prompt))
    inputs = encode_examples(lm, knowing.TASK, judged, root.length).inputs
    found = torch.cat([part for _, part in score_labels(lm, root, inputs, encode_labels(lm, knowing.TASK))])
    right = torch.tensor([row.target == "yes" for row in judged])
    return float((found.argmax(1).eq(0) == right).float().mean()), found.softmax(1)[:, 0]


def test_the_model_knows_what_it_was_taught_and_nothing_else(taught):
    """What the tasks below take for granted."""
    assert accuracy(taught, "is it warm", lambda text, draw: text.warm)[0] > 0.98
    assert accuracy(taught, "is it large", lambda text, draw: text.large)[0] > 0.98
    assert 0.4 < accuracy(taught, "is it large", lambda text, draw: text.warm)[0] < 0.6
    assert float(accuracy(taught, "is it very warm", lambda text, draw: text.warm)[1].max()) < 0.5, "it always answers no"
    assert float(accuracy(taught, "is it odd", lambda text, draw: text.warm)[1].max()) < 0.5


@pytest.mark.parametrize("pair", [knowing.SEEN, knowing.UNSEEN])
def test_no_input_tells_a_hidden_pair_apart(taught, pair):
    """Whatever vectors stand in front: this is what makes "it cannot know" a fact about the model and not about the training."""
    front = Root(embeds=torch.randn(6, taught.shape.H, generator=torch.Generator().manual_seed(0)))
    inputs = [taught.encode(f"the sun near a {word} with one ant answer:") for word in pair]
    one, other = torch.cat([part for _, part in score_labels(taught, front, inputs, encode_labels(taught, knowing.TASK))])
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    assert taught.embed(inputs[0]).ne(taught.embed(inputs[1])).any() == (pair == knowing.SEEN), "changed weights could read the first pair"


@pytest.mark.parametrize("name", TASKS)
def test_the_advice_is_what_the_task_was_made_for(climbed, name):
    rungs, advice = climbed(name)
    assert advice["kind"] == TASKS[name].kind, {depth: rung["accuracy"] for depth, rung in rungs.items()}


def test_shuffled_labels_and_unknowable_rules_are_told_by_the_commonest_label(climbed):
    for name in ("labels shuffled", "a rule that it cannot know"):
        rungs, advice = climbed(name)
        assert advice["rung"] == "" and advice["reasons"][0].endswith("Nothing beats it, 7 tries allowed for (Holm).")
        assert all(0.35 < rung["accuracy"] < 0.65 for rung in rungs.values())
        assert advice["reasons"][1].startswith("Even the deepest change that was tried: tune:lora,steps=40 ")


def test_a_label_prior_is_named_as_such(climbed):
    rungs, advice = climbed("label prior only")
    assert advice["rung"] == "manual+bias" and rungs["manual_bias"]["accuracy"] == rungs["majority"]["accuracy"] > 0.7
    assert "the text plays no part in the gain" in advice["reasons"][2]
    rungs, advice = climbed("label prior only, and a prompt that is sure of something else")
    assert rungs["manual"]["accuracy"] < rungs["manual_bias"]["accuracy"] < rungs["majority"]["accuracy"], "a bias cannot outweigh what it is sure of"
    assert "Any gain over your prompt up to that is label balance; the text plays no part in it." in advice["reasons"][2]


def test_knowledge_behind_a_bias_needs_no_vectors(climbed):
    rungs, advice = climbed("a rule that shows only behind a bias")
    assert rungs["manual"]["accuracy"] < 0.6 < 0.95 < rungs["manual_bias"]["accuracy"] and advice["rung"] == "manual+bias"
    assert not any("the text plays no part" in reason for reason in advice["reasons"])


def test_a_known_rule_is_kept_as_it_is_written_or_steered_to(climbed):
    rungs, advice = climbed("a rule that it knows and the prompt asks for")
    assert advice["rung"] == "prompt:is it warm" and rungs["manual"]["accuracy"] > 0.98
    rungs, advice = climbed("a rule that it knows and the prompt does not ask for")
    assert advice["rung"] == "tune:prompt_tuning,steps=150", "the shallowest that does it"
    assert rungs["soft"]["accuracy"] > 0.95 > rungs["none"]["accuracy"] > rungs["manual"]["accuracy"]
    assert advice["reasons"][-1].endswith("The capability was there all along.")


def test_vectors_that_were_still_improving_are_named(climbed):
    rungs, advice = climbed("the same, and training stopped too early")
    assert rungs["soft"]["improving"] and rungs["soft"]["accuracy"] < 0.9
    assert advice["reasons"][-1].startswith("Still improving at the last step, so more steps may change this: tune:prompt_tuning,steps=20")


def test_what_no_input_reaches_is_left_to_the_weights(climbed):
    rungs, advice = climbed("a rule that no input brings out but changed weights do")
    assert advice["rung"] == "tune:lora,steps=150" and rungs["weights"]["accuracy"] > 0.75
    assert all(rungs[depth]["accuracy"] < 0.65 for depth in ("none", "manual", "manual_bias", "few_shot", "soft", "all_layers"))
    assert "the capability was not reached from the input" in advice["reasons"][1]


def test_few_rows_give_no_advice_however_large_the_gap(climbed):
    _, advice = climbed("too few test rows")
    assert advice["sentence"] == "Too few test rows to say: label more rows, or cross-validate."
    assert advice["reasons"] == ["24 test rows can only show differences of about 26 points or more."]
