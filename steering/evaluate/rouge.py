"""ROUGE-L (Lin 2004): F1 of the longest common subsequence of words.

Ours, because the usual package keeps the letters a to z only, so that every text in another script scores 0, and brings a toolkit that
downloads data. Equal to that package (no stemming) on English text.
"""

import re

_OWN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"  # kana and Han are written without spaces: one token a character
_TOKEN = re.compile(rf"[{_OWN}]|[^\W_{_OWN}]+")


def tokens(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return _TOKEN.findall(text.lower())


def lcs_length(a: list[str], b: list[str]) -> int:
    """Length of the longest common subsequence, one machine word of ``a`` at a time (Hyyrö 2004, "Bit-parallel LCS-length computation")."""
    where: dict[str, int] = {}
    for index, token in enumerate(a):
        where[token] = where.get(token, 0) | 1 << index
    full = (1 << len(a)) - 1
    row = full
    for token in b:
        match = row & where.get(token, 0)
        row = ((row + match) | (row - match)) & full
    return len(a) - row.bit_count()


def rouge_l(prediction: str, reference: str) -> float:
    """F1 in 0 to 1; 0 where either has no word, 1 where neither has one and both are the same text."""
    a, b = tokens(prediction), tokens(reference)
    if not a or not b:
        return float(not a and not b and prediction.strip() == reference.strip())
    return 2 * lcs_length(a, b) / (len(a) + len(b))
