"""Use-cases of the verdict: what a run was judged by, judging more contestants, pinned rows, and blind tests. No torch."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from steering.data.export import export_csv
from steering.engine.contestants import parse
from steering.errors import NotFoundError, SpecError
from steering.evaluate.browse import Index, flat, indexed
from steering.store import Judgement, Store

OWN = "own"
"""The judgement that a run made of itself when it ended."""


class ContestDesk:
    """Comparisons of one store. Indexes of the latest few are kept: they never change."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._index = lru_cache(maxsize=6)(self._read)

    def judgements(self, run: str) -> list[Judgement]:
        """What was judged after the run, oldest first; the run's own judgement is not among them."""
        return self.store.judgements(run)

    def index(self, run: str, which: str = "") -> Index | None:
        """A comparison of a run: ``which`` is an id, :data:`OWN`, or empty for the newest. None where the run was not judged.

        Raises:
            NotFoundError: no such run, or no such judgement of it.
        """
        found = self.store.run(run)
        kept = [one.id for one in self.judgements(run)]
        if which not in ("", OWN, *kept):
            raise NotFoundError("this judgement is not here any more.", "Choose another one.")
        chosen = which or (kept[-1] if kept else OWN)
        return self._index(run, chosen, found.version if chosen == OWN else 0)

    def _read(self, run: str, which: str, version: int) -> Index | None:
        if which != OWN:
            return indexed(self.store.judgement(which))
        events = self.store.events(run, ("comparison",))
        return indexed(events[-1].data) if events else None

    def ask(
        self,
        run: str,
        contestants: Sequence[str],
        *,
        primary: tuple[str, str] | None = None,
        margin: float | None = None,
        metric: str = "",
        cost: bool = False,
    ) -> str:
        """Enqueue "judge these on the run's held-out rows"; returns the request's id. What is given here is declared beforehand.

        Raises:
            NotFoundError: no such run; SpecError: fewer than two contestants, one twice, or a form that is not known.
        """
        specs = [spec.strip() for spec in contestants]
        if len(specs) < 2:
            raise SpecError("there are fewer than two contestants to compare.", "Choose at least two.")
        for one in specs:
            parse(one)
        twice = next((one for one in specs if specs.count(one) > 1), "")
        if twice:
            raise SpecError(f"contestant {twice!r} is given twice.", "Give each once.")
        spec = self.store.run(run).spec
        payload = {"run": run, "contestants": specs, "model": spec.model, "primary": list(primary) if primary else None}
        return self.store.add_request("contest", payload | {"margin": margin, "metric": metric or None, "cost": cost})

    def pins(self, run: str) -> dict[int, str]:
        """Keys of the pinned rows of the run's dataset by their line, in the order in which they were pinned."""
        dataset = self.store.dataset(self.store.run(run).spec.dataset)
        pinned = self.store.pins(dataset.name)
        lines = {row.key: row.row for row in dataset.examples}
        return {lines[key]: key for key in pinned if key in lines}

    def pin(self, run: str, line: int) -> None:
        """Pin the row of a line, or take its pin away.

        Raises:
            NotFoundError: the dataset has no such line.
        """
        dataset = self.store.dataset(self.store.run(run).spec.dataset)
        key = next((row.key for row in dataset.examples if row.row == line), None)
        if key is None:
            raise NotFoundError(f"line {line} is not in this dataset.", "Open the run again.")
        self.store.pin(dataset.name, key, key not in self.store.pins(dataset.name))

    def recorded_steps(self, run: str) -> list[int]:
        """Steps of which the run's vectors were recorded, by what it said at every look (thinned when there were many)."""
        events = [event.step for event in self.store.events(run, ("validation",))]
        return sorted(set(events))

    def exported(self, index: Index, rows: Sequence[int], form: str) -> bytes:
        """Rows as CSV (safe to open in a spreadsheet program) or JSONL.

        Raises:
            SpecError: another form.
        """
        listed = flat(index, rows)
        if form == "jsonl":
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in listed).encode("utf-8", "replace")
        if form != "csv":
            raise SpecError(f"rows cannot be written as {form!r}.", "Choose csv or jsonl.")
        columns = list(dict.fromkeys(name for row in listed for name in row))
        return export_csv([{name: _cell(value) for name, value in row.items()} for row in listed], columns)


def _cell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
