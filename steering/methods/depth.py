"""Which layers a prefix is in: ``all``, ``last 4``, ``first 4``, or numbers such as ``1,3,8-12`` (counted from 1, as the views count)."""

import re

from steering.errors import SpecError

_ENDS = re.compile(r"(first|last)\s*(\d{1,4})")
_RANGE = re.compile(r"(\d{1,4})(?:\s*-\s*(\d{1,4}))?")


def chosen_layers(text: str, layers: int) -> tuple[int, ...]:
    """Layer indices (from 0, ascending) that ``text`` names, out of ``layers``.

    Raises:
        SpecError: not one of the forms, or a layer that the model does not have.
    """
    words = text.strip().lower()
    if words in ("", "all"):
        return tuple(range(layers))
    ends = _ENDS.fullmatch(words)
    if ends:
        count = int(ends[2])
        _require(text, layers, count)
        return tuple(range(count)) if ends[1] == "first" else tuple(range(layers - count, layers))
    found: set[int] = set()
    for part in words.split(","):
        numbers = _RANGE.fullmatch(part.strip())
        if not numbers:
            raise SpecError(f"layers is {text!r}, expected all, first K, last K, or numbers.", "Write all, last 4, first 4, or 1,3,8-12.")
        low, high = int(numbers[1]), int(numbers[2] or numbers[1])
        _require(text, layers, low, high)
        found |= set(range(low - 1, high))
    if not found:
        raise SpecError(f"layers is {text!r}, which names no layer.", "Write the smaller number first: 8-12.")
    return tuple(sorted(found))


def _require(text: str, layers: int, *numbers: int) -> None:
    wrong = [n for n in numbers if not 1 <= n <= layers]
    if wrong:
        raise SpecError(f"layers is {text!r}, but this model's layers are 1 to {layers}.", f"Leave out {wrong[0]}.")
