"""What is wrong with a dataset, one small pure function each: ``Cleaned`` in, a problem with its remedy out (or None).

A new check is one function and one line in ``CHECKS``. ``tests/data/test_checks.py`` runs every entry on good and bad files.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable
from difflib import SequenceMatcher

from steering.data.cleaning import Cleaned, fold_label
from steering.data.labels import is_number
from steering.data.table import at_lines, make_problem, plural
from steering.spec import Problem, Severity

MIN_ROWS = 16
SMALL_CLASS = 5
IMBALANCE = 5.0
MAX_COMPARED = 150  # labels compared with each other for typing errors: the work grows with the square


def missing_text(data: Cleaned) -> Problem | None:
    """Rows without a text."""
    lines = data.missing_text
    if not lines:
        return None
    message = f"{plural(len(lines), 'row')} without a text in {data.mapping.text!r} {at_lines(lines)}."
    return make_problem("missing_text", "warning", lines, message, "Left out; fill in the text to use them.")


def missing_label(data: Cleaned) -> Problem | None:
    """Rows without a label, however that is written."""
    lines = data.missing_label
    if not lines:
        return None
    written = f" (written {', '.join(map(repr, data.missing_spellings))} or empty)" if data.missing_spellings else ""
    message = f"{plural(len(lines), 'row')} without a label in {data.mapping.label!r}{written} {at_lines(lines)}."
    return make_problem("missing_label", "warning", lines, message, "Left out; fill in the label to use them.")


def duplicates(data: Cleaned) -> Problem | None:
    """Rows whose text was there before."""
    lines = data.duplicates
    if not lines:
        return None
    message = f"{plural(len(lines), 'row repeats', 'rows repeat')} the text and the label of an earlier one {at_lines(lines)}."
    return make_problem("duplicates", "note", lines, message, "Only the first of each is used: a text in training and test would flatter the result.")


def conflicts(data: Cleaned) -> Problem | None:
    """The same text under different labels."""
    lines = data.conflicts
    if not lines:
        return None
    message = f"{plural(len(lines), 'row')} with the same text but different labels {at_lines(lines)}."
    return make_problem("conflicts", "warning", lines, message, "None of them is used; decide which label is right.")


def other_answers(data: Cleaned) -> Problem | None:
    """Generation: a second right answer to a text."""
    lines = data.other_answers
    if not lines:
        return None
    message = f"{plural(len(lines), 'row gives', 'rows give')} another answer to the text of an earlier one {at_lines(lines)}."
    return make_problem("other_answers", "note", lines, message, "Only the first answer is used: a text stands in training or in test, once.")


def too_few_rows(data: Cleaned) -> Problem | None:
    """Fewer rows than anything can be learned and judged from."""
    count = len(data.examples)
    if count >= MIN_ROWS:
        return None
    message = f"{plural(count, 'usable row')}, at least {MIN_ROWS} are needed."
    return _of_count("too_few_rows", "blocking", count, message, "Label some more rows; 50 or more give a result that can be trusted.")


def one_class(data: Cleaned) -> Problem | None:
    """Nothing to tell apart."""
    if data.mapping.kind != "classification" or len(data.classes) > 1:
        return None
    name = next(iter(data.classes), None)
    what = f"every usable row has the label {name!r}" if name is not None else "no usable row has a label"
    return _of_count("one_class", "blocking", len(data.examples), f"{what}; at least two classes are needed.", "Add rows of another class.")


def no_repeated_class(data: Cleaned) -> Problem | None:
    """Every class occurs once: nothing is left to test on."""
    if data.mapping.kind != "classification" or len(data.classes) < 2 or max(data.classes.values()) > 1:
        return None
    message = f"each of the {len(data.classes)} labels occurs only once."
    return _of_count("no_repeated_class", "blocking", len(data.examples), message, "Add rows, or choose generation if each row has its own answer.")


def label_spellings(data: Cleaned) -> Problem | None:
    """Labels that differ only in case or spaces."""
    groups = defaultdict(list)
    for label in data.classes:
        groups[fold_label(label)].append(label)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return None
    rare = {label for group in alike for label in group[1:]}
    lines = [example.row for example in data.examples if example.target in rare]
    shown = "; ".join(", ".join(f"{label!r} ({data.classes[label]})" for label in group) for group in alike[:5])
    message = f"labels that differ only in case, spaces or hyphens: {shown}."
    return make_problem("label_spellings", "warning", lines, message, "Merge the spellings, or make the labels the same in the file.")


def merged_spellings(data: Cleaned) -> Problem | None:
    """What was merged at the person's request."""
    if not data.merged:
        return None
    lines = [row.line for row in data.table.rows if (row.values.get(data.mapping.label) or "").strip() in data.merged]
    shown = ", ".join(f"{label!r} as {target!r}" for label, target in list(data.merged.items())[:5])
    return make_problem("merged_spellings", "note", lines, f"{plural(len(data.merged), 'spelling')} merged: {shown}.")


