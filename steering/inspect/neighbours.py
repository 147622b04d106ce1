"""View ``neighbours``: the closest vocabulary entries of every slot, beside what a random vector reaches and what the slot started from."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Column, Result, Table
from steering.inspect.status import Change, Neighbour, Slot, Status, reading, status, summary

if TYPE_CHECKING:
    from steering.inspect.slots import Measured
    from steering.lm.frozen import FrozenLM

COLUMNS = (
    Column(name="slot", title="Slot", kind="number", help="virtual token, counted from 1"),
    Column(name="init_token", title="Started from", kind="token", help="the vocabulary entry that this vector was before training"),
    Column(name="nearest", title="Closest entries", kind="tokens", help="by cosine to the centred vocabulary; mutual: the entry finds it close too"),
    Column(name="max_cosine", title="Cosine", kind="number", help="to the closest entry; 1 is the entry itself"),
    Column(
        name="floor",
        title="Random",
        kind="number",
        help="95 of 100 random vectors that lean from the vocabulary's mean as this one does come no closer to any entry",
    ),
    Column(name="p_value", title="p", kind="number", help="chance of a random vector coming as close, corrected for the number of slots (Holm)"),
    Column(name="drift", title="Drift", kind="number", help="distance from the start, in units of the start's length"),
    Column(name="norm", title="Length", kind="number", help="of the vector"),
    Column(name="status", title="Status", kind="text", help="unmoved, shifted, word-like, off-vocabulary, unclear"),
    Column(name="reading", title="Reading", kind="text", help="what may be said"),
    Column(name="added", title="Added", kind="tokens", help="entries that the displacement from the start points to, where it points to any"),
    Column(name="kept", title="Kept", kind="tokens", help="of the start's ten closest entries, those that still are"),
    Column(name="gained", title="Gained", kind="tokens", help="entries among the ten closest now that were not at the start"),
    Column(name="lost", title="Lost", kind="tokens", help="of the start's ten closest entries, those that are not any more"),
    Column(name="overlap", title="Stayed", kind="percent", help="share of the start's ten closest entries that stayed; the least changed most"),
    Column(
        name="overlap_random",
        title="Stayed, random",
        kind="percent",
        help="the same share after a random move of the same length: where the two are alike, the change around the vector tells nothing",
    ),
    Column(name="agreement", title="Agreement", kind="number", help="of 3 measures (cosine, distance, CSLS), how many name the same closest entry"),
)


class Neighbours:
    """Nearest tokens, corrected (SCIENCE notes A3, view 4)."""

    name = "neighbours"
    title = "Closest vocabulary entries"
    badge: Badge = "GEOMETRIC"
    needs: Need = "soft_prompt"
    rows_needed = False
    summary = "The vocabulary entries closest to each vector, against the closeness that random vectors reach."
    cost = "one or two seconds; nothing is run through the model"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        from steering.inspect.slots import measure

        measured = yield from measure(lm, subject)
        yield _table(self.title, measured)


def _table(title: str, measured: "Measured") -> Table:
    statuses = [status(slot, measured.threshold) for slot in measured.slots]
    rows = tuple(_row(slot, what) for slot, what in zip(measured.slots, statuses, strict=True))
    hidden = ", ".join(f"{count} {reason}" for reason, count in measured.vocabulary.hidden.items())
    caption = (
        f"Cosine to {len(measured.vocabulary):,} entries, centred. 95 of 100 random vectors stay below {measured.floor:.3f}, or below a slot's own "
        f"level where it leans away from the vocabulary's mean; a real word has its closest other word at {measured.real_word:.2f}; word-like starts "
        f"at {measured.threshold:.2f}. Hidden entries: {hidden or 'none'}."
    )
    return Table(title=title, columns=COLUMNS, rows=rows, caption=caption, note=summary(measured.slots, statuses))


def _row(slot: Slot, what: Status) -> dict[str, Any]:
    return {
        "slot": slot.slot,
        "init_token": slot.init_token,
        "nearest": [_neighbour(item) for item in slot.nearest],
        "max_cosine": round(slot.max_cosine, 4),
        "floor": round(slot.floor, 4),
        "p_value": None if slot.p_value is None else round(slot.p_value, 5),
        "drift": None if slot.drift is None else round(slot.drift, 4),
        "norm": round(slot.norm, 4),
        "status": what,
        "reading": reading(slot, what),
        "added": [_neighbour(item) for item in slot.added],
        **_change(slot.change),
        "agreement": slot.agreement,
    }


def _change(change: Change | None) -> dict[str, Any]:
    names = ("kept", "gained", "lost")
    if change is None:
        return {**{key: [] for key in names}, "overlap": None, "overlap_random": None}
    tokens = {name: [{"token": token} for token in getattr(change, name)] for name in names}
    return {**tokens, "overlap": round(change.overlap, 4), "overlap_random": round(change.random, 4)}


def _neighbour(item: Neighbour) -> dict[str, Any]:
    values = {"cosine": round(item.cosine, 4), "csls": round(item.csls, 4)}
    return {"token": item.token, "id": item.id, **values, "csls_rank": item.rank, "mutual": item.mutual}
