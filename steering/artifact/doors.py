"""Ways out: what ``export --to`` can write, behind one table. A door turns a saved prompt into files; this puts them into a folder."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from steering.artifact import peft_out, vllm
from steering.artifact.file import SUFFIX, Artifact, encoded
from steering.artifact.shelf import safe_name
from steering.errors import SpecError, StorageError
from steering.store import replace_file

EXPORTS: dict[str, Callable[[Artifact], dict[str, bytes]]] = {
    "peft": peft_out.files,
    "vllm": vllm.files,
    "safetensors": lambda made: {safe_name(made.card.name) + SUFFIX: encoded(made)},  # a file may call itself anything
}


def export(made: Artifact, to: str, folder: Path) -> list[Path]:
    """Write a saved prompt into ``folder``, which is made if it is not there; all files or none.

    Raises:
        SpecError: no such door, or the folder holds a file of that name already.
        ArtifactError: this form has no place behind that door.
        StorageError: the folder cannot be written.
    """
    if to not in EXPORTS:
        raise SpecError(f"there is no export to {to!r}.", f"Choose one of: {', '.join(EXPORTS)}.")
    files = EXPORTS[to](made)
    if folder.exists() and not folder.is_dir():
        raise SpecError(f"{str(folder)!r} is a file, expected a folder.", "Name a new folder.")
    taken = sorted(name for name in files if (folder / name).exists())
    if taken:
        raise SpecError(f"{str(folder)!r} already holds {taken[0]}.", "Name a new folder; nothing is overwritten.")
    written: list[Path] = []
    try:
        for name, content in files.items():
            replace_file(folder / name, partial(_fill, content))
            written.append(folder / name)
    except StorageError:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written


def _fill(content: bytes, path: Path) -> None:
    path.write_bytes(content)
