"""Saved prompts in and out: to PEFT, vLLM or a plain file, and back from PEFT folders and files of ours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from steering import artifact
from steering.artifact import doors, peft
from steering.errors import SpecError
from steering.knobs import to_json
from steering.spec import TaskSpec
from steering.studio.studio import Studio


def export(studio: Studio, name: str, to: str, folder: Path) -> dict[str, Any]:
    """Write a saved prompt into ``folder``: its path and the files' names.

    Raises:
        NotFoundError, ArtifactError: no such prompt, or a form that has no place there; SpecError: no such export, or files in the way.
    """
    written = doors.export(artifact.read(artifact.find(studio.folders, name)), to, folder)
    return {"path": str(folder), "files": [path.name for path in written]}


def import_file(studio: Studio, path: Path, name: str = "") -> dict[str, Any]:
    """Keep a saved prompt that came as a file of ours, under ``name`` or its own.

    Raises:
        NotFoundError, ArtifactError: no such file, or one that is no saved prompt.
    """
    made = artifact.read(path)
    wanted = name or made.card.title or made.card.name
    card = replace(made.card, name=artifact.free_name(studio.folders, wanted), title=wanted, run="")
    kept = artifact.write(studio.folders[0], artifact.Artifact(card, made.tensors))
    return {"artifact": card.name, "path": str(kept), "model": card.model, "virtual_tokens": card.virtual_tokens, "notes": []}


def ask_import(studio: Studio, folder: Path, *, name: str = "", model: str = "", task: TaskSpec | None = None) -> str:
    """Enqueue the import of a PEFT folder; returns the request's id. ``task`` says what it is for, where the folder does not.

    Raises:
        NotFoundError, ArtifactError: no such folder, or no prompt of PEFT's in it; SpecError: neither it nor ``model`` names a model.
    """
    found = peft.read_folder(folder)  # a damaged folder is refused before a model is loaded
    wanted = model or (found.card.model if found.card else "") or found.base
    if not wanted:
        raise SpecError(f"{folder.name!r} does not say which model it belongs to.", "Name it: --model ID.")
    payload = {"path": str(folder.resolve()), "name": name, "model": wanted, "task": to_json(task or TaskSpec(kind="generation"))}
    return studio.store.add_request("import", payload)
