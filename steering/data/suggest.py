"""What could be made of a file's other columns: names for numeric labels, texts to join, groups and sides. Suggestions; nothing is applied here."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from steering.data.columns import Column
from steering.data.labels import default_label_words, is_number
from steering.data.mapping import Mapping
from steering.data.names import GROUP_NAMES, TEXT_NAMES, words
from steering.data.table import Table

LARGEST = 0.3
"""A column whose largest group holds more of the rows than this says little about which rows belong together."""
TITLES = frozenset({"title", "subject", "headline", "heading", "titel", "betreff", "überschrift", "titre", "titulo", "título", "asunto"})
TEXT_WORDS = frozenset(TEXT_NAMES)
COMPARABLE = 0.2
"""A text that is shorter than this share of the main one adds too little to be suggested, unless it is a title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """``join``: columns to make up the text together (see :func:`~steering.data.prepare.prepare`), ``template`` how they would stand in it;
    ``group_columns``: whose rows to keep on one side, best first; ``label_words``: one for each label."""

    join: tuple[str, ...] = ()
    template: str = ""
    group_columns: tuple[str, ...] = ()
    label_words: dict[str, str] = field(default_factory=dict)


def suggest_group_columns(table: Table, mapping: Mapping) -> tuple[str, ...]:
    """Columns that may say which rows belong together (customer, document), best first: named like one, with values that come back."""
    found = []
    for name in table.columns:
        if name in {*mapping.parts, mapping.label} or not GROUP_NAMES & set(words(name)):
            continue
        counts = Counter(filter(None, table.column(name)))
        again = sum(count for count in counts.values() if count > 1)
        if len(counts) > 2 and again >= 0.1 * counts.total() and max(counts.values()) <= LARGEST * counts.total():
            found.append((again / counts.total(), name))
    return tuple(name for _, name in sorted(found, key=lambda item: -item[0]))


def companion_names(table: Table, label: str) -> dict[str, str]:
    """Names for numeric labels from another column that goes with them one to one, such as ``label_text``; empty if there is none.

    Nothing is guessed: without such a column nobody knows whether 1 is good or bad.
    """
    labels = table.column(label)
    if not any(is_number(value) for value in set(labels)):
        return {}
    names: dict[str, str] = {}
    for column in table.columns:
        if column == label:
            continue
        pairs = defaultdict(set)
        for value, name in zip(labels, table.column(column), strict=True):
            if value and name:
                pairs[value].add(name)
                if len(pairs[value]) > 1:
                    break
        else:
            found = {value: next(iter(each)) for value, each in pairs.items()}
            one_to_one = len(found) > 1 and len(set(found.values())) == len(found) == len(set(filter(None, labels)))
            if one_to_one and len(found) < len(labels) / 2 and not any(map(is_number, found.values())):
                names = found
                break
    return names


def suggest_label_words(table: Table, label: str, labels: list[str]) -> dict[str, str]:
    """A label word for each label: made readable, named after a companion column, or ``class 0`` where there is nothing but a number."""
    names = companion_names(table, label)
    words = default_label_words(names.get(raw, raw) for raw in labels)
    return {raw: words[names[raw]] if raw in names else f"class {raw}" if is_number(raw) else words[raw] for raw in labels}


def suggest_join(mapping: Mapping, columns: dict[str, Column]) -> tuple[str, ...]:
    """Columns that seem to make up the text together, in reading order (titles first, otherwise as in the file); empty if one says it all."""
    if mapping.join:
        return ()
    main = columns[mapping.text]
    others = [name for name in mapping.candidates if name != mapping.text and _is_part(columns[name], main)]
    several = [name for name in columns if name in {mapping.text, *others}]
    return tuple(sorted(several, key=lambda name: not _is_title(name))) if others else ()


def _is_part(column: Column, main: Column) -> bool:
    """Prose of its own that is there in most rows, and not a small thing beside the main text."""
    prose = column.filled >= 0.5 and column.distinct >= 0.3 and column.mean_words >= 2 and column.numeric < 0.1
    named = bool({*TEXT_WORDS} & set(words(column.name))) or column.name.startswith("column_")
    return prose and (_is_title(column.name) or (named and column.mean_chars >= COMPARABLE * main.mean_chars))


def _is_title(name: str) -> bool:
    return bool(TITLES & set(words(name)))


def template_of(parts: tuple[str, ...]) -> str:
    """``{title}`` and ``{body}`` on lines of their own."""
    return "\n".join(f"{{{name}}}" for name in parts)


def suggest(table: Table, mapping: Mapping, columns: dict[str, Column], labels: list[str]) -> Suggestions:
    """Everything that a person may want to take up; nothing of it is applied."""
    join = suggest_join(mapping, columns)
    return Suggestions(
        join=join,
        template=template_of(join or mapping.parts),
        group_columns=suggest_group_columns(table, mapping),
        label_words=suggest_label_words(table, mapping.label, labels),
    )
