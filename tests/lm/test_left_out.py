"""Positions left out of a root: logits, gradients and decoding equal the plain model's with an attention mask over the whole sequence."""

import pytest
import tiny
import torch
from transformers import DynamicCache

from steering.lm.forest import Branch, Tree
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root, join, without

INPUTS = ((5, 6, 7), (8, 9), (3, 1, 4, 1, 5, 9, 2, 6))
P = 5


@pytest.fixture(scope="module", params=tiny.ARCHITECTURES)
def name(request):
    return request.param


def trees(root):
    return [Tree(root, tuple(Branch(ids, 1) for ids in INPUTS))]


def masked(lm, out) -> torch.Tensor:
    """[1, P + T] of transformers' attention mask, for the longest input."""
    return torch.tensor([[int(i not in out) for i in range(P)] + [1] * len(max(INPUTS, key=len))])


def plain_soft(name, rows, out):
    """Last logits of every input, each run alone: whole soft prompt, transformers' own attention and mask."""
    lm = tiny.build(name, layout="padded", scale=1.5)
    found = []
    for ids in INPUTS:
        size = P + len(ids)
        embeds = torch.cat([rows, lm.model.get_input_embeddings()(torch.tensor(ids))]).unsqueeze(0)
        positions = torch.arange(size).unsqueeze(0)
        found.append(lm.model(inputs_embeds=embeds, attention_mask=masked(lm, out)[:, :size], position_ids=positions).logits[0, -1])
    return torch.stack(found)


def plain_prefix(name, kv, out):
    lm = tiny.build(name, layout="padded", scale=1.5)
    found = []
    for ids in INPUTS:
        size = P + len(ids)
        cache = DynamicCache()
        for layer, (key, value) in enumerate(kv):
            cache.update(key.unsqueeze(0), value.unsqueeze(0), layer)
        positions = torch.arange(P, size).unsqueeze(0)
        mask = masked(lm, out)[:, :size]
        found.append(
            lm.model(input_ids=torch.tensor([ids]), attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True).logits[0, -1]
        )
    return torch.stack(found)


@pytest.mark.parametrize("out", [(2,), (4,), (1, 3), (0, 1)], ids=str)
def test_a_soft_prompt_without_some_vectors_is_a_masked_one(name, out):
    lm = tiny.build(name, scale=1.5)
    results = []
    for packed in (True, False):
        rows = lm.embed(range(40, 40 + P)).requires_grad_(True)
        logits = lm.logits(trees(without(Root(embeds=rows), out))) if packed else plain_soft(name, rows, out)
        (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
        results.append((logits.detach(), rows.grad))
    (ours, grad), (plain, grad_plain) = results
    torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(grad / grad_plain.abs().max(), grad_plain / grad_plain.abs().max(), atol=1e-5, rtol=0)
    assert not grad[list(out)].any()


@pytest.mark.parametrize("out", [(2,), (4,), (1, 3)], ids=str)
def test_a_prefix_without_some_positions_is_a_masked_one(name, out):
    lm = tiny.build(name, scale=1.5)
    with torch.no_grad():
        whole = lm.to_kv(Root(embeds=lm.embed(range(40, 40 + P))))
        torch.testing.assert_close(lm.logits(trees(without(whole, out))), plain_prefix(name, whole.kv, out), atol=1e-5, rtol=1e-5)


def test_computed_once_it_stays_the_same(name):
    lm = tiny.build(name, scale=1.5)
    with torch.no_grad():
        root = without(Root(embeds=lm.embed(range(40, 40 + P))), (1,))
        kept = lm.to_kv(root)
        assert kept.kv[0][0].shape[1] == P - 1 and kept.length == root.length == P and kept.positions == (0, 2, 3, 4)
        torch.testing.assert_close(lm.logits(trees(kept)), lm.logits(trees(root)), atol=1e-5, rtol=1e-5)
        longer = lm.extended(root, (7, 8))
        assert longer.length == P + 2 and longer.kept == (True, False, True, True, True, True, True)


def test_decoding_sees_what_scoring_sees(name):
    lm = tiny.build(name, scale=1.5)
    with torch.no_grad():
        root = without(Root(embeds=lm.embed(range(40, 40 + P))), (0, 3))
        ids = list(INPUTS[2])
        for _ in range(6):
            ids.append(int(lm.logits([Tree(root, (Branch(tuple(ids), 1),))])[0].argmax()))
    *_, last = generate(lm, [(root, INPUTS[2])], Decoding(max_new_tokens=6, stop_newline=False))
    assert last[0].text == lm.decode(ids[len(INPUTS[2]) :]).rstrip("\ufffd").strip() or 0 in ids


def test_the_padded_layout_gives_the_same(name):
    lm, plain = tiny.build(name, scale=1.5), tiny.build(name, layout="padded", scale=1.5)
    with torch.no_grad():
        root = without(Root(embeds=lm.embed(range(40, 40 + P))), (1, 4))
        torch.testing.assert_close(plain.logits(trees(root)), lm.logits(trees(root)), atol=1e-5, rtol=1e-5)
        kept = plain.to_kv(root)
        torch.testing.assert_close(plain.logits(trees(kept)), lm.logits(trees(root)), atol=1e-5, rtol=1e-5)


def test_nothing_left_is_no_prompt_further_away(lm):
    with torch.no_grad():
        root = without(Root(embeds=lm.embed(range(40, 40 + P))), range(P))
        assert root.length == P and root.rows == 0
        far = lm.logits(trees(root))
        # rotary positions are relative: with nothing before it, an input does not know where it stands
        torch.testing.assert_close(far, lm.logits(trees(Root(embeds=lm.embed(())))), atol=1e-5, rtol=1e-5)


def test_left_out_twice(lm):
    root = without(without(Root(embeds=lm.embed(range(40, 40 + P))), (1,)), (3,))
    assert root.positions == (0, 2, 4) and root.embeds.shape[0] == 3 and root.detach().kept == root.kept


def test_what_cannot_be(lm):
    root = Root(embeds=lm.embed(range(40, 40 + P)))
    with pytest.raises(AssertionError, match=r"positions \[5\] of 5"):
        without(root, (5,))
    with pytest.raises(AssertionError, match="cannot be joined"):
        join(root, without(root, (1,)))
    with pytest.raises(AssertionError, match="5 rows for 2 kept positions"):
        Root(embeds=lm.embed(range(5)), kept=(True, False, True))
