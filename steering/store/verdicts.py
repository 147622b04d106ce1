"""Judgements that were asked for after a run, and what raters preferred in blind tests. Both go with their run."""

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from steering.errors import NotFoundError
from steering.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A comparison on a run's held-out rows, without the rows. ``about``: ``contestants``, ``sentence``, ``reveal``; ``at``: seconds (epoch)."""

    id: str
    run: str
    at: float
    about: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one rater said of one row of a blind test; ``choice`` is the name of the preferred contestant, ``=`` or ``skip``."""

    rater: str
    row: int
    choice: str


class Verdicts(Database):
    """Comparisons by run, votes by ballot (a comparison and two of its contestants)."""

    def add_judgement(self, run: str, result: dict[str, Any]) -> str:
        """Keep a comparison; returns its id (128 random bits)."""
        judgement = uuid.uuid4().hex
        primary: dict[str, Any] = next((pair for pair in result["pairs"] if pair["primary"]), {})
        about = {
            "contestants": [one["name"] for one in result["contestants"]],
            "sentence": primary.get("sentence", ""),
            "reveal": result.get("reveal", 1),
        }
        with self._write() as db:
            db.execute(
                "INSERT INTO judgements VALUES (?, ?, ?, ?, ?)",
                (judgement, run, time.time_ns(), json.dumps(about, ensure_ascii=False), json.dumps(result, ensure_ascii=False)),
            )
        return judgement

    def judgements(self, run: str) -> list[Judgement]:
        """Those of a run, oldest first."""
        rows = self._rows("SELECT id, run, at, about FROM judgements WHERE run = ? ORDER BY at", str(run))
        return [Judgement(id=row["id"], run=row["run"], at=row["at"] / 1e9, about=json.loads(row["about"])) for row in rows]

    def judgement(self, judgement: str) -> dict[str, Any]:
        """The whole comparison.

        Raises:
            NotFoundError: no such judgement.
        """
        rows = self._rows("SELECT result FROM judgements WHERE id = ?", str(judgement))
        if not rows:
            raise NotFoundError("this judgement is not here any more.", "Its run was deleted, or the address is wrong: choose another one.")
        found: dict[str, Any] = json.loads(rows[0]["result"])
        return found

    def put_vote(self, run: str, ballot: str, vote: Vote) -> None:
        """Keep a vote; voting on a row again replaces it."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO votes VALUES (?, ?, ?, ?, ?, ?)", (run, ballot, vote.rater, vote.row, vote.choice, time.time_ns()))

    def undo_vote(self, ballot: str, rater: str) -> int | None:
        """Take a rater's latest vote back; returns its row, None where there is none."""
        with self._write() as db:
            found = db.execute("SELECT row FROM votes WHERE ballot = ? AND rater = ? ORDER BY at DESC LIMIT 1", (ballot, rater)).fetchone()
            if found is not None:
                db.execute("DELETE FROM votes WHERE ballot = ? AND rater = ? AND row = ?", (ballot, rater, found["row"]))
        return found["row"] if found else None

    def votes(self, ballot: str) -> list[Vote]:
        """All of a ballot, in the order in which they were given."""
        rows = self._rows("SELECT rater, row, choice FROM votes WHERE ballot = ? ORDER BY at", ballot)
        return [Vote(rater=row["rater"], row=row["row"], choice=row["choice"]) for row in rows]
