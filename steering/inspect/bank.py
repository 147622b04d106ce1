"""A bank of keys and values as real text makes them: what learned ones can be compared with (SCIENCE notes A4).

Contextual, not of lonely tokens: a token at position 0 turns into an attention sink, and its key and value are like no other's. Keys are stored as
they are before positions are applied. fp16: 5,000 tokens of SmolLM2-135M take 115 MB.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from steering.inspect.contract import Progress
from steering.lm.forest import Branch, Packed, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.rotary import Rotary, rotary
from steering.lm.scoring import Ids, chunks
from steering.lm.weights import Seen

TOKENS = 5000
"""Tokens in a bank, about."""

BEFORE = 4
"""Tokens shown before one, so that it can be told in which context it stands."""


@dataclass(frozen=True, slots=True)
class Bank:
    """``keys`` (un-rotated) and ``values``, [L, K, N, D] fp16 on the CPU; token n is number ``place[n]`` of ``texts[text[n]]``."""

    keys: Tensor
    values: Tensor
    texts: tuple[Ids, ...]
    text: Tensor
    place: Tensor
    rotary: Rotary

    def __len__(self) -> int:
        return self.text.shape[0]

    def context(self, number: int) -> Ids:
        """Token ``number`` with up to four tokens before it, itself last."""
        ids, at = self.texts[int(self.text[number])], int(self.place[number])
        return ids[max(0, at - BEFORE) : at + 1]


_LAST: "WeakKeyDictionary[FrozenLM, Bank]" = WeakKeyDictionary()
"""The last bank of every model: views of one dataset share it."""


def fill(texts: Sequence[Ids], tokens: int = TOKENS) -> tuple[Ids, ...]:
    """As many of ``texts`` as hold ``tokens`` tokens; each at least two tokens long."""
    chosen, held = [], 0
    for ids in dict.fromkeys(texts):
        if len(ids) < 2:
            continue
        if held and held + len(ids) > tokens:
            break
        chosen.append(ids)
        held += len(ids)
    return tuple(chosen)


def bank(lm: FrozenLM, texts: tuple[Ids, ...], length: int) -> Generator[Progress, None, Bank]:
    """The bank of ``texts``, run behind the model's own header, in slices; at once where it is the last one again. ``length``: positions that its
    rotation must know beside the texts' own.

    Raises:
        ModelError: the model runs in the padded layout, or rotates keys in a way that cannot be undone.
    """
    known = _LAST.get(lm)
    turn = rotary(lm, max(length, len(lm.header) + max(map(len, texts))))
    if known is not None and known.texts == texts:
        return Bank(known.keys, known.values, texts, known.text, known.place, turn)
    skipped = 0 if lm.header else 1  # position 0
    starts = torch.tensor([0, *(len(ids) - skipped for ids in texts)]).cumsum(0)
    shape = (lm.shape.L, lm.shape.K, int(starts[-1]), lm.shape.D)
    keys, values = (torch.zeros(shape, dtype=torch.float16) for _ in range(2))
    with torch.no_grad():
        root = lm.to_kv(Root(embeds=lm.embed(lm.header)))
    branches = [Branch(ids, 1) for ids in texts]
    for part in chunks(branches, lm.tokens_per_slice):

        def watch(module: Any, packed: Packed, seen: list[Seen], rows: Tensor, first: int = part.start) -> Tensor:
            for number, key, value in own_rows(packed, seen, turn, module.layer_idx, first):
                at = slice(int(starts[number]), int(starts[number + 1]))
                held = slice(skipped, len(texts[number]))
                keys[module.layer_idx, :, at], values[module.layer_idx, :, at] = key[:, held].half().cpu(), value[:, held].half().cpu()
            return rows

        with torch.no_grad():
            lm.watched([Tree(root, tuple(branches[i] for i in part))], watch)
        yield Progress(done=part.stop, total=len(texts), message="reading real text for comparison")
    text = torch.repeat_interleave(torch.arange(len(texts)), starts.diff())
    place = torch.cat([torch.arange(skipped, len(ids)) for ids in texts])
    _LAST[lm] = Bank(keys, values, texts, text, place, turn)
    return _LAST[lm]


def own_rows(packed: Packed, seen: list[Seen], turn: Rotary, layer: int, first: int) -> Generator[tuple[int, Tensor, Tensor], None, None]:
    """(number of the input, its own keys un-rotated [K, width, D], its values) of every input of a slice, padding on the right included."""
    for at, block, row in inputs_of(packed, seen):
        width = block.block.width
        key, value = block.keys[row, :, -width:], block.values[row, :, -width:]
        yield first + at, turn.back(layer, key, block.block.positions[row]), value


def inputs_of(packed: Packed, seen: list[Seen]) -> Generator[tuple[int, Seen, int], None, None]:
    """(input, its block, its row there) for inputs that have one graded position each."""
    slots = packed.unpad_index[packed.graded].tolist()
    for block in seen:
        start, size, width = block.block.start, block.block.size, block.block.width
        for number, slot in enumerate(slots):
            if start <= slot < start + size:
                yield number, block, (slot - start) // width
