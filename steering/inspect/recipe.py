"""The prefix recipe put together (SCIENCE notes A4): for every layer and virtual token its nearest contexts, who finds it, and what it writes."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steering.data.neutral import neutral
from steering.inspect import contexts
from steering.inspect.bank import BEFORE, Bank, bank, fill
from steering.inspect.checks import layers
from steering.inspect.contexts import Nearest
from steering.inspect.contract import Progress, Subject
from steering.inspect.firing import Firing, firing
from steering.inspect.sizes import KeysValues
from steering.inspect.subjects import bench, learned, start
from steering.inspect.vocabulary import Vocabulary, vocabulary
from steering.inspect.writes import effects, written
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids
from steering.methods.forms import LAYERS

SHOWN = 60
"""Rows shown, at most: those that add most."""

WATCHED = 24
"""Inputs on which the prefix is watched at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """``rows`` shown of ``total``, ``hidden`` ones being no nearer to real text than chance; ``keys`` and ``values`` by layer; ``tokens`` in the
    bank, and where they come from; ``unread``: share of what the prefix adds that hidden rows add."""

    rows: list[dict[str, Any]]
    total: int
    hidden: int
    keys: list[Nearest | None]
    values: list[Nearest | None]
    tokens: int
    source: str
    unread: float


def keys_values(lm: FrozenLM, subject: Subject) -> tuple[Root, KeysValues, KeysValues | None, tuple[int, ...]]:
    """The subject as keys and values in every layer; those of the layers that hold it, without the header's rows; their start, where it is known; and
    the layers' numbers from 1.

    Raises:
        ArtifactError: damaged vectors, or those of another model.
    """
    with torch.no_grad():
        root, begin = lm.to_kv(learned(lm, subject)), start(lm, subject)
        begin = None if begin is None else lm.to_kv(begin)
    held = layers(lm, subject) if LAYERS in subject.vectors else list(range(lm.shape.L))
    return root, _stacked(root, held, subject.header), _stacked(begin, held, subject.header) if begin else None, tuple(i + 1 for i in held)


def _stacked(root: Root, held: list[int], header: int) -> KeysValues:
    assert root.kv is not None
    both = zip(*(root.kv[layer] for layer in held), strict=True)
    return {name: torch.stack(list(part))[:, :, header:].float() for name, part in zip(("keys", "values"), both, strict=True)}


