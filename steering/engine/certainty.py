"""How certain a contestant is of unlabelled rows: the least certain are worth a person's label first (uncertainty sampling, Lewis & Gale 1994)."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from steering.lm.encode import encode_text, scoring
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import score_labels
from steering.spec import TaskSpec


def certainty(lm: FrozenLM, root: Root, task: TaskSpec, rows: Sequence[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    """Growing results: ``order``, the lines seen so far by the margin between the two likeliest labels, smallest first.

    Raises:
        TemplateError: the labels cannot be told apart, or the prompt leaves no room.
    """
    labels = scoring(lm, task)
    inputs = [encode_text(lm, task, {"text": text}, root.length) for _, text in rows]
    margins: list[float] = []
    for _, log_probs in score_labels(lm, root, inputs, labels):
        top = torch.softmax(log_probs, -1).topk(2, dim=-1).values
        margins += (top[:, 0] - top[:, 1]).tolist()
        yield {"order": [rows[i][0] for i in sorted(range(len(margins)), key=margins.__getitem__)]}
