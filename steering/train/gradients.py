"""The gradient of one step for all members at once: their rows in packed micro-batches, each member's root in front of its own.

A member's gradient is what it would be alone; the micro-batches only decide how much memory a step takes. Out of memory halves them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch

from steering.errors import TrainingError
from steering.lm.forest import Tree
from steering.lm.frozen import FrozenLM
from steering.lm.scoring import chunks
from steering.train.events import Tick
from steering.train.member import Member

Work = Sequence[tuple[Member, int]]
"""Members with their training rows, member by member."""


class OutOfMemory(Exception):
    """A micro-batch did not fit; smaller ones may."""


@dataclass(frozen=True, slots=True)
class Thrift:
    """How memory is saved: at most ``budget`` tokens (at least one row) a forward, and activations computed again instead of kept."""

    budget: int
    recompute: bool = False


def gradients(lm: FrozenLM, work: Work, thrift: Thrift) -> Iterator[Tick]:
    """Accumulate every member's mean gradient and loss over its rows.

    Raises:
        OutOfMemory: a micro-batch did not fit; gradients are then incomplete.
    """
    sizes = {member: sum(1 for other, _ in work if other is member) for member, _ in work}
    for part in chunks([member.material.train.family(row) for member, row in work], thrift.budget):
        piece = [work[i] for i in part]
        try:
            with lm.recomputing(thrift.recompute):
                loss = _forward(lm, piece, sizes)
        except (RuntimeError, MemoryError) as error:
            raise _translated(error) from None  # without the cause: its frames hold the tensors that did not fit
        yield Tick()  # a person who waits for an answer waits for half a step at most
        try:
            loss.backward()
        except (RuntimeError, MemoryError) as error:
            raise _translated(error) from None
        del loss
        yield Tick()


def thriftier(lm: FrozenLM, work: Work, thrift: Thrift) -> Thrift:
    """The next way to save memory: half the tokens, down to single rows, and then recomputing.

    Raises:
        TrainingError: a single row does not fit, whatever is saved.
    """
    longest = max(member.material.train.family(row).tokens for member, row in work)
    if thrift.budget > longest:
        return replace(thrift, budget=max(longest, thrift.budget // 2))
    if lm.recomputes and not thrift.recompute:
        return replace(thrift, recompute=True)
    raise TrainingError(
        f"one row of {longest} tokens does not fit into this machine's memory.",
        "Use shorter rows, fewer virtual tokens or a smaller model; then press Continue.",
    )


def _forward(lm: FrozenLM, piece: Work, sizes: dict[Member, int]) -> torch.Tensor:
    """Sum over members of their mean losses, as far as they lie in this piece."""
    mine = [(member, [row for _, row in rows]) for member, rows in groupby(piece, key=lambda pair: pair[0])]
    families = [[member.material.train.family(row) for row in rows] for member, rows in mine]
    trees = [Tree(member.steering.root(), tuple(b for one in asked for b in one.branches)) for (member, _), asked in zip(mine, families, strict=True)]
    counts = [sum(member.material.train.positions(row) for row in rows) for member, rows in mine]
    losses = []
    for (member, rows), logits in zip(mine, lm.logits(trees).split(counts), strict=True):
        loss = member.material.train.loss(logits, rows).sum() / sizes[member]
        member.total += loss.detach()
        losses.append(loss)
    return torch.stack(losses).sum() if len(losses) > 1 else losses[0]


def _translated(error: RuntimeError | MemoryError) -> Exception:
    """torch says on a CPU that it "can't allocate memory" with a plain RuntimeError."""
    full = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
    return OutOfMemory() if full else error
