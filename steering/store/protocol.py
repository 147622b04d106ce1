"""What keeps a comparison honest and cheap: looks at test rows, rows that must not break, answers that were given before; and what was found."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from steering.errors import NotFoundError
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

    def keep_finding(self, kind: str, payload: dict[str, Any], result: dict[str, Any]) -> str:
        """Keep the result of a comparison, curve or ladder (``kind``: of the request); returns its id. The same question again overwrites."""
        name = hashlib.sha256(json.dumps([kind, payload], sort_keys=True).encode()).hexdigest()[:32]
        written = (json.dumps(payload, ensure_ascii=False), json.dumps(result, ensure_ascii=False))
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?)", (name, kind, str(payload["rows"]), time.time_ns(), *written))
        return name

    def finding(self, name: str) -> dict[str, Any]:
        """``kind``, ``payload`` and ``result`` of one of them.

        Raises:
            NotFoundError: no such finding.
        """
        rows = self._rows("SELECT kind, payload, result FROM findings WHERE id = ?", str(name))
        if not rows:
            raise NotFoundError("this comparison is no longer here.", "Its rows may have been deleted; compare again.")
        return {"kind": rows[0]["kind"]} | {key: json.loads(rows[0][key]) for key in ("payload", "result")}

    def findings(self, dataset: str, kind: str = "compare") -> list[str]:
        """Ids of what was found on these rows, newest first."""
        return [row["id"] for row in self._rows("SELECT id FROM findings WHERE dataset = ? AND kind = ? ORDER BY at DESC", dataset, kind)]

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
