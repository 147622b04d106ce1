"""Attention over a forest: one function registered with transformers, computed per block of siblings.

transformers hands over queries [1, heads, N, D] and keys, values [1, K, N, D] of the packed row (positions already applied). Each block's
segments are gathered into [count, width], see their ancestors' keys and values plus their own, and are scattered back. Root and own scores share
one softmax. Without a layout keyword the function is plain masked attention, which is what the padded reference uses.

The layout travels as a forward keyword, never as a global: two forwards in two threads cannot mix.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from steering.lm.forest import Block, Packed
from steering.lm.weights import How, Seen, Watch, grouped, written_out

NAME = "steering_forest"
"""Name under which the function is registered with transformers."""

LAYOUT = "steering_layout"
"""Forward keyword that carries the :class:`Layout`."""

KV = tuple[Tensor, Tensor]


@dataclass(slots=True)
class Layout:
    """What one forward pass needs beside the packed row.

    ``root_kv``: for every tree the per-layer (K, V), each [K, P, D], or None where the root rides in the row; ``root_places``: the positions of
    those keys, of which a layer that holds fewer has the first. ``tape``: when a list is given, each layer appends its packed (key, value), each
    [N, K, D]. ``watch``: told what every block saw, layer by layer.
    """

    packed: Packed
    root_kv: tuple[tuple[KV, ...] | None, ...]
    root_places: tuple[tuple[int, ...], ...]
    tape: list[KV] | None = None
    masks: dict[tuple[int, int | None, int, int], Tensor] = field(default_factory=dict)
    watch: Watch | None = None

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, how: How) -> Tensor:
        """Outputs [1, N, heads, D] for the packed row."""
        packed = self.packed
        heads, kv_heads, size = query.shape[1], key.shape[1], query.shape[3]
        if self.tape is not None:
            self.tape.append((key[0].transpose(0, 1), value[0].transpose(0, 1)))
        rows_q = _padded(query[0], packed)  # [M, heads, D]
        rows_k = _padded(key[0], packed)  # [M, K, D]
        rows_v = _padded(value[0], packed)
        sizes = [block.size for block in packed.blocks]
        q_of = rows_q.split(sizes)
        own = [
            (k.view(b.count, b.width, kv_heads, size).transpose(1, 2), v.view(b.count, b.width, kv_heads, size).transpose(1, 2))
            for b, k, v in zip(packed.blocks, rows_k.split(sizes), rows_v.split(sizes), strict=True)
        ]
        outputs, seen = [], []
        for number, block in enumerate(packed.blocks):
            if block.lonely and how.sinks is None and self.watch is None:  # one key has all the weight
                outputs.append(rows_v[block.start : block.start + block.size].repeat_interleave(heads // kv_heads, 1))
                continue
            keys, values = self._seen(module.layer_idx, number, own)
            mask = self._mask(module.layer_idx, number, how.window, heads // kv_heads, keys)
            outputs.append(_attend(q_of[number], keys, values, mask, block, heads // kv_heads, how))
            if self.watch is not None:
                seen.append(Seen(block, q_of[number], keys, values, mask, how))
        rows: Tensor = _Unpad.apply(torch.cat(outputs), packed)  # type: ignore[no-untyped-call]
        return (rows if self.watch is None else self.watch(module, packed, seen, rows)).unsqueeze(0)

    def _seen(self, layer: int, number: int, own: list[KV]) -> KV:
        """Keys and values a block may attend to: ancestors outermost first, then its own. [count, K, S, D]."""
        block = self.packed.blocks[number]
        keys, values = [], []
        for look in block.looks:
            k, v = self._ancestor(layer, look.root, look.block, own)
            if look.rows is not None:
                k, v = k.index_select(0, look.rows), v.index_select(0, look.rows)
            else:
                k, v = k.expand(block.count, *k.shape[1:]), v.expand(block.count, *v.shape[1:])
            keys.append(k)
            values.append(v)
        if not keys:
            return own[number]
        dtype = own[number][0].dtype
        return (
            torch.cat([*(k.to(dtype) for k in keys), own[number][0]], dim=2),
            torch.cat([*(v.to(dtype) for v in values), own[number][1]], dim=2),
        )

    def _ancestor(self, layer: int, root: int | None, block: int | None, own: list[KV]) -> KV:
        if root is not None:
            kv = self.root_kv[root]
            if kv is not None:
                return kv[layer][0].unsqueeze(0), kv[layer][1].unsqueeze(0)
        assert block is not None
        return own[block]

    def _mask(self, layer: int, number: int, window: int | None, groups: int, keys: Tensor) -> Tensor:
        """Additive mask, [count or 1, 1, groups * width, S], made once a forward for every window size and number of keys S: a block looks back
        at one root at most, so S tells how much of it this layer sees."""
        case = (number, window, groups, keys.shape[2])
        known = self.masks.get(case)
        if known is None:
            known = self._make_mask(layer, number, window, keys.dtype).repeat(1, 1, groups, 1)
            self.masks[case] = known
        return known

    def _make_mask(self, layer: int, number: int, window: int | None, dtype: torch.dtype) -> Tensor:
        block = self.packed.blocks[number]
        at, seen = [], []
        for look in block.looks:
            positions, real = self._ancestor_places(layer, look.root, look.block, block)
            if look.rows is not None:
                positions, real = positions[look.rows], real[look.rows]
            at.append(positions.expand(block.count, -1))
            seen.append(real.expand(block.count, -1))
        at.append(block.positions)
        seen.append(block.real | True)  # causality alone keeps queries off the padding on the right
        distance = block.positions[:, :, None] - torch.cat(at, 1)[:, None, :]
        allowed = (distance >= 0) & torch.cat(seen, 1)[:, None, :]
        if window is not None:
            allowed &= distance < window
        if block.alike:
            allowed = allowed[:1]
        mask = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device)
        return mask.masked_fill_(~allowed, torch.finfo(dtype).min).unsqueeze(1)

    def _ancestor_places(self, layer: int, root: int | None, block: int | None, child: Block) -> tuple[Tensor, Tensor]:
        """Positions and reality, each [rows, S], of an ancestor's keys in one layer."""
        kv = self.root_kv[root] if root is not None else None
        if kv is not None:
            held = self.root_places[root][: kv[layer][0].shape[1]] if root is not None else ()
            places = torch.tensor(held, dtype=torch.long, device=child.positions.device).unsqueeze(0)
            return places, torch.ones_like(places, dtype=torch.bool)
        assert block is not None
        ancestor = self.packed.blocks[block]
        return ancestor.positions, ancestor.real


