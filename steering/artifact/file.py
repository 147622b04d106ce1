"""A saved prompt: one safetensors file, its meaning as JSON under one metadata key.

Format 1: tensors ``soft_prompt`` [P, H], or ``prefix_keys`` and ``prefix_values`` [L, K, P, D] (after RoPE), fp32; for a prefix in n of the L
layers [n, K, P, D], and ``prefix_layers`` [L] with 1 where a layer has its part and 0 elsewhere; for LoRA pairs ``lora.<module>.A`` [r, in] and
``lora.<module>.B`` [out, r], beside the ``soft_prompt`` of its manual prompt. Metadata key ``prompt_steering_studio`` holds :class:`Card` as
JSON. Nothing in the file is ever executed or imported by name. It is read without torch.
"""

import hashlib
import json
import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from steering.errors import ArtifactError, NotFoundError, SteeringError
from steering.knobs import from_json, to_json
from steering.spec import TaskSpec
from steering.store import replace_file

KEY = "prompt_steering_studio"
FORMAT = 1
SUFFIX = ".safetensors"
RANKS = {"soft_prompt": 2, "prefix_keys": 4, "prefix_values": 4, "prefix_layers": 1}
FORMS = ({"soft_prompt"}, {"prefix_keys", "prefix_values"}, {"prefix_keys", "prefix_values", "prefix_layers"})
LORA = "lora."
MAX_BYTES = 1 << 30
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the tensors mean. ``scores`` are test figures with their interval; ``header`` counts leading virtual tokens that are the model's own."""

    name: str
    method: str
    model: str
    revision: str
    fingerprint: str
    task: TaskSpec
    dataset: str
    virtual_tokens: int
    start_ids: tuple[int, ...] = ()
    header: int = 0
    created: float = 0.0
    run: str = ""
    best_step: int = 0
    title: str = ""
    scores: dict[str, Any] = field(default_factory=dict)
    verdict: str = ""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Artifact:
    """A card with its tensors."""

    card: Card
    tensors: dict[str, np.ndarray[Any, np.dtype[np.float32]]]

    @property
    def digest(self) -> str:
        """Sixteen hex digits over the tensors: what inspection results are kept under."""
        seen = hashlib.sha256(f"{self.card.fingerprint}{self.card.start_ids}".encode())
        for name in sorted(self.tensors):
            seen.update(name.encode())
            seen.update(np.ascontiguousarray(self.tensors[name]).tobytes())
        return seen.hexdigest()[:16]


def encoded(artifact: Artifact) -> bytes:
    """The file's content; the same prompt gives the same bytes."""
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in artifact.tensors.items()}  # safetensors writes memory as it lies
    return save(tensors, metadata={KEY: json.dumps(to_json(artifact.card), ensure_ascii=False, sort_keys=True)})


def write(folder: Path, artifact: Artifact) -> Path:
    """Write atomically; returns the path.

    Raises:
        StorageError: disk full or folder read-only.
    """
    assert _NAME.fullmatch(artifact.card.name), f"{artifact.card.name!r} is no safe name"
    path = folder / (artifact.card.name + SUFFIX)
    content = encoded(artifact)

    def fill(temporary: Path) -> None:
        temporary.write_bytes(content)

    replace_file(path, fill)
    return path


