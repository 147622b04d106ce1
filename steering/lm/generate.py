"""Batched generation under any mix of roots: greedy or sampled, one packed token a sequence and step, over our own K/V buffers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steering.knobs import knob
from steering.lm.attention import KV, How, written_out
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How answers are generated, the same for every contestant."""

    max_new_tokens: int = knob(64, "longest answer", low=1, high=1024, unit="tokens")
    temperature: float = knob(0.0, "0 takes the likeliest token; higher draws more freely", low=0.0, high=5.0)
    top_p: float = knob(1.0, "draw only from the likeliest tokens that make up this share", low=0.01, high=1.0)
    stop_newline: bool = knob(True, "end the answer at a line break")
    seed: int = knob(0, "fixes the draws", low=0, high=2**31 - 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished or growing answer: its text without the end, its token count, and the mean log-probability of a token."""

    text: str
    tokens: int
    log_prob: float
    done: bool


def generate(lm: FrozenLM, requests: Sequence[tuple[Root, Ids]], decoding: Decoding) -> Iterator[list[Answer]]:
    """Answers to all requests at once; yields the growing answers after every step, the last yield being final."""
    if not requests:
        yield []
        return
    with torch.no_grad():
        state = _Padded(lm, requests) if lm.layout == "padded" else _Cached(lm, requests)
    texts = _Texts(lm, len(requests), decoding)
    pick = _Picker(decoding)
    while True:
        with torch.no_grad():
            logits = state.logits()
        tokens, log_probs = pick(logits)
        texts.add(tokens, log_probs)
        yield texts.answers()
        if texts.all_done or state.full:
            return
        state.append(tokens)


class _Picker:
    """Greedy or nucleus sampling (Holtzman et al. 2020) from logits [R, V]."""

    def __init__(self, decoding: Decoding) -> None:
        self.decoding = decoding
        self.generator = torch.Generator().manual_seed(decoding.seed)

    def __call__(self, logits: Tensor) -> tuple[list[int], list[float]]:
        logp = torch.log_softmax(logits.float().cpu(), dim=-1)
        if self.decoding.temperature == 0.0:
            chosen = logp.argmax(-1)
        else:
            p, order = torch.softmax(logp / self.decoding.temperature, -1).sort(-1, descending=True)
            p[p.cumsum(-1) - p >= self.decoding.top_p] = 0.0
            drawn = torch.multinomial(p, 1, generator=self.generator)
            chosen = order.gather(1, drawn)[:, 0]
        return chosen.tolist(), logp.gather(1, chosen[:, None])[:, 0].tolist()


class _Texts:
    """Tokens so far, and when each answer ends."""

    def __init__(self, lm: FrozenLM, rows: int, decoding: Decoding) -> None:
        self.lm, self.decoding = lm, decoding
        self.ids: list[list[int]] = [[] for _ in range(rows)]
        self.log_probs = [0.0] * rows
        self.texts = [""] * rows
        self.done = [False] * rows

    @property
    def all_done(self) -> bool:
        return all(self.done)

    def add(self, tokens: list[int], log_probs: list[float]) -> None:
        for row, (token, log_prob) in enumerate(zip(tokens, log_probs, strict=True)):
            if self.done[row]:
                continue
            if token in self.lm.end_ids:
                self.done[row] = True
                continue
            self.ids[row].append(token)
            self.log_probs[row] += log_prob
            # A character may be split over tokens; the half that has come so far is not shown.
            text = self.lm.decode(self.ids[row]).rstrip("\ufffd")
            if self.decoding.stop_newline and "\n" in text.lstrip():
                text = text.lstrip().split("\n", 1)[0]
                self.done[row] = True
            self.texts[row] = text
            self.done[row] = self.done[row] or len(self.ids[row]) >= self.decoding.max_new_tokens

    def answers(self) -> list[Answer]:
        return [
            Answer(text.strip(), len(ids), total / max(1, len(ids)), done)
            for text, ids, total, done in zip(self.texts, self.ids, self.log_probs, self.done, strict=True)
        ]


class _Padded:
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


class _Cached:
    """K/V buffers, right-padded: for every distinct root one shared (K, V), for every request its own keys and values.

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
        back = torch.empty(len(self.order), dtype=torch.long)
        back[torch.tensor(self.order)] = torch.arange(len(self.order))
        return self.next_logits[back.to(self.next_logits.device)]

    def append(self, tokens: list[int]) -> None:
        """Run one more token a request."""
        if int(self.lengths.max()) >= self.buffers[0][0].shape[2]:
            self.buffers = [(_wider(k, self.GROW), _wider(v, self.GROW)) for k, v in self.buffers]
        ids = torch.tensor([tokens[i] for i in self.order], device=self.lm.device)
        with torch.no_grad():
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
        for root, count in zip(self.roots, self.rows, strict=True):
            rows = slice(start, start + count)
            q = query[0, :, rows].transpose(0, 1).reshape(count, kv_heads, heads // kv_heads, size)
            k, v, past = keys[rows], values[rows], 0
            if root is not None:
                past = root[module.layer_idx][0].shape[1]
                k = torch.cat([root[module.layer_idx][0].to(k.dtype).expand(count, -1, -1, -1), k], dim=2)
                v = torch.cat([root[module.layer_idx][1].to(v.dtype).expand(count, -1, -1, -1), v], dim=2)
            mask = self._mask(self.lengths[rows], past, keys.shape[2], how.window, q.dtype)
            sinks = None if how.sinks is None else how.sinks.view(1, kv_heads, -1, 1).expand(count, -1, -1, -1)
            outputs.append(written_out(q, k, v, mask, how, sinks).reshape(count, heads, size))
            start += count
        return torch.cat(outputs).unsqueeze(0)

    @staticmethod
    def _mask(lengths: Tensor, past: int, width: int, window: int | None, dtype: torch.dtype) -> Tensor:
        """Additive [count, 1, 1, past + width]: the root, own tokens up to the new one, and the window by distance."""
        places = torch.arange(past + width, device=lengths.device)
        now = (past + lengths)[:, None]
        allowed = places <= now
        if window is not None:
            allowed &= now - places < window
        mask = torch.zeros(allowed.shape, dtype=dtype, device=lengths.device)
        return mask.masked_fill_(~allowed, torch.finfo(dtype).min)[:, None, None]


def _wider(buffer: Tensor, by: int) -> Tensor:
    return torch.cat([buffer, buffer.new_zeros(*buffer.shape[:2], by, buffer.shape[3])], dim=2)
