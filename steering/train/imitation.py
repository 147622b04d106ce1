"""Learning to answer as another prompt does: the same frozen model under a long prompt is the teacher, and no labels are needed.

Hinton et al. 2015 (https://arxiv.org/abs/1503.02531), with prompts in place of models: Askell et al. 2021, section 2.2 (context distillation,
https://arxiv.org/abs/2112.00861).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.train.events import Tick
from steering.train.objective import LabelRows, Measured, label_scores, largest_share, mean_mass

MOST_MASS = 1.0 - 1e-6
"""Rounding may put a little more than everything on the label words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imitation(LabelRows):
    """Classification without labels: KL divergence from the teacher's shares of the label words, plus ``format_weight`` times the divergence of
    the mass on any of them where there is one (a channel has none). ``teacher``: [N, K] fp32 label log-probabilities on the CPU, not normalised.

    A look's ``nll`` is the mean divergence among the labels in nats, its ``accuracy`` the share of rows with the teacher's answer.
    """

    teacher: Tensor

    @property
    def strata(self) -> Sequence[int]:
        return ()

    def loss(self, logits: Tensor, rows: Sequence[int]) -> Tensor:
        ours = self.scores(logits, rows)
        theirs = self.teacher[list(rows)].to(ours.device)
        if not self.labels.shares:
            return divergence(theirs, ours)
        return divergence(theirs, ours) + self.format_weight * mass_divergence(theirs, ours)

    def measure(self, lm: FrozenLM, root: Root) -> Iterator[Tick | Measured]:
        ours = yield from label_scores(lm, root, self.data, self.labels)
        guess, wanted = ours.argmax(-1), self.teacher.argmax(-1)
        yield Measured(
            nll=float(divergence(self.teacher, ours).mean()),
            accuracy=float((guess == wanted).float().mean()),
            mass=mean_mass(ours) if self.labels.shares else None,
            balance=largest_share(guess),
            true_balance=largest_share(wanted),
            log_probs=ours,
        )


def divergence(theirs: Tensor, ours: Tensor) -> Tensor:
    """[B] KL of the shares of K labels, each [B, K] log-probabilities that need not be normalised."""
    p, q = theirs.log_softmax(-1), ours.log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)


def mass_divergence(theirs: Tensor, ours: Tensor) -> Tensor:
    """[B] KL between "one of the label words" and "anything else"."""
    p, q = (scores.logsumexp(-1).exp().clamp(1e-6, MOST_MASS) for scores in (theirs, ours))
    return p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
