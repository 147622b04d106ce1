"""View ``strength``: the loss on the way from the start to the learned prompt, and beyond; and between two runs."""

from collections.abc import Collection, Generator, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from steering.evaluate.intervals import Estimate, wilson
from steering.evaluate.shares import mean
from steering.inspect.contract import Badge, Item, Need, Progress, Subject, missing
from steering.inspect.phrases import nats
from steering.inspect.results import Column, Line, Lines, Mark, Part, Stack, Table
from steering.inspect.zones import COLUMNS as ZONE_COLUMNS
from steering.inspect.zones import FACTOR, Zones, picture

if TYPE_CHECKING:
    from steering.inspect.bench import Bench, Scored
    from steering.lm.frozen import FrozenLM

ROWS = 48
"""Validation rows that the curve is measured on, at most: nine passes over them."""

Scores = dict[float, "Scored"]

COLUMNS = (
    Column(name="strength", title="Strength", kind="number", help="0: the start; 1: as learned"),
    Column(name="loss", title="Loss", kind="number", help="nats a row, on validation rows"),
    Column(name="low", title="Low", kind="number"),
    Column(name="high", title="High", kind="number", help="95% interval over rows"),
    Column(name="accuracy", title="Right", kind="percent", help="share of right answers on validation rows"),
    Column(name="held_out_loss", title="Held-out loss", kind="number", help="for the start, the learned prompt and the chosen strength"),
    Column(name="held_out_accuracy", title="Held-out right", kind="percent"),
    *ZONE_COLUMNS,
)


class Strength:
    """Strength and interpolation (SCIENCE notes A3, view 7)."""

    name = "strength"
    title = "Strength"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "The loss from half a step backwards to twice as far as was learned, how far neutral text bears it, and the way to a second run."
    cost = "9 passes over 48 validation rows and 12 neutral sentences, 3 over the held-out rows: about 12 seconds on two cores; 9 more for two runs"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        from steering.inspect.between import STRENGTHS, root_at, zones
        from steering.inspect.subjects import bench, learned

        whole = learned(lm, subject)
        chosen_on = subject.validation[:ROWS]
        curve = bench(lm, subject, chosen_on or subject.rows[:ROWS], whole)
        held_out = bench(lm, subject, subject.rows, whole)
        scores: Scores = {}
        for a in STRENGTHS:
            scores[a] = yield from curve.score(root_at(lm, subject, a), f"running strength {a:g}")
        best = min(scores, key=lambda a: float(scores[a].loss.mean()))
        reported: Scores = {}
        for a in {0.0: 0, 1.0: 0, **({best: 0} if chosen_on else {})}:
            reported[a] = yield from held_out.score(root_at(lm, subject, a), f"running strength {a:g} on held-out rows")
        bearable = yield from zones(lm, subject)
        parts = [*_pictures(scores, best), picture(bearable), _table(scores, reported, bearable)]
        said = [_note(scores, reported, best, bool(chosen_on))]
        if subject.other is not None:
            part, sentence = yield from _between(lm, subject, subject.other, held_out)
            parts.append(part)
            said.append(sentence)
        where = "validation rows, which early stopping looked at too" if chosen_on else "held-out rows, so no strength is chosen"
        caption = f"The curve is measured on {len(curve)} {where}; figures called held-out on {len(held_out)} rows that training never saw."
        yield Stack(title=self.title, parts=tuple(parts), caption=caption, note=" ".join(said))


def _pictures(scores: Scores, best: float) -> list[Part]:
    x = tuple(scores)
    losses = [mean(score.loss) for score in scores.values()]
    marks = (Mark(label="best", value=round(min(e.value for e in losses), 5)),)
    loss = Lines(title="Loss by strength", lines=(_line("loss", x, losses),), x_title="strength", y_title="loss, nats a row", marks=marks)
    right = [_accuracy(score) for score in scores.values() if score.correct is not None]
    if not right:
        return [loss]
    accuracy = Lines(
        title="Right answers by strength",
        lines=(_line("right", x, right),),
        x_title="strength",
        y_title="share of right answers",
        caption=f"0 is the start, 1 the learned prompt; the loss is lowest at {best:g}.",
    )
    return [loss, accuracy]


