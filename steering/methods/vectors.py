"""Trainable vectors: a start, a scale, and a movement in units of that scale.

``vector = start + scale * move``, with every move zero at step 0. Adam moves every coordinate by about the learning rate a step, so one relative
rate means the same for embeddings, keys and values of any model (SCIENCE notes B2), and the anchor is the mean of the moves squared.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from steering.errors import TemplateError
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.forms import KEYS, LAYERS, SOFT_PROMPT, VALUES, root_of
from steering.methods.network import Network
from steering.methods.starts import Start


class Text:
    """Steering by text: nothing is trained."""

    def __init__(self, lm: FrozenLM, text: str) -> None:
        self.note = ""
        self.start_ids = lm.header + lm.encode(text)
        self.header = len(lm.header)
        self._root = lm.text_root(text)
        require_room(lm, self._root)

    def root(self) -> Root:
        return self._root

    def parameters(self) -> dict[str, Tensor]:
        return {}

    def drift(self) -> Tensor:
        return torch.zeros(())

    def vectors(self) -> dict[str, Tensor]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One tensor that moves. ``start``: [..., P, D] fp32, virtual tokens last but one; ``scale`` broadcasts to it; ``rate``: how fast it moves
    relative to the learning rate."""

    start: Tensor
    scale: Tensor
    rate: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reparametrisation:
    """Moves made by a network of this width, with (``direct``) or without own moves of every vector beside it."""

    width: int
    seed: int
    direct: bool = True


class Vectors:
    """Steering by learned vectors.

    ``parts``: name -> what moves; ``fixed``: tensors that are saved with them; ``begin``: what they started from, whose header rows never move.
    """

    def __init__(
        self,
        lm: FrozenLM,
        parts: dict[str, Part],
        begin: Start,
        *,
        note: str = "",
        fixed: dict[str, Tensor] | None = None,
        through: Reparametrisation | None = None,
    ) -> None:
        self.lm = lm
        self.note = " ".join(text for text in (begin.note, note) if text)
        self.start_ids, self.header = begin.ids, begin.header
        self.parts, self.fixed = parts, fixed or {}
        moving = {name: torch.zeros_like(self._moving(part.start)) for name, part in parts.items()}
        self._shapes = {name: tuple(t.movedim(-2, 0).shape) for name, t in moving.items()}  # [P, ...]: one row a virtual token
        self.network: Network | None = None
        if through is not None:
            features = sum(row[0].numel() for row in (t.movedim(-2, 0) for t in moving.values()))
            rows = next(iter(self._shapes.values()))[0]
            self.network = Network(rows, features, width=through.width, seed=through.seed, device=lm.device)
        self.deltas = {name: t.requires_grad_(True) for name, t in moving.items()} if through is None or through.direct else {}
        require_room(lm, self.root())
        lm.require_layout(self.root())

    def _moving(self, tensor: Tensor) -> Tensor:
        """The part behind the frozen header."""
        return tensor.narrow(-2, self.header, tensor.shape[-2] - self.header)

    def _moves(self) -> dict[str, Tensor]:
        """How far every tensor has moved, in units of its scale."""
        moves = {name: self.parts[name].rate * delta for name, delta in self.deltas.items()}
        if self.network is None:
            return moves
        sizes = [torch.Size(shape[1:]).numel() for shape in self._shapes.values()]
        for (name, shape), rows in zip(self._shapes.items(), self.network().split(sizes, dim=1), strict=True):
            made = self.parts[name].rate * rows.reshape(shape).movedim(0, -2)
            moves[name] = moves[name] + made if name in moves else made
        return moves

    def _now(self) -> dict[str, Tensor]:
        out = {}
        for name, move in self._moves().items():
            part = self.parts[name]
            moved = self._moving(part.start) + part.scale * move
            out[name] = torch.cat([part.start.narrow(-2, 0, self.header), moved], dim=-2) if self.header else moved
        return out | self.fixed

    def root(self) -> Root:
        return root_of(self.lm, self._now())

    def parameters(self) -> dict[str, Tensor]:
        return self.deltas | (self.network.parameters() if self.network is not None else {})

    def drift(self) -> Tensor:
        return torch.stack([move.pow(2).mean() for move in self._moves().values()]).mean()

    def vectors(self) -> dict[str, Tensor]:
        return {name: t.detach().clone() for name, t in self._now().items()}


def soft_prompt(lm: FrozenLM, begin: Start, *, through: Reparametrisation | None = None) -> Vectors:
    """Learned embeddings; their scale is RMS(E).

    Raises:
        TemplateError: it leaves no room for inputs.
    """
    assert begin.root.embeds is not None
    part = Part(start=begin.root.embeds.detach().float(), scale=torch.tensor(lm.rms, device=lm.device))
    return Vectors(lm, {SOFT_PROMPT: part}, begin, through=through)


def prefix(
    lm: FrozenLM, begin: Start, *, layers: tuple[int, ...], key_rate: float = 1.0, value_rate: float = 1.0, through: Reparametrisation | None = None
) -> Vectors:
    """Learned keys and values in ``layers``, started from the cache of ``begin``; scale: each layer's own RMS, for keys and values apart, because
    keys of one layer can be ten times as long as another's.

    Raises:
        TemplateError: it leaves no room for inputs; ModelError: layers to choose from on a model that runs in the padded layout.
    """
    require_room(lm, begin.root)
    with torch.no_grad():
        kv = lm.to_kv(begin.root).kv
    assert kv is not None
    parts = {}
    for name, at, rate in ((KEYS, 0, key_rate), (VALUES, 1, value_rate)):
        start = torch.stack([kv[layer][at] for layer in layers]).detach().float()
        parts[name] = Part(start=start, scale=_rms(start), rate=rate)
    if len(layers) == lm.shape.L:
        return Vectors(lm, parts, begin, through=through)
    marks = torch.zeros(lm.shape.L)  # on the CPU: every forward asks for them, and nothing should wait for the device
    marks[list(layers)] = 1.0
    note = f"The prefix is in {len(layers)} of {lm.shape.L} layers, so step 0 is not your whole prompt."
    return Vectors(lm, parts, begin, note=note, fixed={LAYERS: marks}, through=through)


def _rms(tensor: Tensor) -> Tensor:
    """[n, K, P, D] -> [n, 1, 1, 1]. A layer that starts from zeros gets the scale 1."""
    size = tensor.pow(2).mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return torch.where(size > 0, size, torch.ones_like(size))


def require_room(lm: FrozenLM, root: Root) -> Root:
    """Refuse a root that leaves no room for inputs.

    Raises:
        TemplateError: it fills more than three quarters of the context.
    """
    most = lm.shape.context * 3 // 4
    if root.length > most:
        raise TemplateError(
            f"the prompt is {root.length} tokens long; the model's context of {lm.shape.context} leaves room for {most}.",
            "Shorten the prompt, use fewer demonstrations or virtual tokens, or choose a model with a longer context.",
        )
    return root
