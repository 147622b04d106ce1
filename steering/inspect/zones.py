"""How far a strength may go before neutral text falls apart: normal, caution, extreme. The one reading that the view ``strength`` and the
playground's slider share; measured by :func:`steering.inspect.between.zones`. No torch."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from steering.inspect.dossier import tables
from steering.inspect.results import Column, Line, Lines, Mark, Result

CAUTION, EXTREME = 1.5, 4.0
"""Factor on the perplexity of neutral text, against the start, from which a strength is called that."""

FACTOR = "neutral"
COLUMNS = (
    Column(name=FACTOR, title="Neutral text", kind="number", help="perplexity of neutral sentences, as a multiple of the start's"),
    Column(name="zone", title="Zone", help=f"caution from {CAUTION:g} times as hard as under the start, extreme from {EXTREME:g} times"),
)
"""What the view's table says of every strength."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """How far a strength may go: ``normal`` and ``caution`` are ranges around the start, everything beyond is extreme. ``factors``: perplexity of
    neutral text over the start's, for every strength that was measured."""

    normal: tuple[float, float]
    caution: tuple[float, float]
    factors: tuple[tuple[float, float], ...]

    def zone(self, strength: float) -> str:
        """``normal``, ``caution`` or ``extreme``."""
        for name, (low, high) in (("normal", self.normal), ("caution", self.caution)):
            if low <= strength <= high:
                return name
        return "extreme"


def zones_of(factors: Iterable[tuple[float, float]]) -> Zones:
    """From the factor at every measured strength, 0 among them; between two of them its logarithm is interpolated."""
    known = tuple(factors)
    return Zones(normal=_range(known, CAUTION), caution=_range(known, EXTREME), factors=known)


def zones_json(found: Zones) -> dict[str, Any]:
    """Plain JSON values, as the store keeps them."""
    return {"normal": list(found.normal), "caution": list(found.caution), "factors": [list(pair) for pair in found.factors]}


def zones_in(result: Result) -> Zones | None:
    """The zones that a kept result of the view ``strength`` holds; None where it was measured without them."""
    rows = [row for table in tables(result) for row in table.rows if row.get(FACTOR) is not None]
    return zones_of((float(row["strength"]), float(row[FACTOR])) for row in rows) if rows else None


def picture(found: Zones) -> Lines:
    """What neutral text loses on the way, with the levels at which a zone ends."""
    x, y = tuple(a for a, _ in found.factors), tuple(round(math.log(factor), 5) for _, factor in found.factors)
    marks = (Mark(label="caution", value=round(math.log(CAUTION), 5)), Mark(label="extreme", value=round(math.log(EXTREME), 5)))
    return Lines(
        title="What it costs neutral text",
        lines=(Line(name="neutral text", x=x, y=y, role="accent"),),
        x_title="strength",
        y_title="added loss, nats a token",
        marks=marks,
        caption=f"{_ends(found)} Above the line, neutral text is {CAUTION:g} and {EXTREME:g} times as hard as under the start.",
    )


def _ends(found: Zones) -> str:
    low, high = found.normal
    far = f"caution from {found.caution[0]:.2f} to {found.caution[1]:.2f}, beyond that extreme"
    if found.caution == found.normal:
        return f"Every strength that was measured, {low:.2f} to {high:.2f}, is normal."
    return f"Normal from {low:.2f} to {high:.2f}, {far}."


def _range(factors: tuple[tuple[float, float], ...], limit: float) -> tuple[float, float]:
    """The strengths around 0 up to which every factor stays below the limit."""
    ends = []
    for side in (sorted(f for f in factors if f[0] <= 0)[::-1], sorted(f for f in factors if f[0] >= 0)):
        end = side[0][0]
        for (a, low), (b, high) in pairwise(side):
            if high <= limit:
                end = b
                continue
            share = (math.log(limit) - math.log(low)) / (math.log(high) - math.log(low))
            end = a + max(0.0, share) * (b - a)
            break
        ends.append(round(end, 4))
    return ends[0], ends[1]
