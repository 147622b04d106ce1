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

_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


def show(token_text: str) -> str:
    """``token_text`` with spaces as middle dots and every invisible or reordering character as an escape. One-to-one, so never ambiguous."""
    return "".join(map(_show_one, token_text))


def _show_one(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if unicodedata.category(char) not in _HIDDEN:
        return char
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
    return all(char.isspace() or unicodedata.category(char) in _HIDDEN for char in token_text)


def _byte_table() -> dict[str, int]:
    """Character -> byte of byte-level BPE (Radford et al. 2019: printable Latin-1 stands for itself, the other bytes for 256 and up)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


_BYTES = _byte_table()
