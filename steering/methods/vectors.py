"""Trainable vectors: a start, a scale, and a movement in units of that scale.

``vector = start + scale * delta``, with ``delta`` zero at step 0. Adam moves every coordinate of ``delta`` by about the learning rate a step, so
one relative rate means the same for embeddings, keys and values of any model (SCIENCE notes B2), and the anchor is the mean of ``delta`` squared.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from steering.errors import ArtifactError, TemplateError
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root

SOFT_PROMPT = "soft_prompt"  # [P, H]
KEYS, VALUES = "prefix_keys", "prefix_values"  # [L, K, P, D] each


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


class Vectors:
    """Steering by learned vectors.

    ``starts``: name -> fp32 tensor; ``scales``: name -> tensor that broadcasts to it; ``header``: how many leading virtual tokens (the model's
    own BOS) never move. Virtual tokens are the last dimension but one.
    """

    def __init__(self, starts: dict[str, Tensor], scales: dict[str, Tensor], *, start_ids: tuple[int, ...], header: int = 0, note: str = "") -> None:
        self.note = note
        self.start_ids = start_ids
        self.header = header
        self.starts = {name: t.detach().float() for name, t in starts.items()}
        self.scales = {name: scales[name].detach().float() for name in starts}
        self.deltas = {name: torch.zeros_like(self._moving(t)).requires_grad_(True) for name, t in self.starts.items()}

    def _moving(self, tensor: Tensor) -> Tensor:
        """The part behind the frozen header."""
        return tensor.narrow(-2, self.header, tensor.shape[-2] - self.header)

    def _now(self) -> dict[str, Tensor]:
        out = {}
        for name, start in self.starts.items():
            moved = self._moving(start) + self.scales[name] * self.deltas[name]
            out[name] = torch.cat([start.narrow(-2, 0, self.header), moved], dim=-2) if self.header else moved
        return out

    def root(self) -> Root:
        return root_of(self._now())

    def parameters(self) -> dict[str, Tensor]:
        return self.deltas

    def drift(self) -> Tensor:
        return torch.stack([d.pow(2).mean() for d in self.deltas.values()]).mean()

    def vectors(self) -> dict[str, Tensor]:
        return {name: t.detach().clone() for name, t in self._now().items()}


def root_of(vectors: dict[str, Tensor]) -> Root:
    """The root that saved vectors stand for.

    Raises:
        ArtifactError: the tensors are neither a soft prompt nor a prefix.
    """
    forms: dict[frozenset[str], Callable[[], Root]] = {
        frozenset({SOFT_PROMPT}): lambda: Root(embeds=vectors[SOFT_PROMPT]),
        frozenset({KEYS, VALUES}): lambda: Root(kv=tuple(zip(vectors[KEYS].unbind(0), vectors[VALUES].unbind(0), strict=True))),
    }
    made = forms.get(frozenset(vectors))
    if made is None:
        raise ArtifactError(f"tensors {sorted(vectors)} are no soft prompt and no prefix.", f"Expected {SOFT_PROMPT!r}, or {KEYS!r} and {VALUES!r}.")
    return made()


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


def start_ids(lm: FrozenLM, text: str, virtual_tokens: int | None, seed: int) -> tuple[tuple[int, ...], str]:
    """Token ids that learned vectors start from (header left out), and a note where step 0 is not exactly the manual prompt.

    ``virtual_tokens`` None: the text's own length. Longer: the text is preceded by repetitions of itself. Shorter: its end is kept, which is
    nearest to the input. No text: sampled from the vocabulary's first 5,000 entries (Lester et al. 2021, section 3.2).
    """
    ids = lm.encode(text)
    if not ids:
        count = virtual_tokens or 8
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(0, min(5000, lm.shape.V), (count,), generator=generator)
        return tuple(drawn.tolist()), "There is no manual prompt to start from: the vectors start from sampled vocabulary entries."
    if virtual_tokens is None or virtual_tokens == len(ids):
        return ids, ""
    many = -(-virtual_tokens // len(ids))
    note = f"The manual prompt has {len(ids)} tokens and {virtual_tokens} virtual tokens were asked for, so step 0 is only near it, not equal."
    return (ids * many)[-virtual_tokens:], note
