"""What a run leaves beside its checkpoint for looking back: vectors as they were in training, and those of its other seeds.

``trail.safetensors`` holds tensors named ``STEP/NAME``, ``seeds.safetensors`` tensors named ``SEED/NAME``; any float dtype. Both are extras: where a
file is absent, damaged or says something else, there is nothing to look back on, and nothing fails.
"""

import logging
import re
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from steering.store import Store

logger = logging.getLogger(__name__)

TRAIL, SEEDS = "trail.safetensors", "seeds.safetensors"
MOST_BYTES = 1 << 30

Losses = tuple[tuple[int, float | None, float | None], ...]

_RUN = re.compile(r"[0-9a-f]{8,64}")
_NAME = re.compile(r"(\d{1,9})/(\w{1,40})")


def folder_of(store: Store, run: str) -> Path | None:
    """A run's folder, not made; None where ``run`` (it comes from a saved file that somebody else may have written) cannot be one."""
    return store.home / "runs" / run if _RUN.fullmatch(run) else None


def read_trail(path: Path) -> tuple[tuple[int, dict[str, Tensor]], ...]:
    """(step, vectors fp32) by step; empty where there is no such file, or none that can be read."""
    return tuple(sorted(_numbered(path).items()))


def read_seeds(path: Path) -> tuple[dict[str, Tensor], ...]:
    """Vectors fp32 of other seeds, by seed; empty where there is no such file, or none that can be read."""
    return tuple(vectors for _, vectors in sorted(_numbered(path).items()))


def read_losses(store: Store, run: str) -> Losses:
    """(step, training loss, validation NLL) of a run, by step; None where one was not measured. Empty where the run is not in the store."""
    train: dict[int, float | None] = {}
    validation: dict[int, float | None] = {}
    for event in store.events(run, ("step", "validation")):
        into, key = (train, "loss") if event.kind == "step" else (validation, "nll")
        into[event.step] = event.data.get(key)
    return tuple((step, train.get(step), validation.get(step)) for step in sorted(train.keys() | validation.keys()))


def _numbered(path: Path) -> dict[int, dict[str, Tensor]]:
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return {}
        found: dict[int, dict[str, Tensor]] = {}
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 (not a dict)
                parts = _NAME.fullmatch(key)
                if parts:
                    found.setdefault(int(parts[1]), {})[parts[2]] = file.get_tensor(key).to(torch.float32)
        return found
    except (SafetensorError, OSError) as error:
        logger.warning("%s cannot be read: %s", path.name, error)
        return {}
