"""What is wrong with the labels: one class, spellings, numbers, small classes, one class far larger than another."""

import itertools
from collections import defaultdict
from difflib import SequenceMatcher

from steering.data.cleaning import Cleaned, fold_label, spelling_map
from steering.data.labels import is_number
from steering.data.suggest import companion_names
from steering.data.table import make_problem, plural, problem_of_count
from steering.spec import Fix, Problem, Severity

SMALL_CLASS = 5
IMBALANCE = 5.0
FIXES_OFFERED = 20
MAX_COMPARED = 150  # labels compared with each other for typing errors: the work grows with the square


def one_class(data: Cleaned) -> Problem | None:
    """Nothing to tell apart."""
    if data.mapping.kind != "classification" or len(data.classes) > 1:
        return None
    name = next(iter(data.classes), None)
    what = f"every usable row has the label {name!r}" if name is not None else "no usable row has a label"
    return problem_of_count("one_class", "blocking", len(data.examples), f"{what}; at least two classes are needed.", "Add rows of another class.")


def no_repeated_class(data: Cleaned) -> Problem | None:
    """Every class occurs once: nothing is left to test on."""
    if data.mapping.kind != "classification" or len(data.classes) < 2 or max(data.classes.values()) > 1:
        return None
    message = f"each of the {len(data.classes)} labels occurs only once."
    return problem_of_count(
        "no_repeated_class", "blocking", len(data.examples), message, "Add rows, or choose generation if each row has its own answer."
    )


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
    merge = {label: target for label, target in spelling_map(example.target for example in data.examples).items() if label != target}
    fix = Fix(name="rename_labels", sentence=f"Merge {plural(len(merge), 'spelling')}", arguments=merge)
    return make_problem("label_spellings", "warning", lines, message, "Merge the spellings, or make the labels the same in the file.", fix)


def merged_spellings(data: Cleaned) -> Problem | None:
    """What was merged at the person's request."""
    if not data.merged:
        return None
    lines = [line for line, label in zip(data.table.lines, data.table.column(data.mapping.label), strict=True) if label in data.merged]
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
    hint = "If they mean the same, merge them, or make them the same in the file."
    fixes = [Fix(name="rename_labels", sentence=f"Read {label!r} as {often!r}", arguments={label: often}) for often, label in pairs[:FIXES_OFFERED]]
    return make_problem("similar_labels", "warning", lines, f"labels that look alike: {shown}.", hint, *fixes)


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
    names = {label: name for label, name in companion_names(data.table, data.mapping.label).items() if label in set(numbers)}
    fixes = [Fix(name="rename_labels", sentence=f"Name them {', '.join(list(names.values())[:5])}", arguments=names)] if names else []
    return make_problem("numeric_labels", severity, lines, message, "Give each a label word that says what it stands for.", *fixes)


def small_classes(data: Cleaned) -> Problem | None:
    """Classes with so few rows that no side of the split sees enough of them."""
    small = {label: count for label, count in data.classes.items() if count < SMALL_CLASS}
    if not small:
        return None
    lines = [example.row for example in data.examples if example.target in small]
    shown = ", ".join(f"{label!r} ({count})" for label, count in list(small.items())[:5])
    fix = Fix(name="leave_out_labels", sentence=f"Leave out {plural(len(lines), 'row')} of small classes", arguments=dict.fromkeys(small, ""))
    message = f"{plural(len(small), 'class', 'classes')} with fewer than {SMALL_CLASS} rows: {shown}{', ...' if len(small) > 5 else ''}."
    return make_problem("small_classes", "warning", lines, message, "Add rows to them, or merge them into another class.", fix)


def imbalance(data: Cleaned) -> Problem | None:
    """One class far larger than another: plain accuracy would mislead."""
    counts = data.classes
    if len(counts) < 2:
        return None
    (most, large), *_, (least, small) = counts.items()
    if large <= IMBALANCE * small:
        return None
    message = f"the largest class {most!r} has {large / small:.0f} times the rows of the smallest, {least!r} ({large} and {small})."
    return problem_of_count("imbalance", "note", large, message, "Look at macro F1 beside accuracy; guessing the largest class already scores well.")
