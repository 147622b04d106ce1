"""The store: one SQLite file (WAL) and one folder a run. What the page shows is read from here, and nothing else is truth.

Any number of processes may read and enqueue; only the engine writes events. Events are keyed (run, step, kind), so that a replay after a crash
overwrites instead of doubling. A :class:`Store` holds a folder, not a connection: every thread gets its own.
"""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steering.errors import NotFoundError, StorageError
from steering.knobs import from_json, to_json
from steering.spec import Example, RunSpec, Side
from steering.store.migrations import MIGRATIONS

ACTIVE = ("queued", "running")
FINAL = ("done", "stopped", "failed")
_BUGS = (sqlite3.IntegrityError, sqlite3.ProgrammingError)  # of ours; every other database error is the disk's


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
    """One thing a run said."""

    step: int
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset as it was placed: examples with their side, and the report made at upload."""

    digest: str
    name: str
    created: float
    report: dict[str, Any]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An interactive request: waiting, running, done or failed; ``result`` may grow while it runs."""

    id: str
    kind: str
    payload: dict[str, Any]
    state: str
    result: dict[str, Any] | None
    error: dict[str, str] | None


class Store:
    """Everything that outlives a request, under one folder.

    Raises:
        StorageError: the folder cannot be made or written (read-only, full, a file in the way).
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._local = threading.local()
        try:
            home.mkdir(parents=True, exist_ok=True)
            (home / "runs").mkdir(exist_ok=True)
        except OSError as error:
            raise _storage(home, error.strerror or str(error)) from None
        with self._write() as db:
            db.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY)")
            done = {row[0] for row in db.execute("SELECT number FROM migrations")}
            for number, script in enumerate(MIGRATIONS):
                if number not in done:
                    for statement in filter(str.strip, script.split(";")):
                        db.execute(statement)
                    db.execute("INSERT INTO migrations VALUES (?)", (number,))

    # -- connections --------------------------------------------------------------------------------------------------------------------------
    def _db(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._local, "db", None)
        if known is None:
            try:
                known = sqlite3.connect(self.home / "studio.db", timeout=30, isolation_level=None, check_same_thread=False)
                known.row_factory = sqlite3.Row
                known.execute("PRAGMA journal_mode=WAL")
                known.execute("PRAGMA synchronous=NORMAL")
                known.execute("PRAGMA foreign_keys=ON")
            except sqlite3.Error as error:
                if known is not None:
                    known.close()
                raise _storage(self.home, str(error)) from None
            self._local.db = known
        return known

    def close(self) -> None:
        """Close this thread's connection."""
        known = getattr(self._local, "db", None)
        if known is not None:
            known.close()
            self._local.db = None

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        db = self._db()
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk makes SQLite roll back by itself
                    db.execute("ROLLBACK")
                raise
        except _BUGS:
            raise
        except sqlite3.DatabaseError as error:
            raise _storage(self.home, str(error)) from None

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        try:
            return self._db().execute(sql, values).fetchall()
        except _BUGS:
            raise
        except sqlite3.DatabaseError as error:
            raise _storage(self.home, str(error)) from None

    # -- datasets -----------------------------------------------------------------------------------------------------------------------------
    def placements(self, name: str) -> dict[str, Side]:
        """Sides that rows of this dataset were once placed on, by text key."""
        return {row["key"]: row["side"] for row in self._rows("SELECT key, side FROM placements WHERE dataset = ?", name)}

    def add_dataset(self, name: str, digest: str, report: dict[str, Any], examples: tuple[Example, ...]) -> None:
        """Keep a dataset under its digest; its placements are kept under its name, for later versions of the same file."""
        packed = json.dumps([to_json(e) for e in examples], ensure_ascii=False)
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO datasets VALUES (?, ?, ?, ?, ?)",
                (digest, name, time.time(), json.dumps(report, ensure_ascii=False), packed),
            )
            db.executemany("INSERT OR IGNORE INTO placements VALUES (?, ?, ?)", [(name, e.key, e.side) for e in examples])

    def dataset(self, digest: str) -> Dataset:
        """A stored dataset.

        Raises:
            NotFoundError: there is none with this digest.
        """
        rows = self._rows("SELECT * FROM datasets WHERE digest = ?", digest)
        if not rows:
            raise NotFoundError(f"there is no dataset {digest!r} here.", "Upload the file again.")
        row = rows[0]
        examples = tuple(from_json(Example, e) for e in json.loads(row["examples"]))
        return Dataset(digest=digest, name=row["name"], created=row["created"], report=json.loads(row["report"]), examples=examples)

    # -- runs ---------------------------------------------------------------------------------------------------------------------------------
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
        """Runs in these states, oldest first."""
        marks = ", ".join("?" * len(states))
        return [_run(row) for row in self._rows(f"SELECT * FROM runs WHERE state IN ({marks}) ORDER BY created, id", *states)]

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

    def run_folder(self, run: str) -> Path:
        """Where a run's tensors lie."""
        folder = self.home / "runs" / run
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _storage(folder, error.strerror or str(error)) from None
        return folder

    # -- events -------------------------------------------------------------------------------------------------------------------------------
    def put_event(self, run: str, at: int, kind: str, data: dict[str, Any], **columns: Any) -> None:
        """Write one event (overwriting the same step and kind) and, with it, changes of the run's row."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?)", (run, at, kind, json.dumps(data, ensure_ascii=False)))
            changes = "".join(f"{name} = ?, " for name in columns)
            db.execute(f"UPDATE runs SET {changes}version = version + 1 WHERE id = ?", (*columns.values(), run))

    def events(self, run: str, kinds: tuple[str, ...] = ()) -> list[StoredEvent]:
        """What a run said, by step; only ``kinds`` where given."""
        where = f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        rows = self._rows(f"SELECT step, kind, data FROM events WHERE run = ?{where} ORDER BY step, kind", run, *kinds)
        return [StoredEvent(step=row["step"], kind=row["kind"], data=json.loads(row["data"])) for row in rows]

    # -- interactive requests -----------------------------------------------------------------------------------------------------------------
    def add_request(self, kind: str, payload: dict[str, Any]) -> str:
        """Queue something a person waits for; old finished ones are forgotten."""
        request = uuid.uuid4().hex
        with self._write() as db:
            db.execute("DELETE FROM requests WHERE state IN ('done', 'failed') AND created < ?", (time.time() - 3600,))
            db.execute(
                "INSERT INTO requests (id, kind, payload, state, created) VALUES (?, ?, ?, 'waiting', ?)",
                (request, kind, json.dumps(payload, ensure_ascii=False), time.time()),
            )
        return request

    def request(self, request: str) -> Request:
        """One request as it stands.

        Raises:
            NotFoundError: no such request (they are kept for an hour).
        """
        rows = self._rows("SELECT * FROM requests WHERE id = ?", str(request))
        if not rows:
            raise NotFoundError("this answer is no longer kept.", "Ask again.")
        row = rows[0]
        result, error = (json.loads(row[key]) if row[key] else None for key in ("result", "error"))
        return Request(id=row["id"], kind=row["kind"], payload=json.loads(row["payload"]), state=row["state"], result=result, error=error)

    def waiting_request(self) -> Request | None:
        """The oldest request that nobody has begun."""
        rows = self._rows("SELECT id FROM requests WHERE state = 'waiting' ORDER BY created LIMIT 1")
        return self.request(rows[0]["id"]) if rows else None

    def update_request(self, request: str, *, state: str, result: dict[str, Any] | None = None, error: dict[str, str] | None = None) -> None:
        """Store how far a request has come."""
        packed = [json.dumps(value, ensure_ascii=False) if value is not None else None for value in (result, error)]
        with self._write() as db:
            db.execute(
                "UPDATE requests SET state = ?, result = COALESCE(?, result), error = COALESCE(?, error) WHERE id = ?", (state, *packed, request)
            )

    def reset_requests(self) -> None:
        """After a crash: what was begun is begun again."""
        with self._write() as db:
            db.execute("UPDATE requests SET state = 'waiting' WHERE state = 'running'")

    # -- views and engine state ---------------------------------------------------------------------------------------------------------------
    def put_view(self, artifact: str, view: str, result: dict[str, Any]) -> None:
        """Keep an inspection result for an artifact's digest."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO views VALUES (?, ?, ?)", (artifact, view, json.dumps(result, ensure_ascii=False)))

    def view(self, artifact: str, view: str) -> dict[str, Any] | None:
        """A kept inspection result."""
        rows = self._rows("SELECT result FROM views WHERE artifact = ? AND view = ?", artifact, view)
        return json.loads(rows[0]["result"]) if rows else None

    def set_engine(self, **values: Any) -> None:
        """What the engine says of itself: model, device, dtype, state, beat."""
        with self._write() as db:
            db.executemany("INSERT OR REPLACE INTO engine VALUES (?, ?)", [(key, json.dumps(value)) for key, value in values.items()])

    def engine(self) -> dict[str, Any]:
        """See :meth:`set_engine`."""
        return {row["key"]: json.loads(row["value"]) for row in self._rows("SELECT key, value FROM engine")}


def _run(row: sqlite3.Row) -> Run:
    values = dict(row)
    values["spec"] = from_json(RunSpec, json.loads(values["spec"]))
    values["error"] = json.loads(values["error"]) if values["error"] else None
    values["stop"] = bool(values["stop"])
    return Run(**values)


def _storage(place: Path, reason: str) -> StorageError:
    if "full" in reason.lower() or "no space" in reason.lower():
        return StorageError(f"the disk that holds {place} is full.", "Free some space and try again; nothing was half-written.")
    if "malformed" in reason or "not a database" in reason:
        return StorageError(f"{place / 'studio.db'} is damaged: {reason}.", "Move it away and start again; saved prompts are files of their own.")
    return StorageError(f"{place} cannot be written: {reason}.", "Choose a writable folder with --home DIR, or mend its permissions.")
