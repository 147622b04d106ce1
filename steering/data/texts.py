"""What a text looks like: too long, one thing over and over, with personal data or invisible characters in it, and in which script.

Pure predicates on one text, used by the checks (to say so) and by the fixes (to do something about it). All of them look at every text of a
file, so each begins with the cheapest test that settles most texts.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

LONG_CHARS = 6000
"""About 1,500 tokens of English: three quarters of what the embedded model reads at once."""
WIDE = "\u2e80"
"""From here on (Chinese, Japanese, Korean) a character is about as much as four Latin letters."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SPACING = "\x0b\x0c\x85"
_CONSTANT = re.compile(r"\s*(?:(\S)\1{2,}|(\S+)(?:\s+\2){2,})\s*")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63}){1,5}")
_DIGITS = re.compile(r"[0-9](?:[ ()./-]{0,3}[0-9]){7}")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+[0-9]{1,3}|\(?0[0-9]{1,4}\)?|\([0-9]{3}\)|[0-9]{3}(?=[-. ][0-9]{3}[-. ][0-9]{4}))[-. /()]{0,3}[0-9](?:[-. /]?[0-9]){5,12}(?!\w)"
)
_CARD = re.compile(r"(?<![0-9])[2-6](?:[ -]?[0-9]){12,18}(?![0-9])")


def has_control(text: str) -> bool:
    """Whether there are control characters (C0 and C1, but for tab and line ends) or characters that turn the direction of writing around."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def without_control(text: str) -> str:
    """The text without them; those that part words become spaces."""
    return _CONTROL.sub(lambda match: " " if match[0] in _SPACING else "", text) if has_control(text) else text


def is_long(text: str) -> bool:
    """Whether a model that reads about 2,000 tokens is likely to see only a part of it."""
    if len(text) * 4 <= LONG_CHARS:
        return False
    if len(text) > LONG_CHARS or text.isascii():
        return len(text) > LONG_CHARS
    return len(text) + 3 * sum(char >= WIDE for char in text) > LONG_CHARS


def is_constant(text: str) -> bool:
    """Whether it is one character or one word over and over: ``-----``, ``test test test``."""
    return _CONSTANT.fullmatch(text) is not None


def personal_data(text: str) -> tuple[str, ...]:
    """Kinds of personal data that the text seems to hold: ``e-mail address``, ``card number``, ``phone number``. A hint, no proof."""
    found = []
    if "@" in text and _EMAIL.search(text):
        found.append("e-mail address")
    if _DIGITS.search(text):
        if any(_is_card(match[0]) for match in _CARD.finditer(text)):
            found.append("card number")
        if any(_is_phone(match[0]) for match in _PHONE.finditer(_CARD.sub(_masked_card, text))):
            found.append("phone number")
    return tuple(found)


def without_personal_data(text: str) -> str:
    """The text with ``[e-mail]``, ``[card]`` and ``[phone]`` in their places."""
    if "@" in text:
        text = _EMAIL.sub("[e-mail]", text)
    return _PHONE.sub(_masked_phone, _CARD.sub(_masked_card, text)) if _DIGITS.search(text) else text


def _masked_card(match: re.Match[str]) -> str:
    return "[card]" if _is_card(match[0]) else match[0]


def _masked_phone(match: re.Match[str]) -> str:
    return "[phone]" if _is_phone(match[0]) else match[0]


def _is_phone(written: str) -> bool:
    """Digits that differ: a row of noughts is a stand-in."""
    digits = [char for char in written if char.isdigit()]
    return 8 <= len(digits) <= 15 and len(set(digits)) > 2


def _is_card(written: str) -> bool:
    """The check digit of ISO/IEC 7812 (Luhn): nine of ten random numbers fail it."""
    digits = [int(char) for char in written if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def script_of(text: str) -> str:
    """The script that most letters of the text belong to (``Latin``, ``Cyrillic``, ``Han or Kana``, ...); empty without letters."""
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else ""
    counts = Counter[str]()
    for char, times in Counter(text[:2000]).items():
        if char.isalpha():
            counts[_script(char)] += times
    return max(counts, key=lambda name: (counts[name], name)) if counts else ""


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    """Unicode's names of letters begin with their script."""
    name = unicodedata.name(char, "UNKNOWN").split()[0]
    return "Han or Kana" if name in {"CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH", "IDEOGRAPHIC"} else "Latin" if name == "FULLWIDTH" else name.title()
