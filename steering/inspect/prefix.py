"""View ``prefix``: what keys and values are near to in real text, which contexts find them, what they write; their size and drift by layer."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from steering.errors import ModelError
from steering.inspect.contract import Badge, Need, Progress, Subject, missing
from steering.inspect.results import Column, Line, Lines, Part, Result, Role, Stack, Table, Text

if TYPE_CHECKING:
    from steering.inspect.contexts import Nearest
    from steering.inspect.recipe import Recipe
    from steering.lm.frozen import FrozenLM

COLUMNS = (
    Column(name="layer", title="Layer", kind="number", help="counted from 1"),
    Column(name="slot", title="Slot", kind="number", help="virtual token, counted from 1"),
    Column(name="init_token", title="Started from", kind="token", help="the token whose key and value these were before training"),
    Column(
        name="key", title="Key near", kind="tokens", help="real tokens (in brackets, after what stood before) whose key is closest, position undone"
    ),
    Column(name="key_floor", title="Random", kind="number", help="95 of 100 random keys come no closer in this layer"),
    Column(name="fires", title="Found by", kind="tokens", help="tokens whose query gives it the largest share of attention"),
    Column(name="value", title="Value near", kind="tokens", help="real tokens whose value is closest"),
    Column(name="value_floor", title="Random", kind="number", help="95 of 100 random values come no closer in this layer"),
    Column(name="writes", title="Writes", kind="tokens", help="entries that it pushes most on the direct way, against the mean of real values"),
    Column(name="against", title="Writes against", kind="tokens", help="entries that it pushes down most on the direct way"),
    Column(name="labels", title="Label words", kind="tokens", help="how it pushes each label word on the direct way"),
    Column(name="norm", title="Value length", kind="number", help="of the value over all heads; 1: as real text has it in this layer"),
    Column(name="attention", title="Attention", kind="percent", help="mean share where the answer begins, over heads and inputs"),
    Column(
        name="effect", title="Adds", kind="number", help="length that it adds to the residual stream where the answer begins: attention times value"
    ),
    Column(name="still", title="Still its start", kind="text", help="whether key or value is nearest to what it started from"),
)


class Prefix:
    """The prefix recipe (SCIENCE notes A4), with RMS and drift of keys and values."""

    name = "prefix"
    title = "Keys and values by layer"
    badge: Badge = "GEOMETRIC"
    needs: Need = "any"
    rows_needed = False
    summary = "What the keys and values in every layer are near to in real text, which contexts find them, and what they write."
    cost = "about 15 seconds on two cores: 5,000 tokens of real text are read for comparison, then kept for the dataset"

    def applies(self, vectors: Collection[str]) -> str:
        return missing(self.needs, vectors)

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Progress | Result]:
        from steering.inspect.recipe import keys_values, recipe
        from steering.inspect.sizes import pictures

        root, now, start, numbers = keys_values(lm, subject)
        fixed = min(subject.header, root.length)
        if fixed == root.length:
            yield Stack(title=self.title, parts=(Text(title="Nothing was trained", paragraphs=("Every row belongs to the model's own header.",)),))
            return
        contexts: tuple[Part, ...]
        try:
            found = yield from recipe(lm, subject, root)
            contexts = (_table(found), *_near(found))
        except ModelError as error:  # sizes and drift need nothing but the vectors
            contexts = (Text(title="Contexts of keys and values", paragraphs=(f"Not available for this model: {error}",)),)
        sizes = pictures(now, start, fixed, numbers)
        unknown = "" if start else " Where the prefix started is not recorded, so what training changed cannot be told."
        note = f"What keys and values are near to is true about the vectors; it does not tell what a layer does with them.{unknown}"
        caption = "Sizes and drift: keys as they enter attention (after their position is applied). Contexts: positions undone."
        yield Stack(title=self.title, parts=(*contexts, *sizes), caption=caption, note=note)


def _table(found: "Recipe") -> Table:
    shown = len(found.rows)
    cut = f"; the {shown} that add most are shown" if shown < found.total - found.hidden else ""
    return Table(
        title="Contexts of keys and values",
        columns=COLUMNS,
        rows=tuple(found.rows),
        caption=f"{found.total} rows, one a layer and virtual token. {found.hidden} are hidden: neither key nor value comes nearer to any of "
        f"{found.tokens:,} tokens of real text ({found.source}) than 95 of 100 random vectors; they make up {found.unread:.0%} of what is "
        f"added{cut}. Sorted by what a row adds where the answer "
        "begins. One random row in ten gets past one of the two thresholds.",
        note="Written: direct path only, what later layers make of it is not in it. Found by: where the model looks, not why it answers."
        if shown
        else "Nothing readable here: no row is nearer to real text than random vectors are.",
    )


def _near(found: "Recipe") -> tuple[Lines, ...]:
    both: tuple[tuple[str, list[Nearest | None]], ...] = (("keys", found.keys), ("values", found.values))
    return tuple(
        Lines(
            title=f"How near {name} are to real text",
            lines=_curves([(layer + 1, one) for layer, one in enumerate(layers) if one is not None]),
            x_title="layer",
            y_title="cosine in the best head",
            caption="Median vector beside the level that 95 of 100 random vectors stay below, and what a real token reaches in other texts.",
        )
        for name, layers in both
    )


def _curves(layers: "list[tuple[int, Nearest]]") -> tuple[Line, ...]:
    x = tuple(float(number) for number, _ in layers)
    named: tuple[tuple[str, Role, list[float]], ...] = (
        ("learned", "learned", [float(one.cosine[:, 0].median()) for _, one in layers]),
        ("random vectors", "muted", [one.floor for _, one in layers]),
        ("real tokens", "start", [one.real for _, one in layers]),
    )
    return tuple(Line(name=name, x=x, y=tuple(round(value, 4) for value in values), role=role) for name, role, values in named)
