"""Runs and what they said."""

import json
import logging
import shutil
import sqlite3
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steering.errors import NotFoundError, SpecError
from steering.knobs import from_json, to_json
from steering.spec import RunSpec
from steering.store.database import Database, storage_error

logger = logging.getLogger(__name__)

ACTIVE = ("queued", "running")
FINAL = ("done", "stopped", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of the run list. ``state``: queued, running, done, stopped (can be resumed), failed. ``version`` grows with every change."""

    id: str
    name: str
    spec: RunSpec
    state: str
    phase: str
    step: int
    steps: int
    stop: bool
    error: dict[str, str] | None
    created: float
    started: float | None
    finished: float | None
    version: int
    deaths: int
    death_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One thing a run said. ``at``: when, in seconds since the epoch; 0 where an older version of the app wrote it."""

    step: int
    kind: str
    data: dict[str, Any]
    at: float


class Runs(Database):
    """The run list, each run's events and its folder of tensors. Events are keyed (run, step, kind): a replay overwrites instead of doubling."""

    def add_run(self, spec: RunSpec) -> str:
        """Queue a run; returns its id (128 random bits: knowing it is the right to see it)."""
        run = uuid.uuid4().hex
        with self._write() as db:
            db.execute(
                "INSERT INTO runs (id, name, spec, state, steps, created) VALUES (?, ?, ?, 'queued', ?, ?)",
                (run, spec.name, json.dumps(to_json(spec), ensure_ascii=False), spec.recipe.steps, time.time()),
            )
        return run

    def run(self, run: str) -> Run:
        """One run.

        Raises:
            NotFoundError: no such run.
        """
        rows = self._rows("SELECT * FROM runs WHERE id = ?", str(run))
        if not rows:
            raise NotFoundError(f"there is no run {run!r} here.", "`runs` lists the runs; a deleted run cannot be opened.")
        return _run(rows[0])

    def runs(self, states: tuple[str, ...] = (*ACTIVE, *FINAL)) -> list[Run]:
        """Runs in these states, oldest first. One that another version of the app wrote and this one cannot read is left out, with a log line."""
        marks = ", ".join("?" * len(states))
        rows = self._rows(f"SELECT * FROM runs WHERE state IN ({marks}) ORDER BY created, id", *states)
        return [run for run in map(_readable, rows) if run is not None]

    def update_run(self, run: str, **values: Any) -> None:
        """Change columns of a run: state, phase, step, steps, stop, error, started, finished, deaths, death_step."""
        known = {"state", "phase", "step", "steps", "stop", "error", "started", "finished", "deaths", "death_step"}
        assert values.keys() <= known, f"unknown columns {values.keys() - known}"
        if isinstance(values.get("error"), dict):
            values["error"] = json.dumps(values["error"], ensure_ascii=False)
        changes = ", ".join(f"{name} = ?" for name in values)
        with self._write() as db:
            db.execute(f"UPDATE runs SET {changes}, version = version + 1 WHERE id = ?", (*values.values(), run))

    def claim(self, run: str) -> bool:
        """Queued to running, unless it was stopped meanwhile."""
        with self._write() as db:
            done = db.execute(
                "UPDATE runs SET state = 'running', started = COALESCE(started, ?), version = version + 1 WHERE id = ? AND state = 'queued'",
                (time.time(), run),
            )
            return done.rowcount == 1

    def request_stop(self, run: str) -> None:
        """Ask a run to stop at its next step boundary; a queued one stops at once."""
        self.run(run)
        with self._write() as db:
            db.execute("UPDATE runs SET stop = 1, version = version + 1 WHERE id = ? AND state = 'running'", (run,))
            db.execute("UPDATE runs SET state = 'stopped', finished = ?, version = version + 1 WHERE id = ? AND state = 'queued'", (time.time(), run))

    def requeue(self, run: str) -> None:
        """Let a stopped or failed run continue from its last checkpoint."""
        self.run(run)
        with self._write() as db:
            db.execute(
                "UPDATE runs SET state = 'queued', stop = 0, error = NULL, finished = NULL, deaths = 0, death_step = -1, version = version + 1 "
                "WHERE id = ? AND state IN ('stopped', 'failed')",
                (run,),
            )

    def add_steps(self, run: str, steps: int) -> None:
        """Let a run that has ended go on for ``steps`` more from its last checkpoint; its specification says so.

        Raises:
            SpecError: it has not ended.
        """
        found = self.run(run)
        spec = replace(found.spec, recipe=replace(found.spec.recipe, more=(*found.spec.recipe.more, steps)))
        with self._write() as db:
            changed = db.execute(
                "UPDATE runs SET spec = ?, state = 'queued', stop = 0, finished = NULL, deaths = 0, death_step = -1, steps = step + ?, "
                "version = version + 1 WHERE id = ? AND state = 'done'",
                (json.dumps(to_json(spec), ensure_ascii=False), steps, run),
            )
            if changed.rowcount != 1:
                raise SpecError(
                    f"run {found.name!r} is {found.state}; steps are added to a run that is done.", "Continue it first, or wait for its end."
                )

    def delete_run(self, run: str) -> None:
        """Forget a run, its events and its tensors.

        Raises:
            NotFoundError: no such run.
        """
        self.run(run)
        with self._write() as db:
            db.execute("DELETE FROM runs WHERE id = ?", (run,))
        shutil.rmtree(self.home / "runs" / run, ignore_errors=True)

    def run_folder(self, run: str) -> Path:
        """Where a run's tensors lie."""
        folder = self.home / "runs" / run
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(folder, error.strerror or str(error)) from None
        return folder

    def put_event(self, run: str, at: int, kind: str, data: dict[str, Any], **columns: Any) -> None:
        """Write one event (overwriting the same step and kind) and, with it, changes of the run's row."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO events (run, step, kind, data, at) VALUES (?, ?, ?, ?, ?)",
                (run, at, kind, json.dumps(data, ensure_ascii=False), time.time()),
            )
            changes = "".join(f"{name} = ?, " for name in columns)
            db.execute(f"UPDATE runs SET {changes}version = version + 1 WHERE id = ?", (*columns.values(), run))

    def events(self, run: str, kinds: tuple[str, ...] = (), *, without: tuple[str, ...] = ()) -> list[StoredEvent]:
        """What a run said, by step; only ``kinds`` where given, and nothing of ``without``."""
        where = "".join(f" AND kind {word} ({', '.join('?' * len(names))})" for word, names in (("IN", kinds), ("NOT IN", without)) if names)
        rows = self._rows(f"SELECT step, kind, data, at FROM events WHERE run = ?{where} ORDER BY step, kind", run, *kinds, *without)
        return [StoredEvent(step=row["step"], kind=row["kind"], data=json.loads(row["data"]), at=row["at"]) for row in rows]


def _readable(row: sqlite3.Row) -> Run | None:
    try:
        return _run(row)
    except (SpecError, ValueError) as error:
        logger.warning("run %s cannot be read by this version: %s", row["id"], error)
        return None


def _run(row: sqlite3.Row) -> Run:
    values = dict(row)
    values["spec"] = from_json(RunSpec, json.loads(values["spec"]))
    values["error"] = json.loads(values["error"]) if values["error"] else None
    values["stop"] = bool(values["stop"])
    return Run(**values)
