"""What all kept views say of each slot, side by side; and which part of a picture stands for which slot. Plain values; no torch.

A row of a table speaks of a slot where it has the key ``slot``. In a picture a slot is named ``v3``, alone or with words behind it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from steering.inspect.results import Part, Result, Stack, Table

Row = dict[str, Any]

_NAME = re.compile(r"v([1-9][0-9]{0,4})(?:[ ,].*)?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """One slot, counted from 1. ``rows``: by view, the rows of its tables that speak of it; ``fixed``: it belongs to the model's own header."""

    slot: int
    fixed: bool
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)

    def value(self, view: str, key: str) -> Any:
        """What a view says; None where it has not been measured or says nothing."""
        return next((row[key] for row in self.rows.get(view, ()) if row.get(key) is not None), None)

    @property
    def word(self) -> str | None:
        """The token that it started from."""
        return next((row["init_token"] for rows in self.rows.values() for row in rows if row.get("init_token")), None)

    @property
    def status(self) -> str:
        """As the view ``neighbours`` says it; empty where that has not been measured."""
        return "header" if self.fixed else str(self.value("neighbours", "status") or "")


def dossiers(found: Mapping[str, Result], count: int, header: int = 0) -> tuple[Dossier, ...]:
    """One for each of ``count`` slots; ``header`` of them come first and were never trained. Rows of other slots are left out."""
    rows: dict[int, dict[str, list[Row]]] = {}
    for view, result in found.items():
        for part in parts(result):
            for row in part.rows if isinstance(part, Table) else ():
                if isinstance(row.get("slot"), int):
                    rows.setdefault(row["slot"], {}).setdefault(view, []).append(row)
    return tuple(
        Dossier(slot=slot, fixed=slot <= header, rows={view: tuple(said) for view, said in rows.get(slot, {}).items()})
        for slot in range(1, count + 1)
    )


def parts(result: Result) -> tuple[Part, ...]:
    """The pictures of a result."""
    return result.parts if isinstance(result, Stack) else (result,)


def tables(result: Result) -> Iterator[Table]:
    """Its tables."""
    return (part for part in parts(result) if isinstance(part, Table))


def named_slots(labels: Sequence[str]) -> list[int]:
    """The slots that ``labels`` name, one each; empty unless every one of them names one: a token may be called v3 too."""
    found = [_NAME.fullmatch(label) for label in labels]
    return [int(match[1]) for match in found if match] if labels and all(found) else []
