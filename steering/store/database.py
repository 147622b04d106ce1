"""The SQLite file under every room of the store: connections, transactions, migrations, and disk errors in words."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steering.errors import StorageError
from steering.store.migrations import MIGRATIONS

_BUGS = (sqlite3.IntegrityError, sqlite3.ProgrammingError)  # of ours; every other database error is the disk's


class Database:
    """One folder with one database (WAL). It holds a folder, not a connection: every thread gets its own.

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
            raise storage_error(home, error.strerror or str(error)) from None
        with self._write() as db:
            db.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY)")
            done = {row[0] for row in db.execute("SELECT number FROM migrations")}
            for number, script in enumerate(MIGRATIONS):
                if number not in done:
                    for statement in filter(str.strip, script.split(";")):
                        db.execute(statement)
                    db.execute("INSERT INTO migrations VALUES (?)", (number,))

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
                raise storage_error(self.home, str(error)) from None
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
            raise storage_error(self.home, str(error)) from None

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        try:
            return self._db().execute(sql, values).fetchall()
        except _BUGS:
            raise
        except sqlite3.DatabaseError as error:
            raise storage_error(self.home, str(error)) from None


def storage_error(place: Path, reason: str) -> StorageError:
    """What the disk said, with the remedy."""
    if "full" in reason.lower() or "no space" in reason.lower():
        return StorageError(f"the disk that holds {place} is full.", "Free some space and try again; nothing was half-written.")
    if "malformed" in reason or "not a database" in reason:
        return StorageError(f"{place / 'studio.db'} is damaged: {reason}.", "Move it away and start again; saved prompts are files of their own.")
    return StorageError(f"{place} cannot be written: {reason}.", "Choose a writable folder with --home DIR, or mend its permissions.")
