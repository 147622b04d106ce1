"""A control that was trained: vectors from the same start, as far away, that learned the rows' labels shuffled. What it has, no task put there."""

from collections.abc import Generator

import torch
from torch import Tensor

from steering.inspect.contract import Progress, Subject
from steering.inspect.subjects import bench
from steering.lm.forest import Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root

STEPS, BATCH = 12, 8
"""A short run on few rows: the direction is that of shuffled labels, the length is taken from the learned vectors."""


def shuffled(lm: FrozenLM, subject: Subject, start: Tensor, learned: Tensor) -> Generator[Progress, None, Tensor]:
    """[P, H]: ``start`` moved by a few steps of Adam on shuffled labels, every row as far as ``learned`` went from it (header rows
    did not). Deterministic."""
    root = Root(embeds=start)
    rows = bench(lm, subject, (subject.train or subject.rows)[: 2 * BATCH], root)
    assert rows.scoring is not None
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    truth = torch.tensor(rows.truth)[order].to(lm.device)
    length = (learned - start).norm(dim=1, keepdim=True)
    rate = float(length.mean()) / max(1.0, start.shape[1] ** 0.5) / STEPS * 2
    move = torch.zeros_like(start)
    first, second = torch.zeros_like(move), torch.zeros_like(move)
    for step in range(STEPS):
        part = [i % len(rows) for i in range(step * BATCH, step * BATCH + BATCH)]
        leaf = (start + move).requires_grad_(True)
        inputs = [rows.inputs[i] for i in part]
        logits = lm.logits([Tree(Root(embeds=leaf), tuple(b for ids in inputs for b in rows.scoring.family(ids).branches))])
        chosen = torch.log_softmax(rows.scoring.scores(logits, inputs), -1)[torch.arange(len(part), device=lm.device), truth[part]]
        (grad,) = torch.autograd.grad(-chosen.mean(), leaf)
        first, second = 0.9 * first + 0.1 * grad, 0.99 * second + 0.01 * grad**2
        move = move - rate * (first / (1 - 0.9 ** (step + 1))) / ((second / (1 - 0.99 ** (step + 1))).sqrt() + 1e-12)
        yield Progress(done=step + 1, total=STEPS, message="training a control on shuffled labels")
    moved: Tensor = start + length * torch.nn.functional.normalize(move, dim=1)
    return moved
