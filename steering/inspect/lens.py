"""The logit lens (nostalgebraist 2020, https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru): what a layer's hidden state would say next if it were the
last layer's."""

import math

import torch
from torch import Tensor

from steering.lm.frozen import FrozenLM
from steering.lm.layers import as_last, tapped
from steering.lm.root import Root


def hidden(lm: FrozenLM, embeds: Tensor) -> Tensor:
    """[L, P, H] fp32: the residual stream after every layer at the positions of ``embeds`` [P, H], nothing standing before them."""
    heard: list[Tensor] = []
    with torch.no_grad(), tapped(lm, lambda layer, states: heard.append(states[: embeds.shape[0]].float())):
        lm.to_kv(Root(embeds=embeds))
    return torch.stack(heard)


def next_word(lm: FrozenLM, states: Tensor) -> Tensor:
    """[P, V] fp32: log-probabilities of the next token from ``states`` [P, H] of any layer, through the last norm and the output layer."""
    with torch.no_grad():
        return torch.log_softmax(as_last(lm, states).float(), dim=-1)


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """[P]: Jensen-Shannon divergence of two log-probability tables [P, V], in bits: 0 the same, 1 nothing in common (Lin 1991)."""
    first, second = one.exp(), other.exp()
    middle = (first + second).div_(2).clamp_min_(1e-38).log_()
    both = [(p * (log_p - middle)).sum(-1) for p, log_p in ((first, one), (second, other))]
    return ((both[0] + both[1]) / 2 / math.log(2)).clamp(0, 1)
