"""What the answer positions of many inputs attend to, layer by layer: weights, values, and the true output to check them against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steering.lm.forest import Branch, Packed, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, chunks
from steering.lm.weights import Seen


@dataclass(frozen=True, slots=True)
class Attended:
    """One layer's attention at the last positions of n inputs, those of one block (inputs of similar length).

    ``inputs`` [n] which ones; ``weights`` [n, heads, S] fp32 and ``values`` [n, heads, S, D] fp32 over the steering's ``prefix`` positions first,
    then the input's own (padding has weight 0); ``out`` [n, heads, D] fp32 what attention gave.
    """

    layer: int
    inputs: Tensor
    prefix: int
    weights: Tensor
    values: Tensor
    out: Tensor

    def mass(self) -> Tensor:
        """[n, heads]: the share of attention that the steering draws."""
        return self.weights[..., : self.prefix].sum(-1)

    def written(self) -> Tensor:
        """[n, heads, D]: what the steering adds to the output, the sum of A v over its positions."""
        return torch.einsum("nhs,nhsd->nhd", self.weights[..., : self.prefix], self.values[..., : self.prefix, :])

    def without(self) -> Tensor:
        """[n, heads, D]: what attention would give without the steering, from the same layer input (Petrov et al. 2023, equation 7,
        https://arxiv.org/abs/2310.19698): out = :meth:`written` + (1 - :meth:`mass`) x this."""
        own = torch.einsum("nhs,nhsd->nhd", self.weights[..., self.prefix :], self.values[..., self.prefix :, :])
        return own / (1 - self.mass())[..., None].clamp_min(1e-12)


def attended(lm: FrozenLM, root: Root, inputs: Sequence[Ids]) -> Iterator[list[Attended]]:
    """All layers' attention at the last position of every input under ``root``, a slice of inputs at a time.

    Raises:
        ModelError: the model runs in the padded layout.
    """
    branches = [Branch(ids, 1) for ids in inputs]
    with torch.no_grad():
        shared = lm.to_kv(root)
    for part in chunks(branches, lm.tokens_per_slice):
        found: list[Attended] = []
        tree = Tree(shared, tuple(branches[i] for i in part))

        def watch(module: Any, packed: Packed, seen: list[Seen], rows: Tensor, first: int = part.start, into: list[Attended] = found) -> Tensor:
            held = shared.kv[module.layer_idx][0].shape[1] if shared.kv is not None else 0
            into.extend(last_positions(module.layer_idx, packed, seen, rows, first, held))
            return rows

        with torch.no_grad():
            lm.watched([tree], watch)
        yield found


def last_positions(layer: int, packed: Packed, seen: list[Seen], rows: Tensor, first: int, prefix: int) -> Iterator[Attended]:
    """What the graded positions (one an input, the first input's number being ``first``) saw in one layer, block by block."""
    slots = packed.unpad_index[packed.graded]
    for block in seen:
        start, size, width = block.block.start, block.block.size, block.block.width
        mine = ((slots >= start) & (slots < start + size)).nonzero().flatten()
        if not mine.numel():
            continue
        row, column = (slots[mine] - start) // width, (slots[mine] - start) % width
        weights = block.weights()[row, :, column]  # [n, heads, S]
        groups = weights.shape[1] // block.values.shape[1]
        values = block.values[row].float().repeat_interleave(groups, 1)
        yield Attended(layer, mine + first, prefix, weights, values, rows[packed.graded[mine]].float())
