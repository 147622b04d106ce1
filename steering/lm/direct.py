"""The direct way from what attention writes to the output layer: how much each position of the steering pushes one word above another.

With every norm's scale as it is and everything that later layers compute left out, the way from attention's output to the last hidden state is
linear: projection, residual stream, final gain (SCIENCE notes A3, view 10; Elhage et al. 2021, https://transformer-circuits.pub/2021/framework).
It is taken from the model itself by one backward pass in which norms have a frozen scale and branches have no gradient, so that post-norms,
multipliers and parallel branches of an architecture are right without being known here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from steering.lm.attended import last_positions
from steering.lm.forest import Branch, Packed, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.layers import decoder_layers, heavy, hooked, is_norm, parts
from steering.lm.root import Root
from steering.lm.scoring import Ids, chunks
from steering.lm.weights import Seen

Pick = Callable[[range, Tensor], tuple[Tensor, Tensor]]
"""From (which inputs, logits [n, V]) to the ids [n] of the word for and the word against."""


@dataclass(frozen=True, slots=True)
class Direct:
    """Direct effect on the margin between two words, in logits before any cap or scale of the output layer; on the CPU, fp32.

    ``slots`` [n, L, P]: by layer and position of the steering (0 where a layer does not hold it); ``content`` [n, L]: of the input's own tokens;
    ``margin`` [n]: the whole margin, indirect ways included.
    """

    slots: Tensor
    content: Tensor
    margin: Tensor


def direct(lm: FrozenLM, root: Root, inputs: Sequence[Ids], pick: Pick) -> Iterator[tuple[range, Direct]]:
    """Direct effects at the last position of every input, a slice at a time.

    Raises:
        ModelError: the model runs in the padded layout, or its parts were not found.
    """
    branches = [Branch(ids, 1) for ids in inputs]
    with torch.no_grad():
        shared = lm.to_kv(root).detach()
    for part in chunks(branches, lm.tokens_per_slice):
        yield part, _slice(lm, shared, part, [branches[i] for i in part], pick)


def _slice(lm: FrozenLM, root: Root, part: range, branches: Sequence[Branch], pick: Pick) -> Direct:
    leaves: dict[int, tuple[Packed, list[Seen], Tensor]] = {}
    heard: list[Tensor] = []

    def watch(module: Any, packed: Packed, seen: list[Seen], rows: Tensor) -> Tensor:
        leaf = rows.detach().requires_grad_(True)
        leaves[module.layer_idx] = packed, seen, leaf
        return leaf

    head: Any = parts(lm).head
    with torch.enable_grad(), straight(lm), hooked([head.register_forward_pre_hook(lambda module, given: heard.append(given[0][0]))]):
        logits = lm.watched([Tree(root, tuple(branches))], watch).detach()
        for_, against = pick(part, logits.float())
        margin = (heard[0].float() * (head.weight[for_].float() - head.weight[against].float())).sum(-1)  # [n]
        layers = sorted(leaves)
        grads = torch.autograd.grad(margin.sum(), [leaves[layer][2] for layer in layers])
    slots, content = torch.zeros(len(branches), lm.shape.L, root.length), torch.zeros(len(branches), lm.shape.L)
    for layer, grad in zip(layers, grads, strict=True):
        packed, seen, leaf = leaves[layer]
        held = root.kv[layer][0].shape[1] if root.kv is not None else 0
        for one in last_positions(layer, packed, seen, leaf.detach(), 0, held):
            push = torch.einsum("nhd,nhsd->nhs", grad[packed.graded[one.inputs]].float(), one.values)
            effect = (one.weights * push).sum(1).cpu()  # [n, S]
            at = one.inputs.cpu()
            slots[at, layer, :held] = effect[:, :held]
            content[at, layer] = effect[:, held:].sum(-1)
    return Direct(slots, content, margin.detach().cpu())


@contextmanager
def straight(lm: FrozenLM) -> Iterator[None]:
    """For one forward: branches (attention, MLP) read the residual stream without gradient, and norms pass gradient through a frozen scale."""
    cut = [
        child.register_forward_pre_hook(_cut, with_kwargs=True)
        for layer in decoder_layers(lm)
        for child in layer.children()
        if heavy(child) and not is_norm(child)
    ]
    with hooked([*cut, *(module.register_forward_hook(_frozen_scale) for module in lm.model.modules() if is_norm(module))]):
        yield


def _cut(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    def plain(value: Any) -> Any:
        return value.detach() if isinstance(value, Tensor) else value

    return tuple(map(plain, args)), {name: plain(value) for name, value in kwargs.items()}


def _frozen_scale(module: nn.Module, given: tuple[Any, ...], out: Tensor) -> Tensor:
    """The norm's own output, with the gradient of ``scale * gain * x + bias``, the scale being what it is at each position."""
    gain, bias, centred = gain_and_bias(module, given[0])
    x = given[0].float()
    line = gain * (x - x.mean(-1, keepdim=True) if centred else x)
    still = line.detach()
    scale = ((out.detach().float() - bias) * still).sum(-1, keepdim=True) / still.pow(2).sum(-1, keepdim=True).clamp_min(1e-20)
    line = scale * line
    passed: Tensor = out.detach() + (line - line.detach()).to(out.dtype)
    return passed


def gain_and_bias(module: nn.Module, like: Tensor) -> tuple[Tensor, Tensor, bool]:
    """A norm's gain (up to one factor) and bias, fp32, as wide as the rows of ``like`` that it is given, and whether it takes the mean away first:
    asked from the norm itself."""
    size, dtype, device = like.shape[-1], like.dtype, like.device
    with torch.no_grad():
        # forward, not the call: the call would run the hooks that ask.
        bias = module.forward(torch.zeros(1, size, dtype=dtype, device=device))[0].float()
        flat = module.forward(torch.ones(1, size, dtype=dtype, device=device))[0].float() - bias
        turns = torch.ones(size, dtype=dtype, device=device)
        turns[1::2] = -1
        gain = (module.forward(turns[None])[0].float() - bias) * turns.float()
    return gain, bias, bool(flat.abs().max() < 1e-3 * gain.abs().max())
