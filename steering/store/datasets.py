"""Datasets: examples with their sides and report, the uploaded file itself, and where each row was once placed."""

import hashlib
import json
import re
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from steering.errors import NotFoundError
from steering.knobs import from_json
from steering.spec import Example, Side
from steering.store.atomic import replace_file
from steering.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset as it was placed: examples with their side, and the report made when it was read.

    ``content``: digest of the uploaded bytes (empty where they were not kept). ``reading``: what the person decided about how to read them.
    """

    digest: str
    name: str
    created: float
    report: dict[str, Any]
    examples: tuple[Example, ...]
    content: str = ""
    reading: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDataset:
    """One line of the dataset list. ``content``: digest of its file, which other versions share; ``runs``: how many runs were trained on it."""

    digest: str
    name: str
    created: float
    content: str
    rows: int
    runs: int


PACKED = tuple(item.name for item in fields(Example))
"""The fields of an example in the order in which the store keeps them: a list for each example takes a third of the time of an object."""
AT_A_TIME = 1000
"""Examples that are packed at once: all of them as one text would take several times the memory of the file."""


def _packed(examples: Sequence[Example]) -> bytearray:
    """Examples as JSON, compressed (zlib, its quickest level: a third of the size, and writing less pays for the time)."""
    take, squeeze, packed = attrgetter(*PACKED), zlib.compressobj(1), bytearray()
    for start in range(0, len(examples), AT_A_TIME):
        written = json.dumps(list(map(take, examples[start : start + AT_A_TIME])), ensure_ascii=False)[1:-1]
        packed += squeeze.compress(f"{',' if start else '['}{written}".encode("utf-8", "surrogatepass"))
    packed += squeeze.compress(b"]" if examples else b"[]") + squeeze.flush()
    return packed


def _unpacked(packed: str | bytes) -> tuple[Example, ...]:
    written = zlib.decompress(packed) if isinstance(packed, bytes) else packed  # text: as written before 0.1.0
    return tuple(map(_example, json.loads(written)))


def _example(item: Any) -> Example:
    if isinstance(item, dict):  # as written before 0.1.0
        return from_json(Example, item)
    given = dict(zip(PACKED, item, strict=False))
    return Example(**given | {"references": tuple(given.get("references", ()))})


_WITHOUT_DATASET = "DELETE FROM placements WHERE dataset = ? AND NOT EXISTS (SELECT 1 FROM datasets WHERE datasets.name = placements.dataset)"
_PINS_WITHOUT_DATASET = "DELETE FROM pins WHERE dataset = ? AND NOT EXISTS (SELECT 1 FROM datasets WHERE name = pins.dataset)"


class Datasets(Database):
    """The datasets of a home. The bytes of an upload lie in ``data/`` under their own digest."""

    _remembered: tuple[tuple[str, float], tuple[Example, ...]] | None = None

    def placements(self, name: str) -> dict[str, Side]:
        """Sides that rows of this dataset were once placed on, by text key."""
        return {row["key"]: row["side"] for row in self._rows("SELECT key, side FROM placements WHERE dataset = ?", name)}

    def keep_content(self, content: bytes) -> str:
        """Keep the bytes of an upload; returns their digest.

        Raises:
            StorageError: the disk is full or read-only.
        """
        digest = hashlib.sha256(content).hexdigest()[:32]
        path = self._content_path(digest)
        if not path.exists():

            def write(temporary: Path) -> None:
                temporary.write_bytes(content)

            replace_file(path, write)
        return digest

    def content(self, digest: str) -> bytes:
        """The bytes of an upload.

        Raises:
            NotFoundError: they are not here.
        """
        try:
            return self._content_path(digest).read_bytes()
        except OSError:
            raise NotFoundError("the uploaded file is no longer here.", "Choose it again.") from None

    def forget_content(self, digest: str) -> None:
        """Delete the bytes of an upload with the labels given to its rows, unless a dataset was read from them."""
        with self._write() as db:
            if not self._used(digest):
                db.execute("DELETE FROM labels WHERE content = ?", (digest,))
        self.drop_unused(digest)

    def drop_unused(self, digest: str) -> None:
        """Delete the bytes of an upload that nothing came of: no dataset was read from them, and no row of them has a label."""
        labelled = self._rows("SELECT 1 FROM labels WHERE content = ? LIMIT 1", digest)
        if digest and not labelled and not self._used(digest):
            self._content_path(digest).unlink(missing_ok=True)

    def _used(self, digest: str) -> bool:
        """Whether a dataset was read from these bytes, or has them as its own validation or test file."""
        own = "EXISTS (SELECT 1 FROM json_each(datasets.reading, '$.extra') AS own WHERE own.value = ?)"
        return bool(self._rows(f"SELECT 1 FROM datasets WHERE content = ? OR {own} LIMIT 1", digest, digest))

    def _content_path(self, digest: str) -> Path:
        if not re.fullmatch("[0-9a-f]{32}", digest):
            raise NotFoundError("the uploaded file was not kept.", "Choose it again.")
        return self.home / "data" / digest

    def bound(self, name: str) -> bool:
        """Whether a run was started on a dataset of this name: from then on its rows stay where they are, whatever is decided anew."""
        return any(one.runs for one in self.datasets() if one.name == name)

    def add_dataset(
        self,
        name: str,
        digest: str,
        report: dict[str, Any],
        examples: tuple[Example, ...],
        content: str = "",
        reading: dict[str, Any] | None = None,
        *,
        place_anew: bool = False,
    ) -> None:
        """Keep a dataset under its digest; its placements are kept under its name, for later versions of the same file (``place_anew``: instead
        of those that were kept before)."""
        packed, created = _packed(examples), time.time()
        written, read = json.dumps(report, ensure_ascii=False), json.dumps(reading or {}, ensure_ascii=False)
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?)", (digest, name, created, written, packed, content, read))
            if place_anew:
                db.execute("DELETE FROM placements WHERE dataset = ?", (name,))
            placed = sorted(examples, key=attrgetter("key"))  # in the order of the index: rows at random places take a quarter longer
            db.executemany("INSERT OR IGNORE INTO placements VALUES (?, ?, ?)", ((name, e.key, e.side) for e in placed))
        self._remembered = (digest, created), examples

    def dataset(self, digest: str) -> Dataset:
        """A stored dataset.

        Raises:
            NotFoundError: there is none with this digest.
        """
        rows = self._rows("SELECT * FROM datasets WHERE digest = ?", digest)
        if not rows:
            raise NotFoundError(f"there is no dataset {digest!r} here.", "Upload the file again.")
        values = dict(rows[0])
        values["examples"] = self._examples(digest, values["created"], values["examples"])
        values |= {key: json.loads(values[key]) for key in ("report", "reading")}
        return Dataset(**values)

    def _examples(self, digest: str, created: float, packed: str | bytes) -> tuple[Example, ...]:
        """The examples of the last dataset are remembered, once for all threads: the page asks for them at every change of a prompt."""
        known = self._remembered
        if known is None or known[0] != (digest, created):
            known = self._remembered = ((digest, created), _unpacked(packed))
        return known[1]

    def datasets(self) -> list[ListedDataset]:
        """All datasets, newest first."""
        rows = self._rows(
            "SELECT digest, name, created, content, json_extract(report, '$.rows_usable') AS rows, "
            "(SELECT COUNT(*) FROM runs WHERE json_extract(runs.spec, '$.dataset') = datasets.digest) AS runs FROM datasets ORDER BY created DESC"
        )
        return [ListedDataset(**{**dict(row), "rows": row["rows"] or 0}) for row in rows]

    def versions(self, digest: str) -> list[ListedDataset]:
        """A dataset and the others that were read from the same file under the same name, newest first.

        Raises:
            NotFoundError: there is none with this digest.
        """
        found = self.dataset(digest)
        return [one for one in self.datasets() if one.digest == digest or (found.content and (one.name, one.content) == (found.name, found.content))]

    def rename_dataset(self, digest: str, name: str) -> None:
        """Another name for a dataset; its placements and pins go with it, so that a later version under the new name keeps every row's side."""
        old = self.dataset(digest).name
        with self._write() as db:
            db.execute("UPDATE datasets SET name = ? WHERE digest = ?", (name, digest))
            db.execute("INSERT OR IGNORE INTO placements SELECT ?, key, side FROM placements WHERE dataset = ?", (name, old))
            db.execute("INSERT OR IGNORE INTO pins SELECT ?, key, at FROM pins WHERE dataset = ?", (name, old))
            db.execute(_PINS_WITHOUT_DATASET, (old,))
            db.execute(_WITHOUT_DATASET, (old,))

    def delete_dataset(self, digest: str) -> None:
        """Forget a dataset: its rows, its report, and, where no other dataset was read from them, the uploaded files.

        Placements are hashes of texts; they go when the last version under that name goes.
        """
        found = self.dataset(digest)
        with self._write() as db:
            db.execute("DELETE FROM datasets WHERE digest = ?", (digest,))
            db.execute(_WITHOUT_DATASET, (found.name,))
            db.execute("DELETE FROM findings WHERE dataset = ?", (digest,))
            db.execute("DELETE FROM scores")  # a cache, but answers quote the rows they were given
            db.execute(_PINS_WITHOUT_DATASET, (found.name,))
        for content in (found.content, *found.reading.get("extra", {}).values()):
            self.forget_content(content)