def _accuracy(score: "Scored") -> Estimate:
    k, n = int(score.correct.sum()), len(score.correct)
    low, high = wilson(k, n)
    return Estimate(value=k / n, low=low, high=high)


def _line(name: str, x: tuple[float, ...], values: list[Estimate]) -> Line:
    y, low, high = (tuple(round(getattr(e, side), 5) for e in values) for side in ("value", "low", "high"))
    return Line(name=name, x=x, y=y, low=low, high=high)


def _table(scores: Scores, reported: Scores, bearable: Zones) -> Table:
    rows, factors = [], dict(bearable.factors)
    for a, score in scores.items():
        loss = mean(score.loss)
        row: dict[str, Any] = {"strength": a, "loss": round(loss.value, 5), "low": round(loss.low, 5), "high": round(loss.high, 5)}
        row["accuracy"] = None if score.correct is None else round(float(score.correct.mean()), 5)
        held = reported.get(a)
        row["held_out_loss"] = None if held is None else round(float(held.loss.mean()), 5)
        row["held_out_accuracy"] = None if held is None or held.correct is None else round(float(held.correct.mean()), 5)
        rows.append(row | {FACTOR: round(factors[a], 5), "zone": bearable.zone(a)})
    return Table(title="In numbers", columns=COLUMNS, rows=tuple(rows))


def _note(scores: Scores, reported: Scores, best: float, chosen: bool) -> str:
    gap = mean(scores[1.0].loss - scores[best].loss)
    if best == 1.0:
        said = "The loss is lowest at the strength that was learned."
    elif gap.low <= 0:
        said = f"The loss is lowest at strength {best:g}, but as learned it is as good within its interval ({nats(gap)})."
    elif best > 1:
        said = f"The loss still falls beyond the learned prompt, to strength {best:g} ({nats(gap)}): it is trained too little rather than too far."
    else:
        said = f"The loss is lower at strength {best:g} ({nats(gap)}): training went too far, or its learning rate was too high."
    if chosen and best != 1.0:
        held = mean(reported[1.0].loss - reported[best].loss)
        said += f" On held-out rows strength {best:g} lowers the loss by {nats(held)}; it was chosen on validation rows and can be saved."
    back = mean(scores[-0.5].loss - scores[0.0].loss)
    if back.low > 0:
        said += f" Going backwards costs {nats(back)}: the direction carries the effect."
    return said


def _between(lm: "FrozenLM", first: Subject, second: Subject, rows: "Bench") -> Generator[Progress, None, tuple[Lines, str]]:
    """The way to a second run: its loss, and how far that lies above the straight line between the two ends."""
    from steering.inspect.between import WAY, matched, root_between

    other = matched(lm, first, second)
    losses = []
    for share in WAY:
        losses.append((yield from rows.score(root_between(lm, first, other.subject, share), f"{100 * share:.0f}% of the way to {second.name}")).loss)
    above = [mean(loss - ((1 - a) * losses[0] + a * losses[-1])) for a, loss in zip(WAY, losses, strict=True)]
    top = int(np.argmax([e.value for e in above]))
    slots = f"{other.moved} slots were put in another order to match" if other.moved else "slots are matched by their place"
    picture = Lines(
        title=f"On the way to {second.name}",
        lines=(_line("loss", WAY, [mean(loss) for loss in losses]),),
        x_title="share of the way",
        y_title="loss, nats a row",
        caption=f"On {len(rows)} held-out rows; {slots}. Position matters too, so a barrier may come from order as well as from content.",
    )
    if above[top].low > 0:
        return picture, f"Between {first.name} and {second.name} lies a barrier of {nats(above[top])} at {100 * WAY[top]:.0f}% of the way."
    return picture, f"Between {first.name} and {second.name} there is no sure barrier ({nats(above[top])} at most)."
