"""Keys without their position: the model's own rotation (RoPE, Su et al. 2021, https://arxiv.org/abs/2104.09864) turned back.

Two keys can be compared only before their positions are applied. The inverse is the model's own rotating function with the angle's sign changed,
so pairing conventions and partial rotations are its own; whether a layer rotates at all, and that the inverse is one, is measured on a probe.
"""

import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steering.errors import ModelError
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.layers import hooked, parts
from steering.lm.root import Root

TOLERANCE = {torch.float32: 1e-4}
"""Largest relative error of the probe in fp32; in low precision 5e-2."""

Angles = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Rotary:
    """``angles``: for every layer cosines and sines [length, rotated D], None where it does not rotate (GPT-2; layers without positions)."""

    lm: FrozenLM
    angles: tuple[Angles | None, ...]

    def back(self, layer: int, keys: Tensor, positions: Tensor) -> Tensor:
        """Keys [K, T, D] of one layer as they were before they were turned to ``positions`` [T]; fp32."""
        return self._turned(layer, keys, positions, -1)

    def forth(self, layer: int, keys: Tensor, positions: Tensor) -> Tensor:
        """Keys [K, T, D] without positions, turned to ``positions`` [T]; fp32. The inverse of :meth:`back`."""
        return self._turned(layer, keys, positions, 1)

    def _turned(self, layer: int, keys: Tensor, positions: Tensor, sign: int) -> Tensor:
        angles = self.angles[layer]
        if angles is None:
            return keys.float()
        cos, sin = (part[positions][None] for part in angles)
        moved, kept = keys.float().split([cos.shape[-1], keys.shape[-1] - cos.shape[-1]], dim=-1)
        turn: Any = vars(sys.modules[type(parts(self.lm).attention[layer]).__module__])["apply_rotary_pos_emb"]
        done = turn(moved[None], moved[None], cos, sign * sin)[1][0]
        scale = cos**2 + sin**2 if sign < 0 else 1.0  # not 1 where YaRN scales attention
        return torch.cat([done / scale, kept], dim=-1)


def rotary(lm: FrozenLM, length: int) -> Rotary:
    """The rotation of every layer at positions 0 to ``length`` - 1.

    Raises:
        ModelError: the model rotates keys in a way of its own, or runs in the padded layout.
    """
    found: dict[int, Angles] = {}

    def listen(number: int) -> Any:
        def hook(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
            given = kwargs.get("position_embeddings")
            if isinstance(given, tuple):
                cos, sin = given
                found[number] = cos[0, :length].float(), sin[0, :length].float()

        return hook

    length = max(length, 2)
    handles = [module.register_forward_pre_hook(listen(number), with_kwargs=True) for number, module in parts(lm).attention.items()]
    with torch.no_grad(), hooked(handles):
        lm.to_kv(Root(embeds=lm.embed([0] * length)))
    return _checked(lm, Rotary(lm, tuple(found.get(layer) for layer in range(lm.shape.L))), length - 1)


def _checked(lm: FrozenLM, rotary: Rotary, position: int) -> Rotary:
    """Run one lonely token at position 0 and at ``position``: its keys differ by the rotation alone. Layers that show none do not rotate."""
    if not any(rotary.angles):
        return rotary
    with torch.no_grad():
        start = lm.to_kv(Root(embeds=lm.embed([1]))).kv
        _, far = lm.branch_kv([Tree(_lonely(lm, position), (Branch((1,), 1),))])
    assert start is not None
    tolerance = TOLERANCE.get(lm.dtype, 5e-2)
    at = torch.tensor([position], device=lm.device)
    angles: list[Angles | None] = []
    for layer, (first, _) in enumerate(start):
        now, want = far[layer][0][:1].transpose(0, 1).float(), first.float()
        size = want.norm().clamp_min(1e-12)
        still = float((now - want).norm() / size) <= tolerance
        if not still and float((rotary.back(layer, now, at) - want).norm() / size) > tolerance:
            raise ModelError(
                f"{lm.id!r} applies positions to keys in a way that could not be undone (layer {layer + 1}).",
                "Keys of this model cannot be compared between positions; other views work.",
            )
        angles.append(None if still else rotary.angles[layer])
    return Rotary(lm, tuple(angles))


def _lonely(lm: FrozenLM, length: int) -> Root:
    """A root of ``length`` positions that only the last layer sees, so that what follows it stands at position ``length`` and is alone before."""
    empty, full = (torch.zeros(lm.shape.K, n, lm.shape.D, device=lm.device) for n in (0, length))
    return Root(kv=((empty, empty),) * (lm.shape.L - 1) + ((full, full),))
