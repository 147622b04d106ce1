"""Fewer rows where fewer do: the same ones every time, with every class in its proportion."""

from collections.abc import Sequence

from steering.spec import Example


def thin(rows: Sequence[Example], most: int) -> list[Example]:
    """At most ``most`` rows, classes in their proportion: chosen by key, so that the same rows are looked at every time."""
    return list(rows) if len(rows) <= most else mixed(rows)[:most]


def mixed(rows: Sequence[Example]) -> list[Example]:
    """All rows in an order whose beginning, however long, has the classes in their proportion."""
    piles: dict[str, list[Example]] = {}
    for row in sorted(rows, key=lambda e: e.key):
        piles.setdefault(row.target, []).append(row)
    ranked = sorted((i / len(pile), row.key, row.row, row) for pile in piles.values() for i, row in enumerate(pile))
    return [row for *_, row in ranked]
