"""A zip of folders, one for each class, with a text file for each example: ``reviews/good/001.txt``. The folder's name is the label."""

import io
import zipfile
from pathlib import PurePosixPath

from steering.data.readers import encoding
from steering.data.readers.archive import ZIP, Member, is_workbook, list_members, read_info
from steering.data.readers.source import Source
from steering.data.readers.text import BOM, lost_characters
from steering.data.table import FEWER, Row, Table, check_size, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

SUFFIXES = frozenset({".txt", ".text", ""})
COLUMNS = ("text", "label", "file")


def claims(source: Source) -> bool:
    """Whether this is a zip of text files in at least two folders."""
    if not source.content.startswith(ZIP) or is_workbook(source.content):
        return False
    texts = [member for member in list_members(source.name, source.content, source.limits) if _is_text(member)]
    return len({PurePosixPath(member.path).parent for member in texts}) > 1


def read(source: Source) -> Table:
    """Read one row from each text file. A row's number is that of its file in the archive, by name.

    Raises:
        DataError: a damaged archive, or more text than the limits allow.
    """
    wanted = {member.path for member in list_members(source.name, source.content, source.limits) if _is_text(member)}
    contents: dict[str, bytes] = {}
    size = 0
    with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
        for info in archive.infolist():
            path = info.filename.replace("\\", "/")
            if path in wanted:
                contents[path] = read_info(source.name, archive, info, source.limits)
                size += len(contents[path])
                if size > source.limits.bytes:
                    raise DataError(f"{source.name!r} is larger than {source.limits.bytes / 1e6:,.0f} MB when unpacked.", FEWER)
    check_size(source.name, len(COLUMNS), len(contents), source.limits)
    texts, name, notes = _decode(dict(sorted(contents.items())))
    rows = [
        Row(line=number, values={"text": text, "label": PurePosixPath(path).parent.name, "file": path})
        for number, (path, text) in enumerate(texts.items(), start=1)
    ]
    labels = dict.fromkeys(row.values["label"] or "" for row in rows)
    message = f"{plural(len(rows), 'text file')} in {plural(len(labels), 'folder')}: a folder is a label, row numbers count the files by name."
    problems = (make_problem("folders", "note", [], message), *notes, *lost_characters(rows))
    return Table(columns=COLUMNS, rows=tuple(rows), format="folders", encoding=name, delimiter=None, digest="", problems=problems)


def _decode(contents: dict[str, bytes]) -> tuple[dict[str, str], str, list[Problem]]:
    """Texts, the encoding of those that are not UTF-8 (guessed from all of them together), and a note if there are any."""
    texts: dict[str, str] = {}
    odd: list[str] = []
    for path, content in contents.items():
        try:
            texts[path] = content.decode("utf-8").removeprefix(BOM)
        except UnicodeDecodeError:
            odd.append(path)
            texts[path] = ""
    if not odd:
        return texts, "utf-8", []
    name = encoding.guess(b"\n".join(contents[path] for path in odd))
    for path in odd:
        texts[path] = contents[path].decode(name, "replace")
    title = encoding.TITLES[name]
    message = f"{plural(len(odd), 'file is', 'files are')} not UTF-8; read as {title}, a guess. The first is {odd[0]!r}."
    return texts, name, [make_problem("encoding_guessed", "note", [], message, "If letters look wrong, save these files as UTF-8.")]


def _is_text(member: Member) -> bool:
    path = PurePosixPath(member.path)
    return len(path.parts) > 1 and path.suffix.lower() in SUFFIXES
