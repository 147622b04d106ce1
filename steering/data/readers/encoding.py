"""Which encoding: said by a byte order mark, proven by UTF-8's own rules, or guessed and then said to be a guess.

The guess is charset-normalizer's, with one correction: it cannot tell the Latin code pages of Windows apart in short texts, so that among these
the everyday letters decide, and a handful of odd letters is no evidence for anything but the commonest.
"""

import codecs
import re
from collections.abc import Iterator

TITLES = {
    "cp1252": "Western European (Windows-1252)",
    "latin-1": "Western European (Latin-1)",
    "cp1250": "Central European (Windows-1250)",
    "cp1251": "Cyrillic (Windows-1251)",
    "koi8_r": "Cyrillic (KOI8-R)",
    "cp1253": "Greek (Windows-1253)",
    "cp1254": "Turkish (Windows-1254)",
    "gb18030": "Chinese (GB18030)",
    "big5": "Chinese (Big5)",
    "cp932": "Japanese (Shift-JIS)",
    "euc_jp": "Japanese (EUC-JP)",
    "cp949": "Korean (EUC-KR)",
}
"""Encodings that are guessed, as Python calls them and as people know them."""

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""UTF-32 before UTF-16: the shorter mark is the beginning of the longer one."""

_SIGNS = "\xa0€–—‘’‚“”„«»…°§£·•™©®"
LATIN = {
    "cp1252": frozenset("äöüßéèêëàâçîïôûùœæåøñáíóúãõìò¿¡ÄÖÜÉÈÊÀÂÇÎÔÛŒÆÅØÑÁÍÓÚÃÕ" + _SIGNS),
    "cp1250": frozenset("ąćęłńóśźżáčďéěíňřšťúůýžäöüőűôľâăîșşţđßĄĆĘŁŃÓŚŹŻÁČĎÉĚÍŇŘŠŤÚŮÝŽÄÖÜŐŰĂÎŞŢĐ" + _SIGNS),
    "cp1254": frozenset("çğıöşüâîûÇĞİÖŞÜÂÎÛ" + _SIGNS),
}
"""Code pages of Windows for Latin letters, and what is common in the languages written with them; the first wins a tie."""
FEW_LETTERS = 8
SAMPLE_BYTES = 65_536
_HIGH = re.compile(rb"[\x80-\xff]")
_RUN = re.compile(rb"[\x80-\xff]+")
_LINE_END = re.compile(rb"[\r\n]")
_ODD_BYTES = "steering.data.odd_bytes"


def marked(content: bytes) -> str | None:
    """The encoding that a byte order mark promises."""
    return next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), None)


def utf16_without_mark(content: bytes) -> str | None:
    """UTF-16 that has no mark: line breaks and Latin letters put zero bytes on one side only, and the result is text in lines."""
    zeros = [position % 2 for position in _positions(content, 0, 20_000)]
    odd = sum(zeros) / max(len(zeros), 1)
    if 0.1 < odd < 0.9:
        return None
    name = "utf-16-le" if odd > 0.5 else "utf-16-be"
    try:
        text = content[: len(content) // 2 * 2].decode(name)
    except UnicodeDecodeError:
        return None
    head = text[:4000]
    printable = sum(char.isprintable() or char in "\t\r\n" for char in head)
    return name if ("\n" in text or "\r" in text) and printable >= 0.95 * len(head) else None


def mostly_utf8(content: bytes) -> bool:
    """Whether invalid bytes are the exception in a file that otherwise has valid UTF-8 letters (two exports pasted together)."""
    text = content.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = len(re.findall(r"[^\x00-\x7f]", text)) - bad
    return good > 4 * bad


def guess(content: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8; one that decodes them all."""
    from charset_normalizer import from_bytes

    sample = b"\n".join(dict.fromkeys(_evidence(content)))
    best = from_bytes(sample, cp_isolation=[name for name in TITLES if name != "latin-1"]).best()
    name = best.encoding if best is not None else "cp1252"
    runs = _RUN.findall(sample)
    few = sum(map(len, runs)) < FEW_LETTERS
    if few and (name in LATIN or all(len(run) == 1 for run in runs)):
        name = "cp1252"
    elif name in LATIN:
        high = b"".join(runs)
        name = max(LATIN, key=lambda page: sum(char in LATIN[page] for char in high.decode(page, "replace")))
    return next(name for name in (name, "cp1252", "latin-1") if _decoded(content, name) is not None)


def repair(content: bytes) -> str:
    """Valid UTF-8 as it is, every other byte as Windows-1252, and U+FFFD for a character that is cut off at the end."""
    return content.decode("utf-8", _ODD_BYTES)


def lines_with_letters(content: bytes, *, invalid_utf8: bool) -> list[int]:
    """Numbers of the lines that hold bytes above 127, or only of those that are not UTF-8; at most a hundred."""
    found: list[int] = []
    number, counted = 1, 0
    for start, line in _high_lines(content):
        number += content.count(b"\n", counted, start) + content.count(b"\r", counted, start) - content.count(b"\r\n", counted, start)
        counted = start
        if not invalid_utf8 or _decoded(line, "utf-8") is None:
            found.append(number)
        if len(found) == 100:
            break
    return found


def _odd_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    odd = error.object[error.start : error.end]
    if error.end == len(error.object) and error.reason == "unexpected end of data":
        return "\ufffd", error.end
    return odd.decode("cp1252", "replace"), error.end


codecs.register_error(_ODD_BYTES, _odd_byte)


def _decoded(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except UnicodeDecodeError:
        return None


def _positions(content: bytes, byte: int, most: int) -> Iterator[int]:
    position = content.find(byte)
    while position >= 0 and most > 0:
        yield position
        position, most = content.find(byte, position + 1), most - 1


def _high_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines that hold bytes above 127, with their positions, without looking at any byte twice."""
    end = 0
    while match := _HIGH.search(content, end):
        start = max(content.rfind(b"\n", end, match.start()), content.rfind(b"\r", end, match.start()), end - 1) + 1
        after = _LINE_END.search(content, match.start())
        end = after.start() if after else len(content)
        yield start, content[start:end]


def _evidence(content: bytes) -> Iterator[bytes]:
    """Lines that say something about the encoding, until there are enough of them: plain ASCII is no evidence."""
    size = 0
    for _, line in _high_lines(content):
        yield line[:SAMPLE_BYTES]
        size += len(line)
        if size > SAMPLE_BYTES:
            return
