"""Small linear algebra that several views share: how many directions a set of vectors really has, and which of two sets belong together."""

import torch
from torch import Tensor


def effective_rank(rows: Tensor) -> float:
    """exp of the entropy of the normalised squared singular values of [n, H]: 1 for copies of one direction, n for n orthogonal ones of one length
    (Roy & Vetterli 2007, https://infoscience.epfl.ch/record/110188, with energies in place of singular values)."""
    energy = torch.linalg.svdvals(rows.double()).pow(2)
    shares = energy / energy.sum().clamp_min(1e-300)
    return float(torch.exp(torch.special.entr(shares).sum()))


def matched(one: Tensor, other: Tensor) -> list[int]:
    """For every row of ``one`` [n, H] its row of ``other`` [n, H], one to one, with the largest sum of cosines (Kuhn 1955)."""
    from scipy.optimize import linear_sum_assignment

    cosines = torch.nn.functional.normalize(one, dim=1) @ torch.nn.functional.normalize(other, dim=1).T
    _, columns = linear_sum_assignment(cosines.double().cpu().numpy(), maximize=True)
    return [int(i) for i in columns]


def jaccard(one: set[int], other: set[int]) -> float:
    """|A and B| / |A or B|; 0 for two empty sets."""
    return len(one & other) / len(one | other) if one or other else 0.0
