"""The state of decoding: what every request has seen, and its next logits. Over our own K/V buffers, or by running everything again."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from steering.lm.attention import KV
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids
from steering.lm.weights import How, written_out

Requests = Sequence[tuple[Root, Ids]]


class Decoder(Protocol):
    """Requests on their way: ``logits`` [R, V] for the next tokens, in the requests' order; ``append`` one token to each."""

    @property
    def full(self) -> bool:
        """Whether a request has filled the model's context."""
        ...

    def logits(self) -> Tensor: ...

    def append(self, tokens: list[int]) -> None: ...


def begin(lm: FrozenLM, requests: Requests) -> Decoder:
    """Run the inputs; the way that this model allows, a part for every adapter among the roots."""
    if lm.layout == "padded":
        return Padded(lm, requests)
    groups: dict[int, list[int]] = {}
    for i, (root, _) in enumerate(requests):
        groups.setdefault(id(root.adapter), []).append(i)
    if len(groups) == 1:
        return Cached(lm, requests)
    return Several([(members, Cached(lm, [requests[i] for i in members])) for members in groups.values()])


class Several:
    """Requests under different weights, each part in forwards of its own."""

    def __init__(self, parts: "list[tuple[list[int], Cached]]") -> None:
        self.parts = parts
        self.back = torch.tensor([i for members, _ in parts for i in members]).argsort()

    @property
    def full(self) -> bool:
        return any(part.full for _, part in self.parts)

    def logits(self) -> Tensor:
        found = torch.cat([part.logits() for _, part in self.parts])
        return found[self.back.to(found.device)]

    def append(self, tokens: list[int]) -> None:
        for members, part in self.parts:
            part.append([tokens[i] for i in members])


class Padded:
    """Decoding without buffers: every step runs the whole sequences again. Slow; for models that cannot be packed."""

    def __init__(self, lm: FrozenLM, requests: Sequence[tuple[Root, Ids]]) -> None:
        self.lm = lm
        self.roots = [root for root, _ in requests]
        self.ids = [list(ids) for _, ids in requests]

    @property
    def full(self) -> bool:
        return any(root.length + len(ids) + 1 >= self.lm.shape.context for root, ids in zip(self.roots, self.ids, strict=True))

    def logits(self) -> Tensor:
        return self.lm.logits([Tree(root, (Branch(tuple(ids), 1),)) for root, ids in zip(self.roots, self.ids, strict=True)])

    def append(self, tokens: list[int]) -> None:
        for ids, token in zip(self.ids, tokens, strict=True):
            ids.append(token)


