"""View ``map``: which vectors are alike, exactly; and a picture in one plane, with what the plane does not show."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Cloud, Heatmap, Result, Role, Scatter, Stack

if TYPE_CHECKING:
    from torch import Tensor

    from steering.inspect.plane import Plane
    from steering.inspect.vocabulary import Vocabulary
    from steering.lm.frozen import FrozenLM

BACKGROUND = 1000
"""Vocabulary entries drawn, evenly spaced in the vocabulary."""

COMPARED = 48
"""Slots in the heatmap, at most: the first ones."""


class Map:
    """A map with axes fitted on the vocabulary, and the exact cosines (SCIENCE notes A3, view 13)."""

    name = "map"
    title = "Map of the vectors"
    badge: Badge = "GEOMETRIC"
    needs: Need = "soft_prompt"
    rows_needed = False
    summary = "Where the vectors lie beside the vocabulary, their start and the label words: exact cosines, and a plane with what it leaves out."
    cost = "about a second; nothing is run through the model"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        from steering.inspect.checks import soft_prompt
        from steering.inspect.plane import plane
        from steering.inspect.vocabulary import vocabulary

        vectors, start = soft_prompt(lm, subject)
        vocab = yield from vocabulary(lm)
        fitted = yield from plane(lm, vocab)
        moving = slice(min(subject.header, vectors.shape[0]), None)
        names = [f"v{i + 1}" for i in range(vectors.shape[0])][moving]
        words = [vocab.show(i) for i in subject.start_ids][moving]
        scatter = _scatter(lm, vocab, fitted, vectors[moving], None if start is None else start[moving], names, words)
        heatmap = _heatmap(lm, vocab, subject, vectors[moving], None if start is None else start[moving], names, words)
        note = "Cosines and distances are true about the vectors; which entries are close, and how sure that is, is in the table of closest entries."
        yield Stack(title=self.title, parts=(scatter, heatmap), note=note)


def _scatter(
    lm: "FrozenLM", vocab: "Vocabulary", fitted: "Plane", vectors: "Tensor", start: "Tensor | None", names: list[str], words: list[str]
) -> Scatter:
    sample = vocab.ids[:: -(-len(vocab) // BACKGROUND)].tolist()
    clouds = [_cloud("vocabulary", "muted", fitted, lm.embed(sample) - vocab.mean, [vocab.show(i) for i in sample])]
    arrows: tuple[tuple[float, ...], ...] = ()
    labels = [f"{name}, started from {word}" for name, word in zip(names, words, strict=True)] if words else names
    if start is not None:
        clouds.append(_cloud("start", "start", fitted, start - vocab.mean, words))
    clouds.append(_cloud("learned", "learned", fitted, vectors - vocab.mean, labels))
    if start is not None:
        before, after = clouds[-2:]
        arrows = tuple(zip(before.x, before.y, after.x, after.y, strict=True))
    first, second = fitted.shown
    return Scatter(
        title="Plane of the vocabulary",
        clouds=tuple(clouds),
        arrows=arrows,
        x_title=f"first axis ({first:.1%} of variance)",
        y_title=f"second axis ({second:.1%} of variance)",
        size_title="length outside the plane",
        caption=(
            f"The plane shows {first + second:.1%} of the vocabulary's variance. Size is the length that lies outside it: two points can touch here "
            "and be far apart. The axes are fitted on the vocabulary, not on what was learned; an arrow leads from a start to its learned vector."
        ),
        note="A map gives an impression of distance and direction only.",
    )


def _cloud(name: str, role: Role, plane: "Plane", offsets: "Tensor", labels: list[str]) -> Cloud:
    flat, outside = plane.place(offsets)
    x, y, size = (tuple(round(value, 4) for value in column.tolist()) for column in (flat[:, 0], flat[:, 1], outside))
    return Cloud(name=name, role=role, x=x, y=y, size=size, labels=tuple(labels))


def _heatmap(
    lm: "FrozenLM", vocab: "Vocabulary", subject: Subject, vectors: "Tensor", start: "Tensor | None", names: list[str], words: list[str]
) -> Heatmap:
    """Cosines of centred vectors: every slot against all slots, their starts, and the label words (a word's tokens averaged)."""
    import torch

    from steering.inspect.linear import effective_rank
    from steering.lm.encode import answer_text

    shown = min(len(names), COMPARED)
    columns, others = list(names[:shown]), [vectors[:shown]]
    if start is not None:
        columns += [f"start of {name}: {word}" for name, word in zip(names[:shown], words, strict=False)]
        others.append(start[:shown])
    for label in subject.task.label_words.values() if subject.task else ():
        columns.append(f"label word: {label}")
        assert subject.task is not None
        others.append(lm.embed(lm.encode(answer_text(subject.task.template, label))).mean(0, keepdim=True))
    cosines = vocab.directions(vectors[:shown]) @ vocab.directions(torch.cat(others)).T
    left_out = f" The first {shown} of {len(names)} vectors are shown." if shown < len(names) else ""
    rank = f" The vectors span {effective_rank(vectors - vocab.mean):.1f} directions in effect, of {len(names)}." if len(names) > 1 else ""
    return Heatmap(
        title="Cosines",
        rows=tuple(names[:shown]),
        columns=tuple(columns),
        values=tuple(tuple(round(value, 4) for value in row) for row in cosines.tolist()),
        row_title="vector",
        column_title="compared with",
        unit="cosine, from the vocabulary's mean",
        centre=0.0,
        caption=f"Exact, nothing is projected. 1: the same direction from the vocabulary's mean; 0: as two random words.{rank}{left_out}",
        note="Two vectors that point alike need not act alike: what stands before and behind a vector counts too.",
    )
