"""Saved prompts in folders: what is there, by which name, and which names are free. Names are looked up, never joined to a path unchecked."""

import re
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from steering.artifact.file import SUFFIX, Card, card_of
from steering.errors import ArtifactError, NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of the saved list; ``problem`` is set where the file cannot be used."""

    name: str
    path: Path
    file_bytes: int
    card: Card | None
    problem: str = ""


def safe_name(text: str) -> str:
    """A file name made of ``text``: lower-case letters, digits, dots, dashes. Never empty, never a path."""
    cleaned = re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-._")[:80].rstrip("-._")
    return cleaned or "prompt"


def free_name(folders: list[Path], wanted: str) -> str:
    """``wanted``, or the first of wanted-2, wanted-3, ... that no file in these folders has."""
    base = safe_name(wanted)
    number, name = 1, base
    while any((folder / (name + SUFFIX)).exists() for folder in folders):
        number += 1
        name = f"{base[:74]}-{number}"
    return name


def listing(folders: list[Path]) -> list[Listed]:
    """All saved prompts in these folders, newest first; unreadable ones are listed with the reason."""
    found = []
    for folder in folders:
        for path in sorted(folder.glob("*" + SUFFIX)) if folder.is_dir() else ():
            try:
                with safe_open(path, framework="numpy") as file:
                    card, problem = card_of(path, file.metadata()), ""
            except ArtifactError as error:
                card, problem = None, str(error)
            except (SafetensorError, OSError) as error:
                card, problem = None, f"{path.name} cannot be read: {error}"
            size = path.stat().st_size if path.exists() else 0  # a link may lead nowhere
            found.append(Listed(name=path.name.removesuffix(SUFFIX), path=path, file_bytes=size, card=card, problem=problem))
    return sorted(found, key=lambda item: -(item.card.created if item.card else 0.0))


def find(folders: list[Path], name: str) -> Path:
    """The path of a saved prompt by name, first folder first. Names are looked up, never joined to a path unchecked.

    Raises:
        NotFoundError: no such name, with near ones named.
    """
    from difflib import get_close_matches

    known = {item.name: item.path for folder in reversed(folders) for item in listing([folder])}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    raise NotFoundError(
        f"there is no saved prompt {name!r}.", f"Did you mean {near[0]!r}?" if near else f"Saved prompts: {', '.join(sorted(known)) or 'none yet'}."
    )