def _attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor, block: Block, groups: int, how: How) -> Tensor:
    """One block: query [count*width, heads, D], keys and values [count, K, S, D] -> [count*width, heads, D]."""
    count, width, kv_heads, size = block.count, block.width, keys.shape[1], query.shape[-1]
    q, sinks = grouped(query, count, width, kv_heads, how)
    if how.softcap is None and how.sinks is None and not _slow_fused(q, keys):
        out = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=how.scale)
    else:
        out = written_out(q, keys, values, mask, how, sinks)
    return out.view(count, kv_heads, groups, width, size).permute(0, 3, 1, 2, 4).reshape(count * width, kv_heads * groups, size)


WRITTEN_OUT = 2**21
"""Scores up to which attention of one block is written out where the fused kernel is slow: a few MB a layer."""


def _slow_fused(q: Tensor, keys: Tensor) -> bool:
    """Whether the fused kernel loses to plain products: in bf16 on CPUs, for short rows (backward 17 ms against 4 for 16 rows of 32 tokens). For
    long rows it wins again, and keeps memory linear."""
    return q.device.type == "cpu" and q.dtype != torch.float32 and q.shape[0] * q.shape[1] * q.shape[2] * keys.shape[2] <= WRITTEN_OUT


def _padded(heads_first: Tensor, packed: Packed) -> Tensor:
    """[heads, N, D] in row order to [M, heads, D] in padded order."""
    rows: Tensor = _Pad.apply(heads_first.transpose(0, 1), packed)  # type: ignore[no-untyped-call]
    return rows


class _Pad(torch.autograd.Function):
    """Row order [N, ...] to padded order [M, ...]. Padding holds copies that nothing real attends to, so its gradient is zero."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, packed: Packed) -> Tensor:
        ctx.packed = packed
        return rows.index_select(0, packed.pad_index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0].index_select(0, ctx.packed.unpad_index), None


class _Unpad(torch.autograd.Function):
    """Padded order [M, ...] back to row order [N, ...]; the gradient of padding is zero."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, packed: Packed) -> Tensor:
        ctx.packed = packed
        return padded.index_select(0, packed.unpad_index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        grad = grads[0].index_select(0, ctx.packed.pad_index)
        if ctx.packed.padding.numel():
            grad.index_fill_(0, ctx.packed.padding, 0.0)
        return grad, None


def forest_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float | None = None, **kwargs: Any
) -> tuple[Tensor, None]:
    """The function transformers calls in every attention layer; returns [1, N, heads, D] and no weights."""
    how = How(
        scale=scaling if scaling is not None else 1.0 / math.sqrt(query.shape[-1]),
        window=kwargs.get("sliding_window"),
        softcap=kwargs.get("softcap"),
        sinks=kwargs.get("s_aux"),
    )
    layout = kwargs.get(LAYOUT)
    if layout is not None:
        return layout.attend(module, query, key, value, how), None
    return _plain(query, key, value, attention_mask, how), None


def _plain(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, how: How) -> Tensor:
    """Ordinary attention with transformers' own mask (causal when there is none)."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    q_len, k_len = query.shape[2], key.shape[2]
    if mask is None and q_len > 1:
        mask = torch.ones(q_len, k_len, dtype=torch.bool, device=query.device).tril(k_len - q_len)[None, None]
    if mask is not None and mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=query.dtype, device=query.device).masked_fill_(~mask, torch.finfo(query.dtype).min)
    sinks = None if how.sinks is None else how.sinks.view(1, -1, 1, 1).expand(query.shape[0], -1, q_len, 1)
    return written_out(query, key, value, mask, how, sinks).transpose(1, 2).contiguous()


AttentionInterface.register(NAME, forest_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
