"""Tokens as plain text that a person can tell apart: a space is seen, nothing is invisible, nothing reorders the line. No torch.

>>> show(" hello\\n")
'·hello\\\\n'
"""

import re
import unicodedata

SPACE = "\u00b7"
"""Middle dot: stands for one space."""

_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", SPACE: "\\u00b7", "\ufffd": "\\ufffd", " ": SPACE}
_HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}
"""Unicode categories without a glyph of their own: controls, bidi and zero-width characters, unassigned, other spaces."""

_MARKS = {"Mn", "Mc", "Me"}
"""Combining marks: at the beginning they would sit on whatever stands before the token."""

_UNSEEN = {
    *map(chr, range(0xFE00, 0xFE10)),  # variation selectors: two tokens that look alike
    *map(chr, range(0xE0100, 0xE01F0)),
    *map(chr, range(0x180B, 0x180E)),
    *"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0",  # grapheme joiner, fillers, the empty Braille cell
}
"""Invisible, but of a category that usually has a glyph."""

_TAKEN = re.compile(r"<(?=0x[0-9A-F]{2}>)")
"""Literal text that would read like a byte fragment: a backslash goes before it."""

_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


def show(token_text: str) -> str:
    """``token_text`` with spaces as middle dots and every invisible or reordering character as an escape. One-to-one, so never ambiguous.

    Right-to-left letters stay themselves; where a line holds other text too, the page must isolate each token (``<bdi>``).
    """
    first, rest = token_text[:1], token_text[1:]
    shown = _escape(first) if first and unicodedata.category(first) in _MARKS else "".join(map(_show_one, first))
    return _TAKEN.sub(r"\\<", shown + "".join(map(_show_one, rest)))


def _show_one(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return _escape(char) if hidden(char) else char


def hidden(char: str) -> bool:
    """Whether a character has no glyph of its own, or reorders others."""
    return unicodedata.category(char) in _HIDDEN or char in _UNSEEN


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def show_bytes(raw: bytes) -> str:
    """Bytes that need not be whole characters: what is whole as :func:`show`, the rest as ``<0xE2>``."""
    text = raw.decode("utf-8", "surrogateescape")
    return "".join(f"<0x{ord(c) - 0xDC00:02X}>" if "\udc80" <= c <= "\udcff" else _show_one(c) for c in text)


def piece_bytes(piece: str) -> bytes | None:
    """The bytes of a vocabulary entry as the tokenizer's file spells it: byte-level ("âĢ") or byte fallback ("<0xE2>"); None: neither."""
    fallback = _BYTE_PIECE.fullmatch(piece)
    if fallback:
        return bytes([int(fallback[1], 16)])
    table = [_BYTES.get(char) for char in piece]
    return bytes(b for b in table if b is not None) if None not in table else None


def blank(token_text: str) -> bool:
    """Whether nothing of it can be seen: spaces and control characters only, or nothing at all."""
    return all(char.isspace() or hidden(char) for char in token_text)


def byte_piece(piece: str, token_text: str) -> bool:
    """Whether a vocabulary entry stands for a byte ("<0x41>" that is decoded as "A") and not for the text that it looks like."""
    return bool(_BYTE_PIECE.fullmatch(piece)) and piece != token_text


def _byte_table() -> dict[str, int]:
    """Character -> byte of byte-level BPE (Radford et al. 2019: printable Latin-1 stands for itself, the other bytes for 256 and up)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


_BYTES = _byte_table()
