"""Which column is the text, which the label, and is it classification or generation: guessed from names and content, always changeable."""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from steering.data.missing import label_spellings_of_missing
from steering.data.names import LABEL_NAMES, TEXT_NAMES, name_score
from steering.data.table import Table
from steering.errors import DataError
from steering.spec import KINDS, Kind

MAX_CLASSES = 100
SHORT_CHARS, SHORT_WORDS = 40, 5
TAG_CHARS, TAG_WORDS = 25, 3
_NUMERIC = re.compile(r"[+-]?\d+([.,:/-]\d+)*%?")
NEED = "Name the two columns, for example --text-column message --label-column topic."


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """The roles of a table's columns. ``candidates`` are the columns that could be the text, best first."""

    text: str
    label: str
    kind: Kind
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """What the content of a column says."""

    name: str
    filled: float
    distinct: float
    mean_chars: float
    numeric: float
    few: bool
    constant: bool


def guess(table: Table, text_column: str | None = None, label_column: str | None = None, kind: Kind | None = None) -> Mapping:
    """Find the text and the label column, and the kind of task.

    Raises:
        DataError: a named column is not in the file, both names are the same, or nothing looks like a text or a label.
    """
    for given in (text_column, label_column):
        if given is not None and given not in table.columns:
            raise DataError(f"column {given!r} is not in the file (columns: {', '.join(table.columns)}).", _did_you_mean(given, table.columns))
    if text_column is not None and text_column == label_column:
        raise DataError(f"column {text_column!r} is named both as the text and as the label.", "Choose two different columns.")
    if kind is not None and kind not in KINDS:
        raise DataError(f"the kind of task is {kind!r}, expected {' or '.join(KINDS)}.", "Leave it empty to have it guessed.")
    known = {name: _column(table, name) for name in table.columns}
    label = label_column or _best_label(known, text_column)
    ranked = [name for name in sorted(known, key=lambda name: -_text_score(known[name])) if name != label and _text_score(known[name]) > 0]
    if text_column is None and not ranked:
        raise DataError(f"no column looks like a text (columns: {', '.join(table.columns)}; label: {label}).", NEED)
    text = text_column or ranked[0]
    candidates = (text, *(name for name in ranked if name != text))
    return Mapping(text=text, label=label, kind=kind or guess_kind(table, label), candidates=candidates)


def guess_kind(table: Table, label: str) -> Kind:
    """Classification if the labels are few and short, otherwise generation."""
    values = [value for value in table.column(label) if value]
    missing = label_spellings_of_missing(values)
    values = [value for value in values if value not in missing]
    return "classification" if _are_classes(values) else "generation"


def _are_classes(values: list[str]) -> bool:
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


def _did_you_mean(given: str, columns: tuple[str, ...]) -> str:
    folded = {column.casefold(): column for column in columns}
    near = get_close_matches(given.casefold(), folded, n=1)
    return f"Did you mean {folded[near[0]]!r}?" if near else NEED


def _column(table: Table, name: str) -> _Column:
    values = [value for value in table.column(name) if value]
    count = max(len(values), 1)
    distinct = set(values)
    return _Column(
        name=name,
        filled=len(values) / max(len(table.rows), 1),
        distinct=len(distinct) / count,
        mean_chars=sum(map(len, values)) / count,
        numeric=sum(value[-1] in "0123456789%" and _NUMERIC.fullmatch(value) is not None for value in values) / count,
        few=_are_classes(values),
        constant=len(distinct) < 2,
    )


def _text_score(column: _Column) -> float:
    """Positive for what could be a text: named like one, or long and mostly distinct."""
    if column.filled == 0 or column.numeric > 0.5 or column.mean_chars < 2:
        return 0.0
    name = name_score(column.name, TEXT_NAMES)
    content = min(column.mean_chars / 40, 1.5) * column.distinct if column.distinct > 0.3 else 0.0
    if name == 0 and (content < 0.1 or name_score(column.name, LABEL_NAMES) > 1):
        return 0.0
    return (name + content) * (0.3 + 0.7 * column.filled)


def _best_label(known: dict[str, _Column], text_column: str | None) -> str:
    scores = {name: _label_score(column) for name, column in known.items() if name != text_column}
    best = max(scores, key=lambda name: scores[name], default=None)
    if best is None or scores[best] <= 0:
        raise DataError(f"no column looks like a label (columns: {', '.join(known)}).", NEED)
    if text_column is None and len(scores) > 1:
        # Of two columns that could both be the label, the one that is the only possible text must stay the text.
        texts = [name for name in known if _text_score(known[name]) > 0]
        others = {name: score for name, score in scores.items() if name != best and score > 0}
        if texts == [best] and others:
            return max(others, key=lambda name: others[name])
    return best


def _label_score(column: _Column) -> float:
    """Positive for what could be a label: named like one, or few distinct short values."""
    name = name_score(column.name, LABEL_NAMES)
    if name_score(column.name, TEXT_NAMES) > 1.0 and name < 1.0:
        name -= 1.0
    content = 1.0 if column.few and not column.constant else 0.0
    if column.constant:
        content = -0.5
    if column.numeric > 0.9 and column.distinct > 0.5:
        content -= 1.0  # a running number or a measurement
    if name <= 0 and content <= 0:
        return 0.0
    return (name + content - 0.1 * (column.numeric > 0.9)) * (0.3 + 0.7 * column.filled)
