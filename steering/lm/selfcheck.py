"""Does this model's layout give what plain concatenation gives? Asked once at load."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from steering.lm import padded
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root

TOLERANCE = 1e-3
"""Largest relative error in fp32; a wrong mask gives about 1."""

LOW_TOLERANCE = 0.2
"""The same for logits in low precision, where rounding alone gives up to a tenth."""


def agrees(lm: FrozenLM) -> tuple[bool, float]:
    """Whether the layout may be used, and its error. Some architectures do not call the attention interface and would give silently wrong
    numbers; this is what notices.

    In low precision two right layouts differ by their rounding alone: gradients by 0.3 to 0.9 on a bf16 probe, as much as a wrong mask. So the
    check runs in fp32 whatever the model runs in, and only where that does not fit are logits compared as they are.
    """
    if lm.dtype == torch.float32 or _fits(lm):
        with _in_fp32(lm.model):
            error = self_check(lm)
        return error <= TOLERANCE, error
    error = self_check(lm, gradients=False)
    return error <= LOW_TOLERANCE, error


def self_check(lm: FrozenLM, *, gradients: bool = True) -> float:
    """Largest error of logits (and gradients), relative to their size, between this model's layout and plain concatenation on a probe."""
    generator = torch.Generator().manual_seed(0)
    vocabulary = min(lm.shape.V, 32000)

    def draw(n: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, vocabulary, (n,), generator=generator).tolist())

    start = lm.embed(draw(4))
    branches = (Branch(draw(3), 1, (draw(2), draw(1))), Branch(draw(5), 2))
    results = []
    for forward in (lm.logits, lambda trees: padded.logits(lm.model, trees, one_by_one=True)):
        embeds = start.clone().requires_grad_(True)
        out = forward([Tree(Root(embeds=embeds), branches)]).float()
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out.device) / math.sqrt(out.numel())
        (out * weights).sum().backward()
        assert embeds.grad is not None
        results.append((out.detach(), embeds.grad))
    (logits, grad), (logits_ref, grad_ref) = results
    pairs = [(logits - logits.mean(), logits_ref - logits_ref.mean()), *([(grad, grad_ref)] if gradients else [])]
    return max(float((a - b).norm() / b.norm().clamp_min(1e-12)) if torch.isfinite(a).all() else math.inf for a, b in pairs)


@contextmanager
def _in_fp32(model: Any) -> Iterator[None]:
    """The weights widened, which changes none of them, and put back as they were; buffers stay as they are."""
    kept = [(parameter, parameter.data) for parameter in model.parameters() if parameter.is_floating_point()]
    try:
        for parameter, data in kept:
            parameter.data = data.float()
        yield
    finally:
        for parameter, data in kept:
            parameter.data = data


def _fits(lm: FrozenLM) -> bool:
    """Whether an fp32 copy of the weights fits beside them; quantised weights cannot be widened."""
    parameters = list(lm.model.parameters())
    if not all(p.is_floating_point() for p in parameters):
        return False
    needed: int = 4 * sum(p.numel() for p in parameters)
    if lm.device.type == "cuda":
        return bool(needed < torch.cuda.mem_get_info(lm.device)[0])
    try:
        return needed < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # a system that does not say
        return needed < 2 * 1024**3
