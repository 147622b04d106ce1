"""A table of a view as HTML: sortable, rows of slots can be selected, tokens stand literally. And the same as CSV.

Every token is a box of its own with its own direction, so that nothing in it (a space, a control, right-to-left letters) reaches beyond it.
"""

from collections.abc import Mapping
from typing import Any

from steering.data.export import export_csv
from steering.inspect.results import Column, Table
from steering.ui import text

SHOWN = 200
"""Rows on the page, at most; the CSV holds all of them."""
TOKENS = 10
LONG = 40
"""Letters from which a cell is given room to break its lines in."""
NUMERIC = ("number", "percent")
ASIDE = ("kept", "gained", "lost")
"""Columns that the slot's card shows better: they are in the CSV, not in the page's table."""


def token(written: object) -> str:
    """One token, literally."""
    return f'<bdi class="token" dir="auto">{text.safe(written)}</bdi>'


def listed(items: Any) -> str:
    """Tokens in a row, with their cosine where they have one."""
    found = [one for one in items or [] if isinstance(one, Mapping) and "token" in one][:TOKENS]
    return " ".join(token(one["token"]) + (f" <small>{one['cosine']:.2f}</small>" if "cosine" in one else "") for one in found)


def grid(part: Table) -> str:
    """A table that scrolls inside itself; a press on a heading sorts it."""
    columns = [column for column in part.columns if column.name not in ASIDE]
    heads = "".join(_head(column) for column in columns)
    body = "".join(_row(row, columns) for row in part.rows[:SHOWN])
    inner = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    more = f'<p class="quiet">The first {SHOWN} of {len(part.rows):,} rows; the CSV holds all.</p>' if len(part.rows) > SHOWN else ""
    return f'<div class="scroll grid" tabindex="0" role="region" aria-label="{text.safe(part.title)}">{inner}</div>{more}{_helps(columns)}'


def _head(column: Column) -> str:
    right = ' class="n"' if column.kind in NUMERIC else ""
    hint = f' title="{text.safe(column.help)}"' if column.help else ""
    return f'<th scope="col"{right}><button type="button" class="sorts"{hint}>{text.safe(column.title)}</button></th>'


def _row(row: Mapping[str, Any], columns: list[Column]) -> str:
    slot = row.get("slot")
    mark = f' data-slot="{slot}"' if isinstance(slot, int) else ""
    moments = row.get("moments")
    return f"<tr{mark}>{''.join(_cell(row.get(column.name), column, bool(mark), moments) for column in columns)}</tr>"


def _cell(value: Any, column: Column, selects: bool, moments: Any) -> str:
    if column.kind in NUMERIC:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        shown = text.percent(value, 1) if column.kind == "percent" and number else text.safe(text.number(value))
        if column.name == "slot" and selects and number:
            shown = f'<button type="button" class="slot-no" data-slot="{int(value)}" aria-label="Slot {int(value)}">{int(value)}</button>'
        return f'<td class="n" data-v="{value if number else ""}">{shown}</td>'
    if column.kind == "tokens":
        return f'<td class="tokens-cell">{listed(value)}</td>'
    if column.kind == "token":
        return f'<td class="wide">{token(value) if value is not None else ""}</td>'
    said = "" if value is None else str(value)
    return f'<td class="wide{" long" if len(said) > LONG else ""}">{text.safe(said)}</td>'


def _helps(columns: list[Column]) -> str:
    items = "".join(f"<li><b>{text.safe(column.title)}</b>: {text.safe(column.help)}</li>" for column in columns if column.help)
    return f"<details><summary>What the columns mean</summary><ul>{items}</ul></details>" if items else ""


def csv(part: Table) -> str:
    """All rows and columns; texts that a spreadsheet would run are made harmless."""
    names = [column.name for column in part.columns]
    rows = [{name: _plain(row.get(name)) for name in names} for row in part.rows]
    return export_csv(rows, names, [column.title for column in part.columns]).decode("utf-8")


def _plain(value: Any) -> str | float | None:
    if isinstance(value, list):
        return " | ".join(f"{one['token']} {one['cosine']:.4f}" if "cosine" in one else str(one["token"]) for one in value if "token" in one)
    return value if value is None or isinstance(value, (int, float)) else str(value)
