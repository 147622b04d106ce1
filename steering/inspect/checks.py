"""Learned vectors on their way into a view: of this model, of one length with their start, and numbers throughout."""

import torch
from torch import Tensor

from steering.errors import ArtifactError
from steering.inspect.contract import Subject
from steering.lm.frozen import FrozenLM
from steering.methods.forms import KEYS, LAYERS, SOFT_PROMPT, VALUES

_REMEDY = "Load the model that the vectors were trained on, or train them again."


def soft_prompt(lm: FrozenLM, subject: Subject) -> tuple[Tensor, Tensor | None]:
    """The soft prompt and what it started from, [P, H] fp32 each on the model's device; None: the start is not known.

    Raises:
        ArtifactError: another hidden size, a vector that is zero or not a number, or start tokens that do not fit.
    """
    vectors = subject.vectors[SOFT_PROMPT].detach().to(lm.device, torch.float32)
    if vectors.dim() != 2 or not vectors.shape[0] or vectors.shape[1] != lm.shape.H:
        raise ArtifactError(
            f"{subject.name!r} holds a soft prompt of shape {list(vectors.shape)}, expected [P, {lm.shape.H}] for {lm.id!r}.", _REMEDY
        )
    _all_numbers(subject.name, vectors)
    _not_zero(subject.name, vectors)
    ids = start_ids(lm, subject, vectors.shape[0])
    return vectors, lm.embed(ids) if ids else None


def layers(lm: FrozenLM, subject: Subject) -> list[int]:
    """Layers (from 0) that hold the prefix: all, unless the vectors say which.

    Raises:
        ArtifactError: marks for another number of layers.
    """
    marks = subject.vectors.get(LAYERS)
    if marks is None:
        return list(range(lm.shape.L))
    if tuple(marks.shape) != (lm.shape.L,):
        raise ArtifactError(f"{LAYERS!r} of {subject.name!r} has shape {list(marks.shape)}, expected [{lm.shape.L}] for {lm.id!r}.", _REMEDY)
    return [layer for layer, mark in enumerate(marks.tolist()) if mark]


def prefix(lm: FrozenLM, subject: Subject) -> tuple[Tensor, Tensor]:
    """Keys and values, [n, K, P, D] fp32 each on the model's device, for the n :func:`layers` that hold the prefix.

    Raises:
        ArtifactError: shapes of another model, a value that is not a number, or a position that is zero in every layer.
    """
    shape, held = lm.shape, len(layers(lm, subject))
    both = []
    for name in (KEYS, VALUES):
        tensor = subject.vectors[name].detach().to(lm.device, torch.float32)
        fits = tensor.dim() == 4 and tensor.shape[2] > 0 and tensor.shape[:2] == (held, shape.K) and tensor.shape[3] == shape.D
        if not fits:
            wanted = f"[{held}, {shape.K}, P, {shape.D}]"
            raise ArtifactError(f"{name!r} of {subject.name!r} has shape {list(tensor.shape)}, expected {wanted} for {lm.id!r}.", _REMEDY)
        _all_numbers(subject.name, tensor.movedim(2, 0).flatten(1))
        both.append(tensor)
    if both[0].shape[2] != both[1].shape[2]:
        raise ArtifactError(f"{subject.name!r} has {both[0].shape[2]} keys and {both[1].shape[2]} values a layer, expected as many of each.", _REMEDY)
    _not_zero(subject.name, torch.cat(both, dim=-1).movedim(2, 0).flatten(1))
    return both[0], both[1]


def start_ids(lm: FrozenLM, subject: Subject, length: int) -> tuple[int, ...]:
    """The ids that ``length`` virtual tokens started from; empty where they are not known.

    Raises:
        ArtifactError: more or fewer than ``length``, or an id that the model does not have.
    """
    ids = subject.start_ids
    if ids and len(ids) != length:
        raise ArtifactError(f"{subject.name!r} has {length} virtual tokens and {len(ids)} start tokens, expected as many of each.", _REMEDY)
    foreign = [i for i in ids if not 0 <= i < lm.shape.V]
    if foreign:
        raise ArtifactError(f"start token {foreign[0]} of {subject.name!r} is not in the vocabulary of {lm.id!r} ({lm.shape.V} entries).", _REMEDY)
    return ids


def _all_numbers(name: str, rows: Tensor) -> None:
    """Refuse [P, *] with a row that is not finite throughout."""
    broken = (~torch.isfinite(rows)).any(dim=1).nonzero().flatten().tolist()
    if broken:
        raise ArtifactError(f"virtual token {broken[0] + 1} of {name!r} holds values that are not finite numbers.", "Train the vectors again.")


def _not_zero(name: str, rows: Tensor) -> None:
    """Refuse [P, *] with a row of zeros."""
    empty = (rows == 0).all(dim=1).nonzero().flatten().tolist()
    if empty:
        raise ArtifactError(f"virtual token {empty[0] + 1} of {name!r} is zero throughout: there is nothing to read.", "Train the vectors again.")
