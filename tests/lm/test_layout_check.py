"""Whether a layout may be used is decided in fp32, whatever the model runs in, and leaves every weight as it was."""

import tiny
import torch

from steering.lm import selfcheck
from steering.lm.forest import Branch, Tree
from steering.lm.selfcheck import agrees, self_check


def _broken(lm):
    right = lm._forest
    lm._forest = lambda trees, tape: right([Tree(t.root, tuple(Branch(b.ids[::-1], b.graded, b.twigs) for b in t.branches)) for t in trees], tape)
    return lm


def _bf16(scale: float = 1.0):
    lm = tiny.build("llama", scale=scale)
    lm.model.to(torch.bfloat16)
    return lm


def test_rounding_in_bf16_does_not_cost_the_packed_layout():
    lm = _bf16(scale=4.0)
    assert self_check(lm) > selfcheck.TOLERANCE  # two bf16 paths differ
    right, error = agrees(lm)
    assert right and error < 1e-4


def test_a_wrong_layout_is_noticed_in_bf16_too(monkeypatch):
    assert not agrees(_broken(_bf16()))[0]
    monkeypatch.setattr(selfcheck, "_fits", lambda lm: False)
    assert agrees(_bf16())[0] and not agrees(_broken(_bf16(scale=4.0)))[0]


def test_the_check_puts_every_weight_back():
    lm = _bf16()
    before, places = lm.weights_hash(), [p.data_ptr() for p in lm.model.parameters()]
    agrees(lm)
    assert lm.weights_hash() == before and lm.dtype == torch.bfloat16
    assert [p.data_ptr() for p in lm.model.parameters()] == places
