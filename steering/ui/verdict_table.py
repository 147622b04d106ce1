"""One page of held-out rows by contestants, as HTML: nothing else of a large comparison travels to the browser."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from steering.data import fields
from steering.evaluate.browse import Index, Wanted, matching
from steering.spec import TaskSpec
from steering.studio import Studio
from steering.ui import text
from steering.ui.verdict_names import all_spoken

PAGE = 25
"""Rows that travel at once."""
LONGEST = 600
"""Letters of an input or answer in the table; an opened row shows all of it."""


def cell_of(parts: Sequence[object]) -> tuple[int, int, int] | None:
    """Contestant, true and answered label out of what a browser sent; None for anything odd."""
    numbers = [int(str(part)) if str(part).isdigit() else -1 for part in parts]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 and min(numbers) >= 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a browser is in the table, beside its filters: the page, the row that is open (-1: none), and a cell of a confusion matrix."""

    page: int = 0
    open: int = -1
    cell: tuple[int, int, int] | None = None

    @classmethod
    def of(cls, written: str) -> "Place":
        """From the browser's text; anything odd is the beginning."""
        try:
            value = json.loads(written)
            cell = tuple(int(number) for number in value["cell"]) if value["cell"] else None
            return cls(page=int(value["page"]), open=int(value["open"]), cell=cell if cell is None or len(cell) == 3 else None)
        except (ValueError, TypeError, KeyError):
            return cls()

    def written(self) -> str:
        """For the browser to keep."""
        return json.dumps({"page": self.page, "open": self.open, "cell": list(self.cell) if self.cell else None})


def table(studio: Studio, run: str, index: Index, wanted: Wanted, place: Place) -> str:
    """One page of rows, pinned ones first."""
    found, rows = index.found, matching(index, wanted)
    lines = found.get("lines") or []
    pins = studio.contests.pins(run) if lines else {}
    if pins:
        rows.sort(key=lambda i: lines[i] not in pins)  # stable: the order stays otherwise
    pages = max(1, -(-len(rows) // PAGE))
    at = max(0, min(place.page, pages - 1))
    names, task = all_spoken(found["contestants"]), studio.store.run(run).spec.task
    body = "".join(_row(index, i, task, names, wanted, place, pins) for i in rows[at * PAGE : (at + 1) * PAGE])
    heads = ["", "Input", "Truth", *names]
    top = "".join(f'<th scope="col">{text.safe(head)}</th>' for head in heads)
    said = _said(len(rows), len(found["rows"]), wanted, names)
    if not rows:
        return f'<p role="status">{said}</p>' + text.empty("No row is of this kind.")
    inner = f"<table><caption>{said}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll wrap" tabindex="0" role="region" aria-label="Held-out rows">{inner}</div>{_pager(at, pages)}'


def _said(count: int, total: int, wanted: Wanted, names: list[str]) -> str:
    parts = [wanted.sort] if wanted.sort != "all" else []
    parts += [f"class {wanted.label}"] if wanted.label else []
    parts += [f"{names[wanted.cell[0]]} answered {wanted.cell[2]} where {wanted.cell[1]} is true"] if wanted.cell else []
    parts += [f"with “{wanted.text.strip()}”"] if wanted.text.strip() else []
    return text.safe(f"{count:,} of {total:,} held-out rows" + (f": {', '.join(parts)}" if parts else ""))


def _pager(at: int, pages: int) -> str:
    if pages == 1:
        return ""
    buttons = []
    for word, to in (("First", 0), ("Previous", at - 1), ("Next", at + 1), ("Last", pages - 1)):
        off = to == at or not 0 <= to < pages
        buttons.append(f'<button type="button" class="pick" data-pick="page:{to}"{" disabled" if off else ""}>{word}</button>')
    return f'<nav class="pager" aria-label="Pages of rows">{"".join(buttons)}<span>Page {at + 1} of {pages}</span></nav>'


def input_of(values: dict[str, str], task: TaskSpec) -> str:
    """A row as a person recognises it: the template's first column, or all of them where that is empty."""
    column = next(iter(fields(task.template)), "")
    return values.get(column) or " | ".join(values.values())


def _row(index: Index, i: int, task: TaskSpec, names: list[str], wanted: Wanted, place: Place, pins: dict[int, str]) -> str:
    found = index.found
    row, line = found["rows"][i], (found.get("lines") or range(1, len(found["rows"]) + 1))[i]
    pinned = line in pins
    buttons = text.pick("Close" if place.open == i else "Open", f"open:{i}", f"row {line}")
    if found.get("lines"):
        buttons += text.pick("Unpin" if pinned else "Pin", f"pin:{line}", f"row {line}")
    cells = [f'<td class="acts"><small>line {line}</small>{buttons}</td>', f"<td>{text.safe(_cut(_input(index, i, task)))}</td>"]
    cells.append(f"<td>{text.safe(_cut(row['target']))}</td>")
    for at, one in enumerate(found["contestants"]):
        cells.append(f"<td>{answer(str(one['predictions'][i]), row['scores'][at], found['task'])}</td>")
    opened = ""
    if place.open == i:
        opened = f'<tr class="opened"><td colspan="{len(cells)}">{_opened(index, i, names, wanted)}</td></tr>'
    return f"<tr{' class=pinned' if pinned else ''}>{''.join(cells)}</tr>{opened}"


def _input(index: Index, i: int, task: TaskSpec) -> str:
    inputs = index.found.get("inputs") or []
    return input_of(inputs[i], task) if inputs else ""


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST else value[:LONGEST] + "…"


def answer(said: str, score: float, task: str) -> str:
    """An answer with whether it is right, in a word and not in colour alone; of a text its score."""
    if task != "classification":
        return f'{text.safe(_cut(said) or "(empty)")} <small class="rw">{score:.2f}</small>'
    kind = "right" if score else "wrong"
    return f'<span class="said {kind}">{text.safe(said)}<small class="rw">{kind}</small></span>'


def _opened(index: Index, i: int, names: list[str], wanted: Wanted) -> str:
    """All columns of the row, and what everybody thinks of every label."""
    found = index.found
    inputs = found.get("inputs") or [{}] * len(found["rows"])
    whole = text.facts(inputs[i].items())
    truth, labels = found["rows"][i]["target"], found.get("labels") or []
    cards = []
    for name, one in zip(names, found["contestants"], strict=True):
        if one.get("label_probs"):
            ranked = sorted(zip(labels, one["label_probs"][i], strict=True), key=lambda pair: -pair[1])[:8]
            body = f"<ul>{''.join(_share(label, share, truth) for label, share in ranked)}</ul>"
        else:
            body = f"<pre>{text.safe(one['predictions'][i])}</pre>"
        cards.append(f'<section class="card"><h4>{text.safe(name)}</h4>{body}</section>')
    return f'{whole}<div class="answers">{"".join(cards)}</div>'


def _share(label: str, share: float, truth: str) -> str:
    mark = " <em>truth</em>" if label == truth else ""
    return f"<li><span>{text.safe(label)}{mark}</span>{text.bar(share, label)}<b>{text.percent(share)}</b></li>"
