"""The one value by which anything steers the frozen model.

Manual text, demonstrations, a soft prompt and a prefix all become a :class:`Root` before they meet the model, so there is one injection path,
one scorer and one generator, and nobody asks which method it was.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Adapter(Protocol):
    """A change of the model's modules that lasts while its context is open, and leaves the weights bit-equal behind it (LoRA)."""

    def active(self) -> AbstractContextManager[None]:
        """Open it; gradients of forwards inside may be taken outside."""
        ...

    def detach(self) -> "Adapter":
        """The same numbers without gradient."""
        ...


@dataclass(frozen=True, slots=True)
class Root:
    """Steering that every input of a batch shares; inputs start at position ``length``.

    Exactly one of the two forms is set:

    ``embeds``: [P, H], any float dtype, with gradient where it is learned; P may be 0 (no prompt).
    ``kv``: one (key, value) pair a layer, each [K, P, D] **as they enter attention** (after RoPE and key norms). A layer may hold fewer than P
    positions, the first ones: then that layer sees no more of the steering (a prefix in some layers only).

    ``adapter``: changed modules for everything under this root, the root itself included; None for all but the LoRA reference.
    """

    embeds: Tensor | None = None
    kv: tuple[tuple[Tensor, Tensor], ...] | None = None
    adapter: Adapter | None = None

    def __post_init__(self) -> None:
        assert (self.embeds is None) != (self.kv is None), "a Root is either embeddings or keys and values"
        if self.embeds is not None:
            assert self.embeds.dim() == 2, f"embeds must be [P, H], got {tuple(self.embeds.shape)}"
        if self.kv is not None:
            assert self.kv and all(k.dim() == 3 and k.shape == v.shape for k, v in self.kv), "kv must be L pairs of [K, P, D]"
            assert len({(k.shape[0], k.shape[2]) for k, _ in self.kv}) == 1, "layers may differ in P only"

    @property
    def length(self) -> int:
        """P, the number of positions before the input."""
        if self.embeds is not None:
            return self.embeds.shape[0]
        assert self.kv is not None
        return max(k.shape[1] for k, _ in self.kv)

    @property
    def uneven(self) -> bool:
        """Whether some layers see less of it than others."""
        return self.kv is not None and len({k.shape[1] for k, _ in self.kv}) > 1

    def detach(self) -> "Root":
        """The same numbers without gradient."""
        adapter = self.adapter.detach() if self.adapter is not None else None
        if self.embeds is not None:
            return Root(embeds=self.embeds.detach(), adapter=adapter)
        assert self.kv is not None
        return Root(kv=tuple((k.detach(), v.detach()) for k, v in self.kv), adapter=adapter)

    def nbytes(self) -> int:
        """Size in bytes of the tensors."""
        parts = [self.embeds] if self.embeds is not None else [t for pair in self.kv or () for t in pair]
        return sum(t.element_size() * t.numel() for t in parts)


def join(first: Root, second: Root) -> Root:
    """Two embedding roots one after the other: [P1 + P2, H].

    Raises:
        AssertionError: one of the two is keys and values (their positions are fixed), or changes weights.
    """
    assert first.adapter is None and second.adapter is None, "roots that change weights cannot be joined"
    assert first.embeds is not None and second.embeds is not None, "only embedding roots can be joined"
    return Root(embeds=torch.cat([first.embeds.to(second.embeds.dtype), second.embeds]))
