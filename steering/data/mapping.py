"""Which column is the text, which the label, and is it classification or generation: guessed from names and content, always changeable."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from steering.data.columns import Column, are_classes, describe, given_labels
from steering.data.names import GROUP_NAMES, LABEL_NAMES, TEXT_NAMES, name_score, words
from steering.data.own_split import find_split_column
from steering.data.table import Table
from steering.errors import DataError
from steering.spec import KINDS, Kind

REFERENCE_NAMES = frozenset({"references", "reference", "refs", "targets", "answers", "outputs", "summaries"})
NEED = "Name the two columns, for example --text-column message --label-column topic."


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """The roles of a table's columns. ``candidates`` are the columns that could be the text, best first.

    ``join``: the columns that make up the text together, in reading order, where there are several; ``text`` is one of them.
    ``references``: the column that lists further right answers (generation).
    """

    text: str
    label: str
    kind: Kind
    candidates: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    references: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The columns that a row's text consists of."""
        return self.join or (self.text,)


def guess(
    table: Table,
    text_column: str | None = None,
    label_column: str | None = None,
    kind: Kind | None = None,
    *,
    join: Sequence[str] = (),
    columns: dict[str, Column] | None = None,
) -> Mapping:
    """Find the text and the label column, and the kind of task. ``join``: columns that make up the text together; ``columns``: if known already.

    Raises:
        DataError: a named column is not in the file, both names are the same, or nothing looks like a text or a label.
    """
    check_columns(table, text_column, label_column, *join)
    if text_column is not None and text_column == label_column:
        raise DataError(f"column {text_column!r} is named both as the text and as the label.", "Choose two different columns.")
    if kind is not None and kind not in KINDS:
        raise DataError(f"the kind of task is {kind!r}, expected {' or '.join(KINDS)}.", "Leave it empty to have it guessed.")
    known = columns or describe(table)
    taken = text_column or (join[0] if join else None)
    label = label_column or _best_label(_without_split(known, table), taken, _references(table, {taken or "", *join}))
    ranked = [name for name in sorted(known, key=lambda name: -_text_score(known[name])) if name != label and _text_score(known[name]) > 0]
    _check_join(join, text_column, label)
    text = text_column or next((name for name in ranked if name in join), join[0] if join else None) or next(iter(ranked), None)
    if text is None:
        raise DataError(f"no column looks like a text (columns: {', '.join(table.columns)}; label: {label}).", NEED)
    kind = kind or guess_kind(table, label)
    return Mapping(
        text=text,
        label=label,
        kind=kind,
        candidates=(text, *(name for name in ranked if name != text)),
        join=tuple(join) if len(join) > 1 else (),
        references=_references(table, {text, label, *join}) if kind == "generation" else "",
    )


def text_columns(table: Table) -> tuple[str, ...]:
    """The columns that could be the text, best first: all that is known of a file without labels."""
    known = describe(table)
    return tuple(name for name in sorted(known, key=lambda name: -_text_score(known[name])) if _text_score(known[name]) > 0)


def check_columns(table: Table, *given: str | None) -> None:
    """Refuse names of columns that are not there.

    Raises:
        DataError: names the columns that are.
    """
    for name in given:
        if name and name not in table.columns:
            raise DataError(f"column {name!r} is not in the file (columns: {', '.join(table.columns)}).", _did_you_mean(name, table.columns))


def guess_kind(table: Table, label: str) -> Kind:
    """Classification if the labels are few and short, otherwise generation."""
    return "classification" if are_classes(given_labels(table, label)) else "generation"


def _check_join(join: Sequence[str], text: str | None, label: str) -> None:
    if join and text is not None and text not in join:
        raise DataError(f"the text column {text!r} is not among the columns to join ({', '.join(join)}).", "Add it, or leave the text column open.")
    if label in join:
        raise DataError(f"column {label!r} is the label and cannot be a part of the text.", "Join other columns, or choose another label.")


def _without_split(known: dict[str, Column], table: Table) -> dict[str, Column]:
    """The columns that could be a label: not the one that says train or test."""
    split = find_split_column(table)
    return {name: column for name, column in known.items() if name != split}


def _references(table: Table, taken: set[str]) -> str:
    """The column that lists further right answers as JSON (``["one", "another"]``); empty if there is none."""
    for name in table.columns:
        if name not in taken and REFERENCE_NAMES & set(words(name)):
            cells = [cell for cell in table.column(name) if cell]
            if cells and sum(bool(listed(cell)) for cell in cells) >= 0.5 * len(cells):
                return name
    return ""


def listed(cell: str) -> tuple[str, ...]:
    """The texts of a JSON list of texts; empty for anything else."""
    if not cell.startswith("["):
        return ()
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return ()
    return tuple(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else ()


def _did_you_mean(given: str, columns: tuple[str, ...]) -> str:
    folded = {column.casefold(): column for column in columns}
    near = get_close_matches(given.casefold(), folded, n=1)
    return f"Did you mean {folded[near[0]]!r}?" if near else NEED


def _text_score(column: Column) -> float:
    """Positive for what could be a text: named like one, or long and mostly distinct."""
    if column.filled == 0 or column.numeric > 0.5 or column.mean_chars < 2:
        return 0.0
    name = name_score(column.name, TEXT_NAMES)
    content = min(column.mean_chars / 40, 1.5) * column.distinct if column.distinct > 0.3 else 0.0
    if name == 0 and (content < 0.1 or name_score(column.name, LABEL_NAMES) > 1):
        return 0.0
    return (name + content) * (0.3 + 0.7 * column.filled)


def _best_label(known: dict[str, Column], text_column: str | None, answers: str) -> str:
    """``answers``: a column that lists right answers, which is the label where nothing else is."""
    scores = {name: _label_score(column) for name, column in known.items() if name != text_column}
    best = max(scores, key=lambda name: scores[name], default=None)
    if best is None or scores[best] <= 0:
        if answers:
            return answers
        shown = f"{', '.join(name[:40] for name in [*known][:12])}{', ...' if len(known) > 12 else ''}"
        raise DataError(f"no column looks like a label (columns: {shown}).", f"{NEED} Rows without labels can be labelled in the app.")
    if text_column is None and len(scores) > 1:
        # Of two columns that could both be the label, the one that is the only possible text must stay the text.
        texts = [name for name in known if _text_score(known[name]) > 0]
        others = {name: score for name, score in scores.items() if name != best and score > 0}
        if texts == [best] and others:
            return max(others, key=lambda name: others[name])
    return best


def _label_score(column: Column) -> float:
    """Positive for what could be a label: named like one, or few distinct short values."""
    name = name_score(column.name, LABEL_NAMES)
    if name_score(column.name, TEXT_NAMES) > 1.0 and name < 1.0:
        name -= 1.0
    if name == 0 and GROUP_NAMES & set(words(column.name)):
        name = -0.5  # a customer is seldom what is to be found out
    content = 1.0 - 0.8 * column.distinct if column.few and not column.constant else 0.0  # of two, the one with fewer classes
    if column.constant:
        content = -0.5
    if column.numeric > 0.9 and column.distinct > 0.5:
        content -= 1.0  # a running number or a measurement
    if name <= 0 and content <= 0:
        return 0.0
    return (name + content - 0.1 * (column.numeric > 0.9)) * (0.3 + 0.7 * column.filled)
