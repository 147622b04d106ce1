"""The strip of slots, one box each, and the card of the chosen one. Safe HTML from kept views; whatever is not measured is said to be so."""

from collections.abc import Mapping, Sequence
from typing import Any

from steering.inspect.dossier import Dossier
from steering.ui import text
from steering.ui.vectors_table import listed, token

SHAPES = {
    "unmoved": '<circle cx="6" cy="6" r="4.5"/>',
    "shifted": '<circle cx="6" cy="6" r="4.5"/><path class="full" d="M6 1.5a4.5 4.5 0 0 1 0 9z"/>',
    "word-like": '<rect class="full" x="1.5" y="1.5" width="9" height="9"/>',
    "off-vocabulary": '<path d="M2 2l8 8M10 2l-8 8"/>',
    "unclear": '<path d="M6 1.5l5 9H1z"/>',
    "header": '<path d="M1.5 6h9"/>',
}
"""Status by shape; the word stands beside it, so that neither colour nor shape alone carries it."""

MEANINGS = {
    "unmoved": "still at the word it started from",
    "shifted": "closest word unchanged, most of the vector is something else",
    "word-like": "near another word than it started from",
    "off-vocabulary": "no nearer to any word than a random vector",
    "unclear": "weakly related to a word",
    "header": "the model's own, never trained",
}

ORDERS = (("place", "In place"), ("changed", "Changed most"), ("worth", "Carries most"))


def strip(dossiers: Sequence[Dossier], chosen: int) -> str:
    """All slots as buttons; how they can be ordered is done in the browser."""
    if not dossiers:
        return ""
    known = {"place": True, "changed": any(_changed(d) is not None for d in dossiers), "worth": any(_worth(d) is not None for d in dossiers)}
    buttons = "".join(_order(key, word, known[key]) for key, word in ORDERS)
    boxes = "".join(_box(one, one.slot == chosen) for one in dossiers)
    seen = dict.fromkeys(one.status for one in dossiers if one.status)
    legend = "".join(f"<li>{_shape(what)} <b>{text.safe(what)}</b>: {text.safe(MEANINGS.get(what, ''))}</li>" for what in seen)
    return (
        f'<div class="strip-head"><h3>Slots</h3><div role="group" aria-label="Order of the slots">{buttons}</div></div>'
        f'<div class="strip" role="group" aria-label="Slots; choosing one marks it in every view">{boxes}</div><ul class="legend">{legend}</ul>'
    )


def _order(key: str, word: str, known: bool) -> str:
    pressed, off = str(key == "place").lower(), "" if known else ' disabled title="not measured yet"'
    return f'<button type="button" class="pick" data-order="{key}" aria-pressed="{pressed}"{off}>{word}</button>'


def _changed(one: Dossier) -> float | None:
    """How little of what was around it stayed; where that is not known, how far it went."""
    stayed = one.value("neighbours", "overlap")
    drift = one.value("neighbours", "drift") if one.value("neighbours", "drift") is not None else one.value("trajectory", "drift")
    return None if stayed is None and drift is None else (1 - stayed if stayed is not None else 0) + 0.001 * (drift or 0)


def _worth(one: Dossier) -> float | None:
    value = one.value("ablation", "effect")
    return None if value is None else float(value)


def _shape(status: str) -> str:
    return f'<svg class="shape s-{text.safe(status)}" viewBox="0 0 12 12" aria-hidden="true">{SHAPES.get(status, "")}</svg>' if status else ""


