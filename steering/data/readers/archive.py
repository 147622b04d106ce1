"""Archives: unpacked in memory, one layer deep, never to disk, and never further than the limits allow.

What an archive declares is checked first, what really comes out of it is checked as it comes: a zip bomb costs no more than an honest file.
"""

import gzip
import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from steering.data.limits import Limits
from steering.data.readers.source import Source
from steering.data.table import FEWER, make_problem
from steering.errors import DataError

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError, IndexError)
"""What the standard library raises over a damaged zip archive."""
DATA_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".parquet", ".gz"})
OTHER_DOCUMENTS = {
    "xl/workbook.bin": ("a binary Excel workbook (.xlsb)", "Open it and save it as .xlsx or 'CSV UTF-8'."),
    "word/document.xml": ("a Word document", "Copy the table into a spreadsheet and save it as .xlsx or 'CSV UTF-8'."),
    "content.xml": ("an OpenDocument file", "Open it and save it as .xlsx or 'CSV UTF-8'."),
    "ppt/presentation.xml": ("a PowerPoint document", "Put the table into a spreadsheet and save it as .xlsx or 'CSV UTF-8'."),
    "Index/Document.iwa": ("a Numbers or Pages document", "Export it as Excel or CSV."),
}
"""A file inside, what the archive therefore is, and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in a zip archive: its path there and its size as declared."""

    path: str
    size: int


def unpack(source: Source) -> Source:
    """The file inside gzip, or inside a zip that holds one data file; anything else comes back as it is (a workbook is a zip, too).

    Raises:
        DataError: damaged, too large when unpacked, protected, an archive in an archive, or several data files.
    """
    if source.content.startswith(GZIP):
        return _unpacked(source, gunzip(source.name, source.content, source.limits), "gzip")
    if not source.content.startswith(ZIP):
        return source
    members = list_members(source.name, source.content, source.limits)
    paths = {member.path for member in members}
    if "xl/workbook.xml" in paths:
        return source
    for path, (what, remedy) in OTHER_DOCUMENTS.items():
        if path in paths:
            raise DataError(f"{source.name!r} is {what}, expected a table.", remedy)
    chosen = data_member(source.name, members)
    if chosen is None:
        return source
    content = read_member(source.name, source.content, chosen, source.limits)
    found = _unpacked(source, content, f"the zip archive, in which it is called {chosen.path!r}")
    ignored = len(members) - 1
    if not ignored:
        return found
    message = f"of {len(members)} files in the archive only {chosen.path!r} was read."
    return replace(found, notes=(*found.notes, make_problem("archive_rest", "note", [], message)))


def _unpacked(source: Source, content: bytes, where: str) -> Source:
    if content.startswith(GZIP) or (content.startswith(ZIP) and not is_workbook(content)):
        raise DataError(f"{source.name!r} holds an archive inside an archive.", "Unpack it once and upload the file inside.")
    if content[257:262] == b"ustar":
        raise DataError(f"{source.name!r} holds a tar archive.", "Unpack it, and upload the table, or a zip of it.")
    if not content:
        raise DataError(f"{source.name!r} holds an empty file.", "Pack the file again.")
    note = make_problem("unpacked", "note", [], f"unpacked from {where}.")
    return replace(source, content=content, notes=(*source.notes, note))


def gunzip(name: str, content: bytes, limits: Limits) -> bytes:
    """Raises DataError: damaged, or larger than the limit when unpacked."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            found = file.read(limits.bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name!r} is a damaged gzip archive: {error}.", "Pack or download it again.") from None
    if len(found) > limits.bytes:
        raise _too_large(name, limits.bytes)
    return found


def list_members(name: str, content: bytes, limits: Limits) -> list[Member]:
    """The files of a zip archive, without folders and what operating systems add.

    Raises:
        DataError: damaged, protected by a password, a path that leads out of it, or more declared than the limits allow.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = [info for info in archive.infolist() if not info.filename.endswith("/")]  # is_dir() stumbles over an empty name
    except DAMAGED as error:
        raise DataError(f"{name!r} is a damaged zip archive: {error}.", "Pack or download it again.") from None
    total = sum(info.file_size for info in infos)
    if len(infos) > limits.rows + 1000:
        raise DataError(f"{name!r} holds {len(infos):,} files, more than {limits.rows:,}.", FEWER)
    if total > limits.unpacked:
        raise _too_large(name, limits.unpacked)
    if total > 1_000_000 and total > limits.ratio * len(content):
        raise DataError(
            f"{name!r} unpacks to {total / len(content):,.0f} times its size, more than {limits.ratio} times.", "Upload the table itself."
        )
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in parts[0]:
            raise DataError(f"{name!r} holds a file whose path leads out of the archive: {info.filename[:100]!r}.", "Pack the folder again.")
        if info.flag_bits & 1:
            raise DataError(f"{name!r} is protected by a password.", "Pack it again without one.")
    return [Member(path=info.filename.replace("\\", "/"), size=info.file_size) for info in infos if not _is_litter(info.filename)]


def data_member(name: str, members: list[Member]) -> Member | None:
    """The one data file of an archive; None if there is none (text files in folders may be data of another kind).

    Raises:
        DataError: there are several.
    """
    if len(members) == 1:
        return members[0]
    found = [member for member in members if PurePosixPath(member.path.lower()).suffix in DATA_SUFFIXES]
    if len(found) > 1:
        names = ", ".join(repr(member.path) for member in found[:5])
        raise DataError(
            f"{name!r} holds {len(found)} data files ({names}{', ...' if len(found) > 5 else ''}), expected one.", "Upload them one by one."
        )
    return found[0] if found else None


def read_member(name: str, content: bytes, member: Member, limits: Limits) -> bytes:
    """One file of a zip archive.

    Raises:
        DataError: damaged, packed in a way that is not supported, or larger than the limit.
    """
    if member.size > limits.bytes:
        raise _too_large(name, limits.bytes)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = next(info for info in archive.infolist() if info.filename.replace("\\", "/") == member.path)
        return read_info(name, archive, info, limits)


def read_info(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> bytes:
    """One file of an open archive. Only stored and deflated files: the others unpack without a bound. Raises DataError as ``read_member``."""
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise DataError(f"{name!r} is packed in a way that is not supported.", "Pack it again as an ordinary zip archive.")
    try:
        with archive.open(info) as file:
            found = file.read(limits.bytes + 1)
    except DAMAGED as error:
        raise DataError(f"{name!r} is a damaged zip archive: {error}.", "Pack or download it again.") from None
    if len(found) > limits.bytes:
        raise _too_large(name, limits.bytes)
    return found


def is_workbook(content: bytes) -> bool:
    """Whether a zip archive is an Excel workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except DAMAGED:
        return False


def _too_large(name: str, most: int) -> DataError:
    return DataError(f"{name!r} is larger than {most / 1e6:,.0f} MB when unpacked.", FEWER)


def _is_litter(path: str) -> bool:
    parts = path.replace("\\", "/").split("/")
    return parts[0] == "__MACOSX" or parts[-1].startswith(".") or parts[-1] in {"Thumbs.db", "desktop.ini"}
