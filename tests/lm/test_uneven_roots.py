"""A prefix in some layers only: packed logits and gradients equal the plain model's, where other layers cannot see the prefix at all."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import tiny
import torch
from transformers import DynamicCache

from steering.errors import ModelError
from steering.lm.forest import Branch, Tree
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root

INPUTS = ((5, 6, 7), (8, 9), (3, 1, 4, 1, 5, 9, 2, 6))
P, HEADER = 5, 1


@pytest.fixture(scope="module", params=tiny.ARCHITECTURES)
def name(request):
    return request.param


def _layers(lm) -> list:
    body = lm.model.base_model
    return list(body.layers if hasattr(body, "layers") else body.h)


@contextmanager
def _blind(lm, sees: list[int]) -> Iterator[None]:
    """Every layer sees the first ``sees[layer]`` positions of the cache: the rest is masked away before its own eager attention."""

    def hide(first: int):
        def hook(module, args, kwargs):
            mask = kwargs["attention_mask"]
            whole = mask.clone()
            whole[..., first:P] = torch.finfo(mask.dtype).min
            return args, kwargs | {"attention_mask": whole}

        return hook

    attention = [getattr(layer, "self_attn", None) or layer.attn for layer in _layers(lm)]
    handles = [m.register_forward_pre_hook(hide(n), with_kwargs=True) for m, n in zip(attention, sees, strict=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _plain(name: str, kv, sees: list[int]) -> torch.Tensor:
    """Last logits of every input, each run alone, transformers' own attention and cache."""
    lm = tiny.build(name, layout="padded", scale=1.5)
    found = []
    with _blind(lm, sees):
        for ids in INPUTS:
            cache = DynamicCache()
            for layer, (key, value) in enumerate(kv):
                cache.update(key.unsqueeze(0), value.unsqueeze(0), layer)
            out = lm.model(
                input_ids=torch.tensor([ids]),
                attention_mask=torch.ones(1, P + len(ids), dtype=torch.long),
                position_ids=torch.arange(P, P + len(ids)).unsqueeze(0),
                past_key_values=cache,
                use_cache=True,
            )
            found.append(out.logits[0, -1])
    return torch.stack(found)


@pytest.mark.parametrize("sees", [[0, 0, P], [P, 0, 0], [P, HEADER, P], [HEADER, P, HEADER]], ids=str)
def test_logits_and_gradients_equal_the_plain_model(name, sees):
    lm = tiny.build(name, scale=1.5)
    with torch.no_grad():
        whole = lm.to_kv(Root(embeds=lm.embed(range(40, 40 + P)))).kv
    results = []
    for packed in (True, False):
        leaves = [(k.detach().clone().requires_grad_(True), v.detach().clone().requires_grad_(True)) for k, v in whole]
        if packed:
            root = Root(kv=tuple((k[:, :n], v[:, :n]) for (k, v), n in zip(leaves, sees, strict=True)))
            assert root.length == P and root.uneven == (len(set(sees)) > 1)
            out = lm.logits([Tree(root, tuple(Branch(ids, 1) for ids in INPUTS))])
        else:
            out = _plain(name, leaves, sees)
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        results.append((out.detach(), torch.cat([t.grad.flatten() for pair in leaves for t in pair])))
    (ours, grad), (plain, grad_plain) = results
    torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(grad / grad_plain.abs().max(), grad_plain / grad_plain.abs().max(), atol=1e-5, rtol=0)


def test_decoding_sees_what_scoring_sees(name):
    lm = tiny.build(name, scale=1.5)
    with torch.no_grad():
        whole = lm.to_kv(Root(embeds=lm.embed(range(40, 40 + P)))).kv
        root = Root(kv=tuple((k[:, :n], v[:, :n]) for (k, v), n in zip(whole, [0, P, HEADER], strict=True)))
        ids = list(INPUTS[0])
        for _ in range(4):
            ids.append(int(lm.logits([Tree(root, (Branch(tuple(ids), 1),))])[0].argmax()))
    *_, last = generate(lm, [(root, INPUTS[0])], Decoding(max_new_tokens=4, stop_newline=False))
    assert last[0].text == lm.decode(ids[len(INPUTS[0]) :]).rstrip("\ufffd").strip() or 0 in ids


def test_the_padded_layout_refuses_it():
    lm = tiny.build("llama", layout="padded")
    pairs = [(torch.zeros(2, n, 8), torch.zeros(2, n, 8)) for n in (0, 3, 3)]
    with pytest.raises(ModelError, match=r"sees a prefix in every layer or in none; this prefix is in some layers only\. Use layers=all"):
        lm.logits([Tree(Root(kv=tuple(pairs)), (Branch((1, 2), 1),))])
