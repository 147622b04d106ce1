"""Bytes to a :class:`~steering.data.table.Table`. The content decides which reader, never the file name.

A new format is one module with ``claims`` and ``read`` and one line in ``READERS``; the first that claims the content reads it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from steering.data.readers import delimited, jsonl
from steering.data.table import MAX_BYTES, Table
from steering.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """``claims(content)`` says whether this is its format; ``read(name, content)`` makes the table. ``name`` only appears in messages."""

    title: str
    claims: Callable[[bytes], bool]
    read: Callable[[str, bytes], Table]


READERS: dict[str, Reader] = {
    "jsonl": Reader(title="JSON Lines", claims=jsonl.claims, read=jsonl.read),
    "delimited": Reader(title="CSV, TSV and other delimited text", claims=delimited.claims, read=delimited.read),
}


def read(name: str, content: bytes) -> Table:
    """Read a labelled file.

    Raises:
        DataError: empty, too large, not text, not UTF-8, or no table; the message says what to do.
    """
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataError(f"{name!r} is empty.", "A file needs a header line and at least 16 rows, for example with the columns text and label.")
    if len(content) > MAX_BYTES:
        raise DataError(
            f"{name!r} has {len(content) / 1e6:,.0f} MB, more than {MAX_BYTES / 1e6:,.0f} MB.",
            "Keep a few thousand rows; a soft prompt needs no more.",
        )
    reader = next(reader for reader in READERS.values() if reader.claims(content))
    return reader.read(name, content)
