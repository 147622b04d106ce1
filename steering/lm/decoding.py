"""The state of decoding: what every request under way has seen, and its next logits. Over our own K/V buffers, or by running everything again.

Requests come and go while others stay: whoever has finished leaves the batch, and waiting ones enter in its place (continuous batching at the
level of tokens: Yu et al. 2022, Orca, https://www.usenix.org/conference/osdi22/presentation/yu).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from steering.lm.attention import KV
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids
from steering.lm.weights import How, written_out

Requests = Mapping[int, tuple[Root, Ids]]
"""Requests by their number."""


class Decoder(Protocol):
    """Requests on their way. ``rows`` are their numbers; ``logits`` [R, V] for the next tokens, ``full`` [R], and ``append``'s tokens are in that
    order, which changes when somebody comes or goes."""

    @property
    def rows(self) -> list[int]: ...

    @property
    def full(self) -> list[bool]:
        """Whether a request has filled the model's context."""
        ...

    def enter(self, requests: Requests) -> None:
        """Run the inputs of new requests."""
        ...

    def leave(self, rows: Collection[int]) -> None:
        """Let go what these have seen."""
        ...

    def logits(self) -> Tensor: ...

    def append(self, tokens: list[int]) -> None:
        """Run one more token a request."""
        ...


def begin(lm: FrozenLM) -> Decoder:
    """Nobody under way yet; the way that this model allows."""
    return Padded(lm) if lm.layout == "padded" else Several(lm)


class Several:
    """Requests under different weights: a part for every adapter, each in forwards of its own."""

    def __init__(self, lm: FrozenLM) -> None:
        self.lm = lm
        self.parts: dict[int, Cached] = {}

    @property
    def rows(self) -> list[int]:
        return [row for part in self.parts.values() for row in part.rows]

    @property
    def full(self) -> list[bool]:
        return [one for part in self.parts.values() for one in part.full]

    def enter(self, requests: Requests) -> None:
        groups: dict[int, dict[int, tuple[Root, Ids]]] = {}
        for row, request in requests.items():
            groups.setdefault(id(request[0].adapter), {})[row] = request
        for adapter, members in groups.items():
            self.parts.setdefault(adapter, Cached(self.lm)).enter(members)

    def leave(self, rows: Collection[int]) -> None:
        for part in self.parts.values():
            part.leave(rows)
        self.parts = {adapter: part for adapter, part in self.parts.items() if part.rows}

    def logits(self) -> Tensor:
        return torch.cat([part.logits() for part in self.parts.values()])

    def append(self, tokens: list[int]) -> None:
        start = 0
        for part in self.parts.values():
            part.append(tokens[start : start + len(part.rows)])
            start += len(part.rows)


class Padded:
    """Decoding without buffers: every step runs the whole sequences again. Slow; for models that cannot be packed."""

    def __init__(self, lm: FrozenLM) -> None:
        self.lm = lm
        self.seen: dict[int, tuple[Root, list[int]]] = {}

    @property
    def rows(self) -> list[int]:
        return list(self.seen)

    @property
    def full(self) -> list[bool]:
        return [root.length + len(ids) + 1 >= self.lm.shape.context for root, ids in self.seen.values()]

    def enter(self, requests: Requests) -> None:
        self.seen |= {row: (root, list(ids)) for row, (root, ids) in requests.items()}

    def leave(self, rows: Collection[int]) -> None:
        self.seen = {row: seen for row, seen in self.seen.items() if row not in rows}

    def logits(self) -> Tensor:
        return self.lm.logits([Tree(root, (Branch(tuple(ids), 1),)) for root, ids in self.seen.values()])

    def append(self, tokens: list[int]) -> None:
        for (_, ids), token in zip(self.seen.values(), tokens, strict=True):
            ids.append(token)


@dataclass(slots=True)
class _Group:
    """Requests under one root, in neighbouring rows: the root as it was given and as keys and values, its positions, and who they are."""

    given: Root
    root: Root
    places: Tensor
    rows: list[int]


