"""From saved tensors back to a root: the forms that learned vectors take, behind one table.

soft prompt            soft_prompt [P, H]
prefix                 prefix_keys, prefix_values [L, K, P, D]
prefix in n layers     the same [n, K, P, D], and prefix_layers [L]: 1 where a layer has its part, else 0
"""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from steering.errors import ArtifactError
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.lora import PREFIX, changed

SOFT_PROMPT = "soft_prompt"
KEYS, VALUES, LAYERS = "prefix_keys", "prefix_values", "prefix_layers"


def root_of(lm: FrozenLM, vectors: dict[str, Tensor]) -> Root:
    """The root that saved vectors stand for.

    Raises:
        ArtifactError: the tensors are of no known form, or do not fit this model's shape.
    """
    weights = {name: t for name, t in vectors.items() if name.startswith(PREFIX)}
    front = {name: t for name, t in vectors.items() if name not in weights}
    made = FORMS.get(frozenset(front))
    if weights and not front:
        return Root(embeds=lm.embed(()), adapter=changed(lm, weights))
    if made is None:
        raise ArtifactError(f"tensors {sorted(vectors)} are no soft prompt and no prefix.", f"Expected {SOFT_PROMPT!r}, or {KEYS!r} and {VALUES!r}.")
    root = made(lm, front)
    return replace(root, adapter=changed(lm, weights)) if weights else root


def _soft_prompt(lm: FrozenLM, vectors: dict[str, Tensor]) -> Root:
    rows = vectors[SOFT_PROMPT]
    if rows.dim() != 2 or rows.shape[1] != lm.shape.H:
        raise _misfit(lm, SOFT_PROMPT, rows, f"[P, {lm.shape.H}]")
    return Root(embeds=rows)


def _prefix(lm: FrozenLM, vectors: dict[str, Tensor]) -> Root:
    _require_prefix(lm, vectors, lm.shape.L)
    return Root(kv=tuple(zip(vectors[KEYS].unbind(0), vectors[VALUES].unbind(0), strict=True)))


def _prefix_in_layers(lm: FrozenLM, vectors: dict[str, Tensor]) -> Root:
    """Layers without a part of the prefix still see the model's own header (BOS), as every other contestant's layers do."""
    marks = [bool(mark) for mark in vectors[LAYERS].tolist()]
    if len(marks) != lm.shape.L:
        raise _misfit(lm, LAYERS, vectors[LAYERS], f"[{lm.shape.L}]")
    _require_prefix(lm, vectors, sum(marks))
    parts = iter(zip(vectors[KEYS].unbind(0), vectors[VALUES].unbind(0), strict=True))
    return Root(kv=tuple(next(parts) if mark else own for mark, own in zip(marks, lm.header_kv, strict=True)))


FORMS: dict[frozenset[str], Callable[[FrozenLM, dict[str, Tensor]], Root]] = {
    frozenset({SOFT_PROMPT}): _soft_prompt,
    frozenset({KEYS, VALUES}): _prefix,
    frozenset({KEYS, VALUES, LAYERS}): _prefix_in_layers,
}


def _require_prefix(lm: FrozenLM, vectors: dict[str, Tensor], layers: int) -> None:
    shape = lm.shape
    for name in (KEYS, VALUES):
        tensor = vectors[name]
        if tensor.dim() != 4 or (*tensor.shape[:2], tensor.shape[3]) != (layers, shape.K, shape.D):
            raise _misfit(lm, name, tensor, f"[{layers}, {shape.K}, P, {shape.D}]")
    if vectors[KEYS].shape != vectors[VALUES].shape:
        raise _misfit(lm, VALUES, vectors[VALUES], str(list(vectors[KEYS].shape)))


def _misfit(lm: FrozenLM, name: str, tensor: Tensor, wanted: str) -> ArtifactError:
    return ArtifactError(f"{name!r} has shape {list(tensor.shape)}, expected {wanted} for {lm.id!r}.", "Load the model that it was trained on.")
