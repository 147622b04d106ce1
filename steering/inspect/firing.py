"""A prefix at work on real text: which contexts find each of its positions, and how much attention these get where the answer begins."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steering.inspect.bank import inputs_of
from steering.inspect.contract import Progress
from steering.lm.forest import Branch, Packed, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, chunks
from steering.lm.weights import Seen

CONTEXTS = 3


@dataclass(frozen=True, slots=True)
class Firing:
    """Over all inputs, for every layer and position of the prefix. ``weight`` [L, P, C] the largest attention weights any query gives it in its best
    head, ``text`` and ``place`` [L, P, C] whose query that is; ``answer`` [L, heads, P] the mean weight at the answer position."""

    weight: Tensor
    text: Tensor
    place: Tensor
    answer: Tensor


def firing(lm: FrozenLM, root: Root, texts: Sequence[Ids]) -> Generator[Progress, None, Firing]:
    """Run ``texts`` under ``root`` (keys and values) and file who looks at what.

    Raises:
        ModelError: the model runs in the padded layout.
    """
    shape = (lm.shape.L, root.length, CONTEXTS)
    found = Firing(torch.zeros(shape), torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long), torch.zeros(0))
    answers: dict[int, list[Tensor]] = {}
    branches = [Branch(ids, 1) for ids in texts]
    assert root.kv is not None
    kv = root.kv
    for part in chunks(branches, lm.tokens_per_slice):

        def watch(module: Any, packed: Packed, seen: list[Seen], rows: Tensor, first: int = part.start) -> Tensor:
            layer = module.layer_idx
            held = kv[layer][0].shape[1]
            for block in seen if held else ():
                weights = block.weights()[..., :held]  # [count, heads, width, held]
                for number, _, row in inputs_of(packed, [block]):
                    length = len(texts[first + number])
                    answers.setdefault(layer, []).append(weights[row, :, length - 1].cpu())
                    _merge(found, layer, held, weights[row, :, :length].amax(0).cpu(), first + number)
            return rows

        with torch.no_grad():
            lm.watched([Tree(root, tuple(branches[i] for i in part))], watch)
        yield Progress(done=part.stop, total=len(texts), message="watching the vectors at work")
    heads = next(iter(answers.values()))[0].shape[0]
    answer = torch.zeros(lm.shape.L, heads, root.length)
    for layer, items in answers.items():
        answer[layer, :, : items[0].shape[1]] = torch.stack(items).mean(0)
    return Firing(found.weight, found.text, found.place, answer)


def _merge(found: Firing, layer: int, held: int, weights: Tensor, text: int) -> None:
    """Keep the largest of what is known and of one text's ``weights`` [T, held]; one context a text, so that three texts are told and not one."""
    best = weights.max(dim=0)
    values = torch.cat([found.weight[layer, :held], best.values[:, None]], dim=1)
    texts = torch.cat([found.text[layer, :held], torch.full((held, 1), text)], dim=1)
    places = torch.cat([found.place[layer, :held], best.indices[:, None]], dim=1)
    kept = values.topk(CONTEXTS, dim=1)
    found.weight[layer, :held] = kept.values
    found.text[layer, :held], found.place[layer, :held] = texts.gather(1, kept.indices), places.gather(1, kept.indices)
