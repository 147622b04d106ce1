"""Two learned prompts as one: one after the other, or their average. Pure arithmetic on roots; what it does to answers has to be measured.

Neither is promised to help: very different vectors can solve one task (Khashabi et al. 2022, https://arxiv.org/abs/2112.08348), so what lies between
or behind them need not.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from steering.errors import SpecError
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.rotary import rotary

KV = tuple[Tensor, Tensor]


def joined(lm: FrozenLM, first: Root, second: Root, header: int) -> Root:
    """``first``, then ``second`` without its ``header`` leading positions (the model's own, such as BOS): P1 + P2 - header positions.

    Keys of a prefix carry their positions, so those of the second are turned back and turned on by P1 - header; its values stay.

    Raises:
        SpecError: two kinds of steering, or one that cannot be composed; ModelError: keys of this model cannot be moved.
    """
    require_alike(first, second)
    if first.embeds is not None and second.embeds is not None:
        return Root(embeds=torch.cat([first.embeds, second.embeds[header:].to(first.embeds.dtype)]))
    assert first.kv is not None and second.kv is not None
    start, length = first.length, second.length
    turn = rotary(lm, start + length - header)
    was = torch.arange(header, length, device=lm.device)
    kv = []
    for layer, ((key, value), (other, more)) in enumerate(zip(first.kv, second.kv, strict=True)):
        moved = turn.forth(layer, turn.back(layer, other[:, header:], was), was + start - header)
        kv.append((torch.cat([key, moved.to(key.dtype)], dim=1), torch.cat([value, more[:, header:].to(value.dtype)], dim=1)))
    return Root(kv=tuple(kv))


def averaged(lm: FrozenLM, first: Root, second: Root, header: int) -> Root:
    """The mean of the two, number by number; positions and ``header`` are then the same in both.

    Raises:
        SpecError: two kinds of steering, two lengths, or one that cannot be composed.
    """
    require_alike(first, second)
    if first.length != second.length:
        raise SpecError(
            f"the two prompts have {first.length} and {second.length} virtual tokens, so there is no average of them.",
            "Choose two of one length, or put them one after the other.",
        )
    if first.embeds is not None and second.embeds is not None:
        return Root(embeds=_mean(first.embeds, second.embeds))
    assert first.kv is not None and second.kv is not None
    return Root(kv=tuple((_mean(k, other), _mean(v, more)) for (k, v), (other, more) in zip(first.kv, second.kv, strict=True)))


def require_alike(first: Root, second: Root) -> None:
    """Refuse what is no pair of soft prompts and no pair of whole prefixes.

    Raises:
        SpecError: changed weights, a prefix in some layers only, positions left out, or two kinds.
    """
    for root in (first, second):
        if root.adapter is not None:
            raise SpecError("one of the two changes the model's weights (LoRA), which no vectors can be put beside.", "Choose two learned prompts.")
        if root.kept is not None or root.uneven:
            raise SpecError("one of the two is missing in some layers or positions, so there is nothing to join there.", "Choose whole prompts.")
    kinds = [kind_of(root) for root in (first, second)]
    if kinds[0] != kinds[1]:
        raise SpecError(f"one of the two is a {kinds[0]} and the other a {kinds[1]}; they live in different places.", "Choose two of one kind.")


def kind_of(root: Root) -> str:
    """What a root is called."""
    return "soft prompt" if root.embeds is not None else "prefix"


def _mean(one: Tensor, other: Tensor) -> Tensor:
    return ((one.float() + other.float()) / 2).to(one.dtype)


Composing = Callable[[FrozenLM, Root, Root, int], Root]
HOW: dict[str, Composing] = {"joined": joined, "averaged": averaged}
"""How two can become one, by the form of the contestant."""
