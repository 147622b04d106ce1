"""Vocabulary entries that are text and still tell nothing: undertrained ones, which lie where unused entries lie, and hubs, which lie near everything
(SCIENCE notes A1 and A3, view 4).

Length alone does not tell: the shortest entries of SmolLM2 are common names. Undertrained: Land and Bartolo 2024 (https://arxiv.org/abs/2405.05417),
by the distance to entries that are known to be unused. Hubs: N_k counts (Radovanovic et al. 2010, https://jmlr.org/papers/v11/radovanovic10a.html),
with CSLS in place of the cosine (Conneau et al. 2018, equation 2), so that what only lies in a crowd is none.
"""

from collections.abc import Generator, Sequence

import torch
from scipy import stats
from torch import Tensor

from steering.inspect.contract import Progress
from steering.inspect.vocabulary import ROWS, Vocabulary
from steering.lm.frozen import FrozenLM

FEWEST = 8
"""Unused entries from which there is something to compare with."""
APART = 0.5
"""Unused entries are a cluster where they lie within this share of the distance that other entries have to their centre."""
MOST_UNDERTRAINED = 0.02
"""Share of the vocabulary that is called undertrained at most (the paper's share of candidates)."""

QUERIES, NEIGHBOURS = 1024, 10
"""Entries that are asked for their neighbours, evenly spaced; and k."""
MOST_HUBS = 0.005
TIMES = 10
"""A hub is among this share of the counts, and stands in this many times its part of the lists, and in more than chance gives any entry."""


def undertrained(lm: FrozenLM, ids: Tensor, unused: Sequence[int]) -> Tensor:
    """Which of ``ids`` [N] lie as near to the centre of the ``unused`` entries as these do themselves, [N] bool; none where fewer than eight are
    known to be unused, or where those form no cluster."""
    none = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    if len(unused) < FEWEST:
        return none
    rows = lm.embed(unused)
    centre = rows.mean(dim=0)
    own = (rows - centre).norm(dim=1)
    far = torch.cat([(lm.embed(part.tolist()) - centre).norm(dim=1) for part in ids.split(ROWS)])
    if own.median() > APART * far.median():
        return none
    limit = min(own.quantile(0.95), far.quantile(MOST_UNDERTRAINED))
    return torch.le(far, limit)


def hubs(lm: FrozenLM, vocab: Vocabulary) -> Generator[Progress, None, Tensor]:
    """Which trusted entries stand among the ten nearest of far more entries than their part, [N] bool."""
    n = len(vocab)
    at = torch.arange(0, n, max(1, -(-n // QUERIES)), device=vocab.ids.device)
    if n <= NEIGHBOURS:
        return torch.zeros(n, dtype=torch.bool, device=at.device)
    found = yield from _counts(lm, vocab, at)
    part = NEIGHBOURS * len(at) / n
    chance = float(stats.poisson.isf(1 / n, part))  # fewer than one entry gets beyond it
    return found > max(chance, TIMES * part, float(found.double().quantile(1 - MOST_HUBS)))


def _counts(lm: FrozenLM, vocab: Vocabulary, at: Tensor) -> Generator[Progress, None, Tensor]:
    """N_k of every trusted entry: in how many of the lists of the entries ``at`` [Q] it stands, [N] long. r of CSLS is over these Q entries too."""
    asked = vocab.directions(lm.embed(vocab.ids[at].tolist()))
    near, which = [], []
    for first, rows in vocab.centred(lm):
        cosines = asked @ rows.T  # [Q, n]
        own = (at >= first) & (at < first + len(rows))
        cosines[own.nonzero()[:, 0], at[own] - first] = -1.0  # an entry is no neighbour of itself
        crowd = cosines.topk(min(NEIGHBOURS, len(at)), dim=0).values.mean(dim=0)
        values, index = (2 * cosines - crowd).topk(min(NEIGHBOURS, len(rows)), dim=1)
        near.append(values)
        which.append(index + first)
        yield Progress(done=min(first + ROWS, len(vocab)), total=len(vocab), message="looking for hubs")
    best = torch.cat(near, dim=1).topk(NEIGHBOURS, dim=1).indices
    return torch.bincount(torch.cat(which, dim=1).gather(1, best).flatten(), minlength=len(vocab))
