"""What attention looks at, the direct way to the vocabulary, and keys without their position: each against arithmetic done another way."""

import pytest
import tiny
import torch
import transformers as hf

from steering.errors import ModelError
from steering.lm.attended import attended
from steering.lm.attention import NAME
from steering.lm.direct import direct, gain_and_bias, straight
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.layers import decoder_layers, hooked, parts, tapped
from steering.lm.root import Root
from steering.lm.rotary import rotary

INPUTS = [(5, 6, 7), (5, 6, 7, 8, 9, 10, 11, 12), (3,), (9, 8, 7, 6)]

OTHERS = {
    "llama-mha": lambda c: hf.LlamaConfig(**c | {"num_key_value_heads": 4}),
    "gemma2": lambda c: hf.Gemma2Config(**c, head_dim=8, sliding_window=4, attn_logit_softcapping=2.0, final_logit_softcapping=5.0),
    "neox": lambda c: hf.GPTNeoXConfig(
        **{k: v for k, v in c.items() if k != "num_key_value_heads"}, rotary_pct=0.25, use_parallel_residual=True, hidden_act="gelu"
    ),
    "granite": lambda c: hf.GraniteConfig(**c, residual_multiplier=0.3, logits_scaling=4.0),
    "cohere": lambda c: hf.CohereConfig(**c),
    "olmo2": lambda c: hf.Olmo2Config(**c),
}


def build(name):
    if name in tiny.ARCHITECTURES:
        return tiny.build(name, scale=1.5)
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(OTHERS[name](tiny._common()), attn_implementation=NAME).float()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return FrozenLM(model, tiny.tokenizer(), id=f"tiny-{name}")


@pytest.fixture(scope="module", params=[*tiny.ARCHITECTURES, *OTHERS])
def model(request):
    return build(request.param)


def root_of(lm):
    with torch.no_grad():
        return lm.to_kv(Root(embeds=lm.embed(range(40, 46)) * 1.3))


def test_the_split_adds_up_to_the_true_output(model):
    seen = [one for found in attended(model, root_of(model), INPUTS) for one in found]
    assert sorted((one.layer, int(i)) for one in seen for i in one.inputs) == [(layer, i) for layer in range(3) for i in range(len(INPUTS))]
    for one in seen:
        split = one.written() + (1 - one.mass())[..., None] * one.without()
        torch.testing.assert_close(split, one.out, atol=1e-4, rtol=1e-4)
        assert one.weights.sum(-1).max() < 1 + 1e-5 and one.prefix == 6