def _box(one: Dossier, chosen: bool) -> str:
    status, worth = one.status or "not read yet", _worth(one)
    finding = one.value("ablation", "finding")
    cost = f'<small class="worth">{worth:+.3f}{" hurts" if finding == "hurts" else ""}</small>' if worth is not None else ""
    marks = f'data-changed="{_number(_changed(one))}" data-worth="{_number(worth)}"'
    name = text.safe(f"Slot {one.slot}, started from {one.word or 'an unknown word'}, {status}")
    return (
        f'<button type="button" class="slotbox s-{text.safe(one.status or "open")}" data-slot="{one.slot}" {marks} '
        f'aria-pressed="{"true" if chosen else "false"}" aria-label="{name}"><span class="no">{one.slot}</span>'
        f'{token(one.word) if one.word is not None else ""}<span class="st">{_shape(one.status)}{text.safe(status)}</span>{cost}</button>'
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def card(one: Dossier | None, beside: Mapping[str, Dossier] | None = None) -> str:
    """What is known of one slot; ``beside``: the same slot of other prompts by their names."""
    if one is None:
        return text.empty("Choose a slot, in the strip, in a table or in a chart: every view marks it, and its card opens here.")
    parts = [f'<section class="card slotcard" aria-label="Slot {one.slot}"><h3>Slot {one.slot}{_start(one)}</h3>', _status(one), _facts(one)]
    parts += [_nearest(one), _change(one), *(_beside(name, one, other) for name, other in (beside or {}).items())]
    return "".join(parts) + "</section>"


def _start(one: Dossier) -> str:
    return f", started from {token(one.word)}" if one.word is not None else ""


def _status(one: Dossier) -> str:
    if not one.status:
        return '<p class="quiet">Its closest vocabulary entries have not been measured, or it has none in this form.</p>'
    reading = one.value("neighbours", "reading") or MEANINGS.get(one.status, "")
    return f'<p class="st">{_shape(one.status)} <b>{text.safe(one.status)}</b>. {text.safe(reading)}</p>'


def _facts(one: Dossier) -> str:
    drift, norm = (_first(one.value("neighbours", key), one.value("trajectory", key)) for key in ("drift", "norm"))
    worth, low, high = (one.value("ablation", key) for key in ("effect", "low", "high"))
    removed = f"{worth:+.3f} nats ({low:.3f} to {high:.3f})" if None not in (worth, low, high) else "not measured"
    agreement = one.value("neighbours", "agreement")
    pairs = [
        ("Effect when removed", removed),
        ("Finding", one.value("ablation", "finding")),
        ("Drift, in lengths of its start", text.number(drift, 2)),
        ("Length", text.number(norm, 2)),
        ("p against random vectors (Holm)", text.number(one.value("neighbours", "p_value"))),
        ("Cosine, distance, CSLS agree", f"{agreement} of 3" if agreement is not None else ""),
    ]
    return text.facts(pairs)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _nearest(one: Dossier) -> str:
    """Bars on one scale from 0 to 1, the band that random vectors reach shaded under each."""
    near, floor = one.value("neighbours", "nearest"), one.value("neighbours", "floor")
    if not near or floor is None:
        return ""
    bars = "".join(_entry(entry, floor) for entry in near)
    said = f"Shaded: what 95 of 100 random vectors stay below, {floor:.2f}. Hatched bars are within it."
    return f'<h4>Closest vocabulary entries</h4><ul class="near">{bars}</ul><p class="quiet">{said}</p>'


def _entry(entry: Mapping[str, Any], floor: float) -> str:
    cosine = float(entry["cosine"])
    inside, wide, band = cosine <= floor, 100 * max(0.0, min(1.0, cosine)), 100 * max(0.0, min(1.0, floor))
    mutual = "mutual" if entry.get("mutual") else ""
    track = (
        f'<span class="track" aria-hidden="true"><i class="band" style="width:{band:.1f}%"></i><i class="fill" style="width:{wide:.1f}%"></i></span>'
    )
    return f'<li class="{"within" if inside else ""}">{token(entry["token"])}{track}<b>{cosine:.2f}</b><small>{mutual}</small></li>'


def _change(one: Dossier) -> str:
    """Neighbours kept, lost and gained since the start, beside what a random move of the same length leaves."""
    stayed, chance = one.value("neighbours", "overlap"), one.value("neighbours", "overlap_random")
    if stayed is None:
        return ""
    lists = "".join(
        f"<dt>{word}</dt><dd>{listed(one.value('neighbours', key)) or 'none'}</dd>"
        for key, word in (("kept", "Kept"), ("lost", "Lost"), ("gained", "Gained"))
    )
    beside = f"; after a random move of the same length {text.percent(chance)} stay" if chance is not None else ""
    added = one.value("neighbours", "added")
    more = f"<dt>Added</dt><dd>{listed(added)}</dd>" if added else ""
    said = f"{text.percent(stayed)} of the start's ten closest entries stayed{beside}."
    return f'<h4>Around it, before and after</h4><p>{said}</p><dl class="change">{lists}{more}</dl>'


def _beside(name: str, one: Dossier, other: Dossier) -> str:
    """The same slot of another prompt: its entries, and how many both share."""
    mine, theirs = (side.value("neighbours", "nearest") for side in (one, other))
    if not theirs:
        return f'<h4>In {text.safe(name)}</h4><p class="quiet">Not measured there.</p>'
    shared = [entry for entry in theirs if entry["token"] in {item["token"] for item in mine or []}]
    said = f" {len(shared)} of {len(theirs)} closest entries are the same." if mine else ""
    return f'<h4>Slot {other.slot} of {text.safe(name)}</h4><p>{listed(theirs)}</p><p class="quiet">{text.safe(other.status)}.{said}</p>'
