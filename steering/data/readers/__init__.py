"""Bytes to a :class:`~steering.data.table.Table`. The content decides which reader, never the file name.

A new format is one module with ``claims`` and ``read`` and one line in ``READERS``; the first that claims the content reads it. What only
wraps another format (gzip, a zip with one file) is unpacked before.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from steering.data.limits import ReadOptions
from steering.data.readers import delimited, excel, folders, json_document, jsonl, parquet, prefixed
from steering.data.readers.archive import unpack
from steering.data.readers.source import Source
from steering.data.table import Table, check_cells, check_size, content_digest
from steering.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """``claims(source)`` says whether this is its format; ``read(source)`` makes the table."""

    title: str
    claims: Callable[[Source], bool]
    read: Callable[[Source], Table]


READERS: dict[str, Reader] = {
    "excel": Reader(title="Excel", claims=excel.claims, read=excel.read),
    "folders": Reader(title="zip of text files, one folder for each class", claims=folders.claims, read=folders.read),
    "parquet": Reader(title="Parquet", claims=parquet.claims, read=parquet.read),
    "jsonl": Reader(title="JSON Lines", claims=jsonl.claims, read=jsonl.read),
    "json": Reader(title="JSON", claims=json_document.claims, read=json_document.read),
    "prefixed": Reader(title="lines that begin with their label", claims=prefixed.claims, read=prefixed.read),
    "delimited": Reader(title="CSV, TSV and other delimited text", claims=delimited.claims, read=delimited.read),
}
"""Binary formats first: the others look at the text of the file, which a binary one does not have."""

_EVERYDAY = ReadOptions()
_NOTHING = b"\xef\xbb\xbf \t\r\n"


def read(name: str, content: bytes, options: ReadOptions = _EVERYDAY) -> Table:
    """Read a labelled file.

    Raises:
        DataError: empty, larger than ``options.limits`` allow, damaged, or no table; the message says what to do.
    """
    _refuse_empty(name, content)
    limits = options.limits
    if len(content) > limits.bytes:
        raise DataError(
            f"{name!r} has {len(content) / 1e6:,.0f} MB, more than {limits.bytes / 1e6:,.0f} MB.",
            "Keep a few thousand rows; a soft prompt needs no more.",
        )
    source = unpack(Source(name=name, content=content, options=options))
    _refuse_empty(name, source.content)
    reader = next(reader for reader in READERS.values() if reader.claims(source))
    table = reader.read(source)
    check_size(name, len(table.columns), len(table.rows), limits)
    check_cells(name, table, limits)
    return replace(table, digest=content_digest(content), problems=(*source.notes, *table.problems))


def _refuse_empty(name: str, content: bytes) -> None:
    if not (content[:4000].strip(_NOTHING) or content.strip(_NOTHING)):  # the whole of it is a copy: seldom needed
        raise DataError(f"{name!r} is empty.", "A file needs a header line and at least 16 rows, for example with the columns text and label.")
