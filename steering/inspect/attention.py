"""View ``attention``: how much attention the answer position gives to the prompt, by layer and head, beside your manual prompt's share."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Heatmap, Line, Lines, Result, Role, Stack

if TYPE_CHECKING:
    from torch import Tensor

    from steering.inspect.looking import Looking
    from steering.lm.frozen import FrozenLM

ROWS = 32
"""Held-out rows that are looked at, at most (SCIENCE notes A3, view 9)."""


class Attention:
    """Attention and bias (SCIENCE notes A3, view 9)."""

    name = "attention"
    title = "Attention to the prompt"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "How much attention goes to the prompt where the answer begins, layer by layer, beside your manual prompt, and what it adds there."
    cost = "two passes over 32 held-out rows: about 5 seconds on two cores"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        from steering.inspect.looking import looking
        from steering.inspect.subjects import bench, learned, manual

        assert subject.task is not None
        roots = learned(lm, subject), manual(lm, subject.task)
        inputs = bench(lm, subject, subject.rows[:ROWS], *roots).inputs
        found = yield from looking(lm, roots[0], inputs, "watching the learned prompt")
        control = yield from looking(lm, roots[1], inputs, "watching your manual prompt")
        yield _result(self.title, found, control, roots[1].length, len(inputs))


def _result(title: str, found: "Looking", control: "Looking", length: int, rows: int) -> Stack:
    none = "" if length else " Your manual prompt is empty: it draws none."
    return Stack(
        title=title,
        parts=(_map(found, control), _sink(found, control), _share(found, control), _ranks(found, control, rows)),
        caption=f"Measured at the last position of {rows} rows that training never saw. Output = what the prompt's values add + (1 - attention on "
        f"the prompt) x output without it; the two parts add up to the model's own output within {found.error:.1e}.{none}",
        note="Where attention goes is not why an answer is given. A prompt can bring out and combine what the model can do; it cannot change how "
        "the input's own tokens are weighed against each other within a layer.",
    )


def _map(found: "Looking", control: "Looking") -> Heatmap:
    difference = (found.mass - control.mass).mean(0)  # [L, heads]
    return Heatmap(
        title="Attention on the prompt, minus your manual prompt's",
        rows=tuple(str(layer + 1) for layer in range(difference.shape[0])),
        columns=tuple(f"h{head + 1}" for head in range(difference.shape[1])),
        values=tuple(tuple(round(value, 4) for value in row) for row in difference.tolist()),
        row_title="layer",
        column_title="head",
        unit="share of attention",
        centre=0.0,
        caption=f"Mean over rows. Over all layers and heads the learned prompt draws {float(found.mass.mean()):.0%} of attention, your manual prompt "
        f"{float(control.mass.mean()):.0%}.",
    )


def _sink(found: "Looking", control: "Looking") -> Lines:
    curves: tuple[tuple[str, Role, Tensor], ...] = (
        ("learned, without the first position", "learned", found.mass - found.first),
        ("manual, without the first position", "start", control.mass - control.first),
        ("learned, first position alone", "muted", found.first),
    )
    return Lines(
        title="The first position apart",
        lines=tuple(_line(name, values.mean(-1), role) for name, role, values in curves),
        x_title="layer",
        y_title="share of attention",
        caption="The first position draws most attention in every language model and carries little: it is a sink, whatever stands there. Bands are "
        "95 % intervals over rows.",
        note="Compare the curves without the first position; the first vector's own share tells nothing.",
    )


def _share(found: "Looking", control: "Looking") -> Lines:
    return Lines(
        title="Share of what attention adds",
        lines=(_line("learned", found.share, "learned"), _line("manual", control.share, "start")),
        x_title="layer",
        y_title="length of the prompt's part / length of the whole",
        caption="Attention weighed by the values it carries, behind the output projection. The parts can point against each other, so a share can be "
        "more than 1.",
    )


def _ranks(found: "Looking", control: "Looking", rows: int) -> Lines:
    x = tuple(float(layer + 1) for layer in range(len(found.ranks)))
    curves: tuple[tuple[str, Role, list[float]], ...] = (("learned", "learned", found.ranks), ("manual", "start", control.ranks))
    return Lines(
        title="Directions that the prompt adds",
        lines=tuple(Line(name=name, x=x, y=tuple(round(value, 3) for value in ranks), role=role) for name, role, ranks in curves),
        x_title="layer",
        y_title="effective rank over rows",
        caption=f"1: one fixed direction whatever the input, only its strength varies; at most {rows} here. One virtual token can give each head one "
        "direction only.",
    )


def _line(name: str, values: "Tensor", role: Role) -> Line:
    """Means over rows of [n, L] with their intervals."""
    from steering.evaluate.shares import mean

    estimates = [mean(column) for column in values.double().T.tolist()]
    y, low, high = (tuple(round(getattr(one, part), 4) for one in estimates) for part in ("value", "low", "high"))
    return Line(name=name, x=tuple(float(layer + 1) for layer in range(len(y))), y=y, low=low, high=high, role=role)
