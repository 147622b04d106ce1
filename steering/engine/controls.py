"""Grey controls: what scores without any skill. A real contestant must beat the majority class and vectors that nobody trained."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from steering.engine.contestants import Context, contestant
from steering.engine.judging import Contestant
from steering.engine.memory import root_digest
from steering.errors import DataError, SpecError
from steering.lm.encode import prompt_text
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, Scoring
from steering.methods.vectors import require_room

if TYPE_CHECKING:
    from steering.engine.contestants import Making

UNPROMPTED = 8
"""Random vectors where neither a number nor a manual prompt says how many."""


def majority(lm: FrozenLM, value: str, context: Context) -> "Making":
    """The training rows' label shares as everybody's answer, whatever the input (one row added to each class, so that none is impossible).

    Raises:
        SpecError: not a classification; DataError: no training rows.
    """
    if context.task.kind != "classification":
        raise SpecError(f"majority is for classification; this task is {context.task.kind}.", "Leave it out.")
    if not context.train:
        raise DataError("majority needs training rows to count, and there are none.", "Give training rows (--train FILE).")
    counts = Counter(e.target for e in context.train)
    shares = torch.tensor([counts[label] + 1.0 for label in context.task.label_words])
    log_probs = (shares / shares.sum()).log()

    def scorer(lm: FrozenLM, root: Root, inputs: Sequence[Ids], labels: Scoring) -> Iterator[tuple[range, Tensor]]:
        yield range(len(inputs)), log_probs.expand(len(inputs), -1)

    made = contestant(lm, "majority", "majority", "always the commonest label", Root(embeds=lm.embed(())), str(log_probs.tolist()))
    return replace(made, scorer=scorer, seen=context.fitted_on, made={"label": max(counts, key=lambda label: (counts[label], label))})
    yield


def random_vectors(lm: FrozenLM, value: str, context: Context) -> "Making":
    """``random[:P][@SEED]``: P draws with the embedding table's mean and spread in every dimension; as many as your prompt has tokens, else 8.

    Raises:
        SpecError: not of that form; TemplateError: no room for inputs.
    """
    count, _, seed = value.partition("@")
    if (count and not (count.isdigit() and int(count))) or (seed and not seed.isdigit()):
        raise SpecError(f"random:{value} is not a number of vectors.", "Write random, random:16, or random:16@1 for another draw.")
    rows = int(count) if count else len(lm.encode(prompt_text(context.task.prompt))) or UNPROMPTED
    table = lm.table().float()
    draws = torch.randn(rows, lm.shape.H, generator=torch.Generator().manual_seed(int(seed or 0))).to(lm.device)
    root = require_room(lm, Root(embeds=torch.cat([lm.embed(lm.header), table.mean(0) + table.std(0) * draws])))
    made = contestant(lm, f"random:{value}" if value else "random", "random", "random vectors", root, root_digest(root))
    return made
    yield


def is_control(one: Contestant) -> bool:
    """Whether a contestant is drawn in grey."""
    return one.kind in ("majority", "random")
