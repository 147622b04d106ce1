"""The projection gap in numbers and words, and what it licenses: may the list of closest entries be read as words at all? No torch.

A page that shows the closest entries beside a measured gap asks ``licence(kept faithfulness result)`` and passes the table through ``worded``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from steering.evaluate.intervals import Estimate, Floats
from steering.evaluate.shares import share
from steering.inspect.phrases import CAPTION_ROWS, accuracy_bars, loss_bars, nats, rounded, share_text
from steering.inspect.results import Column, Result, Role, Stack, Table

KEPT_FROM = 0.5
"""Share, at the interval's lower end, from which the entries stand for most of the effect. Published scale: 0.12 is usual (notes A3, view 2)."""

Kind = Literal["kept", "hints", "withdrawn", "unknown"]

COLUMNS = (
    Column(name="name", title="What is run", help="in place of the prompt, before every row"),
    Column(name="loss", title="Loss", kind="number", help="nats a row; less is better"),
    Column(name="accuracy", title="Right", kind="percent", help="share of right answers (classification)"),
    Column(name="text", title="Its tokens", kind="token", help="what stands there, token by token"),
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Scores (``loss`` [N], ``correct`` [N] or None) by name; ``random`` names the random texts, ``start`` is empty where it is not known. ``seen``:
    positions of the rows that a random text was run on, for those that were not run on all."""

    learned: str
    start: str
    random: tuple[str, ...]
    scores: Mapping[str, Any]
    n: int
    seen: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def closest(self) -> str:
        return next(name for name in self.scores if name not in (self.learned, self.start, *self.random))

    def shares(self) -> tuple[Estimate, Estimate | None]:
        """The learned prompt's gain over random text in nats, and the share of it that the closest entries keep."""
        random = self._random()
        whole, kept = share(random - self.scores[self.closest].loss, random - self.scores[self.learned].loss)
        return whole, kept if whole.low > 0 else None

    def _random(self) -> Floats:
        """Mean loss of every row under the random texts that were run on it, [N]."""
        total, count = np.zeros(self.n), np.zeros(self.n)
        for name in self.random:
            at = list(self.seen.get(name, range(self.n)))
            total[at] += self.scores[name].loss
            count[at] += 1
        return total / count


def halves(names: Sequence[str], n: int) -> dict[str, list[int]]:
    """Which of n rows each text is run on: four or more take turns with two random halves, so that every row meets as many; fewer see all rows.

    It is the mean over texts that a row is compared with: five texts a row say as much of it as ten for half of the time, and all ten take part.
    """
    if len(names) < 4 or n < 4:
        return {}
    order = np.random.default_rng(0).permutation(n).tolist()
    parts = sorted(order[: n // 2]), sorted(order[n // 2 :])
    return {name: parts[at % 2] for at, name in enumerate(names)}


@dataclass(frozen=True, slots=True)
class Licence:
    """What may be said of the closest entries, and the sentence that says it."""

    kind: Kind
    sentence: str


def judge(kept: Estimate | None) -> Licence:
    """What the share allows."""
    if kept is None:
        return Licence("unknown", "On these rows the learned prompt does no better than random text, so there is no effect that words could keep.")
    if kept.low >= KEPT_FROM:
        return Licence("kept", f"Read as words, this prompt keeps {share_text(kept)} of its effect: the closest entries do most of what it does.")
    if kept.low > 0:
        return Licence("hints", f"Read as words, this prompt keeps {share_text(kept)} of its effect. Treat the closest entries as hints.")
    how = "do worse than random text" if kept.high < 0 else "cannot be told from random text"
    text = f"Read as words, this prompt keeps nothing of its effect that is sure: {share_text(kept)}. As text, its closest entries {how}."
    return Licence("withdrawn", f"{text} Do not read them as words.")


def licence(result: Result) -> Licence:
    """The licence in a result of the view ``faithfulness``."""
    row = next(row for part in getattr(result, "parts", ()) if isinstance(part, Table) for row in part.rows if "share" in row)
    if row["share"] is None:
        return judge(None)
    return judge(Estimate(value=row["share"], low=row["share_low"], high=row["share_high"]))


def worded(neighbours: Table, given: Licence) -> Table:
    """The table of closest entries with its wording as far as the gap licenses it."""
    note = f"{given.sentence} {neighbours.note}".strip()
    if given.kind not in ("withdrawn", "unknown"):
        return replace(neighbours, note=note)
    rows = tuple({**row, "reading": _withdrawn(row)} if row.get("status") == "word-like" else row for row in neighbours.rows)
    return replace(neighbours, rows=rows, note=note)


def _withdrawn(row: dict[str, Any]) -> str:
    return f"Lies near {row['nearest'][0]['token']}; that this says anything of what it does is not supported."


def stack(title: str, gap: Gap, shown: Mapping[str, str]) -> Stack:
    """Bars and numbers."""
    whole, kept = gap.shares()
    roles: dict[str, Role] = {gap.learned: "learned", gap.closest: "accent", gap.start: "start"}
    order = [gap.learned, gap.closest, *([gap.start] if gap.start else []), *gap.random]
    loss = loss_bars("Loss under each text", {name: gap.scores[name].loss for name in order}, roles)
    parts: list[Any] = [loss]
    if gap.scores[gap.learned].correct is not None:
        parts.append(accuracy_bars("Right answers under each text", {name: gap.scores[name].correct for name in order}, roles))
    rows = tuple(_row(name, gap, shown, kept if name == gap.closest else None) for name in order)
    parts.append(Table(title="In numbers", columns=COLUMNS, rows=rows))
    each = ", each run on half of the rows" if gap.seen else ""
    caption = (
        f"{CAPTION_ROWS.format(n=gap.n)} Share kept = (random - closest entries) / (random - learned), in nats; random: mean of "
        f"{len(gap.random)} texts of as many random entries{each}. The learned prompt's gain over random text: {nats(whole)}."
    )
    return Stack(title=title, parts=tuple(parts), caption=caption, note=judge(kept).sentence)


def _row(name: str, gap: Gap, shown: Mapping[str, str], kept: Estimate | None) -> dict[str, Any]:
    score = gap.scores[name]
    row: dict[str, Any] = {"name": name, "loss": round(float(score.loss.mean()), 5), "text": shown.get(name)}
    row["accuracy"] = None if score.correct is None else round(float(np.mean(score.correct)), 5)
    return row | (rounded(kept, "share") if name == gap.closest else {})
