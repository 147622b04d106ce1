"""Looking for real text that does what learned vectors do: projected gradient steps (PEZ), then single tokens swapped greedily.

PEZ (Wen et al. 2023, https://arxiv.org/abs/2302.03668): the gradient is taken at the nearest tokens and applied to a continuous copy. Swaps are
proposed by the first-order change of the loss (HotFlip, Ebrahimi et al. 2018) and accepted where the text as it is really read has a lower loss.
What counts is always the decoded text, encoded again: tokens that do not survive that are no prompt that anybody can use.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from steering.errors import ArtifactError, DataError
from steering.inspect.bench import Bench
from steering.inspect.contract import Progress, Subject
from steering.inspect.nearest import closest
from steering.inspect.subjects import learned
from steering.inspect.vocabulary import Vocabulary
from steering.lm.encode import SEPARATOR, prompt_text
from steering.lm.forest import Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Family, chunks, target_nll
from steering.methods.forms import SOFT_PROMPT

STEPS, BATCH, RATE = 40, 8, 0.1
"""Projected gradient steps, training rows in each, and their learning rate relative to RMS(E)."""

CHECK_EVERY = 10
ROUNDS, PROPOSALS = 10, 6
"""Rounds of swapping, and texts tried in each."""

Steps = Generator[Progress, None, None]


@dataclass(slots=True)
class Search:
    """``train`` rows give gradients and accept swaps, ``choose`` rows (validation) decide between the texts in ``tried``: text -> its loss there."""

    lm: FrozenLM
    vocab: Vocabulary
    train: Bench
    choose: Bench
    tried: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> str:
        return min(self.tried, key=lambda text: self.tried[text])

    def root(self, text: str) -> Root:
        """The text as any manual prompt is read."""
        return self.lm.text_root(prompt_text(text))

    def text(self, ids: list[int]) -> str:
        return self.lm.decode(ids).strip()

    def note(self, text: str) -> Steps:
        """Measure a text on the rows that decide."""
        if text and text not in self.tried:
            scored = yield from self.choose.score(self.root(text), "checking a text")
            self.tried[text] = float(scored.loss.mean())


def beginning(lm: FrozenLM, subject: Subject) -> tuple[Tensor, list[int]]:
    """Vectors [n, H] to begin the projected steps from, and the start's tokens (empty: not known); header and separator left out.

    Raises:
        ArtifactError: a prefix whose start is not recorded: it has no vectors that tokens could be near to.
    """
    root = learned(lm, subject)
    ids, fixed = list(subject.start_ids), min(subject.header, root.length)
    tail = list(lm.encode(SEPARATOR))
    cut = len(tail) if ids and ids[-len(tail) :] == tail else 0
    stop = root.length - cut
    if root.embeds is None and not ids:
        raise ArtifactError(
            f"{subject.name!r} is a prefix whose start is not recorded: there is no text to begin from.", "Use a prefix that started from text."
        )
    vectors = subject.vectors[SOFT_PROMPT].to(lm.device).float() if SOFT_PROMPT in subject.vectors else lm.embed(ids)
    body = vectors[fixed:stop]
    if not body.shape[0]:
        raise ArtifactError(f"{subject.name!r} has no virtual token of its own.", "Choose a longer prompt.")
    return body.clone(), ids[fixed:stop]


def projected_steps(search: Search, vectors: Tensor) -> Steps:
    """PEZ from ``vectors`` [n, H], noting the text every few steps.

    Raises:
        DataError: there are no training rows.
    """
    lm, copy = search.lm, vectors.clone().requires_grad_(True)
    if not len(search.train):
        raise DataError("a text is searched for on training rows, and there are none.", "Name a dataset with training rows.")
    optimizer = torch.optim.AdamW([copy], lr=RATE * lm.rms, weight_decay=0.0)
    for step in range(STEPS + 1):
        ids = yield from _project(search, copy.detach())
        if step % CHECK_EVERY == 0:
            yield from search.note(search.text(ids))
        if step == STEPS:
            return
        first = step * BATCH % len(search.train)
        rows = [(first + i) % len(search.train) for i in range(min(BATCH, len(search.train)))]
        copy.grad = yield from gradient(search, ids, rows)
        optimizer.step()
        yield Progress(done=step + 1, total=STEPS, message="stepping from tokens to tokens")


def swaps(search: Search) -> Steps:
    """From the best text so far, swap one token at a time for as long as training rows agree."""
    lm, text = search.lm, search.best
    loss = float((yield from search.train.score(search.root(text), "reading the best text")).loss.mean())
    for _ in range(ROUNDS):
        ids = list(lm.encode(text))
        rows = list(range(min(2 * BATCH, len(search.train))))
        slope = yield from gradient(search, ids, rows)
        better = ""
        for proposal in (yield from _proposals(search, ids, slope)):
            changed = float((yield from search.train.score(search.root(proposal), "trying a swap")).loss.mean())
            if changed < loss:
                better, loss = proposal, changed
        if not better:
            return
        text = better
        yield from search.note(text)


def gradient(search: Search, ids: list[int], rows: list[int]) -> Generator[Progress, None, Tensor]:
    """[n, H] of the mean loss with respect to the embeddings of ``ids``, between header and separator; a micro-batch a slice."""
    lm, train = search.lm, search.train
    front, body, tail = lm.embed(lm.header), lm.embed(ids), lm.embed(lm.encode(SEPARATOR))
    total = torch.zeros_like(body)
    families = [train.scoring.family(train.inputs[i]) if train.scoring is not None else Family((train.targets[i].branch(),)) for i in rows]
    for part in chunks(families, lm.tokens_per_slice // 2):
        leaf = body.clone().requires_grad_(True)
        logits = lm.logits([Tree(Root(embeds=torch.cat([front, leaf, tail])), tuple(b for i in part for b in families[i].branches))])
        (found,) = torch.autograd.grad(_loss(train, logits, [rows[i] for i in part]) / len(rows), leaf)
        total += found
        yield Progress(done=part.stop, total=len(rows), message="following the gradient")
    return total


def _loss(train: Bench, logits: Tensor, rows: list[int]) -> Tensor:
    """Summed over the rows."""
    if train.scoring is None:
        return target_nll(logits, [train.targets[i] for i in rows]).sum()
    scores = train.scoring.scores(logits, [train.inputs[i] for i in rows])
    return torch.nn.functional.cross_entropy(scores, torch.tensor(train.truth[rows], device=scores.device), reduction="sum")


def _project(search: Search, vectors: Tensor) -> Generator[Progress, None, list[int]]:
    _, index = yield from closest(search.lm, search.vocab, search.vocab.directions(vectors), 1, "projecting on the vocabulary")
    return [int(i) for i in search.vocab.ids[index[:, 0]]]


def _proposals(search: Search, ids: list[int], slope: Tensor) -> Generator[Progress, None, list[str]]:
    """Texts with one token swapped, those first whose loss should fall most to first order; at most two for a slot."""
    lm, vocab = search.lm, search.vocab
    now = (slope * lm.embed(ids)).sum(1, keepdim=True)  # [n, 1]
    found: list[tuple[float, int, int]] = []
    size = 8192
    for first in range(0, len(vocab), size):
        part = vocab.ids[first : first + size]
        falls = now - slope @ lm.embed(part.tolist()).T  # [n, size]
        best = falls.topk(min(2, part.shape[0]), dim=1)
        for slot, (values, at) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            found += [(value, slot, int(part[i])) for value, i in zip(values, at, strict=True)]
        yield Progress(done=min(first + size, len(vocab)), total=len(vocab), message="proposing swaps")
    texts: list[str] = []
    used: dict[int, int] = {}
    for value, slot, token in sorted(found, reverse=True):
        if value <= 0 or len(texts) == PROPOSALS:
            break
        text = search.text([*ids[:slot], token, *ids[slot + 1 :]])
        if used.get(slot, 0) < 2 and text and text not in texts and text != search.text(ids):
            used[slot] = used.get(slot, 0) + 1
            texts.append(text)
    return texts
