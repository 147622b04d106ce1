"""View ``ablation``: what masking each slot costs, and how few slots are enough."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from steering.inspect.contract import Badge, Item, Need, Preview, Subject, missing
from steering.inspect.phrases import CAPTION_ROWS, bar
from steering.inspect.results import Bars, Column, Line, Lines, Mark, Part, Role, Stack, Table

if TYPE_CHECKING:
    from steering.inspect.masking import Effect, Kept
    from steering.lm.frozen import FrozenLM

SINGLE, CURVE = 64, 32
"""Rows for every slot alone (SCIENCE notes A3, view 5: 64 first) and for the curve: a pass for every slot is what costs here."""

COLUMNS = (
    Column(name="slot", title="Slot", kind="number", help="virtual token, counted from 1"),
    Column(name="init_token", title="Started from", kind="token"),
    Column(name="effect", title="Cost of masking", kind="number", help="change of the loss in nats; below 0: the slot hurts"),
    Column(name="low", title="Low", kind="number"),
    Column(name="high", title="High", kind="number", help="95% interval over rows"),
    Column(name="right", title="Right answers", kind="percent", help="change of the share of right answers when it is masked"),
    Column(name="finding", title="Finding", help="helps, hurts, or not told from nothing"),
)


class Ablation:
    """Slot ablation (SCIENCE notes A3, view 5)."""

    name = "ablation"
    title = "What each slot is worth"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "What masking each slot costs, with its interval, and how few slots keep the gain."
    cost = "a pass over 64 held-out rows for every slot, and about half as many for the curve: 15 seconds for 20 slots on two cores"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        from steering.inspect.bench import PREVIEW
        from steering.inspect.masking import curve, effects, order
        from steering.inspect.subjects import bench, learned, moving, slot_names

        root = learned(lm, subject)
        rows = bench(lm, subject, subject.rows, root)
        names, slots = slot_names(lm, subject, root.length), list(moving(subject, root))
        if len(rows) > PREVIEW:
            few = rows.first(PREVIEW // 2)
            yield Preview(result=_stack(self.title, (yield from effects(few, root, slots)), (), names, len(few)))
        found = yield from effects(rows.first(SINGLE), root, slots)
        kept = yield from curve(rows.first(CURVE), root, order(found))
        yield _stack(self.title, found, kept, names, min(SINGLE, len(rows)), min(CURVE, len(rows)))


def _stack(title: str, found: "Sequence[Effect]", kept: "Sequence[Kept]", names: list[str], n: int, of_curve: int = 0) -> Stack:
    ranked = sorted(found, key=lambda effect: -effect.loss.value)
    bars = tuple(bar(names[effect.slot], effect.loss, _role(effect)) for effect in ranked)
    parts: list[Part] = [Bars(title="Cost of masking, most useful first", bars=bars, unit="nats a row", marks=(Mark(label="no effect", value=0.0),))]
    if kept:
        parts.append(_curve(kept, of_curve))
    rows = tuple(_row(effect, names) for effect in sorted(found, key=lambda effect: effect.slot))
    parts.append(Table(title="In numbers", columns=COLUMNS, rows=rows))
    if kept:
        parts.append(_curve_table(kept))
    caption = (
        f"{CAPTION_ROWS.format(n=n)} A masked slot is hidden from everything behind it; positions stay. Above 0 the slot helps, below 0 it hurts. "
        "Slots that repeat each other look useless one by one; the curve shows what is needed together."
    )
    return Stack(title=title, parts=tuple(parts), caption=caption, note=_note(found, kept, names))


def _finding(effect: "Effect") -> str:
    return "helps" if effect.loss.low > 0 else "hurts" if effect.loss.high < 0 else "not told from nothing"


def _role(effect: "Effect") -> Role:
    roles: dict[str, Role] = {"helps": "learned", "hurts": "accent", "not told from nothing": "muted"}
    return roles[_finding(effect)]


def _row(effect: "Effect", names: list[str]) -> dict[str, Any]:
    from steering.inspect.masking import estimate

    _, _, word = names[effect.slot].partition(" ")
    return {"slot": effect.slot + 1, "init_token": word or None, **estimate(effect), "finding": _finding(effect)}


def _curve(kept: "Sequence[Kept]", n: int) -> Lines:
    x = tuple(float(one.count) for one in kept)
    y, low, high = (tuple(None if one.share is None else round(getattr(one.share, side), 5) for one in kept) for side in ("value", "low", "high"))
    line = Line(name="share of the gain", x=x, y=y, low=low, high=high)
    caption = f"The most useful slots alone, on {n} rows; 0 is all slots masked, 1 the whole prompt. Empty where the gain may be none."
    return Lines(title="How few are enough", lines=(line,), x_title="slots kept", y_title="share of the gain kept", caption=caption)


def _curve_table(kept: "Sequence[Kept]") -> Table:
    from steering.inspect.phrases import rounded

    columns = (
        Column(name="kept", title="Slots kept", kind="number"),
        Column(name="loss", title="Loss", kind="number", help="nats a row"),
        Column(name="share", title="Share of the gain", kind="percent"),
    )
    rows = tuple({"kept": one.count, "loss": round(one.loss, 5), **rounded(one.share, "share")} for one in kept)
    return Table(title="Slots kept, in numbers", columns=columns, rows=rows)


def _note(found: "Sequence[Effect]", kept: "Sequence[Kept]", names: list[str]) -> str:
    from steering.inspect.masking import enough
    from steering.inspect.phrases import nats

    helps = [effect for effect in sorted(found, key=lambda e: -e.loss.value) if _finding(effect) == "helps"]
    hurts = [effect for effect in found if _finding(effect) == "hurts"]
    said = []
    if helps:
        top = ", ".join(f"{names[effect.slot].split(' ')[0]} costs {nats(effect.loss)}" for effect in helps[:3])
        said.append(f"Masking matters for {len(helps)} of {len(found)} slots: {top}.")
    else:
        said.append(f"None of the {len(found)} slots is surely needed by itself.")
    if hurts:
        who = ", ".join(names[effect.slot].split(" ")[0] for effect in hurts)
        said.append(f"Masking {who} lowers the loss: what hurts can be removed, chosen on validation rows.")
    few = enough(kept)
    if few is not None:
        said.append(f"{few} of {len(found)} slots keep 95% of the gain.")
    elif kept:
        said.append("All slots together gain nothing sure over none on these rows, so no share of it is given.")
    return " ".join(said)
