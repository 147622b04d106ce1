"""View ``trajectory``: how far the vectors went in training, on one step axis with the losses, and what they were nearest to on the way."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Column, Line, Lines, Mark, Part, Result, Role, Stack, Table, Text

if TYPE_CHECKING:
    from torch import Tensor

    from steering.inspect.course import Course
    from steering.inspect.vocabulary import Vocabulary
    from steering.lm.frozen import FrozenLM

FAR = 3.0
"""Drift from which readings are unreliable (SCIENCE notes A1)."""

NAMES = {"soft_prompt": "vectors", "prefix_keys": "keys", "prefix_values": "values"}
ROLES: tuple[Role, ...] = ("learned", "accent")

COLUMNS = (
    Column(name="slot", title="Slot", kind="number", help="virtual token, counted from 1"),
    Column(name="init_token", title="Started from", kind="token", help="the vocabulary entry that this vector was before training"),
    Column(name="timeline", title="Closest entry over training", kind="tokens", help="each entry that came closest, with its cosine when it did"),
    Column(name="changes", title="Changes", kind="number", help="how often another entry became the closest"),
    Column(name="norm", title="Length", kind="number", help="at the last moment shown"),
    Column(name="drift", title="Drift", kind="number", help="distance from the start, in units of the start's length"),
    Column(name="cosine", title="Cosine to start", kind="number", help="1: the direction has not changed"),
)


class Trajectory:
    """Norm, drift, trajectory (SCIENCE notes A3, view 6)."""

    name = "trajectory"
    title = "Length, drift and course"
    badge: Badge = "GEOMETRIC"
    needs: Need = "any"
    rows_needed = False
    summary = "How long the vectors grew and how far they went, step by step, beside the losses, and which entries they passed."
    cost = "about a second; nothing is run through the model"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        from steering.inspect import course as measured
        from steering.inspect.vocabulary import vocabulary
        from steering.methods.forms import SOFT_PROMPT

        found = measured.course(lm, subject)
        if found is None or not next(iter(found.drift.values())).shape[1]:
            why = "Neither the course nor the start of these vectors is recorded." if found is None else "Every row is the model's own header."
            yield Text(title=self.title, paragraphs=(f"Nothing can be shown. {why}",))
            return
        parts: list[Part] = [*_losses(subject), _drift(found), _cosine(found)]
        note = _far(found)
        if SOFT_PROMPT in found.vectors:
            vocab = yield from vocabulary(lm)
            band = yield from measured.lengths(lm, vocab)
            words = yield from measured.words(lm, vocab, found.vectors[SOFT_PROMPT])
            parts = [*parts[:1], _length(found.steps, found.lengths[SOFT_PROMPT], band), *parts[1:], _table(vocab, subject, found, words)]
            note = f"{_long(found, band)} {note}"
        yield Stack(title=self.title, parts=tuple(parts), caption=_caption(found), note=note)


def _caption(found: "Course") -> str:
    if found.kept:
        return f"{len(found.steps)} moments of training, step {found.steps[0]} to {found.steps[-1]}. The model's own header is left out."
    return "The course of training is not recorded: only the start (0) and the end (1) are shown. The model's own header is left out."


def _losses(subject: Subject) -> list[Part]:
    train, validation = ([(float(loss[0]), loss[at]) for loss in subject.losses if loss[at] is not None] for at in (1, 2))
    named: tuple[tuple[str, Role, list[Any]], ...] = (("training", "muted", train), ("validation", "learned", validation))
    lines = tuple(
        Line(name=name, x=tuple(x for x, _ in points), y=tuple(round(y, 5) for _, y in points), role=role) for name, role, points in named if points
    )
    return [Lines(title="Loss", lines=lines, x_title="step", y_title="loss", caption="The same steps as below.")] if lines else []


def _spread(name: str, steps: Sequence[int], values: "Tensor", role: Role = "learned") -> Line:
    """The median over virtual tokens, and the range of all of them. ``values`` [S, P]."""
    middle, low, high = (tuple(round(v, 4) for v in part.tolist()) for part in (values.median(1).values, values.amin(1), values.amax(1)))
    return Line(name=name, x=tuple(map(float, steps)), y=middle, low=low, high=high, role=role)


def _length(steps: Sequence[int], values: "Tensor", band: Sequence[float]) -> Lines:
    marks = tuple(Mark(label=f"vocabulary {name}", value=round(value, 4)) for name, value in zip(("p1", "median", "p99"), band, strict=False))
    return Lines(
        title="Length",
        lines=(_spread("median vector", steps, values),),
        marks=marks,
        x_title="step",
        y_title="length",
        caption="The band is the range over all vectors; 98 of 100 vocabulary entries are between the marks p1 and p99.",
        note="A longer vector is not a more important one: before the first layer only its direction counts in most models.",
    )


def _drift(found: "Course") -> Lines:
    return Lines(
        title="Drift from the start",
        lines=tuple(_spread(NAMES[name], found.steps, values, role) for (name, values), role in zip(found.drift.items(), ROLES, strict=False)),
        marks=(Mark(label="readings become unreliable", value=FAR),),
        x_title="step",
        y_title="distance, in units of the start's length",
        caption="The median vector; the band is the range over all vectors.",
    )


def _cosine(found: "Course") -> Lines:
    return Lines(
        title="Direction",
        lines=tuple(_spread(NAMES[name], found.steps, values, role) for (name, values), role in zip(found.cosine.items(), ROLES, strict=False)),
        x_title="step",
        y_title="cosine to the start",
        caption="1: the direction of the start. A random move as long as the start itself gives 0.71.",
    )


def _table(vocab: "Vocabulary", subject: Subject, found: "Course", words: list[list[tuple[int, float]]]) -> Table:
    rows: list[dict[str, Any]] = []
    for i in range(len(words[0])):
        course = [(step, *shot[i]) for step, shot in zip(found.steps, words, strict=True)]
        turns = [one for n, one in enumerate(course) if n == 0 or one[1] != course[n - 1][1]]
        slot = subject.header + i
        rows.append(
            {
                "slot": slot + 1,
                "init_token": vocab.show(subject.start_ids[slot]) if subject.start_ids else None,
                "timeline": [_moment(vocab, *one) for one in turns],
                "changes": len(turns) - 1,
                "norm": round(float(found.lengths["soft_prompt"][-1, i]), 4),
                "drift": round(float(found.drift["soft_prompt"][-1, i]), 4),
                "cosine": round(float(found.cosine["soft_prompt"][-1, i]), 4),
                "moments": [_moment(vocab, *one) for one in course],
            }
        )
    changed = sum(row["changes"] > 0 for row in rows)
    return Table(
        title="Closest entry over training",
        columns=COLUMNS,
        rows=tuple(rows),
        caption=f"{changed} of {len(rows)} vectors had more than one closest entry. Cosines are centred; whether they are more than chance is in the "
        "table of closest entries.",
        note="An entry that is passed on the way is no evidence of what the vector does.",
    )


def _moment(vocab: "Vocabulary", step: int, token: int, cosine: float) -> dict[str, Any]:
    return {"token": vocab.show(token), "id": token, "step": step, "cosine": round(cosine, 4)}


def _long(found: "Course", band: Sequence[float]) -> str:
    """Whether vectors left the lengths that words have, and when."""
    longest = found.lengths["soft_prompt"].amax(1)
    outside = (longest > band[3]).nonzero().flatten().tolist()
    times = float(longest[-1]) / band[1]
    if not outside:
        return f"The longest vector has {times:.1f} times the length of a median entry; all are as long as vocabulary entries are."
    when = f" from step {found.steps[outside[0]]} on" if found.kept else ""
    return f"Vectors grew to {times:.1f} times the length of a median entry, beyond 999 of 1,000 entries{when}: closest entries are unreliable there."


def _far(found: "Course") -> str:
    """How far the farthest vector went, and when that became too far to read."""
    most = _farthest(found.drift)
    beyond = [step for step, value in zip(found.steps, most, strict=True) if value > FAR]
    if beyond:
        when = f" at step {beyond[0]}" if found.kept else ""
        return f"Drift passed {FAR:g} times the start's length{when}; from there readings are unreliable."
    return f"The farthest vector moved {most[-1]:.2f} times the length of its start."


def _farthest(drift: "dict[str, Tensor]") -> list[float]:
    """[S]: the largest drift of any vector at every moment."""
    return [max(values) for values in zip(*(part.amax(1).tolist() for part in drift.values()), strict=True)]
