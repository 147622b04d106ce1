"""Whether a prompt gives test rows away: whole texts of theirs in it, or phrases of five words.

Texts are compared as :func:`steering.data.text_key` sees them (case, spaces and width folded), word by word; scripts without spaces by character.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

WORDS = 5
"""Length of a phrase that counts as shared, in words (GPT-3 used 13-grams on whole corpora; prompts are short)."""
FEWEST_WORDS = 3
"""Shorter row texts ("refund please") stand in prompts by chance and are only flagged where they are a phrase of five words."""
_WORD = re.compile(r"[^\W_]+")
_DENSE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0e7f]")


def words(text: str) -> list[str]:
    """Words in folded spelling; every character of a script without spaces is a word."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(_DENSE.sub(lambda match: f" {match[0]} ", folded))


def contained(prompt: str, texts: Sequence[str]) -> list[int]:
    """Which of ``texts`` stand in the prompt as a whole; those of fewer than three words are never counted."""
    inside = f" {' '.join(words(prompt))} "
    return [i for i, text in enumerate(texts) if len(found := words(text)) >= FEWEST_WORDS and f" {' '.join(found)} " in inside]


def shared(prompt: str, texts: Sequence[str], length: int = WORDS) -> list[int]:
    """Which of ``texts`` share a phrase of ``length`` words with the prompt."""
    phrases = set(_phrases(words(prompt), length))
    return [i for i, text in enumerate(texts) if phrases and not phrases.isdisjoint(_phrases(words(text), length))]


def _phrases(found: Sequence[str], length: int) -> Iterable[tuple[str, ...]]:
    return zip(*(found[i:] for i in range(length)), strict=False)
