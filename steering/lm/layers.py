"""The model's parts by what they do, found by listening to one short forward and not by name, so that architectures need no list.

Hooks last for one forward and never across a ``yield``: the model is shared.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from steering.errors import ModelError
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root


@dataclass(slots=True)
class Parts:
    """``layers``: the L decoder layers; ``attention``: the module in each that attends; ``output``: its output projection; ``after``: a norm that
    what attention wrote passes alone (Gemma 2 and 3, OLMo 2), else None; ``norm``: the last norm before the vocabulary; ``head``: the output
    layer."""

    layers: list[nn.Module]
    attention: dict[int, nn.Module] = field(default_factory=dict)
    output: dict[int, nn.Module] = field(default_factory=dict)
    after: dict[int, nn.Module | None] = field(default_factory=dict)
    norm: nn.Module | None = None
    head: nn.Module | None = None


_KNOWN: "WeakKeyDictionary[FrozenLM, Parts]" = WeakKeyDictionary()


def is_norm(module: nn.Module) -> bool:
    """LayerNorm, RMSNorm and their relatives."""
    return "Norm" in type(module).__name__ and not any(module.children())


def heavy(module: nn.Module) -> bool:
    """Whether it multiplies with a matrix somewhere inside."""
    return any(p.dim() >= 2 for p in module.parameters())


def decoder_layers(lm: FrozenLM) -> list[nn.Module]:
    """The L decoder layers.

    Raises:
        ModelError: the model keeps them in some other way than a list.
    """
    for module in lm.model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == lm.shape.L and heavy(module):
            return list(module)
    raise ModelError(f"the decoder layers of {lm.id!r} were not found.", "This view needs a model that keeps its layers in a list.")


@contextmanager
def hooked(handles: list[Any]) -> Iterator[None]:
    """Take the hooks off again, whatever happens."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def tapped(lm: FrozenLM, see: Callable[[int, Tensor], Tensor | None]) -> Iterator[None]:
    """``see(layer, hidden [N, H])`` after every decoder layer; a tensor that it gives back goes on in place of ``hidden``."""

    def tap(number: int) -> Callable[[Any, Any, Any], Any]:
        def hook(module: Any, given: Any, out: Any) -> Any:
            hidden = out[0] if isinstance(out, tuple) else out
            changed = see(number, hidden[0])
            if changed is None:
                return None
            changed = changed.to(hidden.dtype)[None]
            return (changed, *out[1:]) if isinstance(out, tuple) else changed

        return hook

    with hooked([layer.register_forward_hook(tap(number)) for number, layer in enumerate(decoder_layers(lm))]):
        yield


def parts(lm: FrozenLM) -> Parts:
    """The model's parts; kept for the model.

    Raises:
        ModelError: the model runs in the padded layout, or has no output layer.
    """
    if lm not in _KNOWN:
        _KNOWN[lm] = _find(lm)
    return _KNOWN[lm]


def _find(lm: FrozenLM) -> Parts:
    found = Parts(decoder_layers(lm), head=lm.model.get_output_embeddings())
    if found.head is None:
        raise ModelError(f"{lm.id!r} has no output layer.", "Choose a causal language model.")
    trees = [Tree(Root(embeds=lm.embed(())), (Branch((0, 1), 1),))]

    def watch(module: Any, packed: Any, seen: Any, rows: Tensor) -> Tensor:
        found.attention[module.layer_idx] = module
        return rows

    with torch.no_grad():
        lm.watched(trees, watch)
        with hooked(list(_Tracer(found).hooks(lm.model))):
            lm.watched(trees, lambda module, packed, seen, rows: rows)
    return found


class _Tracer:
    """Listens to a forward and files what runs when."""

    def __init__(self, found: Parts) -> None:
        self.found = found
        self.given: tuple[int, Any] = (-1, None)

    def hooks(self, model: nn.Module) -> Iterator[Any]:
        for number, attention in self.found.attention.items():
            yield attention.register_forward_hook(self.attended(number))
            for module in attention.modules():
                if not any(module.children()) and heavy(module):
                    yield module.register_forward_hook(self.multiplied(number))
        for module in model.modules():
            if is_norm(module):
                yield module.register_forward_pre_hook(self.normed)

    def multiplied(self, number: int) -> Callable[[Any, Any, Any], None]:
        """The last matrix that runs inside attention is its output projection."""

        def hook(module: Any, given: Any, out: Any) -> None:
            self.found.output[number] = module

        return hook

    def attended(self, number: int) -> Callable[[Any, Any, Any], None]:
        def hook(module: Any, given: Any, out: Any) -> None:
            self.found.after[number] = None
            self.given = number, out[0] if isinstance(out, tuple) else out

        return hook

    def normed(self, module: Any, given: Any) -> None:
        """A norm that is handed the very tensor that attention gave stands behind it; the last norm that runs is the final one."""
        number, out = self.given
        if given and given[0] is out:
            self.found.after[number] = module
        self.found.norm = module


def as_last(lm: FrozenLM, states: Tensor) -> Tensor:
    """Logits [P, V] of hidden states [P, H] of any layer, through the last norm and the output layer as the model has them (without its logit cap).

    Raises:
        ModelError: as :func:`parts`.
    """
    found = parts(lm)
    assert found.norm is not None and found.head is not None
    with torch.no_grad():
        out: Tensor = found.head(found.norm(states.to(lm.dtype)))
    return out
