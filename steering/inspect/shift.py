"""Next-token distributions where the answer begins, under two roots on the same rows: what shifted, and how consistently."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from steering.evaluate.intervals import Estimate
from steering.evaluate.shares import mean
from steering.inspect.bench import Bench
from steering.inspect.contract import Progress
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import chunks

LEAST = 1e-3
"""Mean probability that a token needs on one side: log-ratios of what is hardly ever written are noise (SCIENCE notes A3, view 3)."""

SHOWN = 10
"""Tokens of each direction."""


@dataclass(slots=True)
class Shift:
    """``roots``: reference, then learned. ``known``: for each the log-probabilities [n, V] fp32 (CPU) of the rows that were run."""

    roots: dict[str, Root]
    known: dict[str, list[Tensor]] = field(default_factory=dict)

    def both(self) -> tuple[Tensor, Tensor]:
        """Reference and learned log-probabilities, [n, V] each."""
        before, after = (torch.cat(self.known[name]) for name in self.roots)
        return before, after

    def divergence(self) -> float:
        """Mean KL(learned || reference), nats."""
        before, after = self.both()
        return float((after.exp() * (after - before)).sum(1).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token: ``shift`` of its log-probability, ``agree``: share of rows that shifted the same way, mean probabilities, part of the divergence."""

    id: int
    label: str
    shift: Estimate
    agree: float
    before: float
    after: float
    contribution: float


def begin(roots: dict[str, Root]) -> Shift:
    """Nothing is run yet."""
    return Shift(roots, {name: [] for name in roots})


def more(lm: FrozenLM, rows: Bench, shift: Shift, stop: int) -> Generator[Progress, None, None]:
    """Run the rows that were not run yet, up to ``stop``. Label scores come with the same pass, so the bench keeps them."""
    branches = [rows.labels.branch(ids) if rows.labels else Branch(ids, 1) for ids in rows.inputs]
    for name, root in shift.roots.items():
        start = sum(part.shape[0] for part in shift.known[name])
        with torch.no_grad():
            shared = lm.to_kv(root)
        for part in chunks(branches[start:stop], lm.tokens_per_slice):
            with torch.no_grad():
                logits = lm.logits([Tree(shared, tuple(branches[start + i] for i in part))])
                first = torch.log_softmax(logits.view(len(part), -1, logits.shape[-1])[:, 0].float(), dim=-1).cpu()
                if rows.labels:
                    rows.keep(root, range(start + part.start, start + part.stop), rows.labels.log_probs(logits).cpu())
            shift.known[name].append(first)
            yield Progress(done=start + part.stop, total=stop, message=f"reading the answers {name}")


def tokens(shift: Shift, show: Callable[[int], str]) -> list[Token]:
    """What became likelier, most first, and then what became less likely, most last."""
    before, after = shift.both()
    moved = after - before
    means = before.exp().mean(0), after.exp().mean(0)
    parts = {1: (after.exp() * moved).mean(0), -1: (-before.exp() * moved).mean(0)}
    seen = torch.maximum(*means) >= LEAST
    found = []
    for sign, part in parts.items():
        fits = (seen & (moved.mean(0) * sign > 0)).nonzero().flatten()
        best = fits[part[fits].argsort(descending=True)[:SHOWN]].tolist()
        found += [_token(i, sign, moved[:, i], means, float(part[i]), show(i)) for i in (best if sign > 0 else best[::-1])]
    return found


def _token(token: int, sign: int, moved: Tensor, means: tuple[Tensor, Tensor], contribution: float, label: str) -> Token:
    agree = float((moved.sign() == sign).float().mean())
    before, after = (float(side[token]) for side in means)
    return Token(id=token, label=label, shift=mean(moved.numpy()), agree=agree, before=before, after=after, contribution=contribution)
