"""When a cell counts as empty. People and programs write "nothing" in many ways, and some of them are labels in other files."""

from collections import Counter
from collections.abc import Iterable

SPELLINGS = frozenset({"nan", "n/a", "#n/a", "na", "null", "none", "nil", "<na>", "-", "--", "?", "(blank)", "(empty)"})
"""Spellings of an empty label, as pandas, spreadsheets and databases write them."""

TEXT_SPELLINGS = frozenset({"nan", "n/a", "#n/a", "null", "<na>"})
"""The same for texts, without those that a person may have meant."""

RARE = 0.05


def is_blank(text: str | None) -> bool:
    """Whether nothing in ``text`` could be seen on paper (None, spaces, zero-width characters)."""
    if text and text[0].isalnum():
        return False
    return not text or not any(char.isprintable() and not char.isspace() for char in text)


def is_missing_text(text: str | None) -> bool:
    """Whether a text cell holds nothing to read."""
    return is_blank(text) or (len(text or "") < 20 and (text or "").strip().casefold() in TEXT_SPELLINGS)


def label_spellings_of_missing(labels: Iterable[str]) -> frozenset[str]:
    """Which of these stripped labels mean "no label".

    A spelling such as ``none`` that fills more than 5 % of the rows (and at least three) is a class of that name, not a gap.
    """
    counts = Counter(label for label in labels if label)
    folded: Counter[str] = Counter()
    for label, count in counts.items():
        folded[label.casefold()] += count
    most = max(2.0, RARE * counts.total())
    return frozenset(label for label in counts if label.casefold() in SPELLINGS and folded[label.casefold()] <= most)
