"""The same tests over every entry of the table."""

import pytest
import torch

from steering.errors import ArtifactError, DataError, SpecError, TemplateError
from steering.knobs import describe
from steering.lm.encode import prompt_text
from steering.lm.forest import Branch, Tree
from steering.methods import LEARNED, METHODS, Setting, method, options
from steering.methods.forms import root_of
from steering.spec import Example, TaskSpec

TASK = TaskSpec(kind="classification", template="{text}\nLabel:", prompt="Is the film good or bad?", label_words={"pos": "good", "neg": "bad"})
ROWS = tuple(Example(row=i, values={"text": f"film {i}"}, target=("pos", "neg")[i % 2], key=f"{i:04}") for i in range(20))
BRANCHES = (Branch((5, 6, 7), 1), Branch((8, 9), 2))
TEXT_OPTIONS = {"few_shot": {"demonstrations": 4}}


def _build(lm, name, task=TASK, **values):
    return METHODS[name].build(lm, Setting(task, ROWS, 0), options(name, TEXT_OPTIONS.get(name, {}) | values))


@pytest.mark.parametrize("name", METHODS)
def test_contract(lm, name):
    entry = METHODS[name]
    assert entry.name == name and entry.title and entry.summary.endswith(".")
    steering = _build(lm, name)
    assert len(steering.start_ids) == steering.root().length
    assert bool(steering.parameters()) == entry.learned == (entry.rate > 0)
    assert all(p.requires_grad and p.dtype == torch.float32 and p.is_leaf for p in steering.parameters().values())
    assert float(steering.drift().detach()) == 0.0


@pytest.mark.parametrize("name", LEARNED)
def test_step_zero_is_the_manual_prompt(lm, name):
    manual = lm.logits([Tree(lm.text_root(prompt_text(TASK.prompt)), BRANCHES)])
    torch.testing.assert_close(lm.logits([Tree(_build(lm, name).root(), BRANCHES)]), manual, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LEARNED)
def test_only_its_own_parameters_get_gradient_and_saved_vectors_are_the_root(lm, name):
    before = lm.weights_hash()
    steering = _build(lm, name)
    optimizer = torch.optim.AdamW(steering.parameters().values(), lr=0.1)
    for _ in range(2):  # the layers of a network get none before its last layer has left zero
        lm.logits([Tree(steering.root(), BRANCHES)]).logsumexp(-1).sum().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in steering.parameters().values())
    assert float(steering.drift().detach()) > 0
    again = root_of(lm, steering.vectors())
    assert torch.equal(lm.logits([Tree(again, BRANCHES)]), lm.logits([Tree(steering.root().detach(), BRANCHES)]))
    assert lm.weights_hash() == before


VECTORS = [name for name, entry in LEARNED.items() if any(item.name == "virtual_tokens" for item in describe(entry.Options))]


@pytest.mark.parametrize("name", VECTORS)
def test_other_lengths_say_that_step_zero_is_only_near(lm, name):
    for count in (3, 40):
        steering = _build(lm, name, virtual_tokens=count)
        assert steering.root().length == count
        assert f"{count} virtual tokens were asked for" in steering.note
    assert _build(lm, name).note == ""


@pytest.mark.parametrize("name", VECTORS)
def test_without_a_prompt_it_says_where_it_starts(lm, name):
    empty = TaskSpec(kind="classification", template="{text}", prompt=" ", label_words=TASK.label_words)
    assert "no manual prompt to start from" in _build(lm, name, empty).note


@pytest.mark.parametrize("name", METHODS)
def test_a_prompt_that_fills_the_context_is_refused(lm, name):
    long = TaskSpec(kind="classification", template="{text}", prompt="film " * 700, label_words=TASK.label_words)
    with pytest.raises(TemplateError, match=r"the prompt is \d+ tokens long; the model's context of 512 leaves room for 384"):
        _build(lm, name, long)


def test_unknown_method_and_option_name_the_known_ones():
    with pytest.raises(SpecError, match=r"method 'lorra' is not known\. Choose one of: manual, few_shot, prompt_tuning"):
        method("lorra")
    with pytest.raises(SpecError, match=r"'virtual_token' is not a setting of PromptTuningOptions\. Did you mean 'virtual_tokens'"):
        options("prompt_tuning", {"virtual_token": 3})


def test_demonstrations_take_classes_in_turn_and_need_rows(lm):
    from steering.methods.few_shot import draw

    shown = draw(TASK, ROWS, 4, 0)
    assert sorted(e.target for e in shown) == ["neg", "neg", "pos", "pos"]
    assert draw(TASK, ROWS, 4, 0) == shown != draw(TASK, ROWS, 4, 1)
    with pytest.raises(DataError, match="few-shot needs training rows to show, and there are none"):
        draw(TASK, (), 4, 0)


def test_foreign_tensors_are_refused(lm):
    with pytest.raises(ArtifactError, match="no soft prompt and no prefix"):
        root_of(lm, {"weights": torch.zeros(2, 2)})
