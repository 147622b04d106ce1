"""Names that people give to the columns of labelled data, most telling first.

Used as evidence twice: is the first line a header, and which column is the text, which the label.
"""

import re
import unicodedata

TEXT_NAMES = (
    *("text", "sentence", "message", "utterance", "review", "comment", "tweet", "post", "question", "query", "instruction", "prompt", "input"),
    *("document", "article", "abstract", "content", "body", "passage", "context", "source", "description", "ticket", "email", "feedback"),
    *("complaint", "request", "dialogue", "conversation", "premise", "statement", "phrase", "headline", "title", "subject", "data"),
    *("texto", "texte", "satz", "nachricht", "frage", "mensaje", "pregunta", "文本", "テキスト", "텍스트"),
)
LABEL_NAMES = (
    *("label_text", "label_name", "label", "labels", "class", "category", "intent", "sentiment", "target", "topic", "tag", "emotion"),
    *(
        "gold",
        "polarity",
        "rating",
        "stars",
        "department",
        "queue",
        "team",
        "priority",
        "type",
        "output",
        "completion",
        "response",
        "answer",
        "summary",
    ),
    *("tldr", "highlights", "translation", "reference", "expected", "sql", "result", "reply", "code", "status", "score", "y"),
    *("kategorie", "klasse", "etikett", "antwort", "categoria", "categoría", "etiqueta", "clase", "classe", "catégorie", "标签", "ラベル", "라벨"),
)
GROUP_NAMES = frozenset(
    (
        *(
            "customer",
            "client",
            "user",
            "account",
            "patient",
            "person",
            "author",
            "speaker",
            "student",
            "company",
            "product",
            "document",
            "doc",
            "article",
            "thread",
        ),
        *(
            "conversation",
            "dialogue",
            "dialog",
            "session",
            "case",
            "ticket",
            "order",
            "group",
            "cluster",
            "family",
            "source",
            "site",
            "kunde",
            "nutzer",
            "gruppe",
            "dokument",
        ),
    )
)
"""Words in the names of columns whose rows belong together: who wrote it, what it is about."""
OTHER_NAMES = ("id", "nr", "no", "index", "idx", "date", "time", "timestamp", "name", "author", "user", "split", "language", "lang", "url")

KNOWN_NAMES = frozenset((*TEXT_NAMES, *LABEL_NAMES, *OTHER_NAMES))


def clean_name(name: str) -> str:
    """A column name as it is shown: trimmed, without invisible characters, on one line."""
    visible = "".join(char for char in name if unicodedata.category(char) not in {"Cf", "Cc"} or char.isspace())
    return " ".join(visible.split())


def words(name: str) -> list[str]:
    """``"TicketText (en)"`` is ``["ticket", "text", "en"]``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W_]+", apart.casefold())


def name_score(name: str, known: tuple[str, ...]) -> float:
    """How much ``name`` speaks for a role: 1 to 2 if it is one of ``known`` (earlier is more), 0.5 to 1 if it contains one, otherwise 0."""
    parts = words(name)
    whole = "_".join(parts)
    if whole in known:
        return 2.0 - known.index(whole) / len(known)
    found = [known.index(part) for part in parts if part in known and len(part) > 1]
    return 1.0 - 0.5 * min(found) / len(known) if found else 0.0


def is_known(name: str) -> bool:
    """Whether the whole name is one that people give to columns."""
    return "_".join(words(name)) in KNOWN_NAMES
