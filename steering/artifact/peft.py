"""The door from PEFT: adapter folders as saved prompts. Read without torch and without PEFT; the way out is peft_out.py.

A folder holds ``adapter_config.json`` and ``adapter_model.safetensors`` with one tensor ``prompt_embeddings``:

    PROMPT_TUNING, and P_TUNING or CPT as PEFT saves them    [P, H]
    PREFIX_TUNING, and CARTRIDGE                              [P, L * 2 * K * D]: layer, then key before value, then head, then dimension

Keys lie there as they enter attention, and inputs start at position P, exactly as here (PEFT 0.21.2, peft_model.py ``get_prompt``). What PEFT
has no place for (task, fingerprint of the model, figures) goes to ``studio.json`` beside it, which PEFT does not read.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

from steering.artifact.file import MAX_BYTES, Artifact, Card, require_header
from steering.errors import ArtifactError, NotFoundError, SteeringError
from steering.knobs import from_json

Array = np.ndarray[Any, np.dtype[np.float32]]

CONFIG, WEIGHTS, OURS = "adapter_config.json", "adapter_model.safetensors", "studio.json"
TENSOR = "prompt_embeddings"
SOFT, PREFIX = "soft prompt", "prefix"
TYPES = {"PROMPT_TUNING": SOFT, "P_TUNING": SOFT, "CPT": SOFT, "PREFIX_TUNING": PREFIX, "CARTRIDGE": PREFIX}
"""PEFT's types that can be read, and what their one tensor is. P-tuning is saved as its encoder's output, so nothing of the encoder is needed."""

MAX_TEXT = 1 << 20
_READ_AS = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """The model's numbers that a prefix's rows are cut by: H hidden, L layers, K key/value heads, D head size."""

    H: int
    L: int
    K: int
    D: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A PEFT folder that was read and checked as far as possible without its model.

    ``rows`` [P, *] fp32; ``form``: soft prompt or prefix; ``base``: the model that it names, may be empty; ``card``: ours, where it came from
    here; ``notes``: what a person should know.
    """

    name: str
    form: str
    rows: Array
    base: str
    card: Card | None
    notes: tuple[str, ...]


