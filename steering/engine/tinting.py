"""The request ``tint``: how likely each token of an answer is under several contestants, against no prompt. It shows where in an answer each acts.

log p(token | contestant, input, answer so far) minus log p(token | no prompt, ...): the pointwise influence of the steering (contrast of Li et al.
2023, "Contrastive Decoding", there with two models).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from steering.errors import SpecError
from steering.inspect.vocabulary import pieces
from steering.lm.encode import answer_text, encode_text
from steering.lm.forest import Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, Target, score_labels

if TYPE_CHECKING:
    from steering.engine.requests import Office

MOST_TOKENS = 256
"""Tokens of an answer that are looked at."""


def tint(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Growing results: ``tokens`` of the answer, ``columns`` of {name, log_probs} (nats), no prompt first.

    Payload: ``contestants``, ``task``, ``train``, ``values``, ``answer`` (a label or a text), ``model``.

    Raises:
        SpecError: there is no answer, or a contestant does not answer by token probabilities.
    """
    lm, context = office.lm, office.context(payload)
    task = context.task
    if task.scoring != "direct":
        raise SpecError("this task scores the input behind each label, so no answer has tokens to look into.", "Compare the label shares instead.")
    said = str(payload["answer"]).strip()
    target = lm.encode(answer_text(task.template, task.label_words.get(said, said)))[:MOST_TOKENS] if said else ()
    if not target:
        raise SpecError("there is no answer to look into.", "Ask first, then look where the prompt acts.")
    specs = list(dict.fromkeys(["none", *payload["contestants"]]))
    entered = yield from office.enter(specs, context)
    for one in entered:
        if one.scorer is not score_labels or one.row_root is not None:
            raise SpecError(f"{one.name} does not answer by token probabilities of its own.", "Choose prompts and learned vectors.")
    room = replace(task, max_new_tokens=max(task.max_new_tokens, len(target)))
    ids = encode_text(lm, room, payload["values"], max(one.root.length for one in entered))
    columns: list[dict[str, Any]] = []
    for one in entered:
        columns.append({"name": one.name, "log_probs": log_probs(lm, one.root, ids, target)})
        yield {"tokens": pieces(lm, target), "columns": columns}


def log_probs(lm: FrozenLM, root: Root, ids: Ids, target: Ids) -> list[float]:
    """[T] log-probability of each target token in nats, rounded to 1e-4, after root, input and the tokens before it."""
    with torch.no_grad():
        logits = lm.logits([Tree(root, (Target(ids, target).branch(),))])
    found = torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(target, device=logits.device)[:, None])[:, 0]
    return [round(value, 4) for value in found.cpu().tolist()]
