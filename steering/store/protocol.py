"""What keeps a comparison honest and cheap: how often test rows were looked at, rows that must not break, and answers that were given before."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from steering.spec import digest
from steering.store.database import Database

MOST_KEPT = 400_000
"""Answers kept at most; the oldest go first (about 100 bytes each for labels)."""
_AT_ONCE = 500


def looked_at(keys: Iterable[str]) -> str:
    """What looks at test rows are counted under: a digest of the rows' keys, in whatever order."""
    return digest(sorted(keys))


class Kept(NamedTuple):
    """An answer (a text, or K log-probabilities) and the seconds it took."""

    value: Any
    seconds: float


class Protocol(Database):
    """Answers by scope and input, reveals by test rows, pins by dataset name."""

    def recall(self, scope: str, keys: Sequence[str]) -> dict[str, Kept]:
        """The answers that are known, by input key."""
        found: dict[str, Kept] = {}
        wanted = sorted(set(keys))
        for at in range(0, len(wanted), _AT_ONCE):
            part = wanted[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            for row in self._rows(f"SELECT input, value, seconds FROM scores WHERE scope = ? AND input IN ({marks})", scope, *part):
                found[row["input"]] = Kept(json.loads(row["value"]), row["seconds"])
        return found

    def keep(self, scope: str, found: Mapping[str, Kept]) -> None:
        """Remember answers; what is not finite cannot be written as JSON and is not kept."""
        rows = [(scope, key, _written(one.value), one.seconds, time.time()) for key, one in found.items()]
        with self._write() as db:
            db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)", [row for row in rows if row[2] is not None])

    def forget_scores(self, most: int = MOST_KEPT) -> None:
        """Drop the oldest answers beyond ``most``."""
        with self._write() as db:
            (count,) = db.execute("SELECT COUNT(*) FROM scores").fetchone()
            if count > most:
                db.execute("DELETE FROM scores WHERE at <= (SELECT at FROM scores ORDER BY at LIMIT 1 OFFSET ?)", (count - most - 1,))

    def reveal(self, rows: str, question: str) -> int:
        """Count a look at test rows: the number of this question among those asked of them so far, 1 for the first.

        ``rows`` is a digest of the rows, ``question`` one of who was compared: asking the same again shows nothing new and counts once.
        """
        with self._write() as db:
            db.execute("INSERT OR IGNORE INTO reveals VALUES (?, ?, ?)", (rows, question, time.time_ns()))
            at = "SELECT at FROM reveals WHERE rows = ? AND question = ?"
            (number,) = db.execute(f"SELECT COUNT(*) FROM reveals WHERE rows = ? AND at <= ({at})", (rows, rows, question)).fetchone()
        return int(number)

    def reveals(self, rows: str) -> int:
        """How many different questions have been asked of these rows."""
        return int(self._rows("SELECT COUNT(*) AS n FROM reveals WHERE rows = ?", rows)[0]["n"])

    def pin(self, dataset: str, key: str, pinned: bool = True) -> None:
        """Mark a row (by the key of its text) of the datasets of this name as one that must not break, or take the mark away."""
        with self._write() as db:
            if pinned:
                db.execute("INSERT OR REPLACE INTO pins VALUES (?, ?, ?)", (dataset, key, time.time_ns()))
            else:
                db.execute("DELETE FROM pins WHERE dataset = ? AND key = ?", (dataset, key))

    def pins(self, dataset: str) -> list[str]:
        """Keys of the pinned rows, in the order in which they were pinned."""
        return [row["key"] for row in self._rows("SELECT key FROM pins WHERE dataset = ? ORDER BY at", dataset)]


def _written(value: Any) -> str | None:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return None
