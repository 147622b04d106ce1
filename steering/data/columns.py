"""What the content of each column says: evidence for the mapping, and sample values for the person who may change it."""

import re
from dataclasses import dataclass

from steering.data.missing import label_spellings_of_missing
from steering.data.table import Table

SAMPLES, SAMPLE_CHARS = 3, 120
MAX_CLASSES = 100
SHORT_CHARS, SHORT_WORDS = 40, 5
TAG_CHARS, TAG_WORDS = 25, 3
_NUMERIC = re.compile(r"[+-]?\d+([.,:/-]\d+)*%?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: shares (0 to 1) of filled cells, of different and of numeric values among them, their mean length, and three of them.

    ``few``: the values could be the names of classes. ``constant``: all cells say the same.
    """

    name: str
    filled: float
    distinct: float
    numeric: float
    mean_chars: float
    mean_words: float
    few: bool
    constant: bool
    samples: tuple[str, ...]


def describe(table: Table) -> dict[str, Column]:
    """Every column of a table, by name."""
    return {name: _column(table, name) for name in table.columns}


def are_classes(values: list[str]) -> bool:
    """Few distinct short values: at most a quarter of the rows, or half of them if all are tags of one to three words.

    One class in five may be longer than short ones are: "balance not updated after bank transfer" is a class too.
    """
    distinct = set(values)
    if len(distinct) > MAX_CLASSES:
        return False
    lengths = [(len(label), len(label.split())) for label in distinct]
    tags = all(chars <= TAG_CHARS and words <= TAG_WORDS for chars, words in lengths)
    few = len(distinct) <= max(2.0, len(values) / (2 if tags else 4))
    short = sum(chars <= SHORT_CHARS and words <= SHORT_WORDS for chars, words in lengths)
    return few and short >= 0.8 * len(distinct) and max((chars for chars, _ in lengths), default=0) <= 3 * SHORT_CHARS


def given_labels(table: Table, label: str) -> list[str]:
    """The cells of a label column that are neither empty nor a spelling of "empty"."""
    values = [value for value in table.column(label) if value]
    missing = label_spellings_of_missing(values)
    return [value for value in values if value not in missing] if missing else values


def _column(table: Table, name: str) -> Column:
    values = [value for value in table.column(name) if value]
    count = max(len(values), 1)
    distinct = dict.fromkeys(values)
    shown = [value for value, _ in zip(distinct, range(SAMPLES), strict=False)]
    words = [len(value.split()) for value in values[:1000]]
    return Column(
        name=name,
        filled=len(values) / max(len(table.rows), 1),
        distinct=len(distinct) / count,
        numeric=sum(value[-1] in "0123456789%" and _NUMERIC.fullmatch(value) is not None for value in values) / count,
        mean_chars=sum(map(len, values)) / count,
        mean_words=sum(words) / max(len(words), 1),
        few=are_classes(values),
        constant=len(distinct) < 2,
        samples=tuple(value if len(value) <= SAMPLE_CHARS else f"{value[: SAMPLE_CHARS - 1]}…" for value in shown),
    )