def similar_labels(data: Cleaned) -> Problem | None:
    """A rare label that looks like a slip or an abbreviation of a frequent one: worth a look, not a guess."""
    counts = data.classes
    pairs = [pair for pair in itertools.combinations(list(counts)[:MAX_COMPARED], 2) if _looks_like_a_slip(*pair, counts)]
    if not pairs:
        return None
    rare = {label for _, label in pairs}
    lines = [example.row for example in data.examples if example.target in rare]
    shown = ", ".join(f"{label!r} ({counts[label]}) and {often!r} ({counts[often]})" for often, label in pairs[:5])
    hint = "If they mean the same, make them the same in the file."
    return make_problem("similar_labels", "warning", lines, f"labels that look alike: {shown}.", hint)


def _looks_like_a_slip(often: str, rare: str, counts: dict[str, int]) -> bool:
    a, b = fold_label(often), fold_label(rare)
    if _without_digits(a) == _without_digits(b) or counts[rare] * 4 > counts[often]:
        return False
    # A missing letter at the end also makes a short label the beginning of another one; longer beginnings ("book", "book table") are other labels.
    abbreviated = 2 <= len(b) <= 4 and a.startswith(b) and " " not in a[: len(b) + 1]
    return abbreviated or (min(len(a), len(b)) >= 4 and SequenceMatcher(None, a, b).ratio() >= 0.88)


def _without_digits(label: str) -> str:
    """``level 2`` and ``level 3`` are two labels, not one with a slip."""
    return "".join(char for char in label if not char.isdigit())


def numeric_labels(data: Cleaned) -> Problem | None:
    """Numbers as class names tell the model nothing."""
    numbers = [label for label in data.classes if is_number(label)]
    if not numbers:
        return None
    lines = [example.row for example in data.examples if example.target in set(numbers)]
    severity: Severity = "warning" if len(numbers) == len(data.classes) else "note"
    message = f"{plural(len(numbers), 'label is a bare number', 'labels are bare numbers')}: {', '.join(numbers[:5])}."
    return make_problem("numeric_labels", severity, lines, message, "Give each a label word that says what it stands for.")


def small_classes(data: Cleaned) -> Problem | None:
    """Classes with so few rows that no side of the split sees enough of them."""
    small = {label: count for label, count in data.classes.items() if count < SMALL_CLASS}
    if not small:
        return None
    lines = [example.row for example in data.examples if example.target in small]
    shown = ", ".join(f"{label!r} ({count})" for label, count in list(small.items())[:5])
    message = f"{plural(len(small), 'class', 'classes')} with fewer than {SMALL_CLASS} rows: {shown}{', ...' if len(small) > 5 else ''}."
    return make_problem("small_classes", "warning", lines, message, "Add rows to them, or merge them into another class.")


def imbalance(data: Cleaned) -> Problem | None:
    """One class far larger than another: plain accuracy would mislead."""
    counts = data.classes
    if len(counts) < 2:
        return None
    (most, large), *_, (least, small) = counts.items()
    if large <= IMBALANCE * small:
        return None
    message = f"the largest class {most!r} has {large / small:.0f} times the rows of the smallest, {least!r} ({large} and {small})."
    return _of_count("imbalance", "note", large, message, "Look at macro F1 beside accuracy; guessing the largest class already scores well.")


def constant_columns(data: Cleaned) -> Problem | None:
    """Columns that say the same in every row."""
    others = [name for name in data.table.columns if name not in {data.mapping.text, data.mapping.label}]
    constant = [name for name in others if len(data.table.rows) > 1 and len(set(data.table.column(name))) == 1]
    if not constant:
        return None
    message = f"{plural(len(constant), 'column says', 'columns say')} the same in every row: {', '.join(constant[:5])}."
    return _of_count("constant_columns", "note", len(constant), message, "Of no use in a template; text that never changes belongs into the prompt.")


def _of_count(kind: str, severity: Severity, count: int, message: str, hint: str) -> Problem:
    """A problem of the whole file rather than of some lines."""
    return Problem(kind=kind, severity=severity, count=count, rows=(), message=message, hint=hint)


CHECKS: dict[str, Callable[[Cleaned], Problem | None]] = {
    "too_few_rows": too_few_rows,
    "one_class": one_class,
    "no_repeated_class": no_repeated_class,
    "missing_text": missing_text,
    "missing_label": missing_label,
    "conflicts": conflicts,
    "label_spellings": label_spellings,
    "similar_labels": similar_labels,
    "numeric_labels": numeric_labels,
    "small_classes": small_classes,
    "duplicates": duplicates,
    "other_answers": other_answers,
    "merged_spellings": merged_spellings,
    "imbalance": imbalance,
    "constant_columns": constant_columns,
}
"""Kind of problem and the function that looks for it, in the order of the report."""
