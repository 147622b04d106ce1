"""What each slot of a root is worth: masked one at a time, kept a few at a time, and taken out for good where that helps.

A slot is masked from the attention of everything behind it, positions stay (:func:`steering.lm.root.without`). Two copies of one vector each look
useless when masked alone; the keep-k curve, in the order of the single effects, is what shows that one of them is needed.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steering.errors import DataError
from steering.evaluate.intervals import Estimate, Floats
from steering.evaluate.shares import mean, share
from steering.inspect.bench import Bench, Scored
from steering.inspect.contract import Progress, Subject
from steering.inspect.subjects import learned, moving, without_slots
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root, without

KEPT = 0.95
"""Share of the gain that a small number of slots is asked to keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Masking ``slot`` (from 0) changes the loss by this much: above 0 the slot helps, below 0 it hurts. ``right``: change of right answers."""

    slot: int
    loss: Estimate
    right: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The ``count`` most useful slots alone: their loss, and the share of the gain over none at all that they keep (None: there is no gain)."""

    count: int
    loss: float
    share: Estimate | None


def effects(rows: Bench, root: Root, slots: Sequence[int]) -> Generator[Progress, None, list[Effect]]:
    """Every slot masked alone, against the whole root, on the same rows."""
    whole = yield from rows.score(root, "running the learned prompt")
    found = []
    for slot in slots:
        masked = yield from rows.score(without(root, (slot,)), f"masking virtual token {slot + 1}")
        right = None if whole.correct is None else mean(masked.correct.astype(float) - whole.correct)
        found.append(Effect(slot=slot, loss=mean(masked.loss - whole.loss), right=right))
    return found


def order(found: Sequence[Effect]) -> list[int]:
    """Slots, most useful first."""
    return [effect.slot for effect in sorted(found, key=lambda effect: -effect.loss.value)]


def steps(count: int) -> list[int]:
    """How many slots are kept along the curve: every number up to 4, then about 1.4 times as many each time, and all but one."""
    chosen, size = {count, count - 1, *range(min(5, count))}, 4.0
    while size < count:
        chosen.add(round(size))
        size *= 1.45
    return sorted(k for k in chosen if k >= 0)


def curve(rows: Bench, root: Root, ranked: Sequence[int]) -> Generator[Progress, None, list[Kept]]:
    """The k most useful slots alone, for growing k."""
    losses: dict[int, Floats] = {}
    for k in steps(len(ranked)):
        scored: Scored = yield from rows.score(without(root, ranked[k:]) if k < len(ranked) else root, f"keeping {k} of {len(ranked)}")
        losses[k] = scored.loss
    none, whole = losses[0], losses[len(ranked)]
    found = []
    for k, loss in losses.items():
        gain, part = share(none - loss, none - whole)
        found.append(Kept(count=k, loss=float(loss.mean()), share=part if gain.low > 0 else None))
    return found


def enough(found: Sequence[Kept]) -> int | None:
    """The fewest slots that keep 95% of the gain; None where there is no gain to keep."""
    fits = [kept.count for kept in found if kept.share is not None and kept.share.value >= KEPT]
    return min(fits) if fits else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """``subject`` without ``slots``; losses on the validation rows that chose them, before and after."""

    subject: Subject
    slots: tuple[int, ...]
    before: float
    after: float


def prune(lm: FrozenLM, subject: Subject, rows: Bench) -> Generator[Progress, None, Pruned]:
    """Take out slots that hurt, chosen on ``rows`` (validation, never test).

    Slots whose masking lowers the loss are taken out one after the other, most harmful first, as long as the loss falls (XPrompt, Ma et al. 2022,
    removes by an importance score too). Measured in the form that is saved: the rest moves together, and inputs with it. At least one slot stays.

    Raises:
        DataError: there are no validation rows.
    """
    root = learned(lm, subject)
    slots = list(moving(subject, root))
    if not len(rows):
        raise DataError(f"slots of {subject.name!r} are chosen on validation rows, and there are none.", "Name a dataset with validation rows.")
    found = yield from effects(rows, root, slots)
    whole = yield from rows.score(root, "running the learned prompt")
    best, chosen = float(whole.loss.mean()), tuple[int, ...]()
    harmful = [slot for slot in reversed(order(found)) if next(e for e in found if e.slot == slot).loss.value < 0]
    for slot in harmful[: len(slots) - 1]:
        shorter = learned(lm, without_slots(subject, (*chosen, slot)))
        loss = float(np.mean((yield from rows.score(shorter, f"without virtual token {slot + 1}")).loss))
        if loss < best:
            chosen, best = (*chosen, slot), loss
    return Pruned(subject=without_slots(subject, chosen), slots=tuple(sorted(chosen)), before=float(whole.loss.mean()), after=best)


def estimate(effect: Effect) -> dict[str, Any]:
    """An effect's numbers as a table row has them."""
    right = effect.right
    return {
        "effect": round(effect.loss.value, 5),
        "low": round(effect.loss.low, 5),
        "high": round(effect.loss.high, 5),
        "right": None if right is None else round(right.value, 5),
    }
