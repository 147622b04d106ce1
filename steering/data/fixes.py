"""What a fix does. A fix is a value in the way a dataset is read: the file stays as it is, reading it with the fix is repeatable, and reading it
without the fix undoes it.

    fixes = toggled((), problem.fixes[0])       # the button is pressed
    prepare(name, content, fixes=fixes)
    fixes = toggled(fixes, problem.fixes[0])    # pressed again: as before

A new fix is one line in ``FIXES``; the check that offers it names it in its ``Problem``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from steering.data.table import Rows, Table
from steering.data.texts import is_constant, is_long, script_of, without_control, without_personal_data
from steering.errors import SpecError
from steering.spec import Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a kind of fix does, where it does something.

    ``cell`` rewrites every cell, ``text`` every cell but the labels; ``leaves_out`` says which rows go, from text, label and the fix's
    arguments, and ``reason`` is what they are counted under. ``renames``: the arguments are old and new labels.
    """

    about: str
    cell: Callable[[str], str] | None = None
    text: Callable[[str], str] | None = None
    renames: bool = False
    leaves_out: Callable[[str, str, Mapping[str, str]], bool] | None = None
    reason: str = ""


FIXES: dict[str, Action] = {
    "rename_labels": Action(about="Labels are read as others, to merge spellings or to give numbers a name.", renames=True),
    "remove_characters": Action(about="Control characters and marks that turn the direction of writing are taken out.", cell=without_control),
    "mask_personal_data": Action(
        about="What looks like an e-mail address, phone or card number is replaced by its kind.", text=without_personal_data
    ),
    "leave_out_labels": Action(about="Rows of these labels are not used.", leaves_out=lambda text, label, given: label in given, reason="unwanted"),
    "leave_out_long": Action(about="Rows that are too long are not used.", leaves_out=lambda text, label, given: is_long(text), reason="too_long"),
    "leave_out_constant": Action(
        about="Rows that say one thing over and over are not used.", leaves_out=lambda text, label, given: is_constant(text), reason="constant"
    ),
    "leave_out_scripts": Action(
        about="Rows written in these scripts are not used.", leaves_out=lambda text, label, given: script_of(text) in given, reason="other_script"
    ),
    "keep_majority": Action(
        about="Of rows with the same text but different labels the first with the label of most of them is used.", reason="outvoted"
    ),
    "leave_out_near_duplicates": Action(about="Of rows that are nearly the same only the first is used.", reason="near_duplicates"),
}
"""Name of a fix and what it does. The last two need all rows at once: :mod:`steering.data.cleaning` and :mod:`steering.data.prepare` carry
them out."""


def check_fixes(fixes: Sequence[Fix]) -> None:
    """Refuse a fix that nobody knows.

    Raises:
        SpecError: names it, and what could be meant.
    """
    for fix in fixes:
        if fix.name not in FIXES:
            near = get_close_matches(fix.name, FIXES, n=1)
            raise SpecError(f"fix {fix.name!r} is not known.", f"Did you mean {near[0]!r}?" if near else f"Fixes: {', '.join(FIXES)}.")


def toggled(fixes: Sequence[Fix], fix: Fix) -> tuple[Fix, ...]:
    """The fixes with this one, or without it if it was among them. What stands on the button does not matter, what it does, does."""
    rest = tuple(other for other in fixes if (other.name, other.arguments) != (fix.name, fix.arguments))
    return rest if len(rest) < len(fixes) else (*fixes, fix)


def fix_cells(table: Table, label: str, fixes: Sequence[Fix]) -> tuple[Table, dict[str, int]]:
    """The table with rewritten cells, and how many rows each fix changed."""
    changed: dict[str, int] = {}
    for fix in fixes:
        action = FIXES[fix.name]
        rewrite = action.cell or action.text
        if rewrite is not None:
            cells = {
                name: column if action.cell is None and name == label else [rewrite(cell) if cell else cell for cell in column]
                for name, column in table.cells.items()
            }
            pairs = [zip(column, table.cells[name], strict=True) for name, column in cells.items()]
            changed[fix.name] = sum(any(new != old for new, old in row) for row in zip(*pairs, strict=True))
            table = replace(table, rows=Rows(table.lines, cells))
    return table, changed


def renamed(label: str, fixes: Sequence[Fix]) -> str:
    """The label after every renaming, in the order in which they were asked for."""
    for fix in fixes:
        if FIXES[fix.name].renames:
            label = fix.arguments.get(label, label)
    return label


def reason_to_leave_out(text: str, label: str, fixes: Sequence[Fix]) -> str:
    """Why a row is left out at the person's request; empty if it is not."""
    for fix in fixes:
        action = FIXES[fix.name]
        if action.leaves_out is not None and action.leaves_out(text, label, fix.arguments):
            return action.reason
    return ""
