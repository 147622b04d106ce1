"""Rows that must not break, as they stand for the judgement that is shown: every pinned row, and who keeps it. No torch.

Rows that were pinned after the judgement are known from it where they are held-out rows, and else from the latest check (the request ``pins``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from steering.engine.contestants import SLOW, parse
from steering.evaluate.pins import is_kept
from steering.spec import Example
from steering.store import Run, Store

Answers = dict[str, dict[str, tuple[str, bool]]]
"""Contestant -> key of a row -> what it answered, and whether that is right."""


def specs_of(run: Run, found: Mapping[str, Any]) -> dict[str, str]:
    """Contestants as they are called in a judgement -> as they are written; of a run's own judgement too, which names two of them by their role."""
    own = {"manual": f"prompt:{run.spec.task.prompt}", "learned": f"run:{run.id}"}
    written = {name: spec for spec, name in (found.get("spec_names") or {}).items()}
    return {one["name"]: written.get(one["name"]) or own.get(one["name"], one["name"]) for one in found["contestants"]}


def pinned(store: Store, run: Run, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pinned rows of the run's dataset with everybody's ruling, in the order in which they were pinned; see :mod:`steering.evaluate.pins`."""
    dataset = store.dataset(run.spec.dataset)
    rows = {row.key: row for row in dataset.examples}
    keys = [key for key in store.pins(dataset.name) if key in rows]
    if not keys:
        return []
    names = [str(one["name"]) for one in found["contestants"]]
    known: list[Answers] = [_listed(found.get("pins") or (), names), _held_out(found, names, {row.row: row for row in dataset.examples})]
    specs = specs_of(run, found)
    for finding in (store.finding(one)["result"] for one in store.findings(run.spec.dataset, "pins")):
        checked = _listed(finding["pins"], finding["specs"])
        known.append({name: checked.get(spec, {}) for name, spec in specs.items()})
    return [_row(rows[key], names, known) for key in keys]


def _row(row: Example, names: Sequence[str], known: Sequence[Answers]) -> dict[str, Any]:
    found = [next((one[name][row.key] for one in known if row.key in one.get(name, {})), (None, None)) for name in names]
    about = {"line": row.row, "key": row.key, "side": row.side, "values": row.values, "target": row.target}
    return about | {"answers": [answer for answer, _ in found], "right": [right for _, right in found]}


def _listed(pins: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Answers:
    return {name: {str(pin.get("key")): (pin["answers"][at], pin["right"][at]) for pin in pins} for at, name in enumerate(names)}


def _held_out(found: Mapping[str, Any], names: Sequence[str], rows: Mapping[int, Example]) -> Answers:
    lines = found.get("lines") or ()
    known: Answers = {}
    for name, one in zip(names, found["contestants"], strict=True):
        answered = [(rows[line], str(said)) for line, said in zip(lines, one["predictions"], strict=True) if line in rows]
        known[name] = {row.key: (said, is_kept(said, (row.target, *row.references))) for row, said in answered}
    return known


def askable(run: Run, found: Mapping[str, Any]) -> list[str]:
    """Contestants of a judgement, as they are written, that can answer at once: those that are fitted anew each time are left out."""
    return [spec for spec in dict.fromkeys(specs_of(run, found).values()) if parse(spec)[0] not in SLOW]


def ask(store: Store, run: Run, found: Mapping[str, Any]) -> str:
    """Enqueue "answer the pinned rows once more"; returns the request's id."""
    payload = {"run": run.id, "rows": run.spec.dataset, "model": run.spec.model, "contestants": askable(run, found)}
    return store.add_request("pins", payload)


def to_pin(store: Store, run: Run, text: str, most: int) -> list[Example]:
    """Validation rows with a text in them, at most ``most``; those that are pinned are left out."""
    dataset = store.dataset(run.spec.dataset)
    taken, needle = set(store.pins(dataset.name)), text.strip().casefold()
    rows = (row for row in dataset.examples if row.side == "validation" and row.key not in taken)
    fits = (row for row in rows if needle in "\n".join([*row.values.values(), row.target]).casefold())
    return [row for row, _ in zip(fits, range(most), strict=False)]
