"""Layers that are run again in the backward pass: the same gradient, twice the layer calls, and only where it was asked for."""

import pytest
import tiny
import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from steering.lm.encode import encode_examples
from steering.methods import LEARNED, METHODS, Setting, options
from steering.spec import Example, Recipe, TaskSpec
from steering.train.gradients import Thrift, gradients
from steering.train.objective import objective
from steering.train.trainer import Material, Member

TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})


def _member(lm, method):
    rows = [Example(row=i, values={"text": f"film {i} was great"}, target=("pos", "neg")[i % 2], key=str(i)) for i in range(6)]
    steering = METHODS[method].build(lm, Setting(TASK, rows), options(method, {}))
    return Member(lm, steering, Material(objective(lm, TASK, encode_examples(lm, TASK, rows, 9), 0.2), None), Recipe(), rate=0.05)


def _calls(lm, monkeypatch):
    """Counts calls of the first layer's own forward."""
    layer = next(m for m in lm.model.modules() if isinstance(m, GradientCheckpointingLayer))
    seen = []
    inner = type(layer).forward

    def counted(self, *args, **keywords):
        if self is layer:
            seen.append(1)
        return inner(self, *args, **keywords)

    monkeypatch.setattr(type(layer), "forward", counted)
    layer.forward = lm._recompute._wrapped(layer.__class__.forward.__get__(layer))
    return seen


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
@pytest.mark.parametrize("method", LEARNED)
def test_the_same_gradient_with_and_without(name, method):
    lm, found = tiny.build(name), []
    for recompute in (False, True):
        member = _member(lm, method)
        for _ in gradients(lm, [(member, row) for row in range(6)], Thrift(10_000, recompute)):
            pass
        found.append({key: p.grad.clone() for key, p in member.parameters.items() if p.grad is not None})
    assert found[0] and found[0].keys() == found[1].keys()
    for key, grad in found[0].items():
        torch.testing.assert_close(found[1][key], grad, rtol=1e-5, atol=1e-7)


def test_layers_run_twice_only_where_it_was_asked_for(monkeypatch):
    lm = tiny.build()
    seen = _calls(lm, monkeypatch)
    for recompute, calls in ((False, 1), (True, 2)):
        member = _member(lm, "prompt_tuning")
        seen.clear()
        for _ in gradients(lm, [(member, row) for row in range(6)], Thrift(10_000, recompute)):
            pass
        assert len(seen) == calls
    seen.clear()
    with torch.no_grad(), lm.recomputing(True):
        lm.to_kv(lm.text_root("the film"))
    assert len(seen) == 1


def test_less_is_remembered():
    lm, kept = tiny.build(), []
    for recompute in (False, True):
        member, held = _member(lm, "prompt_tuning"), []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, held=held: held.append(t.numel()) or t, lambda t: t):
            work = gradients(lm, [(member, row) for row in range(6)], Thrift(10_000, recompute))
            next(work)  # the forward pass alone
        kept.append(sum(held))
        for _ in work:
            pass
    assert kept[1] < 0.7 * kept[0]


def test_the_padded_layout_has_nothing_to_recompute():
    lm = tiny.build(layout="padded")
    assert not lm.recomputes
    with lm.recomputing(True):
        pass
