"""Before anybody is judged: no contestant may have seen the test rows, no prompt may hold one, and phrases they share are said."""

from collections.abc import Sequence
from dataclasses import replace

from steering.engine.contestants import FITTED, Context, parse
from steering.engine.judging import Contestant
from steering.errors import InputError
from steering.evaluate.overlap import contained, shared
from steering.spec import Example

LISTED = 10
"""Rows that a message names; the others are counted."""


def apart_from_fits(specs: Sequence[str], context: Context, rows: Sequence[Example], *, skip: bool) -> list[Example]:
    """The rows that no fit or demonstration of these contestants can have seen: asked before anything is fitted.

    Raises:
        InputError: some were, and ``skip`` does not say to leave them out; or none are left.
    """
    names = [spec for spec in specs if parse(spec)[0] in FITTED]
    return _apart(rows, dict.fromkeys(names, context.fitted_on), skip=skip)


def apart(contestants: Sequence[Contestant], rows: Sequence[Example], *, skip: bool) -> list[Example]:
    """The rows that none of these contestants was made from.

    Raises:
        InputError: as :func:`apart_from_fits`.
    """
    everybody = [member for one in contestants for member in (one, *one.members)]
    return _apart(rows, {one.name: one.seen for one in everybody if one.seen is not None}, skip=skip)


def _apart(rows: Sequence[Example], seen: dict[str, frozenset[str]], *, skip: bool) -> list[Example]:
    for name, keys in seen.items():
        trained = [row for row in rows if row.key in keys]
        if trained and not skip:
            raise InputError(
                f"{len(trained)} of {len(rows)} test rows are rows that {name} was made from ({lines(trained)}).",
                "Judge on rows that nobody has seen: another file, or --skip-trained-rows to leave these out.",
            )
    left = [row for row in rows if not any(row.key in keys for keys in seen.values())]
    if rows and not left:
        raise InputError(f"all {len(rows)} test rows are rows that a contestant was made from.", "Judge on rows that nobody has seen.")
    return left


def unchecked(contestants: Sequence[Contestant]) -> list[str]:
    """Names of contestants whose training rows are not known here."""
    return [one.name for one in contestants if one.seen is None]


def flagged(contestants: Sequence[Contestant], rows: Sequence[Example], context: Context) -> list[Contestant]:
    """The contestants, those with text marked where it shares phrases of five words with test rows or, if it was written, with training rows.

    Raises:
        InputError: a prompt that contains a whole test text.
    """
    return [_flagged(one, rows, context) for one in contestants]


def _flagged(one: Contestant, rows: Sequence[Example], context: Context) -> Contestant:
    if not one.text.strip():
        return one
    texts = [_text(row) for row in rows]
    whole = [rows[i] for i in contained(one.text, texts)]
    if whole:
        raise InputError(
            f"the text of {one.name[:80]!r} contains {_plural(len(whole), 'whole test text')} ({lines(whole)}).",
            "Take it out of the prompt, or the row out of the test file: whoever has seen a row cannot be tested on it.",
        )
    flags = list(one.flags)
    alike = [rows[i] for i in shared(one.text, texts)]
    if alike:
        flags.append(f"It shares a phrase of five words with {_plural(len(alike), 'test row')} ({lines(alike)}): its score may be too good.")
    known = list(context.train) if one.kind == "manual" else []
    taken = [known[i] for i in shared(one.text, [_text(row) for row in known])]
    if taken:
        flags.append(f"It shares a phrase of five words with {_plural(len(taken), 'training row')} ({lines(taken)}).")
    return replace(one, flags=tuple(flags))


def _text(row: Example) -> str:
    return " ".join(row.values.values())


def lines(rows: Sequence[Example]) -> str:
    """Line numbers as an editor shows them."""
    shown = ", ".join(str(row.row) for row in rows[:LISTED])
    rest = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return f"{'line' if len(rows) == 1 else 'lines'} {shown}{rest}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
