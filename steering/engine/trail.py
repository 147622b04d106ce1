"""Files beside a run's checkpoint: how its vectors moved (a trail for every seed), and what its other seeds became. Half precision: kilobytes."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from steering.store import replace_file

Vectors = dict[str, Tensor]
Trail = tuple[tuple[int, Vectors], ...]

TRAIL, SEEDS = "trail.safetensors", "seeds.safetensors"

MOST_BYTES = 32_000_000
MOST_SNAPSHOTS = 64
"""A longer trail keeps every second snapshot, its first and its last."""


def add_snapshot(folder: Path, member: int, step: int, vectors: Vectors) -> None:
    """Write the vectors of one step into the member's trail; the same step again overwrites."""
    path = folder / f"trail-{member}.safetensors"
    steps = dict(_read(path)) | {step: {name: t.detach().to("cpu", torch.float16) for name, t in vectors.items()}}
    kept = _thinned(dict(sorted(steps.items())))
    _write(path, kept)


def keep_trail(folder: Path, member: int) -> None:
    """The trail of the member whose vectors are kept becomes the run's."""
    path = folder / f"trail-{member}.safetensors"
    if path.is_file():
        whole = path.read_bytes()

        def write(target: Path) -> None:
            target.write_bytes(whole)

        replace_file(folder / TRAIL, write)


def read_trail(folder: Path) -> Trail:
    """(step, vectors) in the order of steps, fp32; empty where there is none or it cannot be read."""
    return _read(folder / TRAIL)


def write_seeds(folder: Path, others: dict[int, Vectors]) -> None:
    """What the other seeds learned, by seed."""
    _write(folder / SEEDS, others)


def read_seeds(folder: Path) -> Trail:
    """(seed, vectors) of the other seeds, fp32; empty where there was one only."""
    return _read(folder / SEEDS)


def _thinned(steps: dict[int, Vectors]) -> dict[int, Vectors]:
    size = sum(2 * t.numel() for vectors in steps.values() for t in vectors.values())
    while len(steps) > MOST_SNAPSHOTS or (size > MOST_BYTES and len(steps) > 2):
        order = list(steps)
        dropped = order[1:-1:2]
        size -= sum(2 * t.numel() for step in dropped for t in steps[step].values())
        steps = {step: vectors for step, vectors in steps.items() if step not in dropped}
    return steps


def _write(path: Path, numbered: dict[int, Vectors]) -> None:
    flat = {
        f"{number}/{name}": t.detach().to("cpu", torch.float16).contiguous() for number, vectors in numbered.items() for name, t in vectors.items()
    }
    if flat:
        replace_file(path, lambda target: save_file(flat, target))


def _read(path: Path) -> Trail:
    if not path.is_file():
        return ()
    try:
        flat = load_file(path)
    except (SafetensorError, OSError):
        return ()
    numbered: dict[int, Vectors] = {}
    for key, tensor in flat.items():
        number, _, name = key.partition("/")
        if number.isdigit():
            numbered.setdefault(int(number), {})[name] = tensor.float()
    return tuple(sorted(numbered.items()))
