"""Attention written out: who looks at what, and how much. What fused kernels do not know (soft cap, sinks), and what they do not tell (weights)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steering.lm.forest import Block, Packed


@dataclass(frozen=True, slots=True)
class How:
    """The numbers that an architecture adds to attention: scale, sliding window, score soft cap, and sink logits a head."""

    scale: float
    window: int | None = None
    softcap: float | None = None
    sinks: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one block's queries [count*width, heads, D] could look at: ``keys`` and ``values`` [count, K, S, D], ancestors first, under ``mask``."""

    block: Block
    query: Tensor
    keys: Tensor
    values: Tensor
    mask: Tensor
    how: How

    def weights(self) -> Tensor:
        """Attention [count, heads, width, S] fp32; where the architecture has sinks, a query's weights add up to less than 1."""
        count, width, kv_heads = self.block.count, self.block.width, self.keys.shape[1]
        groups = self.query.shape[1] // kv_heads
        q, sinks = grouped(self.query, count, width, kv_heads, self.how)
        weights = shares(q.float(), self.keys.float(), self.mask.float(), self.how, sinks)
        return weights.view(count, kv_heads * groups, width, -1)


Watch = Callable[[Any, Packed, list[Seen], Tensor], Tensor]
"""Called by every attention layer with its module, the packed row, every block and the outputs [N, heads, D]; gives back what goes on (the same
numbers, perhaps with gradient of their own)."""


def grouped(query: Tensor, count: int, width: int, kv_heads: int, how: How) -> tuple[Tensor, Tensor | None]:
    """Queries [count, K, groups * width, D] and their sinks: grouped-query attention without copying keys, the group rides in the query's token
    dimension."""
    groups, size = query.shape[1] // kv_heads, query.shape[-1]
    q = query.view(count, width, kv_heads, groups, size).permute(0, 2, 3, 1, 4).reshape(count, kv_heads, groups * width, size)
    if how.sinks is None:
        return q, None
    return q, how.sinks.view(1, kv_heads, groups, 1).expand(count, -1, -1, width).reshape(count, kv_heads, -1, 1)


def written_out(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, how: How, sinks: Tensor | None) -> Tensor:
    """Attention as it stands in the papers: with soft cap (Gemma 2) and sink logits (GPT-OSS), which fused kernels do not know, and where those
    are slow."""
    return torch.matmul(shares(q, keys, mask, how, sinks).to(q.dtype), values)


def shares(q: Tensor, keys: Tensor, mask: Tensor | None, how: How, sinks: Tensor | None) -> Tensor:
    """Attention weights [..., queries, S] fp32; what goes to a sink is left out."""
    scores = torch.matmul(q, keys.transpose(2, 3)) * how.scale
    if how.softcap is not None:
        scores = torch.tanh(scores / how.softcap) * how.softcap
    if mask is not None:
        scores = scores + mask
    if sinks is not None:
        scores = torch.cat([scores, sinks.to(scores.dtype)], dim=-1)
    return torch.softmax(scores, dim=-1, dtype=torch.float32)[..., : keys.shape[2]]
