"""The one value by which anything steers the frozen model.

Manual text, demonstrations, a soft prompt and a prefix all become a :class:`Root` before they meet the model, so there is one injection path,
one scorer and one generator, and nobody asks which method it was.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
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
    ``kept``: [P] where some positions are left out, else None. The tensors then hold the rows of the kept ones only, at their own positions, and P
    stays: nothing attends to the others, neither inputs nor later rows, as if the attention mask hid them (see :func:`without`).
    """

    embeds: Tensor | None = None
    kv: tuple[tuple[Tensor, Tensor], ...] | None = None
    adapter: Adapter | None = None
    kept: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        assert (self.embeds is None) != (self.kv is None), "a Root is either embeddings or keys and values"
        if self.embeds is not None:
            assert self.embeds.dim() == 2, f"embeds must be [P, H], got {tuple(self.embeds.shape)}"
        if self.kv is not None:
            assert self.kv and all(k.dim() == 3 and k.shape == v.shape for k, v in self.kv), "kv must be L pairs of [K, P, D]"
            assert len({(k.shape[0], k.shape[2]) for k, _ in self.kv}) == 1, "layers may differ in P only"
        assert self.kept is None or sum(self.kept) == self.rows, f"{self.rows} rows for {sum(self.kept or ())} kept positions"

    @property
    def length(self) -> int:
        """P, the number of positions before the input."""
        return self.rows if self.kept is None else len(self.kept)

    @property
    def positions(self) -> tuple[int, ...]:
        """Where its rows stand; a layer that holds fewer rows holds the first ones."""
        return tuple(range(self.rows)) if self.kept is None else tuple(i for i, there in enumerate(self.kept) if there)

    @property
    def rows(self) -> int:
        """Rows that the tensors hold: P, less what is left out."""
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
            return replace(self, embeds=self.embeds.detach(), adapter=adapter)
        assert self.kv is not None
        return replace(self, kv=tuple((k.detach(), v.detach()) for k, v in self.kv), adapter=adapter)

    def nbytes(self) -> int:
        """Size in bytes of the tensors."""
        parts = [self.embeds] if self.embeds is not None else [t for pair in self.kv or () for t in pair]
        return sum(t.element_size() * t.numel() for t in parts)


def join(first: Root, second: Root) -> Root:
    """Two embedding roots one after the other: [P1 + P2, H].

    Raises:
        AssertionError: one of the two is keys and values (their positions are fixed), changes weights, or leaves positions out.
    """
    assert first.adapter is None and second.adapter is None, "roots that change weights cannot be joined"
    assert first.kept is None and second.kept is None, "roots with positions left out cannot be joined"
    assert first.embeds is not None and second.embeds is not None, "only embedding roots can be joined"
    return Root(embeds=torch.cat([first.embeds.to(second.embeds.dtype), second.embeds]))


def without(root: Root, positions: Collection[int]) -> Root:
    """The root with attention to some ``positions`` (of P, from 0) masked; everything else keeps its place.

    A masked key is a key that is not there, so its row is left out. In a soft prompt the rows behind it are computed without it too, as an
    attention mask over the whole sequence would have it; the keys and values of a prefix are given, and stay.

    Raises:
        AssertionError: a position that the root does not have.
    """
    assert all(0 <= i < root.length for i in positions), f"positions {sorted(positions)} of {root.length}"
    at = root.positions
    stay = [row for row, i in enumerate(at) if i not in positions]
    kept = tuple(i in at and i not in positions for i in range(root.length))
    if root.embeds is not None:
        return replace(root, embeds=root.embeds[stay], kept=kept)
    assert root.kv is not None
    kv = []
    for key, value in root.kv:
        there = [row for row in stay if row < key.shape[1]]
        kv.append((key[:, there], value[:, there]))
    return replace(root, kv=tuple(kv), kept=kept)