class Cached:
    """K/V buffers, right-padded: for every distinct root one shared (K, V), for every request its own keys and values. All roots share their
    adapter, if any.

    Also the layout keyword of the decoding forward: each layer writes the new token's key and value and attends to root and own.
    """

    GROW = 64
    """Tokens by which the buffers grow when they are full."""

    def __init__(self, lm: FrozenLM, requests: Sequence[tuple[Root, Ids]]) -> None:
        self.lm = lm
        groups: dict[int, list[int]] = {}
        for i, (root, _) in enumerate(requests):
            groups.setdefault(id(root), []).append(i)
        self.order = [i for members in groups.values() for i in members]
        self.rows = [len(members) for members in groups.values()]
        roots = [lm.to_kv(requests[members[0]][0]) for members in groups.values()]
        self.roots = [root.kv for root in roots]
        self.places = [torch.tensor(root.positions, dtype=torch.long, device=lm.device) for root in roots]
        self.first = roots[0]
        branches = [Branch(requests[i][1], 1) for i in self.order]
        self.lengths = torch.tensor([len(b.ids) for b in branches], device=lm.device)
        self.offsets = torch.tensor([root.length for root, n in zip(roots, self.rows, strict=True) for _ in range(n)], device=lm.device)
        self._prefill(roots, branches)

    def _prefill(self, roots: list[Root], branches: list[Branch]) -> None:
        """Run the inputs in slices, keeping every layer's keys and values in right-padded buffers [R, K, S, D]."""
        lm, shape = self.lm, self.lm.shape
        width = int(self.lengths.max()) + self.GROW
        size = (len(branches), shape.K, width, shape.D)
        self.buffers = [
            (torch.zeros(size, dtype=lm.dtype, device=lm.device), torch.zeros(size, dtype=lm.dtype, device=lm.device)) for _ in range(shape.L)
        ]
        first, found = 0, []
        for root, count in zip(roots, self.rows, strict=True):
            for at in range(first, first + count, 32):
                part = branches[at : min(at + 32, first + count)]
                logits, tape = lm.branch_kv([Tree(root, tuple(part))])
                found.append(logits)
                self._copy(tape, at, [len(b.ids) for b in part])
            first += count
        self.next_logits: Tensor | None = torch.cat(found)

    def _copy(self, tape: list[KV], row: int, lengths: list[int]) -> None:
        """Packed keys and values of one slice into its buffer rows. The packed row holds branches sorted by length (see forest.pack)."""
        order = sorted(range(len(lengths)), key=lambda i: lengths[i])
        for layer, (key, value) in enumerate(tape):
            start = 0
            for i in order:
                stop = start + lengths[i]
                self.buffers[layer][0][row + i, :, : lengths[i]] = key[start:stop].transpose(0, 1)
                self.buffers[layer][1][row + i, :, : lengths[i]] = value[start:stop].transpose(0, 1)
                start = stop

    @property
    def full(self) -> bool:
        return int((self.offsets + self.lengths).max()) + 1 >= self.lm.shape.context

    def logits(self) -> Tensor:
        """[R, V] in the order of the requests."""
        assert self.next_logits is not None
        device = self.next_logits.device
        back = torch.empty(len(self.order), dtype=torch.long, device=device)
        back[torch.tensor(self.order, device=device)] = torch.arange(len(self.order), device=device)
        return self.next_logits[back]

    def append(self, tokens: list[int]) -> None:
        """Run one more token a request."""
        if int(self.lengths.max()) >= self.buffers[0][0].shape[2]:
            self.buffers = [(_wider(k, self.GROW), _wider(v, self.GROW)) for k, v in self.buffers]
        ids = torch.tensor([tokens[i] for i in self.order], device=self.lm.device)
        with torch.no_grad(), self.lm.adapted(self.first):
            rows = self.lm.model.get_input_embeddings()(ids)
            keep = torch.arange(len(tokens), device=self.lm.device)
            self.next_logits = self.lm.forward(rows, self.offsets + self.lengths, keep, self)
        self.lengths = self.lengths + 1

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, how: How) -> Tensor:
        """One layer of one decoding step: [1, heads, R, D] -> [1, R, heads, D]."""
        keys, values = self.buffers[module.layer_idx]
        at = torch.arange(query.shape[2], device=query.device)
        keys[at, :, self.lengths] = key[0].transpose(0, 1)
        values[at, :, self.lengths] = value[0].transpose(0, 1)
        heads, kv_heads, size = query.shape[1], keys.shape[1], query.shape[3]
        outputs, start = [], 0
        for root, at_root, count in zip(self.roots, self.places, self.rows, strict=True):
            rows = slice(start, start + count)
            q = query[0, :, rows].transpose(0, 1).reshape(count, kv_heads, heads // kv_heads, size)
            k, v, past = keys[rows], values[rows], at_root[:0]
            if root is not None:
                past = at_root[: root[module.layer_idx][0].shape[1]]
                k = torch.cat([root[module.layer_idx][0].to(k.dtype).expand(count, -1, -1, -1), k], dim=2)
                v = torch.cat([root[module.layer_idx][1].to(v.dtype).expand(count, -1, -1, -1), v], dim=2)
            mask = self._mask(past, self.offsets[rows], self.lengths[rows], keys.shape[2], how.window, q.dtype)
            sinks = None if how.sinks is None else how.sinks.view(1, kv_heads, -1, 1).expand(count, -1, -1, -1)
            outputs.append(written_out(q, k, v, mask, how, sinks).reshape(count, heads, size))
            start += count
        return torch.cat(outputs).unsqueeze(0)

    @staticmethod
    def _mask(past: Tensor, offsets: Tensor, lengths: Tensor, width: int, window: int | None, dtype: torch.dtype) -> Tensor:
        """Additive [count, 1, 1, past + width]: the root at its positions ``past``, own tokens up to the new one, and the window by distance."""
        own = offsets[:, None] + torch.arange(width, device=lengths.device)
        places = torch.cat([past.expand(len(offsets), -1), own], dim=1)
        now = (offsets + lengths)[:, None]
        allowed = places <= now
        if window is not None:
            allowed &= now - places < window
        mask = torch.zeros(allowed.shape, dtype=dtype, device=lengths.device)
        return mask.masked_fill_(~allowed, torch.finfo(dtype).min)[:, None, None]


def _wider(buffer: Tensor, by: int) -> Tensor:
    return torch.cat([buffer, buffer.new_zeros(*buffer.shape[:2], by, buffer.shape[3])], dim=2)
