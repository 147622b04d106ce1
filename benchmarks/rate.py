"""How fast this machine multiplies matrices of the model's own shapes: the floor that a step is measured against."""

import time
from collections import Counter

import torch

from steering.lm.frozen import FrozenLM

Shapes = Counter[tuple[int, int]]


def linear_shapes(lm: FrozenLM) -> Shapes:
    """(outputs, inputs) of every weight that each token goes through, and how often; the embedding and the output layer are not among them."""
    ends = {id(lm.model.get_input_embeddings().weight)}
    head = lm.model.get_output_embeddings()
    ends |= {id(head.weight)} if head is not None else set()
    return Counter((p.shape[0], p.shape[1]) for p in lm.model.parameters() if p.dim() == 2 and id(p) not in ends)


def parameters(shapes: Shapes) -> int:
    """N: numbers in those weights."""
    return sum(rows * columns * count for (rows, columns), count in shapes.items())


def matmul_rate(shapes: Shapes, tokens: int, dtype: torch.dtype, rounds: int = 5) -> float:
    """FLOP a second of forward and backward (to the input) through every shape in turn, the best of ``rounds``: 4 N FLOP a token."""
    work = []
    for (rows, columns), count in shapes.items():
        weight = torch.randn(rows, columns).to(dtype)
        work.append((weight, torch.randn(tokens, columns).to(dtype), torch.randn(tokens, rows).to(dtype), count))
    best = float("inf")
    for _ in range(rounds + 1):
        seconds = 0.0
        for weight, forward, backward, count in work:
            repeats = max(1, min(3, count))
            begin = time.perf_counter()
            for _ in range(repeats):
                torch.nn.functional.linear(forward, weight)
                backward @ weight
            seconds += (time.perf_counter() - begin) / repeats * count
        best = min(best, seconds)
    return 4.0 * parameters(shapes) * tokens / best
