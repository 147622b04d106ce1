"""Conversations as chat models are tuned on: ``{"messages": [{"role": "user", "content": ...}, ...]}`` and ShareGPT's ``from`` and ``value``.

The last answer is what is to be written; all that was said before it is the text. A system message has a column of its own.
"""

from typing import Any

from steering.data.table import make_problem
from steering.spec import Problem

ANSWERS = frozenset({"assistant", "gpt", "model", "bot", "ai", "chatgpt"})
SYSTEM = frozenset({"system", "developer"})
Turn = tuple[str, str]


def unfolded(record: dict[str, Any]) -> dict[str, Any]:
    """The record with a conversation in it as ``system``, ``prompt`` and ``completion``; any other record as it is."""
    for key, value in record.items():
        turns = _turns(value)
        if turns:
            rest = {name: other for name, other in record.items() if name != key}
            return {**_columns(turns), **rest}
    return record


def _turns(value: Any) -> list[Turn]:
    """Who said what; empty if this is no conversation."""
    if not isinstance(value, list) or not value:
        return []
    turns = []
    for message in value:
        if not isinstance(message, dict):
            return []
        role, said = message.get("role", message.get("from")), message.get("content", message.get("value"))
        if isinstance(said, list):  # parts of a message: only what is text
            said = "\n".join(str(part.get("text")) for part in said if isinstance(part, dict) and isinstance(part.get("text"), str))
        if not isinstance(role, str) or not isinstance(said, str | None):
            return []
        turns.append((role.casefold(), said or ""))
    return turns


def _columns(turns: list[Turn]) -> dict[str, str]:
    system = [said for role, said in turns if role in SYSTEM]
    spoken = [turn for turn in turns if turn[0] not in SYSTEM]
    answered = bool(spoken) and spoken[-1][0] in ANSWERS
    before = spoken[:-1] if answered else spoken
    prompt = before[0][1] if len(before) == 1 else "\n".join(f"{role}: {said}" for role, said in before)
    found = {"system": "\n".join(system)} if system else {}
    return {**found, "prompt": prompt, "completion": spoken[-1][1] if answered else ""}


def chat_note() -> Problem:
    """That conversations were taken apart."""
    message = "conversations were read as two columns: completion is the last answer, prompt all that was said before it."
    return make_problem("chat", "note", [], message)
