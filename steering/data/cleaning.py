"""From rows to examples. Every row that is left out is left out for exactly one reason, so that the numbers add up:

rows read = usable rows + rows of each reason in ``REASONS``
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from steering.data.fixes import reason_to_leave_out, renamed
from steering.data.mapping import Mapping, listed
from steering.data.missing import is_blank, is_missing_text, label_spellings_of_missing
from steering.data.table import Row, Table
from steering.spec import Example, Fix

_WHOLE = re.compile(r"^([+-]?\d+)\.0+$")

REASONS: dict[str, str] = {
    "missing_text": "no text",
    "missing_label": "no label",
    "duplicates": "repeats the text and the label of an earlier row",
    "conflicts": "the same text has different labels",
    "other_answers": "another answer to the text of an earlier row",
    "outvoted": "outvoted by rows with the same text",
    "unreadable": "could not be read",
    "near_duplicates": "nearly the same as an earlier row",
    "unwanted": "label left out at your request",
    "too_long": "too long, left out at your request",
    "constant": "one thing over and over, left out at your request",
    "other_script": "in another script, left out at your request",
}
"""Why a row is not an example, in words for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A row that is not used, and the reason (one of ``REASONS``)."""

    reason: str
    row: Row


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """Usable examples, and every row that is not one, in the order of the file. ``merged``: labels that are read as another one; ``settled``:
    texts with several labels that are used with the label of most of their rows, as asked for."""

    table: Table
    mapping: Mapping
    examples: tuple[Example, ...]
    left_out: tuple[LeftOut, ...] = ()
    missing_spellings: tuple[str, ...] = ()
    merged: dict[str, str] = field(default_factory=dict)
    settled: int = 0

    @property
    def rows_read(self) -> int:
        """Records in the file, those included that could not be read; blank lines are not records."""
        return len(self.table.rows) + self.table.unreadable

    @cached_property
    def classes(self) -> dict[str, int]:
        """Usable rows of each class, most first; empty for generation."""
        if self.mapping.kind != "classification":
            return {}
        counts = Counter(example.target for example in self.examples)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def texts(self) -> list[str]:
        """The text of every example."""
        return [text_of(example, self.mapping) for example in self.examples]

    def lines(self, reason: str) -> list[int]:
        """The lines of the rows that were left out for this reason."""
        return list(self.table.unreadable_lines) if reason == "unreadable" else [item.row.line for item in self.left_out if item.reason == reason]


def text_of(example: Example, mapping: Mapping) -> str:
    """What a row says: its text column, or all columns that make up its text."""
    return "\n".join(example.values[name] for name in mapping.join) if mapping.join else example.values[mapping.text]


def normalise(text: str) -> str:
    """What two texts must share to count as the same: NFKC, case and white space do not matter."""
    if text.isascii():  # NFKC changes nothing there, and is most of the cost of a large file
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def text_key(text: str) -> str:
    """Sixteen hex digits that name a text on every machine and in every run."""
    return hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def clean(table: Table, mapping: Mapping, *, merge_spellings: bool = False, fixes: Sequence[Fix] = (), without: Container[str] = ()) -> Cleaned:
    """Keep the rows that have a text and a label and are not told apart from another only by chance.

    Duplicates keep their first row. The same text under different labels is kept under none of them (classification), or, by the fix
    ``keep_majority``, under the label of most of its rows, if there is one; for generation several right answers are normal: the first is kept,
    and the others become its references. ``without``: keys of near-duplicates that are not wanted.
    """
    labels = table.column(mapping.label)
    classification = mapping.kind == "classification"
    missing = label_spellings_of_missing(labels) if classification else frozenset(x for x in labels if is_missing_text(x) or x == "[]")
    unlabelled = missing | frozenset(label for label in set(labels) if is_blank(label))
    merged = _read_as(dict.fromkeys(labels), labels, missing, merge_spellings, fixes) if classification else {}
    columns = [name for name in table.columns if name != mapping.label]
    kept: list[Example] = []
    indices: list[int] = []
    gone: list[LeftOut] = []
    for index, (line, label, cells) in enumerate(zip(table.lines, labels, zip(*(table.cells[name] for name in columns), strict=True), strict=True)):
        target = merged.get(label, label)
        values = {name: cell or "" for name, cell in zip(columns, cells, strict=True)}
        example = None
        if is_missing_text(values[mapping.text]) and all(is_missing_text(values[name]) for name in mapping.join):
            reason = "missing_text"
        elif label in unlabelled:
            reason = "missing_label"
        else:
            example = _example(line, values, mapping, target)
            reason = "near_duplicates" if example.key in without else ""
            if fixes and not reason:
                reason = reason_to_leave_out(text_of(example, mapping), target, fixes)
        if example is None or reason:
            gone.append(LeftOut(reason=reason, row=table.rows[index]))
        else:
            kept.append(example)
            indices.append(index)
    vote = classification and any(fix.name == "keep_majority" for fix in fixes)
    doubles = _doubles(kept, classification, vote=vote)
    settled = len({kept[index].key for index, reason in doubles.items() if reason == "outvoted"})
    gone += [LeftOut(reason=reason, row=table.rows[indices[index]]) for index, reason in doubles.items()]
    return Cleaned(
        table=table,
        mapping=mapping,
        examples=tuple(example for index, example in enumerate(kept) if index not in doubles) if doubles else tuple(kept),
        left_out=tuple(sorted(gone, key=lambda item: item.row.line)),
        missing_spellings=tuple(sorted(label for label in missing if label)),
        merged={label: target for label, target in merged.items() if label != target},
        settled=settled,
    )


def _read_as(distinct: Iterable[str], labels: list[str], missing: frozenset[str], merge: bool, fixes: Sequence[Fix]) -> dict[str, str]:
    """Each label and the one that it is read as."""
    known = [label for label in distinct if label and label not in missing]
    spelled = spelling_map(label for label in labels if label and label not in missing) if merge else {label: label for label in known}
    return {label: renamed(spelled[label], fixes) for label in known}


def _example(line: int, values: dict[str, str], mapping: Mapping, target: str) -> Example:
    text = "\n".join(values[name] for name in mapping.join) if mapping.join else values[mapping.text]
    further = listed(values.pop(mapping.references)) if mapping.references else ()
    if mapping.kind == "generation" and (answers := listed(target)):
        target, further = answers[0], (*answers[1:], *further)
    references = tuple(dict.fromkeys(answer for answer in further if answer != target))
    return Example(row=line, values=values, target=target, key=text_key(text), references=references)


def _doubles(rows: list[Example], classification: bool, *, vote: bool = False) -> dict[int, str]:
    """Position and reason of the rows that say what an earlier one says. Answers that differ become references of the first, in ``rows``."""
    first: dict[str, int] = {}
    again: dict[int, list[int]] = {}
    for index, example in enumerate(rows):
        earlier = first.setdefault(example.key, index)
        if earlier != index:
            again.setdefault(earlier, []).append(index)
    reasons: dict[int, str] = {}
    for earlier, later in again.items():
        target = rows[earlier].target
        if classification:
            reasons |= _of_one_text(rows, (earlier, *later), vote)
            continue
        reasons |= {index: "duplicates" if rows[index].target == target else "other_answers" for index in later}
        answers = dict.fromkeys(answer for index in (earlier, *later) for answer in (rows[index].target, *rows[index].references))
        rows[earlier] = _with_references(rows[earlier], tuple(answer for answer in answers if answer != target))
    return reasons


def _of_one_text(rows: list[Example], same: Sequence[int], vote: bool) -> dict[int, str]:
    """Position and reason of the rows of one text that are not used."""
    votes = Counter(fold_label(rows[index].target) for index in same)
    (chosen, most), *others = votes.most_common()
    if others and not (vote and most > others[0][1]):
        return dict.fromkeys(same, "conflicts")
    agree = [index for index in same if fold_label(rows[index].target) == chosen]
    return {index: "duplicates" if index in agree[1:] else "outvoted" for index in same if index != agree[0]}


def _with_references(example: Example, references: tuple[str, ...]) -> Example:
    return Example(row=example.row, values=example.values, target=example.target, key=example.key, references=references)


def fold_label(label: str) -> str:
    """Two labels with the same fold differ in nothing but case, white space, underscores or hyphens, or are one number (``1`` and ``1.0``)."""
    return _WHOLE.sub(r"\1", " ".join(normalise(label).replace("_", " ").replace("-", " ").split())) or label


def spelling_map(labels: Iterable[str]) -> dict[str, str]:
    """Each label and the most frequent spelling of the same label."""
    counts = Counter(labels)
    groups: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        groups[fold_label(label)].append(label)
    return {label: max(group, key=lambda name: (counts[name], name)) for group in groups.values() for label in group}
