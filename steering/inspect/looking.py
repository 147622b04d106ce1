"""What attention at the answer position gives to the steering, layer by layer (SCIENCE notes A3, view 9).

Two exact facts carry it: out = sum over the steering of A v + (1 - M) x out without the steering (Petrov et al. 2023, https://arxiv.org/abs/2310.19698),
and a weight says little without the value it carries (Kobayashi et al. 2020, https://arxiv.org/abs/2004.10102).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect.contract import Progress
from steering.inspect.linear import effective_rank
from steering.lm.attended import Attended, attended
from steering.lm.frozen import FrozenLM
from steering.lm.output import added
from steering.lm.root import Root
from steering.lm.scoring import Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """Over n inputs: ``mass`` [n, L, heads] on the steering, ``first`` [n, L, heads] of it on position 0, ``share`` [n, L] of what attention adds to
    the residual stream that the steering's values make up, by length; ``ranks`` [L] directions that this spans over inputs; ``error``: how far the
    split is from attention's true output, relative to it."""

    mass: Tensor
    first: Tensor
    share: Tensor
    ranks: list[float]
    error: float


def looking(lm: FrozenLM, root: Root, inputs: Sequence[Ids], message: str) -> Generator[Progress, None, Looking]:
    """Read all layers at the last position of every input under ``root``.

    Raises:
        ModelError: the model runs in the padded layout.
    """
    n, layers = len(inputs), lm.shape.L
    mass: Tensor | None = None
    first, share, written = torch.zeros(0), torch.zeros(n, layers), torch.zeros(n, layers, lm.shape.H)
    error, done = 0.0, 0
    for found in attended(lm, root, inputs):
        for one in found:
            if mass is None:
                mass, first = (torch.zeros(n, layers, one.out.shape[1]) for _ in range(2))
            at = one.inputs.cpu()
            mass[at, one.layer] = one.mass().cpu()
            if one.prefix:
                first[at, one.layer] = one.weights[..., 0].cpu()
            adds, all_of_it = added(lm, one.layer, one.written()), added(lm, one.layer, one.out)
            share[at, one.layer] = (adds.norm(dim=-1) / all_of_it.norm(dim=-1).clamp_min(1e-12)).cpu()
            written[at, one.layer] = adds.cpu()
            error = max(error, _split_error(one))
        done += sum(len(one.inputs) for one in found if one.layer == 0)
        yield Progress(done=min(done, n), total=n, message=message)
    assert mass is not None, "there is at least one input"
    ranks = [effective_rank(written[:, layer]) if bool(written[:, layer].any()) else 0.0 for layer in range(layers)]
    return Looking(mass=mass, first=first, share=share, ranks=ranks, error=error)


def _split_error(one: Attended) -> float:
    split = one.written() + (1 - one.mass())[..., None] * one.without()
    return float((split - one.out).norm() / one.out.norm().clamp_min(1e-12))
