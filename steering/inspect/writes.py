"""What a prefix writes where the answer begins, straight to the vocabulary: attention times value, through the output projection."""

from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor

from steering.inspect.bank import Bank
from steering.inspect.contract import Progress, Subject
from steering.inspect.firing import Firing
from steering.inspect.vocabulary import Vocabulary
from steering.lm.encode import answer_text
from steering.lm.frozen import FrozenLM
from steering.lm.output import added, words
from steering.lm.root import Root

WORDS = 5


def effects(lm: FrozenLM, root: Root, seen: Firing) -> Tensor:
    """[L, P]: length of what each position adds to the residual stream at the answer position, attention averaged over inputs."""
    assert root.kv is not None
    found = torch.zeros(lm.shape.L, root.length)
    for layer, (_, values) in enumerate(root.kv):
        held = values.shape[1]
        if held:
            found[layer, :held] = added(lm, layer, _carried(seen.answer[layer, :, :held], values)).norm(dim=-1).cpu()
    return found


def _carried(weights: Tensor, values: Tensor) -> Tensor:
    """[P, heads, D]: values [K, P, D] as each head gets them, times its weight [heads, P]."""
    groups = weights.shape[0] // values.shape[0]
    spread = values.float().repeat_interleave(groups, 0).transpose(0, 1)
    return weights.T.to(spread.device)[..., None] * spread


def written(
    lm: FrozenLM, vocab: Vocabulary, subject: Subject, known: Bank, root: Root, seen: Firing, places: list[tuple[int, int]]
) -> Generator[Progress, None, list[dict[str, Any]]]:
    """What each place pushes towards and against, the mean of real values taken away; label words too."""
    assert root.kv is not None
    directions = []
    for layer, slot in places:
        value = root.kv[layer][1][:, slot : slot + 1].float() - known.values[layer].float().mean(1, keepdim=True).to(lm.device)
        directions.append(added(lm, layer, _carried(seen.answer[layer, :, slot : slot + 1], value)))
    if not directions:
        return []
    trusted = torch.zeros(lm.shape.V, dtype=torch.bool, device=lm.device)
    trusted[vocab.ids] = True
    table = []
    for first, logits in words(lm, torch.cat(directions)):
        table.append(logits.cpu())
        yield Progress(done=first, total=lm.shape.V, message="reading what is written")
    logits = torch.cat(table, dim=1)[:, : lm.shape.V]
    open_ = trusted.cpu()[: logits.shape[1]]
    up, down = (logits.masked_fill(~open_, -sign * torch.inf).topk(WORDS, largest=sign > 0) for sign in (1, -1))
    labels = _labels(lm, subject)
    return [
        {
            "writes": _pushed(vocab, up.indices[i], up.values[i]),
            "against": _pushed(vocab, down.indices[i], down.values[i]),
            "labels": [{"token": word, "logit": round(float(logits[i, token]), 4)} for word, token in labels],
        }
        for i in range(len(places))
    ]


def _labels(lm: FrozenLM, subject: Subject) -> list[tuple[str, int]]:
    task = subject.task
    return [(word, lm.encode(answer_text(task.template, word))[0]) for word in task.label_words.values()] if task else []


def _pushed(vocab: Vocabulary, ids: Tensor, logits: Tensor) -> list[dict[str, Any]]:
    return [{"token": vocab.show(i), "id": i, "logit": round(value, 4)} for i, value in zip(ids.tolist(), logits.tolist(), strict=True)]
