"""Labels that a person gives row by row in the page: kept at once, so that closing the page loses nothing."""

import time

from steering.store.database import Database

SKIPPED = ""
"""What is kept for a row that was passed over."""


class Labels(Database):
    """Labels by the digest of the uploaded file and the row's line in it."""

    def put_label(self, content: str, line: int, label: str) -> None:
        """Keep a label (:data:`SKIPPED`: passed over); labelling a row again replaces it."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?)", (content, line, label, time.time_ns()))

    def undo_label(self, content: str) -> int | None:
        """Take the latest label back; returns its line, None where there is none."""
        with self._write() as db:
            found = db.execute("SELECT line FROM labels WHERE content = ? ORDER BY at DESC LIMIT 1", (content,)).fetchone()
            if found is not None:
                db.execute("DELETE FROM labels WHERE content = ? AND line = ?", (content, found["line"]))
        return found["line"] if found else None

    def labels(self, content: str) -> dict[int, str]:
        """Line and label, in the order in which they were given."""
        return {row["line"]: row["label"] for row in self._rows("SELECT line, label FROM labels WHERE content = ? ORDER BY at", content)}
