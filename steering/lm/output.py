"""From what attention computed to what it adds to the residual stream, and on to the vocabulary: linear maps of the frozen model."""

from collections.abc import Iterator

import torch
from torch import Tensor

from steering.lm.direct import gain_and_bias
from steering.lm.frozen import FrozenLM
from steering.lm.layers import parts

ROWS = 8192
"""Output-layer rows that are multiplied in one go."""


def added(lm: FrozenLM, layer: int, heads: Tensor) -> Tensor:
    """[n, H] fp32: what attention outputs [n, heads, D] of one layer add to the residual stream, without the projection's own bias. A norm that the
    architecture puts behind attention is applied with its gain, not with its scale, so sizes compare within a layer only."""
    found = parts(lm)
    with torch.no_grad():
        flat = heads.flatten(1).to(lm.dtype)
        projection = found.output[layer]
        out: Tensor = (projection(flat) - projection(torch.zeros_like(flat[:1]))).float()
        after = found.after[layer]
        if after is None:
            return out
        gain, _, centred = gain_and_bias(after, out.to(lm.dtype))
        return _gained(gain, centred, out)


def _gained(gain: Tensor, centred: bool, rows: Tensor) -> Tensor:
    return gain * (rows - rows.mean(-1, keepdim=True) if centred else rows)


def words(lm: FrozenLM, directions: Tensor) -> Iterator[tuple[int, Tensor]]:
    """(first id, [n, up to 8192] fp32): how much directions [n, H] in the residual stream push every word, through the last norm's gain (not its
    scale) and the output layer."""
    found = parts(lm)
    assert found.norm is not None and found.head is not None
    gain, _, centred = gain_and_bias(found.norm, directions.to(lm.dtype))
    pushed = _gained(gain, centred, directions)
    weight = found.head.weight
    assert isinstance(weight, Tensor)
    for first in range(0, weight.shape[0], ROWS):
        with torch.no_grad():
            part = weight[first : first + ROWS]
            logits = pushed @ part.float().T
        yield first, logits
