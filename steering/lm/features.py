"""What the frozen model has at an input's last position, right before the vocabulary: what a linear probe reads."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from steering.errors import ModelError
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, chunks


def features(lm: FrozenLM, root: Root, inputs: Sequence[Ids]) -> Iterator[tuple[range, Tensor]]:
    """Last hidden states of many inputs under ``root``, a slice at a time: (which inputs, [n, H] fp32 on the CPU).

    Raises:
        ModelError: the model has no output layer to listen at.
    """
    branches = [Branch(ids, 1) for ids in inputs]
    with torch.no_grad():
        shared = lm.to_kv(root)
    for part in chunks(branches, lm.tokens_per_slice):
        yield part, _last(lm, shared, [branches[i] for i in part]).float().cpu()


def _last(lm: FrozenLM, root: Root, branches: Sequence[Branch]) -> Tensor:
    """[n, H] in the model's dtype: what the output layer is given at the graded positions."""
    head = lm.model.get_output_embeddings()
    if head is None:
        raise ModelError(f"{lm.id!r} has no output layer to read features before.", "Leave the linear probe out.")
    heard: list[Tensor] = []

    def listen(module: Any, given: tuple[Tensor, ...]) -> None:
        heard.append(given[0][0])

    handle = head.register_forward_pre_hook(listen)
    try:
        with torch.no_grad():
            if lm.layout == "padded":  # one by one: batches there are padded, and all their positions reach the output layer
                for branch in branches:
                    lm.logits([Tree(root, (branch,))])
                return torch.stack([rows[-1] for rows in heard])
            lm.logits([Tree(root, tuple(branches))])
            return heard[0]
    finally:
        handle.remove()
