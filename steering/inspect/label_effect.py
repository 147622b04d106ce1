"""View ``label_effect``: how much every virtual token pushes the right answer directly, layer by layer, and how much of the whole effect that is."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Bars, Heatmap, Result, Stack

if TYPE_CHECKING:
    from steering.inspect.pushes import Pushes
    from steering.lm.frozen import FrozenLM

ROWS = 64
"""Held-out rows that are looked at, at most."""


class LabelEffect:
    """Direct label effect of each slot (SCIENCE notes A3, view 10)."""

    name = "label_effect"
    title = "Direct label effect"
    badge: Badge = "MEASURED"
    needs: Need = "any"
    rows_needed = True
    summary = "How much each virtual token writes straight into the choice between the right answer and its strongest rival, by layer."
    cost = "three passes over 64 held-out rows, one of them backward: a few seconds"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        from steering.inspect.pushes import pushes

        found = yield from pushes(lm, subject, ROWS)
        yield Stack(
            title=self.title,
            parts=(_bars(found), _map(found)),
            caption=f"Measured at the last position of {found.rows} rows that training never saw. {found.what} Unit: logits of that margin, before "
            "any cap or scale of the output layer.",
            note=_sentence(found),
        )


def _bars(found: "Pushes") -> Bars:
    from steering.evaluate.shares import mean
    from steering.inspect.phrases import bar

    bars = []
    for i, name in enumerate(found.names):
        bars.append(bar(name, mean(found.slots[:, :, i].sum(1).tolist()), "start" if i < found.header else "learned"))
    bars.append(bar("your manual prompt, all its tokens", mean(found.control.tolist()), "muted"))
    return Bars(
        title="By virtual token",
        bars=tuple(bars),
        unit="logits of margin",
        caption="Sum over layers, mean over rows, with 95 % intervals over rows. Above 0: pushes the right answer; below 0: pushes its rival.",
        note="The first position draws attention in every layer whatever it holds; judge it by its effect, not by its attention.",
    )


def _map(found: "Pushes") -> Heatmap:
    means = found.slots.mean(0)  # [L, P]
    return Heatmap(
        title="By layer and virtual token",
        rows=tuple(str(layer + 1) for layer in range(means.shape[0])),
        columns=tuple(found.names),
        values=tuple(tuple(round(value, 5) for value in row) for row in means.tolist()),
        row_title="layer",
        column_title="virtual token",
        unit="logits of margin",
        centre=0.0,
        caption="What a layer's attention copies from the virtual token, as it reaches the output layer with nothing in between.",
    )


def _sentence(found: "Pushes") -> str:
    from steering.evaluate.shares import share

    direct = found.slots.sum((1, 2))
    whole, part = share(direct.tolist(), found.change.tolist())
    begin = (
        f"Against no prompt the margin changes by {whole.value:+.2f} logits (95% CI {whole.low:.2f} to {whole.high:.2f}); directly the virtual "
        f"tokens add {float(direct.mean()):+.2f}."
    )
    rest = "The rest comes indirectly, through later layers. A direct effect is not a total effect: removing a vector can cost more or less."
    if part is None:
        return f"{begin} The change is too uncertain for a share. {rest}"
    return f"{begin} That is {100 * part.value:.0f}% of the change (95% CI {100 * part.low:.0f} to {100 * part.high:.0f}%). {rest}"
