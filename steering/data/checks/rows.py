"""What is wrong with the rows: too few, missing, repeated, contradictory."""

from collections import Counter, defaultdict

from steering.data.cleaning import Cleaned, fold_label, text_key
from steering.data.table import at_lines, make_problem, plural, problem_of_count
from steering.spec import Fix, Problem

MIN_ROWS = 16


def missing_text(data: Cleaned) -> Problem | None:
    """Rows without a text."""
    lines = data.lines("missing_text")
    if not lines:
        return None
    columns = ", ".join(map(repr, data.mapping.parts))
    message = f"{plural(len(lines), 'row')} without a text in {columns} {at_lines(lines)}."
    return make_problem("missing_text", "warning", lines, message, "Left out; fill in the text to use them.")


def missing_label(data: Cleaned) -> Problem | None:
    """Rows without a label, however that is written."""
    lines = data.lines("missing_label")
    if not lines:
        return None
    written = f" (written {', '.join(map(repr, data.missing_spellings))} or empty)" if data.missing_spellings else ""
    message = f"{plural(len(lines), 'row')} without a label in {data.mapping.label!r}{written} {at_lines(lines)}."
    return make_problem("missing_label", "warning", lines, message, "Left out; fill in the label to use them.")


def duplicates(data: Cleaned) -> Problem | None:
    """Rows whose text was there before."""
    lines = data.lines("duplicates")
    if not lines:
        return None
    message = f"{plural(len(lines), 'row repeats', 'rows repeat')} the text and the label of an earlier one {at_lines(lines)}."
    return make_problem("duplicates", "note", lines, message, "Only the first of each is used: a text in training and test would flatter the result.")


def conflicts(data: Cleaned) -> Problem | None:
    """The same text under different labels."""
    lines = data.lines("conflicts")
    if not lines:
        return None
    message = f"{plural(len(lines), 'row')} with the same text but different labels {at_lines(lines)}."
    won = _settled_by_majority(data)
    sentence = f"Keep the label of most rows for {plural(won, 'text')}"
    fixes = [Fix(name="keep_majority", sentence=sentence)] if won else []
    return make_problem("conflicts", "warning", lines, message, "None of them is used; decide which label is right.", *fixes)


def _settled_by_majority(data: Cleaned) -> int:
    """Texts of which more rows have one label than any other."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for item in data.left_out:
        if item.reason == "conflicts":
            cells = item.row.values
            key = text_key("\n".join(cells[name] or "" for name in data.mapping.parts))
            label = (cells[data.mapping.label] or "").strip()
            votes[key][fold_label(data.merged.get(label, label))] += 1
    ranked = [[count for _, count in each.most_common(2)] for each in votes.values()]
    return sum(len(counts) == 1 or counts[0] > counts[1] for counts in ranked)


def other_answers(data: Cleaned) -> Problem | None:
    """Generation: a second right answer to a text."""
    lines = data.lines("other_answers")
    if not lines:
        return None
    message = f"{plural(len(lines), 'row gives', 'rows give')} another answer to the text of an earlier one {at_lines(lines)}."
    return make_problem(
        "other_answers",
        "note",
        lines,
        message,
        "The first is trained on, the others are kept with it as further right answers: a text stands in training or in test, once.",
    )


def too_few_rows(data: Cleaned) -> Problem | None:
    """Fewer rows than anything can be learned and judged from."""
    count = len(data.examples)
    if count >= MIN_ROWS:
        return None
    message = f"{plural(count, 'usable row')}, at least {MIN_ROWS} are needed."
    return problem_of_count("too_few_rows", "blocking", count, message, "Label some more rows; 50 or more give a result that can be trusted.")


def constant_columns(data: Cleaned) -> Problem | None:
    """Columns that say the same in every row."""
    others = [name for name in data.table.columns if name not in {*data.mapping.parts, data.mapping.label}]
    constant = [name for name in others if len(data.table.rows) > 1 and len(set(data.table.column(name))) == 1]
    if not constant:
        return None
    message = f"{plural(len(constant), 'column says', 'columns say')} the same in every row: {', '.join(constant[:5])}."
    return problem_of_count(
        "constant_columns", "note", len(constant), message, "Of no use in a template; text that never changes belongs into the prompt."
    )