def test_without_the_prefix_is_attention_over_the_input_alone(model):
    """The same first layer again with the prefix masked away."""
    root = root_of(model)
    one = next(item for found in attended(model, root, INPUTS[:1]) for item in found if item.layer == 0)
    heard = []

    def watch(module, packed, seen, rows):
        if module.layer_idx == 0:
            (block,) = [b for b in seen if b.block.looks]
            mask = block.mask.clone()
            mask[..., :6] = torch.finfo(mask.dtype).min
            weights = type(block)(block.block, block.query, block.keys, block.values, mask, block.how).weights()[0, :, -1]
            values = block.values[0].repeat_interleave(weights.shape[0] // block.values.shape[1], 0)
            heard.append(torch.einsum("hs,hsd->hd", weights, values))
        return rows

    with torch.no_grad():
        model.watched([Tree(root, (Branch(INPUTS[0], 1),))], watch)
    torch.testing.assert_close(one.without()[0], heard[0], atol=1e-5, rtol=1e-4)


def test_watching_changes_nothing(model):
    trees = [Tree(root_of(model), tuple(Branch(ids, 1) for ids in INPUTS))]
    with torch.no_grad():
        plain = model.logits(trees)
        assert torch.equal(plain, model.watched(trees, lambda module, packed, seen, rows: rows))
        with straight(model):
            torch.testing.assert_close(model.logits(trees), plain, atol=1e-5, rtol=1e-5)
        assert torch.equal(plain, model.logits(trees))


def pick(part, logits):
    return torch.tensor([50 + i for i in part]), torch.full((len(part),), 60)


def test_direct_effects_and_everything_else_add_up_to_the_margin(model):
    """All writers to the residual stream are made leaves, so that the margin is their sum; ours must be attention's part of it."""
    leaves = []

    def leaf(module, given, out):
        value = out[0] if isinstance(out, tuple) else out
        leaves.append(value.detach().requires_grad_(True))
        return (leaves[-1], *out[1:]) if isinstance(out, tuple) else leaves[-1]

    root = root_of(model)
    (_, found), *rest = direct(model, root, INPUTS, pick)
    assert not rest
    attention = set(parts(model).attention.values())
    others = [
        child
        for layer in decoder_layers(model)
        for child in layer.children()
        if child not in attention and any(p.dim() >= 2 for p in child.parameters())
    ]
    heard = []
    first = decoder_layers(model)[0]
    handles = [child.register_forward_hook(leaf) for child in others]

    def enter(module, args, kwargs):
        leaves.append((args[0] if args else kwargs["hidden_states"]).detach().requires_grad_(True))
        return (leaves[-1], *args[1:]), kwargs

    handles.append(first.register_forward_pre_hook(enter, with_kwargs=True))
    handles.append(parts(model).head.register_forward_pre_hook(lambda module, given: heard.append(given[0][0])))
    outs = {}

    def watch(module, packed, seen, rows):
        outs[module.layer_idx] = rows.detach().requires_grad_(True)
        leaves.append(outs[module.layer_idx])
        return outs[module.layer_idx]

    with hooked(handles), straight(model):
        model.watched([Tree(root, tuple(Branch(ids, 1) for ids in INPUTS))], watch)
        weight = parts(model).head.weight
        for_, against = pick(range(len(INPUTS)), None)
        for i in range(len(INPUTS)):
            margin = (heard[0][i] * (weight[for_[i]] - weight[against[i]])).sum()
            grads = torch.autograd.grad(margin, leaves, retain_graph=True, allow_unused=True)
            pieces = {id(leaf): float((g * leaf.detach()).sum()) for g, leaf in zip(grads, leaves, strict=True) if g is not None}
            by_layer = [pieces[id(outs[layer])] for layer in range(3)]
            ours = found.slots[i].sum(-1) + found.content[i]
            assert ours.tolist() == pytest.approx(by_layer, abs=1e-4)
            assert sum(pieces.values()) == pytest.approx(float(found.margin[i]), abs=1e-4)  # random models: all biases are 0
            assert float(found.margin[i]) == pytest.approx(float(margin.detach()), abs=1e-4)


def last_before_rotation(attention):
    """The module whose output is the keys before their position, where an architecture has one for keys alone."""
    children = dict(attention.named_modules())
    return children.get("k_norm") or children.get("k_proj")


def test_keys_before_their_position_are_recovered(model):
    ids = (41, 42, 41, 43, 41)
    undo = rotary(model, 12)
    with torch.no_grad():
        kv = model.to_kv(Root(embeds=model.embed(ids))).kv
    before = {}

    def listen(number):
        def hook(module, given, out):
            before[number] = out[0]

        return hook

    named = {number: last_before_rotation(module) for number, module in parts(model).attention.items()}
    handles = [module.register_forward_hook(listen(number)) for number, module in named.items() if module is not None]
    with torch.no_grad(), hooked(handles):
        model.to_kv(Root(embeds=model.embed(ids)))
    for layer, (keys, _) in enumerate(kv):
        back = undo.back(layer, keys, torch.arange(len(ids)))
        if named[layer] is not None:
            flat = before[layer].reshape(-1, len(ids), model.shape.D) if before[layer].dim() == 3 and before[layer].shape[0] != len(ids) else None
            want = flat if flat is not None else before[layer].reshape(len(ids), model.shape.K, model.shape.D).transpose(0, 1)
            torch.testing.assert_close(back, want, atol=1e-5, rtol=1e-5)
        if layer == 0 and "gpt2" not in model.id:  # in the first layer a token's key is the same wherever it stands
            torch.testing.assert_close(back[:, 0], back[:, 2], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(back[:, 0], back[:, 4], atol=1e-5, rtol=1e-5)


def test_a_rotation_that_cannot_be_undone_is_refused(monkeypatch):
    lm = build("llama")
    module = parts(lm).attention[0]
    namespace = __import__("sys").modules[type(module).__module__]
    monkeypatch.setattr(namespace, "apply_rotary_pos_emb", lambda q, k, cos, sin, unsqueeze_dim=1: (q, k * (1 + sin.abs().mean() * cos.sum())))
    with pytest.raises(ModelError, match="could not be undone"):
        rotary(lm, 5)


def test_parts_are_found_by_what_they_do(model):
    found = parts(model)
    assert sorted(found.attention) == sorted(found.output) == [0, 1, 2]
    assert all(m.weight.numel() == model.shape.H * found_heads(model) for m in found.output.values())
    assert ("gemma" in model.id or "olmo" in model.id) == (found.after[0] is not None)
    gain, bias, centred = gain_and_bias(found.norm, torch.zeros(model.shape.H))
    assert centred == any(name in model.id for name in ("gpt2", "neox", "cohere")) and gain.shape == bias.shape == (model.shape.H,)


def found_heads(model):
    return model.model.config.num_attention_heads * model.shape.D


def test_taps_hear_and_replace(lm):
    heard = []
    with torch.no_grad(), tapped(lm, lambda layer, hidden: heard.append((layer, hidden.shape))):
        plain = lm.logits([Tree(Root(embeds=lm.embed(())), (Branch((5, 6), 1),))])
    assert heard == [(layer, (2, 32)) for layer in range(3)]
    with torch.no_grad(), tapped(lm, lambda layer, hidden: hidden * 0 if layer == 1 else None):
        other = lm.logits([Tree(Root(embeds=lm.embed(())), (Branch((5, 6), 1),))])
    assert not torch.allclose(plain, other)
    with torch.no_grad():
        assert torch.equal(plain, lm.logits([Tree(Root(embeds=lm.embed(())), (Branch((5, 6), 1),))]))


def test_a_model_with_its_own_attention_is_refused():
    lm = tiny.build(layout="padded")
    with pytest.raises(ModelError, match="runs with its own attention, which does not tell what it looks at"):
        list(attended(lm, Root(embeds=lm.embed(())), [(1, 2)]))
