"""Bytes to text, and refusals: a file that is no text is named for what it is, with the way out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from steering.data.limits import MAX_LINES_PER_ROW, ReadOptions
from steering.data.readers import encoding
from steering.data.table import FEWER, Row, Rows, at_lines, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

BOM = "\ufeff"
EXPECTED = "CSV, TSV, JSON, JSON Lines, Excel or Parquet"
PACK = "Pack one data file, or a folder of text files for each class."

SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive without a table in it", PACK),
    (b"PK\x05\x06", "an empty zip archive", PACK),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls) or one with a password", "Open it and save it as .xlsx without a password, or as 'CSV UTF-8'."),
    (b"BZh", "a bzip2 archive", "Unpack it first."),
    (b"\xfd7zXZ\x00", "an xz archive", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it first."),
    (b"SQLite format 3\x00", "an SQLite database", "Export one table as CSV."),
    (b"%PDF-", "a PDF document", "Copy the table into a spreadsheet and save it as 'CSV UTF-8'."),
    (b"\x89PNG", "an image", "A table of texts and labels is needed."),
    (b"\xff\xd8\xff", "an image", "A table of texts and labels is needed."),
    (b"ARROW1", "an Arrow file", "Convert it to Parquet, CSV or JSON Lines."),
    (b"{\\rtf", "an RTF document", "Copy the table into a spreadsheet and save it as 'CSV UTF-8'."),
)
"""First bytes, what they are, and what to do about it."""

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""A line with its end, as editors see it: only CR, LF and CRLF end one."""

MARKUP = ("<!doctype", "<html", "<?xml", "<table", "<!--")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A file's text without byte order mark, the name of its encoding, and what was noticed on the way."""

    text: str
    encoding: str
    problems: tuple[Problem, ...] = ()


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines without their ends, one at a time."""
    for number, match in enumerate(LINE.finditer(text), start=1):
        yield number, match[0].rstrip("\r\n")


def decode(name: str, content: bytes, options: ReadOptions) -> Decoded:
    """The text of a file. UTF-8 and marked encodings are certain, anything else is guessed and said to be a guess.

    Raises:
        DataError: the file is no text, has too many lines, or is not in the encoding that was asked for.
    """
    for signature, what, remedy in SIGNATURES:
        if content.startswith(signature):
            raise DataError(f"{name!r} is {what}, expected {EXPECTED}.", remedy)
    ends = content.count(b"\n") + content.count(b"\r")
    if ends > MAX_LINES_PER_ROW * max(options.limits.rows, 1000):
        raise DataError(f"{name!r} has {ends:,} line ends, too many for {options.limits.rows:,} rows.", FEWER)
    found = _as_told(name, content, options.encoding) if options.encoding else _detected(name, content)
    _refuse_markup_and_junk(name, found.text)
    return found


def _as_told(name: str, content: bytes, wanted: str) -> Decoded:
    try:
        return Decoded(text=content.decode(wanted).removeprefix(BOM), encoding=wanted)
    except UnicodeDecodeError as error:
        at = f"byte 0x{content[error.start]:02x} on line {_line_of(content, error.start)}"
        raise DataError(f"{name!r} is not {wanted}: {at} is not valid.", "Choose another encoding, or leave it to be detected.") from None
    except (LookupError, ValueError):
        raise DataError(f"{wanted!r} is no text encoding that is known.", f"Choose one of utf-8, utf-16, {', '.join(encoding.TITLES)}.") from None


def _detected(name: str, content: bytes) -> Decoded:
    marked = encoding.marked(content)
    if marked and marked != "utf-8-sig":
        return Decoded(text=content.decode(marked, "replace").removeprefix(BOM), encoding=marked)
    nul = content.find(b"\x00")
    if nul >= 0:
        wide = encoding.utf16_without_mark(content)
        if wide is None:
            line = _line_of(content, nul)
            raise DataError(f"{name!r} is not a text file: there is a NUL byte on line {line}.", "Export the table as CSV or JSON Lines.")
        message = "this file does not say that it is UTF-16; it was recognised by its zero bytes."
        note = make_problem("encoding_guessed", "note", [], message, "If letters look wrong, save the file as UTF-8.")
        return Decoded(text=content[: len(content) // 2 * 2].decode(wide), encoding=wide, problems=(note,))
    try:
        return Decoded(text=content.decode("utf-8").removeprefix(BOM), encoding=marked or "utf-8")
    except UnicodeDecodeError:
        return _repaired(content, marked) if marked or encoding.mostly_utf8(content) else _guessed(content)


def _repaired(content: bytes, marked: str | None) -> Decoded:
    lines = encoding.lines_with_letters(content, invalid_utf8=True)
    where = f"{plural(len(lines), 'line holds', 'lines hold')} other bytes {at_lines(lines)}"
    message = f"most of this file is UTF-8, but {where}; those were read as Windows-1252."
    hint = "Look at these lines; if letters are wrong, correct them and save the file as UTF-8."
    problem = make_problem("mixed_encoding", "warning", lines, message, hint)
    return Decoded(text=encoding.repair(content).removeprefix(BOM), encoding=marked or "utf-8", problems=(problem,))


def _guessed(content: bytes) -> Decoded:
    found = encoding.guess(content)
    lines = encoding.lines_with_letters(content, invalid_utf8=False)
    message = f"this file is not UTF-8 and does not say what it is; it was read as {encoding.TITLES[found]}, a guess {at_lines(lines)}."
    hint = "If letters look wrong on these lines, choose another encoding, or save the file as UTF-8."
    return Decoded(text=content.decode(found), encoding=found, problems=(make_problem("encoding_guessed", "note", lines, message, hint),))


def _line_of(content: bytes, position: int) -> int:
    before = content[:position]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _refuse_markup_and_junk(name: str, text: str) -> None:
    head = text[:4000].lstrip(BOM).lstrip().casefold()
    if head.startswith(MARKUP):
        raise DataError(f"{name!r} is a web page or XML, expected {EXPECTED}.", "Download the table itself, not the page that shows it.")
    control = sum(char < " " and char not in "\t\n\r\x0b\x0c\x01\x1f" for char in head)
    if "\x00" in text or control > 0.05 * len(head):
        raise DataError(f"{name!r} is not a text file: it is full of control characters.", "Export the table as CSV or JSON Lines.")


def lost_characters(rows: Sequence[Row]) -> list[Problem]:
    """A warning if an earlier conversion has already replaced characters by U+FFFD: they cannot be brought back here."""
    known = Rows.of(rows, rows[0].values) if rows else Rows([], {})
    found = {index for column in known.cells.values() for index, cell in enumerate(column) if cell and "\ufffd" in cell}
    if not found:
        return []
    lines = list(dict.fromkeys(known.lines[index] for index in sorted(found)))
    message = f"{plural(len(lines), 'row')} with the character U+FFFD {at_lines(lines)}: letters were lost in an earlier conversion."
    return [make_problem("lost_characters", "warning", lines, message, "Export the file again from its source, as UTF-8.")]