def recipe(lm: FrozenLM, subject: Subject, root: Root) -> Generator[Progress, None, Recipe]:
    """Everything about the rows behind the header of ``root`` (keys and values).

    Raises:
        ModelError: the model runs in the padded layout, or its positions cannot be undone.
    """
    assert root.kv is not None
    vocab = yield from vocabulary(lm)
    inputs = _inputs(lm, subject, root)
    plain = tuple(lm.encode_many(neutral()))
    own = subject.start_ids[subject.header :]
    known = yield from bank(lm, fill([*([own] if len(own) > 1 else []), *plain, *inputs]), root.length)
    fixed = subject.header
    at = torch.arange(root.length, device=lm.device)
    bare = [known.rotary.back(layer, k, at[: k.shape[1]])[:, fixed:] if k.shape[1] > fixed else None for layer, (k, _) in enumerate(root.kv)]
    starts = torch.full((root.length - fixed,), -1)
    if len(own) > 1:
        first = (known.text == 0).nonzero().flatten()
        starts[known.place[first]] = first
    keys = yield from contexts.nearest(known, bare, "keys", starts, "comparing keys with real text")
    held = [v[:, fixed:] if v.shape[1] > fixed else None for _, v in root.kv]
    values = yield from contexts.nearest(known, held, "values", starts, "comparing values with real text")
    watched = (inputs or plain)[-WATCHED:]
    seen = yield from firing(lm, root, watched)
    adds = effects(lm, root, seen)
    places = [(layer, slot) for layer, one in enumerate(keys) if one is not None for slot in range(one.head.shape[0])]
    near = [place for place in places if _readable(keys, values, *place)]
    shown = sorted(near, key=lambda place: -float(adds[place[0], fixed + place[1]]))[:SHOWN]
    pushed = yield from written(lm, vocab, subject, known, root, seen, [(layer, fixed + slot) for layer, slot in shown])
    made = _Rows(subject, vocab, known, root, seen, adds, watched, starts)
    rows = [made.row(layer, slot, keys[layer], values[layer]) | words for (layer, slot), words in zip(shown, pushed, strict=True)]
    source = "your rows and plain sentences" if inputs else "plain sentences"
    total, read = (sum(float(adds[layer, fixed + slot]) for layer, slot in part) for part in (places, near))
    return Recipe(
        rows=rows,
        total=len(places),
        hidden=len(places) - len(near),
        keys=keys,
        values=values,
        tokens=len(known),
        source=source,
        unread=1 - read / max(total, 1e-12),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the table's rows are made of."""

    subject: Subject
    vocab: Vocabulary
    bank: Bank
    root: Root
    seen: Firing
    adds: Tensor
    watched: Sequence[Ids]
    starts: Tensor

    def row(self, layer: int, slot: int, key: Nearest | None, value: Nearest | None) -> dict[str, Any]:
        """One layer's virtual token; ``slot`` counts behind the header."""
        assert key is not None and value is not None and self.root.kv is not None
        at = self.subject.header + slot
        usual = self.bank.values[layer].float().pow(2).sum((0, 2)).mean().sqrt()
        still = [name for name, one in (("key", key), ("value", value)) if int(one.token[slot, 0]) == int(self.starts[slot])]
        return {
            "layer": layer + 1,
            "slot": at + 1,
            "init_token": self.vocab.show(self.subject.start_ids[at]) if self.subject.start_ids else None,
            "head": int(key.head[slot]) + 1,
            "key": self._near(key, slot),
            "key_floor": round(key.floor, 4),
            "fires": self._fires(layer, at),
            "value": self._near(value, slot),
            "value_floor": round(value.floor, 4),
            "norm": round(float(self.root.kv[layer][1][:, at].float().norm() / usual), 4),
            "attention": round(float(self.seen.answer[layer, :, at].mean()), 5),
            "effect": round(float(self.adds[layer, at]), 5),
            "still": " and ".join(still),
        }

    def _near(self, one: Nearest, slot: int) -> list[dict[str, Any]]:
        pairs = zip(one.token[slot].tolist(), one.cosine[slot].tolist(), strict=True)
        return [{"token": self._context(self.bank.context(token)), "cosine": round(cosine, 4)} for token, cosine in pairs]

    def _fires(self, layer: int, at: int) -> list[dict[str, Any]]:
        """The queries that give it most attention, most first."""
        items = zip(*(part[layer, at].tolist() for part in (self.seen.weight, self.seen.text, self.seen.place)), strict=True)
        found = []
        for weight, text, place in items:
            ids = self.watched[text][max(0, place - BEFORE) : place + 1]
            found.append({"token": self._context(ids), "weight": round(weight, 4)})
        return found

    def _context(self, ids: Ids) -> str:
        """What stood before, and the token itself in brackets."""
        return "".join(map(self.vocab.show, ids[:-1])) + f" [{self.vocab.show(ids[-1])}]"


def _inputs(lm: FrozenLM, subject: Subject, root: Root) -> tuple[Ids, ...]:
    """The subject's rows as the model reads them, training rows first: held-out ones are watched."""
    rows = (*subject.train, *subject.rows)
    return bench(lm, subject, rows, root).inputs if rows and subject.task else ()


def _readable(keys: Sequence[Nearest | None], values: Sequence[Nearest | None], layer: int, slot: int) -> bool:
    return any(one is not None and float(one.cosine[slot, 0]) > one.floor for one in (keys[layer], values[layer]))