class Cached:
    """K/V buffers [R, K, S, D], right-padded: for every distinct root one shared (K, V), for every request its own keys and values. All roots share
    their adapter, if any.

    Also the layout keyword of the decoding forward: each layer writes the new token's key and value and attends to root and own.
    """

    GROW = 64
    """Tokens by which the buffers grow when they are full."""
    AT_ONCE = 32
    """Inputs that are run in one forward."""

    def __init__(self, lm: FrozenLM) -> None:
        self.lm = lm
        self.groups: list[_Group] = []
        self.lengths = torch.zeros(0, dtype=torch.long, device=lm.device)
        self.offsets = self.lengths
        empty = torch.zeros(0, lm.shape.K, 0, lm.shape.D, dtype=lm.dtype, device=lm.device)
        self.buffers = [(empty, empty) for _ in range(lm.shape.L)]
        self.next_logits: Tensor | None = None

    @property
    def rows(self) -> list[int]:
        return [row for group in self.groups for row in group.rows]

    @property
    def full(self) -> list[bool]:
        return (self.offsets + self.lengths + 1 >= self.lm.shape.context).tolist()

    def logits(self) -> Tensor:
        assert self.next_logits is not None
        return self.next_logits

    def leave(self, rows: Collection[int]) -> None:
        before = self.rows
        stay = [i for i, row in enumerate(before) if row not in rows]
        if len(stay) == len(before):
            return
        for group in self.groups:
            group.rows = [row for row in group.rows if row not in rows]
        self.groups = [group for group in self.groups if group.rows]
        self._arrange(stay, self.next_logits, int(self.lengths[stay].max()) + self.GROW if stay else 0)

    def enter(self, requests: Requests) -> None:
        before = self.rows
        branches = {row: Branch(ids, 1) for row, (_, ids) in requests.items()}
        for row, (root, _) in requests.items():
            self._group(root).rows.append(row)
        old = {row: i for i, row in enumerate(before)}
        source = [old.get(row, -1) for row in self.rows]  # -1: a row of its own, which is filled below
        longest = max([len(branch.ids) for branch in branches.values()] + self.lengths.tolist())
        self._arrange(source, None, longest + self.GROW)
        logits: dict[int, Tensor] = {}
        first = 0
        for group in self.groups:
            fresh = [i for i, row in enumerate(group.rows) if row in branches]
            for at in range(0, len(fresh), self.AT_ONCE):
                part = fresh[at : at + self.AT_ONCE]
                trees = [Tree(group.root, tuple(branches[group.rows[i]] for i in part))]
                found, tape = self.lm.branch_kv(trees)
                logits |= {first + i: row for i, row in zip(part, found, strict=True)}
                self._fill([first + i for i in part], [branches[group.rows[i]] for i in part], tape, group.root.length)
            first += len(group.rows)
        kept = self.next_logits
        self.next_logits = torch.stack([logits[i] if at < 0 or kept is None else kept[at] for i, at in enumerate(source)])

    def append(self, tokens: list[int]) -> None:
        if int(self.lengths.max()) >= self.buffers[0][0].shape[2]:
            self._arrange(list(range(len(tokens))), self.next_logits, self.buffers[0][0].shape[2] + self.GROW)
        ids = torch.tensor(tokens, device=self.lm.device)
        with torch.no_grad(), self.lm.adapted(self.groups[0].root):
            rows = self.lm.model.get_input_embeddings()(ids)
            keep = torch.arange(len(tokens), device=self.lm.device)
            self.next_logits = self.lm.forward(rows, self.offsets + self.lengths, keep, self)
        self.lengths = self.lengths + 1

    def _group(self, root: Root) -> _Group:
        """The group of a root, which is computed when its first request enters."""
        for group in self.groups:
            if group.given is root:
                return group
        kv = self.lm.to_kv(root)
        self.groups.append(_Group(root, kv, torch.tensor(kv.positions, dtype=torch.long, device=self.lm.device), []))
        return self.groups[-1]

    def _arrange(self, source: list[int], logits: Tensor | None, width: int) -> None:
        """Buffers of ``width`` tokens in which row i is what row ``source[i]`` was; -1: empty. A layer at a time, so that one layer is held twice."""
        there = [i for i, at in enumerate(source) if at >= 0]
        taken = torch.tensor([source[i] for i in there], dtype=torch.long, device=self.lm.device)
        into = torch.tensor(there, dtype=torch.long, device=self.lm.device)
        keep = min(width, self.buffers[0][0].shape[2])

        def moved(buffer: Tensor) -> Tensor:
            made = buffer.new_zeros(len(source), buffer.shape[1], width, buffer.shape[3])
            made[into, :, :keep] = buffer[taken, :, :keep]
            return made

        for layer, (keys, values) in enumerate(self.buffers):
            self.buffers[layer] = moved(keys), moved(values)
        for name in ("lengths", "offsets"):
            numbers = getattr(self, name)
            setattr(self, name, numbers.new_zeros(len(source)).index_copy(0, into, numbers[taken]))
        if logits is not None:
            self.next_logits = logits[taken]

    def _fill(self, rows: list[int], branches: list[Branch], tape: list[KV], offset: int) -> None:
        """Packed keys and values of one forward into their buffer rows. The packed row holds branches sorted by length (see forest.pack)."""
        order = sorted(range(len(rows)), key=lambda i: len(branches[i].ids))
        for layer, (key, value) in enumerate(tape):
            start = 0
            for i in order:
                count = len(branches[i].ids)
                self.buffers[layer][0][rows[i], :, :count] = key[start : start + count].transpose(0, 1)
                self.buffers[layer][1][rows[i], :, :count] = value[start : start + count].transpose(0, 1)
                start += count
        for row, branch in zip(rows, branches, strict=True):
            self.lengths[row], self.offsets[row] = len(branch.ids), offset

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, how: How) -> Tensor:
        """One layer of one decoding step: [1, heads, R, D] -> [1, R, heads, D]."""
        keys, values = self.buffers[module.layer_idx]
        at = torch.arange(query.shape[2], device=query.device)
        keys[at, :, self.lengths] = key[0].transpose(0, 1)
        values[at, :, self.lengths] = value[0].transpose(0, 1)
        heads, kv_heads, size = query.shape[1], keys.shape[1], query.shape[3]
        outputs, start = [], 0
        for group in self.groups:
            root, at_root, count = group.root.kv, group.places, len(group.rows)
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
