"""Batched generation under any mix of roots: greedy or sampled, one packed token a sequence and step (buffers: decoding.py)."""

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


def generate(lm: FrozenLM, requests: Sequence[tuple[Root, Ids]], decoding: Decoding) -> Iterator[list[Answer]]:
    """Answers to all requests at once; yields the growing answers after every step, the last yield being final."""
    if not requests:
        yield []
        return
    with torch.no_grad():
        state = begin(lm, requests)
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
