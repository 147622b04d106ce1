"""Bytes to text, and refusals: a file that is no text is named for what it is, with the way out.

Only UTF-8 is read for now; a guess at an encoding that turns umlauts into rubbish is worse than a clear refusal.
"""

from steering.data.table import Row, at_lines, make_problem, plural
from steering.errors import DataError
from steering.spec import Problem

BOM = "\ufeff"

SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Open it and save the sheet as 'CSV UTF-8', or unpack the archive."),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "Open it and save the sheet as 'CSV UTF-8'."),
    (b"PAR1", "a Parquet file", "Convert it to CSV or JSON Lines."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"BZh", "a bzip2 archive", "Unpack it first."),
    (b"\xfd7zXZ\x00", "an xz archive", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"SQLite format 3\x00", "an SQLite database", "Export one table as CSV."),
    (b"%PDF-", "a PDF document", "Copy the table into a spreadsheet and save it as 'CSV UTF-8'."),
    (b"\x89PNG", "an image", "A table of texts and labels is needed: CSV, TSV or JSON Lines."),
    (b"\xff\xd8\xff", "an image", "A table of texts and labels is needed: CSV, TSV or JSON Lines."),
    (b"ARROW1", "an Arrow file", "Convert it to CSV or JSON Lines."),
    (b"\xff\xfe", "UTF-16 text", "Save the file as UTF-8."),
    (b"\xfe\xff", "UTF-16 text", "Save the file as UTF-8."),
)
"""First bytes, what they are, and what to do about it."""

MARKUP = ("<!doctype", "<html", "<?xml")


def decode(name: str, content: bytes) -> tuple[str, str]:
    """The text of a file, without byte order mark, and the name of its encoding (``utf-8`` or ``utf-8-sig``).

    Raises:
        DataError: the file is no text, or not UTF-8; the first offending byte and its line are named.
    """
    for signature, what, remedy in SIGNATURES:
        if content.startswith(signature):
            raise DataError(f"{name!r} is {what}, expected CSV, TSV or JSON Lines.", remedy)
    nul = content.find(b"\x00")
    if nul >= 0:
        raise DataError(
            f"{name!r} is not a text file: there is a NUL byte on line {_line_of(content, nul)}.",
            "If it is UTF-16 text, save it as UTF-8; otherwise export the table as CSV.",
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        byte, line = content[error.start], _line_of(content, error.start)
        raise DataError(
            f"{name!r} is not UTF-8: byte 0x{byte:02x} at position {error.start:,} (line {line}) is not valid.",
            "Save the file as UTF-8 (in Excel: file type 'CSV UTF-8').",
        ) from None
    _refuse_markup_and_junk(name, text)
    return (text[1:], "utf-8-sig") if text.startswith(BOM) else (text, "utf-8")


def _line_of(content: bytes, position: int) -> int:
    before = content[:position]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _refuse_markup_and_junk(name: str, text: str) -> None:
    head = text[:4000].lstrip(BOM).lstrip().casefold()
    if head.startswith(MARKUP):
        raise DataError(f"{name!r} is a web page or XML, expected CSV, TSV or JSON Lines.", "Download the table itself, not the page that shows it.")
    control = sum(char < " " and char not in "\t\n\r\x0b\x0c" for char in head)
    if control > 0.05 * len(head):
        raise DataError(f"{name!r} is not a text file: it is full of control characters.", "Export the table as CSV or JSON Lines.")


def lost_characters(rows: list[Row]) -> list[Problem]:
    """A warning if an earlier conversion has already replaced characters by U+FFFD: they cannot be brought back here."""
    lines = [row.line for row in rows if any(value and "\ufffd" in value for value in row.values.values())]
    if not lines:
        return []
    message = f"{plural(len(lines), 'row')} with the character U+FFFD {at_lines(lines)}: letters were lost in an earlier conversion."
    return [make_problem("lost_characters", "warning", lines, message, "Export the file again from its source, as UTF-8.")]
