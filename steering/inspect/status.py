"""What may be said of one slot's nearest entries, and of all of them together. Plain values and words; no torch.

Rules: SCIENCE notes A3, view 4 (status) and A5 (wording). A nearest entry that is the start entry is no evidence of anything: under random drift
it stays nearest up to three times its own norm. A cosine that a random vector reaches is no word at all.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["unmoved", "shifted", "word-like", "off-vocabulary", "unclear", "header"]

UNMOVED_BELOW = 1.0
SHIFTED_UP_TO = 3.0
"""Drift in units of the start's norm (A1: up to 3 the start stays nearest whatever the direction)."""

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One vocabulary entry near a slot. ``rank``: its place when ordered by CSLS."""

    id: int
    token: str
    cosine: float
    csls: float
    rank: int
    mutual: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The nearest entries of a vector before and after, nearest first: those that stayed, came and went; ``overlap``: the share that stayed;
    ``random``: the share that stays, on average, after a random move of the same length."""

    kept: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    overlap: float
    random: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One virtual token as measured, counted from 1.

    ``init_*`` and ``drift`` are None where the start is not known. ``floor``: the cosine that 95 of 100 random vectors like it stay below;
    ``p_value``: Holm-adjusted, None for a fixed row; ``agreement``: how many of cosine, distance and CSLS name the same nearest entry; ``added``:
    entries near the displacement from the start, where it points to any; ``change``: what became of the start's nearest entries.
    """

    slot: int
    fixed: bool
    init_id: int | None
    init_token: str | None
    nearest: tuple[Neighbour, ...]
    max_cosine: float
    floor: float
    p_value: float | None
    drift: float | None
    norm: float
    agreement: int
    added: tuple[Neighbour, ...] = ()
    change: Change | None = None


def status(slot: Slot, threshold: float) -> Status:
    """The slot's status; ``threshold``: cosine from which an entry may be called near."""
    if slot.fixed:
        return "header"
    if slot.max_cosine <= slot.floor:
        return "off-vocabulary"
    top = slot.nearest[0]
    if top.id == slot.init_id and slot.drift is not None:
        if slot.drift < UNMOVED_BELOW:
            return "unmoved"
        return "shifted" if slot.drift <= SHIFTED_UP_TO else "unclear"
    certain = slot.p_value is not None and slot.p_value < SIGNIFICANT
    return "word-like" if top.cosine >= threshold and top.mutual and certain else "unclear"


def reading(slot: Slot, what: Status) -> str:
    """One sentence on the slot."""
    token = slot.nearest[0].token
    texts: dict[Status, str] = {
        "header": "Part of the model's own header: never trained.",
        "unmoved": f"Still closest to the entry it started from, {token}: the list restates your starting text.",
        "shifted": f"The closest entry is unchanged, {token}, but most of the vector is now something else.",
        "word-like": f"Has moved near the entry {token}." if slot.drift is not None else f"Lies near the entry {token}.",
        "off-vocabulary": "No reliable nearest word; a random vector scores the same.",
        "unclear": f"Weakly related to {token}: nearer than a random vector, not near enough to be read as a word.",
    }
    return texts[what]


def summary(slots: Sequence[Slot], statuses: Sequence[Status]) -> str:
    """Three sentences on all trained slots: where they lie, how far they moved, and what must not be concluded."""
    moving = [(slot, what) for slot, what in zip(slots, statuses, strict=True) if not slot.fixed]
    if not moving:
        return "Nothing here was trained: every vector belongs to the model's own header."
    counts = Counter(what for _, what in moving)
    return f"{_where(counts, len(moving))} {_how_far([slot for slot, _ in moving])} {_limits(counts)}"


def _where(counts: Counter[Status], total: int) -> str:
    at_start = counts["unmoved"] + counts["shifted"]
    if at_start == total:
        who = (
            f"All {total} vectors still lie nearest to the word they started from"
            if total > 1
            else "The vector still lies nearest to the word it started from"
        )
        return f"{who}: a list of words restates your starting text."
    if counts["off-vocabulary"] == total:
        who = f"None of the {total} vectors has a reliable nearest word" if total > 1 else "The vector has no reliable nearest word"
        return f"{who}: random vectors score the same."
    parts = [
        (at_start, "nearest to the word {they} started from"),
        (counts["word-like"], "near another word"),
        (counts["unclear"], "only weakly related to any word"),
        (counts["off-vocabulary"], "no nearer to any word than a random vector"),
    ]
    found = [f"{n} {'lies' if n == 1 else 'lie'} {text.format(they='it' if n == 1 else 'they')}" for n, text in parts if n]
    if total == 1:
        return f"The vector {found[0].removeprefix('1 ')}."
    listed = f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else found[0]
    return f"Of {total} vectors, {listed}."


def _how_far(slots: Sequence[Slot]) -> str:
    drifts = sorted(slot.drift for slot in slots if slot.drift is not None)
    if not drifts:
        return "The start is not recorded, so what training changed cannot be told."
    middle, most = drifts[len(drifts) // 2], drifts[-1]
    many = len(drifts) > 1
    if most < 1e-6:
        return "They have not moved from their start at all." if many else "It has not moved from its start at all."
    spread = f" (the median; at most {most:.2f})" if many else ""
    moved = f"{'They' if many else 'It'} moved by {middle:.2f} times the length of {'their' if many else 'its'} start{spread}"
    if most <= SHIFTED_UP_TO:
        return f"{moved}; up to about 3 times, even a random step leaves the start nearest, so a match with the start is no evidence of anything."
    return f"{moved}; beyond about 3 times, readings become unreliable."


def _limits(counts: Counter[Status]) -> str:
    if counts["word-like"]:
        return "The words are hints at where the vectors lie, not at what they do; only measured views tell about behaviour."
    return "Where vectors lie does not tell what they do; only measured views tell about behaviour."
