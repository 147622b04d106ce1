"""The plane of the map: the two directions in which the trusted vocabulary varies most, fitted on it and not on what was learned."""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect.contract import Progress
from steering.inspect.vocabulary import ROWS, Vocabulary
from steering.lm.frozen import FrozenLM

FITTED = 65536
"""Evenly spaced entries that the axes are fitted on, at most."""

TRIED, ROUNDS = 8, 64
"""Directions and rounds of subspace iteration (Golub & Van Loan, section 8.2.4): a whole eigendecomposition takes seconds where H is thousands."""


@dataclass(frozen=True, slots=True)
class Plane:
    """``axes`` [H, 2] orthonormal; ``shown``: the share of the vocabulary's variance along each."""

    axes: Tensor
    shown: tuple[float, float]

    def place(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """For offsets from the vocabulary's mean, [n, H]: coordinates [n, 2] and the length out of the plane [n]."""
        flat = offsets @ self.axes
        return flat, (offsets.pow(2).sum(dim=1) - flat.pow(2).sum(dim=1)).clamp_min(0).sqrt()


def plane(lm: FrozenLM, vocab: Vocabulary) -> Generator[Progress, None, Plane]:
    """Principal axes of the centred embeddings (not of their directions: distances are shown); kept for the model. Deterministic."""
    if "plane" not in vocab.memory:
        ids = vocab.ids[:: -(-len(vocab) // FITTED)]
        covariance = torch.zeros(lm.shape.H, lm.shape.H, device=lm.device)
        for number, part in enumerate(ids.split(ROWS)):
            rows = lm.embed(part.tolist()) - vocab.mean
            covariance += rows.T @ rows
            yield Progress(done=min((number + 1) * ROWS, len(ids)), total=len(ids), message="fitting the axes")
        vocab.memory["plane"] = _leading(covariance)
    found: Plane = vocab.memory["plane"]
    return found


def _leading(covariance: Tensor) -> Plane:
    """The two leading eigenvectors of [H, H]. An eigenvector's sign is arbitrary: its largest coordinate is made positive."""
    size = covariance.shape[0]
    tried = torch.randn(size, min(TRIED, size), generator=torch.Generator().manual_seed(0)).to(covariance.device)
    for _ in range(ROUNDS):
        tried = torch.linalg.qr(covariance @ tried).Q
    values, turn = torch.linalg.eigh(tried.T @ covariance @ tried)  # ascending
    axes = tried @ turn[:, -2:].flip(1)
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0)[None]).sign()
    first, second = (values.flip(0)[:2] / covariance.trace().clamp_min(1e-12)).clamp(0, 1).tolist()
    return Plane(axes, (first, second))
