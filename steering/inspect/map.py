"""View ``map``: vocabulary, start and learned vectors in one plane, with what the plane does not show."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Cloud, Result, Role, Scatter

if TYPE_CHECKING:
    from torch import Tensor

    from steering.inspect.plane import Plane
    from steering.lm.frozen import FrozenLM

BACKGROUND = 1000
"""Vocabulary entries drawn, evenly spaced in the vocabulary."""


class Map:
    """A map with axes fitted on the vocabulary (SCIENCE notes A3, view 13)."""

    name = "map"
    title = "Map of the vectors"
    badge: Badge = "GEOMETRIC"
    needs: Need = "soft_prompt"
    rows_needed = False
    summary = "Where the vectors lie beside the vocabulary and their start, in the plane in which the vocabulary varies most."
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
        sample = vocab.ids[:: -(-len(vocab) // BACKGROUND)].tolist()
        labels = [f"v{i + 1}" for i in range(vectors.shape[0])][moving]
        clouds = [_cloud("vocabulary", "muted", fitted, lm.embed(sample) - vocab.mean, [vocab.show(i) for i in sample])]
        arrows: tuple[tuple[float, ...], ...] = ()
        if start is not None:
            words = [vocab.show(i) for i in subject.start_ids][moving]
            labels = [f"{label}, started from {word}" for label, word in zip(labels, words, strict=True)]
            clouds.append(_cloud("start", "start", fitted, start[moving] - vocab.mean, words))
        clouds.append(_cloud("learned", "learned", fitted, vectors[moving] - vocab.mean, labels))
        if start is not None:
            before, after = clouds[-2:]
            arrows = tuple(zip(before.x, before.y, after.x, after.y, strict=True))
        yield _scatter(self.title, tuple(clouds), arrows, fitted.shown)


def _cloud(name: str, role: Role, plane: "Plane", offsets: "Tensor", labels: list[str]) -> Cloud:
    flat, outside = plane.place(offsets)
    x, y, size = (tuple(round(value, 4) for value in column.tolist()) for column in (flat[:, 0], flat[:, 1], outside))
    return Cloud(name=name, role=role, x=x, y=y, size=size, labels=tuple(labels))


def _scatter(title: str, clouds: tuple[Cloud, ...], arrows: tuple[tuple[float, ...], ...], shown: tuple[float, float]) -> Scatter:
    caption = (
        f"The plane shows {sum(shown):.1%} of the vocabulary's variance. Size is the length that lies outside it: two points can touch here and be "
        "far apart. The axes are fitted on the vocabulary, not on what was learned; an arrow leads from a start to its learned vector."
    )
    return Scatter(
        title=title,
        clouds=clouds,
        arrows=arrows,
        x_title=f"first axis ({shown[0]:.1%} of variance)",
        y_title=f"second axis ({shown[1]:.1%} of variance)",
        size_title="length outside the plane",
        caption=caption,
        note="A map gives an impression of distance and direction only; which entries are close is in the table of closest entries.",
    )
