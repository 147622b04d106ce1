"""Batched generation under any mix of roots: greedy or sampled, one packed token a sequence and step (buffers: decoding.py).

An answer depends on its own root, input and draws alone, never on who shares its batch or when it entered.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.knobs import knob
from steering.lm.decoding import begin
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


LEAVING = 0.25
"""Share of a batch that must have finished before it is arranged anew, because the others' keys and values are moved then.
A guess; shares were not compared."""


def generate(lm: FrozenLM, requests: Sequence[tuple[Root, Ids]], decoding: Decoding, at_once: int | None = None) -> Iterator[list[Answer]]:
    """Answers to all requests; yields the growing answers after every step, the last yield being final.

    ``at_once``: how many are under way at a time (None: all). Longer inputs begin first; whoever has finished makes room for the next.
    """
    if not requests:
        yield []
        return
    waiting = deque(sorted(range(len(requests)), key=lambda i: (-len(requests[i][1]), i)))
    batch = at_once or len(requests)
    state, texts, pick = begin(lm), _Texts(lm, len(requests), decoding), _Picker(decoding)
    while waiting or state.rows:
        with torch.no_grad():
            fresh = {i: requests[i] for i in (waiting.popleft() for _ in range(min(len(waiting), batch - len(state.rows))))}
            if fresh:
                state.enter(fresh)
            logits = state.logits()
        rows = state.rows
        tokens, log_probs = pick(logits, rows)
        texts.add(rows, tokens, log_probs, state.full)
        yield texts.answers()
        done = {row for row in rows if texts.done[row]}
        if len(done) >= LEAVING * len(rows):
            state.leave(done)
            tokens = [token for row, token in zip(rows, tokens, strict=True) if row not in done]
        if tokens:
            state.append(tokens)


class _Picker:
    """Greedy or nucleus sampling (Holtzman et al. 2020) from logits [R, V]; every request has draws of its own."""

    def __init__(self, decoding: Decoding) -> None:
        self.decoding = decoding
        self.draws: dict[int, torch.Generator] = {}

    def __call__(self, logits: Tensor, rows: Sequence[int]) -> tuple[list[int], list[float]]:
        logp = torch.log_softmax(logits.float().cpu(), dim=-1)
        if self.decoding.temperature == 0.0:
            chosen = logp.argmax(-1)
        else:
            p, order = torch.softmax(logp / self.decoding.temperature, -1).sort(-1, descending=True)
            p[p.cumsum(-1) - p >= self.decoding.top_p] = 0.0
            drawn = torch.stack([torch.multinomial(one, 1, generator=self._draw(row)) for one, row in zip(p, rows, strict=True)])
            chosen = order.gather(1, drawn)[:, 0]
        return chosen.tolist(), logp.gather(1, chosen[:, None])[:, 0].tolist()

    def _draw(self, row: int) -> torch.Generator:
        if row not in self.draws:
            self.draws[row] = torch.Generator().manual_seed(self.decoding.seed + (row << 32))
        return self.draws[row]


class _Texts:
    """Tokens so far, and when each answer ends."""

    def __init__(self, lm: FrozenLM, rows: int, decoding: Decoding) -> None:
        self.lm, self.decoding, self.ends = lm, decoding, lm.end_ids
        self.ids: list[list[int]] = [[] for _ in range(rows)]
        self.log_probs = [0.0] * rows
        self.texts = [""] * rows
        self.done = [False] * rows

    def add(self, rows: list[int], tokens: list[int], log_probs: list[float], full: list[bool]) -> None:
        """``full``: this token was the last one that the model's context had room for."""
        for row, token, log_prob, last in zip(rows, tokens, log_probs, full, strict=True):
            if self.done[row]:
                continue
            self.done[row] = last
            if token in self.ends:
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