def read(path: Path) -> Artifact:
    """Read and check a saved prompt.

    Raises:
        NotFoundError: no such file.
        ArtifactError: truncated, not one of ours, of a newer format, or tensors that do not fit its card.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no saved prompt {path.name!r}.", "`saved` lists the saved prompts.")
    if path.stat().st_size > MAX_BYTES:
        raise ArtifactError(f"{path.name} has {path.stat().st_size} bytes; a saved prompt has at most {MAX_BYTES}.", "It is some other file.")
    try:
        with safe_open(path, framework="numpy") as file:
            card = card_of(path, file.metadata())
            names = set(file.keys())
            _check_names(path, names)
            _check_header(path, card, {name: file.get_slice(name) for name in names})
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ArtifactError(
            f"{path.name} cannot be read as a safetensors file ({error}).", "It is damaged or some other file; download or export it again."
        ) from None
    _check_tensors(path, tensors)
    require_header(card, path.name)
    return Artifact(card, tensors)


def require_header(card: Card, name: str) -> None:
    """Refuse a card whose fixed rows are more than it has.

    Raises:
        ArtifactError: with both numbers.
    """
    if not 0 <= card.header <= card.virtual_tokens:
        raise ArtifactError(f"{name} has {card.header} fixed rows of {card.virtual_tokens} virtual tokens.", "The file is damaged.")


def card_of(path: Path, metadata: dict[str, str] | None) -> Card:
    """The card in a file's metadata.

    Raises:
        ArtifactError: none there, of another format, or damaged.
    """
    text = (metadata or {}).get(KEY)
    if text is None:
        raise ArtifactError(
            f"{path.name} is a safetensors file but not a saved prompt of this app (no {KEY!r} in its metadata).",
            "If it is a PEFT adapter, import its folder instead.",
        )
    try:
        value = json.loads(text)
        found = value.get("format") if isinstance(value, dict) else None
        if found != FORMAT:
            raise ArtifactError(
                f"{path.name} has format {found!r}; this version reads format {FORMAT}.", "Update the app, or export the prompt again."
            )
        return from_json(Card, value)
    except ArtifactError:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError, SteeringError) as error:
        raise ArtifactError(f"{path.name} has a damaged card: {error}", "Download or export it again.") from None


def _check_names(path: Path, names: set[str]) -> None:
    weights = lora_names(names)
    if names - weights not in FORMS and not (weights and names == weights):
        held = sorted(names)[:6]
        raise ArtifactError(f"{path.name} holds tensors {held}, expected a soft prompt or a prefix.", "It is some other file.")
    halves = {half: {name[:-2] for name in weights if name.endswith(half)} for half in (".A", ".B")}
    if halves[".A"] != halves[".B"] or 2 * len(halves[".A"]) != len(weights):
        raise ArtifactError(f"{path.name}: its LoRA tensors do not come in pairs A and B ({len(weights)} of them).", "The file is damaged.")


def lora_names(names: Collection[str]) -> set[str]:
    """Names of the tensors that change weights."""
    return {name for name in names if name.startswith(LORA)}


def _check_header(path: Path, card: Card, tensors: dict[str, Any]) -> None:
    """Before anything is read: numpy has no name for some of the types that a file may hold."""
    for name, tensor in sorted(tensors.items()):
        kind, shape = tensor.get_dtype(), tensor.get_shape()
        rank = RANKS.get(name, 2)
        vectors = name in RANKS and rank > 1
        if kind != "F32" or len(shape) != rank or (vectors and shape[-2] != card.virtual_tokens) or math.prod(shape) == 0:
            raise ArtifactError(
                f"{path.name}: tensor {name} is {kind}{shape}, which does not fit {card.virtual_tokens} virtual tokens in F32.",
                "The file is damaged; download or export it again.",
            )


def _check_tensors(path: Path, tensors: dict[str, np.ndarray[Any, Any]]) -> None:
    for name, tensor in sorted(tensors.items()):
        if not np.isfinite(tensor).all():
            raise ArtifactError(f"{path.name}: tensor {name} holds values that are not finite numbers.", "Train it again with a lower learning rate.")
    for name in sorted(lora_names(tensors)):
        other = name[:-1] + "B"
        if name.endswith(".A") and tensors[name].shape[0] != tensors[other].shape[1]:
            shapes_given = f"{list(tensors[name].shape)} and {list(tensors[other].shape)}"
            raise ArtifactError(f"{path.name}: {name} and {other} have shapes {shapes_given}, expected one rank.", "The file is damaged.")
    shapes = {t.shape for name, t in tensors.items() if RANKS.get(name, 0) > 1}
    marks = tensors.get("prefix_layers")
    if marks is not None and (not np.isin(marks, (0, 1)).all() or marks.sum() != tensors["prefix_keys"].shape[0]):
        raise ArtifactError(
            f"{path.name}: prefix_layers does not name as many layers as there are keys ({tensors['prefix_keys'].shape[0]}).", "The file is damaged."
        )
    if len(shapes) > 1:
        raise ArtifactError(f"{path.name}: keys and values differ in shape ({sorted(shapes)}).", "The file is damaged.")


def require_fit(card: Card, *, model: str, fingerprint: str) -> None:
    """Refuse vectors of another model: shapes may agree by chance, meanings never do.

    Raises:
        ArtifactError: with both models named.
    """
    if card.fingerprint != fingerprint:
        raise ArtifactError(
            f"{card.name!r} was trained on {card.model} (embedding fingerprint {card.fingerprint}); the loaded model is {model} ({fingerprint}).",
            f"Load {card.model}, or train a prompt for this model.",
        )
