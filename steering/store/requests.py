"""What a person waits for, what views found, and what the engine says of itself."""

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from steering.errors import NotFoundError
from steering.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An interactive request: waiting, running, done or failed; ``result`` may grow while it runs. One in state ``idle`` is waited for by nobody."""

    id: str
    kind: str
    payload: dict[str, Any]
    state: str
    result: dict[str, Any] | None
    error: dict[str, str] | None


class Requests(Database):
    """Interactive requests and their answers, kept views, and the engine's state."""

    def add_request(self, kind: str, payload: dict[str, Any], *, idle: bool = False) -> str:
        """Queue something a person waits for, or with ``idle`` something that is done when there is nothing else to do; old finished ones are
        forgotten."""
        request, state = uuid.uuid4().hex, "idle" if idle else "waiting"
        packed = json.dumps(payload | ({"idle": True} if idle else {}), ensure_ascii=False)
        with self._write() as db:
            db.execute("DELETE FROM requests WHERE state IN ('done', 'failed') AND created < ?", (time.time() - 3600,))
            db.execute(
                "INSERT INTO requests (id, kind, payload, state, created) VALUES (?, ?, ?, ?, ?)",
                (request, kind, packed, state, time.time()),
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

    def requests(self, kind: str) -> list[Request]:
        """All kept requests of a kind, newest first: what a page that was opened again finds its work by."""
        return [self.request(row["id"]) for row in self._rows("SELECT id FROM requests WHERE kind = ? ORDER BY created DESC", kind)]

    def waiting_request(self) -> Request | None:
        """The oldest request that nobody has begun; views last, because a page may ask for a dozen at once while somebody waits for an answer."""
        rows = self._rows("SELECT id FROM requests WHERE state = 'waiting' ORDER BY kind = 'inspect', created LIMIT 1")
        return self.request(rows[0]["id"]) if rows else None

    def idle_request(self) -> Request | None:
        """The oldest request that nobody waits for and nobody has begun."""
        rows = self._rows("SELECT id FROM requests WHERE state = 'idle' ORDER BY created LIMIT 1")
        return self.request(rows[0]["id"]) if rows else None

    def pending(self, kind: str, *, over: bool = False, **about: object) -> list[Request]:
        """Requests of a kind that are waiting or at work, oldest first: so a page that was opened anew finds what is being done. ``over``: also
        those that ended within the hour. ``about``: what their payload must say, such as ``run``."""
        states = "" if over else " AND state IN ('waiting', 'running')"
        rows = self._rows(f"SELECT id FROM requests WHERE kind = ?{states} ORDER BY created", kind)
        found = [self.request(row["id"]) for row in rows]
        return [one for one in found if all(one.payload.get(name) == value for name, value in about.items())]

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
            db.execute("UPDATE requests SET state = CASE WHEN json_extract(payload, '$.idle') THEN 'idle' ELSE 'waiting' END WHERE state = 'running'")

    def put_view(self, artifact: str, view: str, result: dict[str, Any]) -> None:
        """Keep an inspection result for an artifact's digest."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO views VALUES (?, ?, ?)", (artifact, view, json.dumps(result, ensure_ascii=False)))

    def view(self, artifact: str, view: str) -> dict[str, Any] | None:
        """A kept inspection result."""
        rows = self._rows("SELECT result FROM views WHERE artifact = ? AND view = ?", artifact, view)
        return json.loads(rows[0]["result"]) if rows else None

    def views(self, artifact: str) -> dict[str, dict[str, Any]]:
        """All inspection results kept under one address, by view."""
        return {row["view"]: json.loads(row["result"]) for row in self._rows("SELECT view, result FROM views WHERE artifact = ?", artifact)}

    def set_engine(self, **values: Any) -> None:
        """What the engine says of itself: model, device, dtype, state, beat."""
        with self._write() as db:
            db.executemany("INSERT OR REPLACE INTO engine VALUES (?, ?)", [(key, json.dumps(value)) for key, value in values.items()])

    def engine(self) -> dict[str, Any]:
        """See :meth:`set_engine`."""
        return {row["key"]: json.loads(row["value"]) for row in self._rows("SELECT key, value FROM engine")}
