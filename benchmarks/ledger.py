"""Results as lines of JSON, each written and synced as soon as it is measured: what is in the file is never measured again."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Ledger:
    """Rows of one results file; two rows with the same values under ``keys`` are the same measurement, and the later one counts."""

    def __init__(self, path: Path, keys: Sequence[str]) -> None:
        self.path, self.keys = path, tuple(keys)
        self._rows: dict[tuple[Any, ...], Row] = {}
        for row in _read(path):
            self._rows[self._key(row)] = row

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row.get(name) for name in self.keys)

    def find(self, **wanted: Any) -> Row | None:
        """The row with these values, if it was measured before."""
        return self._rows.get(self._key(wanted))

    def add(self, row: Row) -> Row:
        """Append one row; it survives whatever happens next."""
        self._rows[self._key(row)] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return row

    def rows(self) -> list[Row]:
        """All rows in the order in which they were first measured."""
        return list(self._rows.values())


def _read(path: Path) -> Iterable[Row]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # the last line of a run that was cut off while it wrote
            continue
        if isinstance(row, dict):
            yield row


def table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Rows as a Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in columns) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