def read_folder(folder: Path) -> Adapter:
    """Read a PEFT folder. Nothing in it is executed: pickled weights (``.bin``) are refused unopened.

    Raises:
        NotFoundError: no such folder.
        ArtifactError: not a prompt that PEFT saved: files or keys missing, other kinds, shapes that do not fit, values that are no numbers.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {str(folder)!r}.", "Name a PEFT adapter folder or a saved prompt (.safetensors).")
    config = _json(folder / CONFIG)
    form = TYPES.get(str(config.get("peft_type")))
    if form is None:
        raise ArtifactError(
            f"{CONFIG} has peft_type {config.get('peft_type')!r}, expected one of {', '.join(TYPES)}.", "Other adapters are no prompts."
        )
    if config.get("task_type") not in ("CAUSAL_LM", None):
        raise ArtifactError(f"{CONFIG} has task_type {config['task_type']!r}, expected 'CAUSAL_LM'.", "Only prompts of causal models can be read.")
    if config.get("modules_to_save"):
        raise ArtifactError(f"{CONFIG} has modules_to_save {config['modules_to_save']!r}: it also changes weights.", "Import a prompt alone.")
    rows = _rows(folder)
    if config.get("num_virtual_tokens") != rows.shape[0]:
        raise ArtifactError(
            f"{CONFIG} says {config.get('num_virtual_tokens')!r} virtual tokens, {TENSOR} has {rows.shape[0]} rows.", "The folder is damaged."
        )
    base = config.get("base_model_name_or_path")
    notes = () if config.get("task_type") else (f"{CONFIG} has no task_type: PEFT itself would load this folder and ignore the prompt.",)
    return Adapter(name=folder.resolve().name, form=form, rows=rows, base=base if isinstance(base, str) else "", card=_own_card(folder), notes=notes)


def to_artifact(adapter: Adapter, card: Card, shape: Dimensions) -> Artifact:
    """The adapter as a saved prompt of a model with these dimensions; ``card`` gives everything but the number of virtual tokens.

    Raises:
        ArtifactError: rows of another width, or a card with more fixed rows than there are.
    """
    count, width = adapter.rows.shape
    wanted = shape.H if adapter.form == SOFT else shape.L * 2 * shape.K * shape.D
    if width != wanted:
        meaning = f"H = {shape.H}" if adapter.form == SOFT else f"L * 2 * K * D = {shape.L} * 2 * {shape.K} * {shape.D}"
        raise ArtifactError(
            f"{TENSOR} of {adapter.name!r} is [{count}, {width}]; a {adapter.form} of {card.model!r} has rows of {wanted} ({meaning}).",
            "Name the model that it was trained on: --model ID.",
        )
    made = replace(card, virtual_tokens=count)
    require_header(made, OURS)
    if adapter.form == SOFT:
        return Artifact(made, {"soft_prompt": adapter.rows})
    cut = adapter.rows.reshape(count, shape.L, 2, shape.K, shape.D).transpose(2, 1, 3, 0, 4)  # [2, L, K, P, D]
    return Artifact(made, {"prefix_keys": np.ascontiguousarray(cut[0]), "prefix_values": np.ascontiguousarray(cut[1])})


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ArtifactError(f"there is no {path.name} in {path.parent.name!r}.", "Name a folder that PEFT's save_pretrained wrote.")
    if path.stat().st_size > MAX_TEXT:
        raise ArtifactError(f"{path.name} has {path.stat().st_size} bytes, expected at most {MAX_TEXT}.", "It is some other file.")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path.name} cannot be read as JSON: {error}", "The folder is damaged.") from None
    if not isinstance(value, dict):
        raise ArtifactError(f"{path.name} holds {type(value).__name__}, expected an object.", "The folder is damaged.")
    return value


def _rows(folder: Path) -> Array:
    path = folder / WEIGHTS
    if not path.is_file():
        pickled = sorted(p.name for p in folder.glob("*.bin"))
        hint = (
            f"{pickled[0]} is a pickle, which can run code and is not opened: load it in PEFT and save it again."
            if pickled
            else "The folder is damaged."
        )
        raise ArtifactError(f"there is no {WEIGHTS} in {folder.name!r}.", hint)
    if path.stat().st_size > MAX_BYTES:
        raise ArtifactError(f"{WEIGHTS} has {path.stat().st_size} bytes; a prompt has at most {MAX_BYTES}.", "It is some other file.")
    try:
        held = dict(deserialize(path.read_bytes()))  # type: ignore[no-untyped-call]
    except (SafetensorError, OSError) as error:
        raise ArtifactError(f"{WEIGHTS} cannot be read as a safetensors file ({error}).", "It is damaged; save it again.") from None
    if held.keys() != {TENSOR}:
        raise ArtifactError(f"{WEIGHTS} holds tensors {sorted(held)[:5]}, expected {TENSOR!r} alone.", "Import a prompt that PEFT saved.")
    kind, shape = held[TENSOR]["dtype"], list(held[TENSOR]["shape"])
    if kind not in ("BF16", *_READ_AS) or len(shape) != 2 or math.prod(shape) == 0:
        raise ArtifactError(f"{TENSOR} is {kind}{shape}, expected [P, width] in F32, F16, BF16 or F64.", "The folder is damaged.")
    rows = _numbers(bytes(held[TENSOR]["data"]), kind).reshape(shape)
    if not np.isfinite(rows).all():
        raise ArtifactError(f"{TENSOR} holds values that are not finite numbers.", "Train it again with a lower learning rate.")
    return rows


def _numbers(data: bytes, kind: str) -> Array:
    """Any of the float types as fp32. numpy has no bf16: it is the upper half of an fp32."""
    if kind == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):  # too large for fp32 becomes infinite, and is refused as such
        return np.frombuffer(data, _READ_AS[kind]).astype(np.float32)


def _own_card(folder: Path) -> Card | None:
    if not (folder / OURS).is_file():
        return None
    value = _json(folder / OURS)
    try:
        return from_json(Card, value["card"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, SteeringError) as error:
        raise ArtifactError(f"{OURS} is damaged: {error}", "Delete it to import the folder without what it says.") from None
