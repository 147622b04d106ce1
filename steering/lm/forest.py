"""Packing: a batch as one row of a forest, without padding and without repeating the prompt.

Roots are steering (:class:`~steering.lm.root.Root`), branches are inputs under a root, twigs are continuations under a branch (label
words). A token attends to itself and its ancestors. Linear layers see the packed row of N tokens; attention is computed per **block**: a
block holds sibling segments padded to one width, and knows the blocks it may look back at. This module is index arithmetic only; the tensors'
way through is in attention.py.

    packed row   [root 0 | root 1 | lead | branches of root 0 | lead | branches of root 1 | twigs ...]
    blocks       root: 1 x P     lead: 1 x l     branches: B x T (right-padded)     twigs: (B*F) x t

A lead is what all inputs under a root begin with, such as the words of a template before the text: computed once where that is worth a block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.lm.root import Root

SHORT = 32
"""Tokens up to which inputs share a block whatever their lengths: one more block is some ten small kernels a layer, forward and backward."""


LEAD = 16
"""Tokens that must be saved before what inputs begin with gets a block of its own."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One input: ``ids`` after the root, the logits of its last ``graded`` positions wanted, and continuations to grade whole."""

    ids: tuple[int, ...]
    graded: int = 1
    twigs: tuple[tuple[int, ...], ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens it adds to the packed row."""
        return len(self.ids) + sum(map(len, self.twigs))


@dataclass(frozen=True, slots=True)
class Tree:
    """One root and the inputs under it."""

    root: Root
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Where a block's rows may look back: all positions of a root, or row ``rows[i]`` of an earlier block."""

    root: int | None
    block: int | None
    rows: Tensor | None


@dataclass(frozen=True, slots=True)
class Block:
    """Sibling segments of one width.

    ``start``: offset in the padded order; ``count`` x ``width`` padded tokens. ``positions`` [count, width] and ``real`` [count, width]
    (False on padding); ``looks``: ancestors, outermost first. ``alike``: all rows have the same positions and ancestors, so that one row of a mask
    does for all.
    """

    start: int
    count: int
    width: int
    positions: Tensor
    real: Tensor
    looks: tuple[Look, ...]
    alike: bool

    @property
    def size(self) -> int:
        """Padded tokens."""
        return self.count * self.width

    @property
    def lonely(self) -> bool:
        """Whether every token sees nothing but itself."""
        return self.width == 1 and not self.looks


@dataclass(frozen=True, slots=True)
class Packed:
    """A forest as index tensors (all on one device).

    ``ids`` [N] (0 where a root's embedding stands), ``positions`` [N], ``root_slices``: where in the row each embedding root lies (None for a
    K/V root), ``pad_index`` [M] row token of every padded slot, ``unpad_index`` [N] padded slot of every row token, ``padding`` [*] padded
    slots that hold no token, ``graded`` [G] row tokens whose next-token logits are wanted: tree by tree, branch by branch, own positions before
    twigs.
    """

    ids: Tensor
    positions: Tensor
    root_slices: tuple[tuple[int, int] | None, ...]
    blocks: tuple[Block, ...]
    pad_index: Tensor
    unpad_index: Tensor
    padding: Tensor
    graded: Tensor

    @property
    def tokens(self) -> int:
        """N, tokens in the packed row (rounding included)."""
        return self.ids.shape[0]


@dataclass(slots=True)
class _Segment:
    ids: Sequence[int]
    position: int
    row_start: int = -1
    places: Sequence[int] = ()
    """Positions of its tokens where they are not ``position`` and the next ones: a root with positions left out."""


class _Packer:
    """Collects segments into blocks, then turns everything into tensors once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.blocks: list[Block] = []
        self.pad: list[int] = []
        self.unpad: dict[int, int] = {}
        self.padding: list[int] = []

    def add(self, segments: list[_Segment], looks: tuple[Look, ...]) -> int:
        """Append a block of sibling segments; returns its number."""
        width = max(len(s.ids) for s in segments)
        start, positions, real = len(self.pad), [], []
        for segment in segments:
            segment.row_start = len(self.ids)
            self.ids.extend(segment.ids)
            held = len(segment.ids)
            places = segment.places or range(segment.position, segment.position + width)
            self.positions.extend(places[:held])
            positions.append(list(places))
            real.append([i < held for i in range(width)])
            for i in range(width):
                slot = len(self.pad)
                if i < held:
                    self.pad.append(segment.row_start + i)
                    self.unpad[segment.row_start + i] = slot
                else:
                    self.pad.append(segment.row_start)
                    self.padding.append(slot)
        held_places = torch.tensor(real, dtype=torch.bool, device=self.device)
        alike = all(row == positions[0] for row in positions) and all(look.rows is None for look in looks)
        self.blocks.append(Block(start, len(segments), width, self.tensor(positions), held_places, looks, alike))
        return len(self.blocks) - 1

    def tensor(self, values: object) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)

    def round_up(self, multiple: int) -> None:
        """Fill the row up to a multiple of ``multiple`` tokens with lonely ones, each seeing itself only: their attention costs nothing."""
        short = -len(self.ids) % multiple
        if short:
            self.add([_Segment([0], 0) for _ in range(short)], ())


def pack(trees: Sequence[Tree], device: torch.device, *, row_multiple: int = 1, block_ratio: float = 2.0, whole: bool = False) -> Packed:
    """Lay ``trees`` out as one packed row. ``whole``: every branch has all of its tokens in a segment of its own, also those that it shares.

    Siblings share a block while the longest is at most ``block_ratio`` times the shortest, so that attention's padding stays bounded and memory
    linear in the number of rows; up to ``SHORT`` tokens they always do, because a block costs more than that padding.

    Raises:
        AssertionError: a branch without tokens, or grading more positions than it has.
    """
    packer = _Packer(device)
    root_slices, root_blocks = _pack_roots(packer, trees)
    graded: list[list[int]] = []
    for number, tree in enumerate(trees):
        looks = (Look(number, root_blocks[number], None),) if tree.root.rows else ()
        lead = 0 if whole else _lead(tree.branches)
        if lead:
            block = packer.add([_Segment(tree.branches[0].ids[:lead], tree.root.length)], looks)
            looks = (*looks, Look(None, block, None))
        starts, homes = _pack_branches(packer, tree, looks, block_ratio, lead)
        twig_starts = _pack_twigs(packer, tree, looks, homes)
        for branch, start, twigs in zip(tree.branches, starts, twig_starts, strict=True):
            end = start + len(branch.ids) - lead
            graded.append(list(range(end - branch.graded, end)))
            graded[-1] += [t for at, ids in zip(twigs, branch.twigs, strict=True) for t in range(at, at + len(ids))]
    packer.round_up(row_multiple)
    n = len(packer.ids)
    return Packed(
        ids=packer.tensor(packer.ids),
        positions=packer.tensor(packer.positions),
        root_slices=tuple(root_slices),
        blocks=tuple(packer.blocks),
        pad_index=packer.tensor(packer.pad),
        unpad_index=packer.tensor([packer.unpad[i] for i in range(n)]),
        padding=packer.tensor(packer.padding),
        graded=packer.tensor([i for part in graded for i in part]),
    )


def _pack_roots(packer: _Packer, trees: Sequence[Tree]) -> tuple[list[tuple[int, int] | None], list[int | None]]:
    slices: list[tuple[int, int] | None] = []
    blocks: list[int | None] = []
    for tree in trees:
        if tree.root.kv is not None or not tree.root.rows:
            slices.append(None)
            blocks.append(None)
            continue
        segment = _Segment([0] * tree.root.rows, 0, places=tree.root.positions)
        blocks.append(packer.add([segment], ()))
        slices.append((segment.row_start, segment.row_start + tree.root.rows))
    return slices, blocks


def _lead(branches: Sequence[Branch]) -> int:
    """How many tokens all branches begin with, none of them graded; 0 where a block for them would cost more than it saves."""
    room = min((len(branch.ids) - max(1, branch.graded) for branch in branches), default=0)
    first = branches[0].ids if branches else ()
    same = next((at for at in range(room) if any(branch.ids[at] != first[at] for branch in branches)), room)
    return same if same * (len(branches) - 1) >= LEAD else 0


def _pack_branches(packer: _Packer, tree: Tree, looks: tuple[Look, ...], ratio: float, lead: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Row start of what every branch has beyond the lead, and its (block, row in block)."""
    own = [branch.ids[lead:] for branch in tree.branches]
    order = sorted(range(len(own)), key=lambda i: len(own[i]))
    starts = [0] * len(order)
    homes = [(0, 0)] * len(order)
    while order:
        shortest = len(own[order[0]])
        assert shortest > 0, "a branch needs at least one token"
        members = [i for i in order if len(own[i]) <= max(ratio * shortest, SHORT)]
        order = order[len(members) :]
        segments = [_Segment(own[i], tree.root.length + lead) for i in members]
        block = packer.add(segments, looks)
        for row, (i, segment) in enumerate(zip(members, segments, strict=True)):
            assert 0 <= tree.branches[i].graded <= len(own[i])
            starts[i], homes[i] = segment.row_start, (block, row)
    return starts, homes


def _pack_twigs(packer: _Packer, tree: Tree, looks: tuple[Look, ...], homes: list[tuple[int, int]]) -> list[list[int]]:
    """Row starts of every branch's twigs."""
    starts: list[list[int]] = [[] for _ in homes]
    for block in sorted({home for home, _ in homes}):
        owners = [i for i, (home, _) in enumerate(homes) if home == block and tree.branches[i].twigs]
        if not owners:
            continue
        segments, rows = [], []
        for i in owners:
            at = tree.root.length + len(tree.branches[i].ids)
            for ids in tree.branches[i].twigs:
                segments.append(_Segment(ids, at))
                rows.append(homes[i][1])
        packer.add(segments, (*looks, Look(None, block, packer.tensor(rows))))
        flat = iter(segments)
        for i in owners:
            starts[i] = [next(flat).row_start for _ in tree.branches[i].twigs]
    return starts
