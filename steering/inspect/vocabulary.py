"""The trusted vocabulary: the entries that may be shown as words, centred, computed once for a model (SCIENCE notes A3, view 4).

Left out: special and added tokens; entries that the tokenizer never writes, ``encode(decode(i)) != [i]``; partial UTF-8; whitespace and control
runs; undertrained entries and hubs (:mod:`steering.inspect.untrusted`). Centred, because the raw cosine is unusable: two random entries of SmolLM2
have 0.44. The centred table itself is never stored: it is recomputed in chunks from the embedding module, so that 260,000 x 2,560 entries cost no
memory beside the model's.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from steering.errors import ModelError
from steering.inspect.contract import Progress
from steering.inspect.tokens import blank, byte_piece, piece_bytes, show, show_bytes
from steering.lm.frozen import FrozenLM

ROWS = 8192
"""Embedding rows that are looked at in one go."""

QUERIES = 1024
"""Directions that are compared with them in one go."""

TEXTS = 16384
"""Entries that are decoded and encoded in one go: about half a second."""


@dataclass(slots=True)
class Vocabulary:
    """Trusted entries of one model's vocabulary.

    ``ids`` [N] long on the model's device, ascending; ``position``: id -> index in ``ids``; ``mean`` [H] fp32 of their embeddings; ``lengths`` [N]
    |E_t - mean|; ``hidden``: reason -> entries left out for it. ``memory`` keeps what views compute once for a model.
    """

    ids: Tensor
    position: dict[int, int]
    mean: Tensor
    lengths: Tensor
    hidden: dict[str, int]
    labels: tuple[str, ...]
    memory: dict[Any, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.position)

    def show(self, token_id: int) -> str:
        """The entry as text on a page."""
        return self.labels[token_id] if token_id < len(self.labels) else f"<unused {token_id}>"

    def centred(self, lm: FrozenLM) -> Iterator[tuple[int, Tensor]]:
        """(index of the first row, unit rows [n, H] fp32): (E_t - mean) / |E_t - mean|, chunk by chunk."""
        for first in range(0, len(self), ROWS):
            part = slice(first, first + ROWS)
            yield first, (_rows(lm, self.ids[part]) - self.mean) / self.lengths[part, None]

    def directions(self, vectors: Tensor) -> Tensor:
        """Unit directions from the mean, [Q, H] fp32 (zero for a vector at the mean)."""
        return torch.nn.functional.normalize(vectors - self.mean, dim=-1)


_KNOWN: "WeakKeyDictionary[FrozenLM, Vocabulary]" = WeakKeyDictionary()


def vocabulary(lm: FrozenLM) -> Generator[Progress, None, Vocabulary]:
    """The model's trusted vocabulary, in slices; at once where it is known.

    Raises:
        ModelError: the tokenizer leaves fewer than two trusted entries.
    """
    if lm not in _KNOWN:
        _KNOWN[lm] = yield from _build(lm)
    return _KNOWN[lm]


def _build(lm: FrozenLM) -> Generator[Progress, None, Vocabulary]:
    texts = _Texts(lm)
    total = min(lm.shape.V, len(lm.tokenizer))
    verdicts: list[str] = []
    labels: list[str] = []
    for first in range(0, total, TEXTS):
        ids = range(first, min(first + TEXTS, total))
        for label, verdict in texts.judge(ids):
            labels.append(label)
            verdicts.append(verdict)
        yield Progress(done=ids.stop, total=total, message="reading the vocabulary")
    trusted = [i for i, verdict in enumerate(verdicts) if not verdict]
    if len(trusted) < 2:
        raise ModelError(f"the tokenizer of {lm.id!r} has {len(trusted)} entries that can be shown as text.", "Expected a tokenizer with words.")
    hidden = {reason: verdicts.count(reason) for reason in sorted({v for v in verdicts if v})}
    if total < lm.shape.V:
        hidden["unused"] = lm.shape.V - total
    never = [i for i, verdict in enumerate(verdicts) if verdict == "unstable"]
    made = _centred(lm, torch.tensor(trusted, device=lm.device), hidden, tuple(labels))
    return (yield from _telling(lm, made, [list(range(total, lm.shape.V)), never]))


def _telling(lm: FrozenLM, made: Vocabulary, unused: list[list[int]]) -> Generator[Progress, None, Vocabulary]:
    """Without entries that are text and still tell nothing; ``unused``: ids that no text is written with, the surest kind first."""
    from steering.inspect.untrusted import FEWEST, hubs, undertrained

    known = next((ids for ids in unused if len(ids) >= FEWEST), [])
    made = _without(lm, made, undertrained(lm, made.ids, known), "undertrained")
    return _without(lm, made, (yield from hubs(lm, made)), "hubs")


def _without(lm: FrozenLM, made: Vocabulary, drop: Tensor, reason: str) -> Vocabulary:
    """Without the entries that ``drop`` [N] marks, counted under ``reason``; two are always left."""
    count = int(drop.sum())
    return _centred(lm, made.ids[~drop], made.hidden | {reason: count}, made.labels) if 0 < count < len(made) - 1 else made


def _centred(lm: FrozenLM, ids: Tensor, hidden: dict[str, int], labels: tuple[str, ...]) -> Vocabulary:
    """A vocabulary of these entries."""
    mean = torch.zeros(lm.shape.H, dtype=torch.float64, device=lm.device)
    for part in ids.split(ROWS):
        mean += _rows(lm, part).sum(dim=0, dtype=torch.float64)
    centre = (mean / len(ids)).float()
    lengths = torch.cat([(_rows(lm, part) - centre).norm(dim=1) for part in ids.split(ROWS)]).clamp_min(1e-12)
    return Vocabulary(ids, {token: i for i, token in enumerate(ids.tolist())}, centre, lengths, hidden, labels)


def pieces(lm: FrozenLM, ids: Sequence[int]) -> list[str]:
    """Every token as text on a page, unambiguously."""
    return [label for label, _ in _Texts(lm).judge(list(ids))] if ids else []


def _rows(lm: FrozenLM, ids: Tensor) -> Tensor:
    """[n, H] fp32 embeddings."""
    return lm.embed(ids.tolist())


class _Texts:
    """Decodes and encodes many entries at once. Entries are decoded behind an anchor (a line break), because some tokenizers drop the space of a
    text's first word."""

    def __init__(self, lm: FrozenLM) -> None:
        self.tokenizer = lm.tokenizer
        # The fast tokenizer itself, several times faster; the call of lm.encode has just switched its padding and truncation off.
        self.anchor = lm.encode("\n")
        self.fast: Any = getattr(lm.tokenizer, "backend_tokenizer", None)
        self.special = set(lm.tokenizer.all_special_ids) | set(lm.tokenizer.added_tokens_decoder)
        self.before = self.decode([list(self.anchor)])[0]

    def decode(self, sequences: list[list[int]]) -> list[str]:
        if self.fast is not None:
            return list(self.fast.decode_batch(sequences, skip_special_tokens=False))
        return [self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False) for ids in sequences]

    def encode(self, texts: list[str]) -> list[list[int]]:
        if self.fast is not None:
            return [item.ids for item in self.fast.encode_batch_fast(texts, add_special_tokens=False)]
        return [self.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]

    def judge(self, ids: Sequence[int]) -> list[tuple[str, str]]:
        """For every id: how it is shown, and why it is not trusted (empty: it is)."""
        texts = [self.text(i, whole) for i, whole in zip(ids, self.decode([[*self.anchor, i] for i in ids]), strict=True)]
        pieces = self.tokenizer.convert_ids_to_tokens(list(ids))
        stable = self.stable(ids, texts)
        out = []
        for i, text, piece in zip(ids, texts, pieces, strict=True):
            raw = piece_bytes(piece) if piece and "\ufffd" in text else None
            label = show(text) if raw is None else show_bytes(raw)
            if piece and byte_piece(piece, text):
                label = piece
            out.append((label or show(piece or ""), self.reason(i, text, i in stable)))
        return out

    def text(self, token_id: int, whole: str) -> str:
        """The entry's own text: what it adds behind the anchor."""
        if whole.startswith(self.before):
            return whole[len(self.before) :]
        return str(self.decode([[token_id]])[0])

    def stable(self, ids: Sequence[int], texts: list[str]) -> set[int]:
        """Ids that the tokenizer writes for their own text, alone or behind the anchor."""
        found = {i for i, back in zip(ids, self.encode(texts), strict=True) if back == [i]}
        rest = [(i, text) for i, text in zip(ids, texts, strict=True) if i not in found]
        again = self.encode([self.before + text for _, text in rest])
        return found | {i for (i, _), back in zip(rest, again, strict=True) if back == [*self.anchor, i]}

    def reason(self, token_id: int, text: str, stable: bool) -> str:
        if token_id in self.special:
            return "special"
        if "\ufffd" in text:
            return "fragment"
        if blank(text):
            return "blank"
        return "" if stable else "unstable"
