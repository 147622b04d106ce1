"""Label words: what the model is asked to write for each raw label of the file."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from steering.data.table import plural
from steering.errors import TemplateError


def default_label_words(labels: Iterable[str]) -> dict[str, str]:
    """A readable word for each raw label: ``Order_Status`` is ``order status``.

    Labels whose cleaned words would be the same keep their own spelling.
    """
    raw = tuple(dict.fromkeys(labels))
    cleaned = {label: clean_label(label) for label in raw}
    sharing: dict[str, list[str]] = {}
    for label, word in cleaned.items():
        sharing.setdefault(word.casefold(), []).append(label)
    return {label: word if len(sharing[word.casefold()]) == 1 else label.strip() for label, word in cleaned.items()}


def clean_label(label: str) -> str:
    """Underscores, hyphens and joined words become spaces; Latin letters become small; anything else, numbers included, stays."""
    if is_number(label):
        return label.strip()
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_\-]+", " ", label))
    word = " ".join(apart.split())
    letters = [char for char in word if char.isalpha()]
    latin = all(unicodedata.name(char, "").startswith("LATIN") for char in letters)
    return (word.lower() if latin else word) or label.strip()


def is_number(label: str) -> bool:
    """Whether a label is a bare number, which tells a language model nothing of what it stands for."""
    return bool(re.fullmatch(r"\s*[+-]?\d+([.,]\d+)?\s*", label))


def check_label_words(labels: Iterable[str], words: Mapping[str, str]) -> None:
    """Refuse label words that do not tell the labels apart.

    Raises:
        TemplateError: a label without a word, a word for a label that the file does not hold, an empty word, or one word for two labels.
    """
    raw = tuple(dict.fromkeys(labels))
    known = f"Labels of the file: {', '.join(map(repr, raw[:20]))}{', ...' if len(raw) > 20 else ''}."
    missing = [label for label in raw if label not in words]
    if missing:
        raise TemplateError(f"{plural(len(missing), 'label')} without a label word: {', '.join(map(repr, missing[:5]))}.", "Give each label a word.")
    unknown = [label for label in words if label not in raw]
    if unknown:
        raise TemplateError(f"label words are given for labels that the file does not hold: {', '.join(map(repr, unknown[:5]))}.", known)
    seen: dict[str, str] = {}
    for label in raw:
        word = " ".join(words[label].split()).casefold()
        if not word:
            raise TemplateError(f"the label {label!r} has an empty label word.", "Write the word that the model should answer with.")
        if word in seen:
            raise TemplateError(
                f"the labels {seen[word]!r} and {label!r} have the same label word {words[label].strip()!r}.",
                "Give them different words, or merge the two labels if they mean the same.",
            )
        seen[word] = label
