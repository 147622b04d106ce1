"""What is wrong with the texts: too long, constant, personal, in several scripts, with invisible characters, or giving the label away."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable

from steering.data.cleaning import Cleaned, fold_label
from steering.data.labels import is_number
from steering.data.table import at_lines, make_problem, plural
from steering.data.texts import has_control, is_constant, is_long, personal_data, script_of
from steering.spec import Fix, Problem

GIVEN_AWAY, ELSEWHERE, AT_LEAST = 0.5, 0.05, 5
"""A label is given away if at least half of its rows (and five) name it, and at most one in twenty of the others."""
SHORTEST_NAME = 3
OTHER_SCRIPT = 0.9
"""Above this share of one script the other rows are called odd; below, the file is called mixed."""


def _lines(data: Cleaned, looks: Callable[[str], object]) -> list[int]:
    return [example.row for example, text in zip(data.examples, data.texts, strict=True) if looks(text)]


def too_long(data: Cleaned) -> Problem | None:
    """Texts that a small model does not read to the end."""
    lines = _lines(data, is_long)
    if not lines:
        return None
    longest = max(data.texts, key=len)
    size = f"the longest has {len(longest):,} characters, about {plural(len(longest.split()), 'word')}"
    message = f"{plural(len(lines), 'row is', 'rows are')} very long {at_lines(lines)}; {size}."
    fix = Fix(name="leave_out_long", sentence=f"Leave out {plural(len(lines), 'long row')}")
    hint = "A model may see only the beginning of them; shorten them to what decides the label."
    return make_problem("too_long", "warning", lines, message, hint, fix)


def constant_texts(data: Cleaned) -> Problem | None:
    """Texts that repeat one character or one word."""
    lines = _lines(data, is_constant)
    if not lines:
        return None
    message = f"{plural(len(lines), 'row says', 'rows say')} one thing over and over {at_lines(lines)}."
    fix = Fix(name="leave_out_constant", sentence=f"Leave out {plural(len(lines), 'row')}")
    return make_problem("constant_texts", "warning", lines, message, "Nothing can be learned from them.", fix)


def personal(data: Cleaned) -> Problem | None:
    """E-mail addresses, phone and card numbers. A hint only: neither complete nor certain."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for example, text in zip(data.examples, data.texts, strict=True):
        for kind in personal_data(text):
            kinds[kind].append(example.row)
    if not kinds:
        return None
    lines = sorted({line for found in kinds.values() for line in found})
    shown = ", ".join(f"{kind} in {plural(len(found), 'row')} {at_lines(found)}" for kind, found in sorted(kinds.items()))
    message = f"{plural(len(lines), 'row')} may hold personal data: {shown}."
    fix = Fix(name="mask_personal_data", sentence="Replace them by [e-mail], [card], [phone]")
    hint = "A hint, neither complete nor certain. Vectors learned from a text, and examples shown to others, may carry it on."
    return make_problem("personal_data", "note", lines, message, hint, fix)


def control_characters(data: Cleaned) -> Problem | None:
    """Characters that cannot be seen: they change what the model reads, or the order in which a person does."""
    cells = data.table.cells.values()
    odd = {index for column in cells for index, cell in enumerate(column) if cell and not cell.isprintable() and has_control(cell)}
    lines = [data.table.lines[index] for index in odd]
    if not lines:
        return None
    message = f"{plural(len(lines), 'row')} with control characters or marks that turn the direction of writing around {at_lines(lines)}."
    fix = Fix(name="remove_characters", sentence="Remove them")
    return make_problem("control_characters", "warning", lines, message, "They cannot be seen, but the model reads them.", fix)


def scripts(data: Cleaned) -> Problem | None:
    """Texts in several scripts. Scripts only: which language it is cannot be told from letters."""
    found = [script_of(text) for text in data.texts]
    counts = Counter(filter(None, found))
    if len(counts) < 2:
        return None
    (main, most), *others = counts.most_common()
    lines = [example.row for example, script in zip(data.examples, found, strict=True) if script and script != main]
    shown = ", ".join(f"{script} ({count})" for script, count in others[:5])
    message = f"the texts are in {len(counts)} scripts: {plural(most, 'row')} in {main}, others in {shown} {at_lines(lines)}."
    if most < OTHER_SCRIPT * counts.total():
        return make_problem("scripts", "note", lines, message, "Rows of one script teach little about another; look at the results of each.")
    fix = Fix(
        name="leave_out_scripts", sentence=f"Leave out {plural(len(lines), 'row')} in other scripts", arguments={script: "" for script, _ in others}
    )
    return make_problem("scripts", "note", lines, message, "A few rows in another script may be there by mistake.", fix)


def label_in_text(data: Cleaned) -> Problem | None:
    """Labels that stand in the texts of their own rows and hardly in others: the answer may be part of the question."""
    names = {label: fold_label(label) for label in data.classes if not is_number(label)}
    names = {label: name for label, name in names.items() if len(name) >= SHORTEST_NAME}
    own: dict[str, list[int]] = defaultdict(list)
    for index, (example, text) in enumerate(zip(data.examples, data.texts, strict=True)):
        name = names.get(example.target)
        if name and name in (folded := _spaced(text)) and _word(name).search(folded):
            own[example.target].append(index)
    given: dict[str, tuple[int, int]] = {}
    for label, indices in own.items():
        if len(indices) >= max(AT_LEAST, GIVEN_AWAY * data.classes[label]):
            rest = len(data.examples) - data.classes[label]
            others = sum(names[label] in (folded := _spaced(text)) and _word(names[label]).search(folded) is not None for text in data.texts)
            if rest and others - len(indices) <= ELSEWHERE * rest:
                given[label] = (len(indices), others - len(indices))
    if not given:
        return None
    lines = [data.examples[index].row for label in given for index in own[label]]
    shown = "; ".join(
        f"{label!r} in {mine} of its {data.classes[label]} rows and {others} others" for label, (mine, others) in list(given.items())[:5]
    )
    message = f"texts name their own label: {shown} {at_lines(lines)}."
    hint = "If the label was written into the text, take it out there: the result would look better than it is. If people do write so, ignore this."
    return make_problem("label_in_text", "warning", lines, message, hint)


def _spaced(text: str) -> str:
    """Near enough to how labels are folded, at a third of the cost."""
    text = text.lower()
    return text.replace("_", " ").replace("-", " ") if "_" in text or "-" in text else text


def _word(name: str) -> re.Pattern[str]:
    """The name as whole words; scripts without spaces have no word boundary to ask for."""
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)" if name.isascii() else re.escape(name))
