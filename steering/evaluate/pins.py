"""Pinned rows: what it means that one is kept, and how that is said. Shared by claims, the page and the report.

Plain JSON values, one a row: ``line``, ``key``, ``side`` (empty: of a file of its own), ``values``, ``target``, and a list in the order of the
contestants each of ``answers`` and ``right`` (None: not asked).
"""

from collections.abc import Collection, Sequence
from typing import Any


def is_kept(answer: str, right: Collection[str]) -> bool:
    """Whether an answer is one of the right ones, spaces around them aside."""
    return answer.strip() in {text.strip() for text in right}


def kept_words(right: Sequence[bool | None]) -> str:
    """How many are kept, of those that were asked: "3 of 4 pinned rows kept"."""
    asked = [one for one in right if one is not None]
    return f"{sum(asked)} of {len(asked)} pinned rows kept"


def ruling(right: bool | None) -> str:
    """One row's ruling in a word."""
    return "not asked" if right is None else "kept" if right else "broken"


def of_contestant(pins: Sequence[dict[str, Any]], at: int) -> list[bool | None]:
    """Rulings of the contestant at this place, row by row."""
    return [row["right"][at] for row in pins]
