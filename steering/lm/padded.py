"""The plain layout: root and input concatenated, rows padded on the right. The reference in tests, and the fallback where an architecture's
attention cannot be replaced. Slow and simple on purpose; it uses nothing of ours but :class:`Root`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from steering.lm.forest import Tree
from steering.lm.root import Root


def logits(model: Any, trees: Sequence[Tree], *, one_by_one: bool = False) -> Tensor:
    """Next-token logits [G, V], the same positions in the same order as the packed row's.

    ``one_by_one`` runs every sequence alone, so that not even padding can be at fault.
    """
    found = []
    for tree in trees:
        sequences: list[tuple[int, ...]] = []
        wanted: list[tuple[int, int, int]] = []  # (sequence, first, last + 1)
        for branch in tree.branches:
            n = len(branch.ids)
            sequences.append(branch.ids)
            wanted.append((len(sequences) - 1, n - branch.graded, n))
            for twig in branch.twigs:
                sequences.append(branch.ids + twig)
                wanted.append((len(sequences) - 1, n, n + len(twig)))
        size = 1 if one_by_one else max(1, len(sequences))
        batches = [_batch(model, tree.root, sequences[at : at + size]) for at in range(0, len(sequences), size)]
        found += [batches[s // size][s % size, first:last] for s, first, last in wanted]
    return torch.cat(found)


def _batch(model: Any, root: Root, sequences: Sequence[tuple[int, ...]]) -> Tensor:
    """Logits [R, T, V] of the inputs' positions (not the root's)."""
    embedding = model.get_input_embeddings()
    device = embedding.weight.device
    rows, width, p = len(sequences), max(map(len, sequences)), root.length
    there = _there(root, device)
    ids = torch.zeros(rows, width, dtype=torch.long, device=device)
    real = torch.zeros(rows, p + width, dtype=torch.long, device=device)
    for i, sequence in enumerate(sequences):
        ids[i, : len(sequence)] = torch.tensor(sequence, device=device)
        real[i, :p] = there
        real[i, p : p + len(sequence)] = 1
    embeds = embedding(ids)
    positions = torch.arange(p, p + width, device=device)
    cache = None
    if root.embeds is not None and p:
        embeds = torch.cat([_spread(root.embeds, there).to(embeds.dtype).expand(rows, -1, -1), embeds], dim=1)
        positions = torch.arange(p + width, device=device)
    elif root.kv is not None:
        cache = DynamicCache()
        for layer, (key, value) in enumerate(root.kv):
            keys, values = (_spread(part, there).to(embeds.dtype).expand(rows, -1, -1, -1) for part in (key, value))
            cache.update(keys, values, layer)
    out = model(
        inputs_embeds=embeds,
        attention_mask=real,
        position_ids=positions.expand(rows, -1),
        past_key_values=cache,
        use_cache=cache is not None,
        logits_to_keep=torch.arange(embeds.shape[1] - width, embeds.shape[1], device=device),
    )
    return out.logits  # type: ignore[no-any-return]


def to_kv(model: Any, root: Root) -> Root:
    """The root's keys and values as the model's own cache holds them."""
    assert root.embeds is not None
    embedding = model.get_input_embeddings()
    cache = DynamicCache()
    there = _there(root, embedding.weight.device)
    rows = _spread(root.embeds, there).to(embedding.weight.dtype).unsqueeze(0)
    model(inputs_embeds=rows, attention_mask=there.unsqueeze(0), past_key_values=cache, use_cache=True, logits_to_keep=1)
    layers: Any = cache.layers
    at = list(root.positions)
    return Root(kv=tuple((layer.keys[0][:, at], layer.values[0][:, at]) for layer in layers), kept=root.kept)


def _there(root: Root, device: torch.device) -> Tensor:
    """[P] 1 at the positions that may be seen: what transformers calls an attention mask."""
    there = torch.zeros(root.length, dtype=torch.long, device=device)
    there[list(root.positions)] = 1
    return there


def _spread(rows: Tensor, there: Tensor) -> Tensor:
    """[..., n, *] to [..., P, *]: zeros stand at the positions that are masked."""
    if rows.shape[-2] == there.shape[0]:
        return rows
    whole = rows.new_zeros(*rows.shape[:-2], there.shape[0], rows.shape[-1])
    return whole.index_copy(-2, there.nonzero().flatten(), rows)
