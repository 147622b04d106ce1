"""Bodies in fewer bits: asked for by name, refused where bitsandbytes is not there, and trained through where it is."""

import importlib.util

import pytest
import tiny
import torch

from steering.errors import ModelError
from steering.lm.load import load
from steering.lm.quantised import quantisation, require_gradient, split
from steering.spec import Example, Recipe, TaskSpec
from steering.train.alone import alone
from steering.train.events import Validation

HERE = importlib.util.find_spec("bitsandbytes") is not None


def test_the_mark_is_taken_off_the_name():
    assert split("owner/model") == ("owner/model", None)
    assert split("owner/model#8bit") == ("owner/model", 8) and split("/a/folder#4bit") == ("/a/folder", 4)
    with pytest.raises(ModelError, match="model 'owner/model#3bit' asks for '3bit', expected one of: 8bit, 4bit") as caught:
        split("owner/model#3bit")
    assert caught.value.hint == "Write owner/model#8bit, owner/model#4bit or owner/model."


def test_without_the_package_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("steering.lm.quantised.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="a body in 8 bits needs bitsandbytes, which is not installed") as caught:
        load(f"{tiny.save(tmp_path / 'm')}#8bit", device="cpu")
    assert caught.value.hint == "pip install bitsandbytes, or leave '#8bit' out."
    assert quantisation(None, torch.float32) is None


@pytest.mark.skipif(not HERE, reason="bitsandbytes is an optional package that is not installed here")
@pytest.mark.filterwarnings("ignore")
def test_vectors_are_trained_through_eight_bits(tmp_path):
    lm = load(f"{tiny.save(tmp_path / 'm')}#8bit", device="cpu", dtype=torch.float32)
    assert type(lm.model.model.layers[0].mlp.up_proj).__name__ == "Linear8bitLt"
    task = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})
    rows = [Example(row=i, values={"text": f"film {i} {('awful', 'great')[i % 2]}"}, target=("neg", "pos")[i % 2], key=str(i)) for i in range(16)]
    trainer = alone(lm, "prompt_tuning", task, rows, rows[:8], Recipe(steps=10, batch_size=8, evaluate_every=5, learning_rate=0.2))
    looks = [event.nll for event in trainer.events() if isinstance(event, Validation)]
    assert min(looks) < looks[0]


class Linear4bit(torch.nn.Linear):
    """Stands for a layer whose product knows no gradient, as some kernels of bitsandbytes do not."""

    def forward(self, given):
        return super().forward(given.detach()) + 0.0 * given.sum()


class Linear8bitLt(torch.nn.Linear):
    """Stands for one that does."""


@pytest.mark.parametrize(("kind", "learns"), [(Linear4bit, False), (Linear8bitLt, True)])
def test_a_body_without_gradient_is_refused_at_load(kind, learns):
    model = tiny.build().model
    old = model.model.layers[0].mlp.up_proj
    model.model.layers[0].mlp.up_proj = kind(old.in_features, old.out_features, bias=True)
    if learns:
        require_gradient("m", model, 8)
        return
    with pytest.raises(ModelError, match="a body in 4 bits gives no usable gradient on cpu, so nothing could be learned through it") as caught:
        require_gradient("m", model, 4)
    assert caught.value.hint == "Use #8bit, a GPU, or the body as it is."


def test_a_body_of_which_nothing_was_put_into_fewer_bits_is_refused():
    with pytest.raises(ModelError, match="nothing of model 'm' could be put into 8 bits"):
        require_gradient("m", tiny.build().model, 8)
