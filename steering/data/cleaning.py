"""From rows to examples. Every row that is left out is left out for exactly one reason, so that the numbers add up:

rows read = usable rows + missing text + missing label + duplicates + conflicts + other answers + rows that could not be read
"""

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from steering.data.mapping import Mapping
from steering.data.missing import is_blank, is_missing_text, label_spellings_of_missing
from steering.data.table import Row, Table
from steering.spec import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Usable examples, and the lines of every row that is not one, by reason."""

    table: Table
    mapping: Mapping
    examples: tuple[Example, ...]
    missing_text: tuple[int, ...] = ()
    missing_label: tuple[int, ...] = ()
    duplicates: tuple[int, ...] = ()
    conflicts: tuple[int, ...] = ()
    other_answers: tuple[int, ...] = ()
    missing_spellings: tuple[str, ...] = ()
    merged: dict[str, str] = field(default_factory=dict)

    @property
    def rows_read(self) -> int:
        """Records in the file, those included that could not be read; blank lines are not records."""
        return len(self.table.rows) + self.table.unreadable

    @property
    def classes(self) -> dict[str, int]:
        """Usable rows of each class, most first; empty for generation."""
        if self.mapping.kind != "classification":
            return {}
        counts = Counter(example.target for example in self.examples)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def normalise(text: str) -> str:
    """What two texts must share to count as the same: NFKC, case and white space do not matter."""
    if text.isascii():  # NFKC changes nothing there, and is most of the cost of a large file
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def text_key(text: str) -> str:
    """Sixteen hex digits that name a text on every machine and in every run."""
    return hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def clean(table: Table, mapping: Mapping, *, merge_spellings: bool = False) -> Cleaned:
    """Keep the rows that have a text and a label and are not told apart from another only by chance.

    Duplicates keep their first row. The same text under different labels is kept under none of them (classification); for generation several
    right answers are normal, and the first is kept.
    """
    labels = table.column(mapping.label)
    classification = mapping.kind == "classification"
    missing = label_spellings_of_missing(labels) if classification else frozenset(label for label in labels if is_missing_text(label))
    merged = spelling_map(label for label in labels if label and label not in missing) if merge_spellings and classification else {}
    missing_text, missing_label, kept = [], [], []
    for row, label in zip(table.rows, labels, strict=True):
        if is_missing_text(row.values.get(mapping.text)):
            missing_text.append(row.line)
        elif is_blank(label) or label in missing:
            missing_label.append(row.line)
        else:
            kept.append(_example(row, mapping, merged.get(label, label)))
    unique, duplicates, different = _without_doubles(kept, classification)
    return Cleaned(
        table=table,
        mapping=mapping,
        examples=tuple(unique),
        missing_text=tuple(missing_text),
        missing_label=tuple(missing_label),
        duplicates=duplicates,
        conflicts=different if classification else (),
        other_answers=() if classification else different,
        missing_spellings=tuple(sorted(label for label in missing if label)),
        merged={label: target for label, target in merged.items() if label != target},
    )


def _example(row: Row, mapping: Mapping, target: str) -> Example:
    values = {name: value or "" for name, value in row.values.items()}
    del values[mapping.label]
    return Example(row=row.line, values=values, target=target, key=text_key(values[mapping.text]))


def _without_doubles(rows: list[Example], classification: bool) -> tuple[list[Example], tuple[int, ...], tuple[int, ...]]:
    """Examples with pairwise different texts, lines of duplicates, lines left out because the target differs."""
    first: dict[str, Example] = {}
    again: dict[str, list[Example]] = {}
    for example in rows:
        if first.setdefault(example.key, example) is not example:
            again.setdefault(example.key, []).append(example)
    unique: list[Example] = []
    duplicates: list[int] = []
    different: list[int] = []
    for key, example in first.items():
        others = again.get(key)
        if others is None:
            unique.append(example)
            continue
        if classification and len({fold_label(same.target) for same in (example, *others)}) > 1:
            different += [same.row for same in (example, *others)]
            continue
        unique.append(example)
        for other in others:
            (duplicates if classification or other.target == example.target else different).append(other.row)
    return unique, tuple(sorted(duplicates)), tuple(sorted(different))


def fold_label(label: str) -> str:
    """Two labels with the same fold differ in nothing but case, white space, underscores or hyphens."""
    return " ".join(normalise(label).replace("_", " ").replace("-", " ").split()) or label


def spelling_map(labels: Iterable[str]) -> dict[str, str]:
    """Each label and the most frequent spelling of the same label."""
    counts = Counter(labels)
    groups: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        groups[fold_label(label)].append(label)
    return {label: max(group, key=lambda name: (counts[name], name)) for group in groups.values() for label in group}
