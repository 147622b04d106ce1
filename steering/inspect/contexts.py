"""Learned keys and values against a bank of real ones: the nearest contexts, what chance gives, and what a real token reaches (SCIENCE notes A4)."""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect.bank import Bank
from steering.inspect.contract import Progress

RANDOM = 400
"""Random standardised vectors a layer: the floor is what 95 of 100 of them stay below."""

REAL = 100
"""Real tokens a layer, compared with the other texts: the upper reference."""

NEAREST = 3

TIE = 1e-3
"""A vector's own start wins against tokens that are as near: in the first layer a token's value is the same wherever it stands."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """One layer's P vectors: ``cosine`` [P, 3] to their nearest bank tokens in their best head ``head`` [P], ``token`` [P, 3] which ones; ``floor``
    that random vectors stay below, ``real`` that a real token reaches."""

    cosine: Tensor
    token: Tensor
    head: Tensor
    floor: float
    real: float


def nearest(bank: Bank, vectors: list[Tensor | None], which: str, starts: Tensor, message: str) -> Generator[Progress, None, list[Nearest | None]]:
    """``vectors``: for every layer [K, P, D] (keys un-rotated), or None; ``which``: "keys" or "values"; ``starts`` [P]: the bank token that each
    vector started from, -1 where it is not in the bank. Deterministic."""
    found: list[Nearest | None] = []
    for layer, rows in enumerate(vectors):
        found.append(None if rows is None else _layer(bank, getattr(bank, which)[layer].float(), rows.float().cpu(), starts))
        yield Progress(done=layer + 1, total=len(vectors), message=message)
    return found


def _layer(bank: Bank, real: Tensor, rows: Tensor, starts: Tensor) -> Nearest:
    """``real`` [K, N, D], ``rows`` [K, P, D]. Standardised per head dimension, because keys have large constant components."""
    mean, spread = real.mean(1, keepdim=True), real.std(1, keepdim=True).clamp_min(1e-6)
    unit = torch.nn.functional.normalize((real - mean) / spread, dim=-1)
    wanted = torch.nn.functional.normalize((rows - mean) / spread, dim=-1)
    per_head = wanted @ unit.transpose(1, 2)  # [K, P, N]
    known = (starts >= 0).nonzero().flatten()
    per_head[:, known, starts[known]] += TIE
    head = per_head.amax(-1).argmax(0)  # [P]
    best = per_head[head, torch.arange(rows.shape[1])].topk(min(NEAREST, unit.shape[1]), dim=-1)
    drawn = torch.randn(real.shape[0], RANDOM, real.shape[2], generator=torch.Generator().manual_seed(0))
    chance = (torch.nn.functional.normalize(drawn, dim=-1) @ unit.transpose(1, 2)).amax(-1).amax(0)  # [RANDOM]: over tokens, then the best head
    cosine = best.values - TIE * (best.indices == starts[:, None])
    return Nearest(cosine, best.indices, head, float(chance.quantile(0.95)), _real(bank, unit))


def _real(bank: Bank, unit: Tensor) -> float:
    """The median, over evenly spaced real tokens, of the cosine to the nearest token of another text, in the best head."""
    sample = torch.arange(0, len(bank), max(1, len(bank) // REAL))
    cosines = unit[:, sample] @ unit.transpose(1, 2)  # [K, S, N]
    cosines = cosines.masked_fill((bank.text[sample][:, None] == bank.text[None])[None], -1.0)
    return float(cosines.amax(-1).amax(0).median())
