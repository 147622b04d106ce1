"""Does this model's layout give what plain concatenation gives? Asked once at load."""

import math

import torch

from steering.lm import padded
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root


def self_check(lm: FrozenLM) -> float:
    """Largest error of logits and gradients, relative to their size, between this model's layout and plain concatenation on a probe.

    Some architectures do not call the attention interface and would give silently wrong numbers; this is what notices.
    """
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
    errors = [
        float((a - b).norm() / b.norm().clamp_min(1e-12)) if torch.isfinite(a).all() else math.inf
        for a, b in ((logits - logits.mean(), logits_ref - logits_ref.mean()), (grad, grad_ref))
    ]
    return max(errors)
