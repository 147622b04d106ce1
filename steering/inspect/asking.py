"""Asking the model about vectors: their hidden states are put in place of words in a text that asks for a description, and the model goes on.

After Patchscopes (Ghandeharioun et al. 2024, https://arxiv.org/abs/2401.06102), SelfIE (Chen et al. 2024, https://arxiv.org/abs/2403.10949) and
InSPEcT (Ramati et al. 2024, https://arxiv.org/abs/2410.11660). Unlike the last, all pairs of layers are shown and none is picked for its result,
and no example in the text names the task.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from steering.inspect.contract import Progress
from steering.inspect.lens import hidden
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.lm.layers import tapped
from steering.lm.root import Root
from steering.lm.scoring import Target, score_targets

EXAMPLES = (
    ("Oslo", "a city by the sea"),
    ("copper", "a metal that carries current"),
    ("violin", "an instrument with four strings"),
    ("winter", "the coldest part of the year"),
    ("bread", "food that is baked from flour"),
    ("glacier", "a river of ice"),
)
"""What a description looks like; those that share a word with the task are left out."""

SHOWN = 3
ANSWER = 20
"""Tokens of an answer, at most."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer. ``source`` and ``target``: levels, 0 the embeddings, l the hidden state after layer l. ``lift``: nats a token by which the vectors
    make this answer likelier than the placeholder words do."""

    whose: str
    source: int
    target: int
    text: str
    lift: float


def levels(lm: FrozenLM) -> list[tuple[int, int]]:
    """The pairs of levels that are tried, always the same six."""
    low, high = max(1, lm.shape.L // 3), max(1, 2 * lm.shape.L // 3)
    return list(dict.fromkeys([(0, 0), (low, 0), (high, 0), (low, low), (high, low), (high, high)]))


def question(lm: FrozenLM, task_words: set[str], count: int) -> tuple[tuple[int, ...], range]:
    """Token ids up to the last placeholder, and where the ``count`` placeholders stand. No example shares a word with ``task_words``."""
    free = [(thing, said) for thing, said in EXAMPLES if not task_words & set(f"{thing} {said}".casefold().split())][:SHOWN]
    front = lm.header + lm.encode("".join(f"{thing}: {said}\n" for thing, said in free))
    return front + lm.encode("x")[-1:] * count, range(len(front), len(front) + count)


def ask(lm: FrozenLM, vectors: dict[str, Tensor], fixed: int, task_words: set[str], message: str) -> Generator[Progress, None, list[Answered]]:
    """Answers for all of ``vectors`` (name -> [P, H]; the first ``fixed`` rows are run but not asked about), at all :func:`levels`."""
    count = next(iter(vectors.values())).shape[0] - fixed
    ids, places = question(lm, task_words, count)
    pairs = levels(lm)
    roots: list[tuple[str, int, int, Root]] = []
    for name, rows in vectors.items():
        states = torch.cat([rows[None], hidden(lm, rows)])[:, fixed:]
        roots += [(name, source, target, _patched(lm, ids, places, states[source], target)) for source, target in pairs]
        yield Progress(done=len(roots), total=len(vectors) * len(pairs), message=message)
    plain = lm.to_kv(Root(embeds=lm.embed(ids))).detach()
    going_on = lm.encode(":")
    texts: list[str] = []
    decoding = Decoding(max_new_tokens=ANSWER, stop_newline=True)
    for step, answers in enumerate(generate(lm, [(root, going_on) for *_, root in roots], decoding)):
        texts = [answer.text for answer in answers]
        yield Progress(done=step + 1, total=ANSWER, message=message)
    lifts = yield from _lifts(lm, plain, [root for *_, root in roots], going_on, texts)
    return [Answered(name, source, target, text, lift) for (name, source, target, _), text, lift in zip(roots, texts, lifts, strict=True)]


def _patched(lm: FrozenLM, ids: tuple[int, ...], places: range, states: Tensor, target: int) -> Root:
    """The question with ``states`` [count, H] in place of the placeholders at level ``target``, as keys and values."""
    embeds = lm.embed(ids).clone()
    where = slice(places.start, places.stop)

    def put(layer: int, now: Tensor) -> Tensor | None:
        if layer != target - 1:
            return None
        changed = now.clone()
        changed[where] = states.to(now.dtype)
        return changed

    if target == 0:
        embeds[where] = states
    with torch.no_grad(), tapped(lm, put):
        return lm.to_kv(Root(embeds=embeds)).detach()


def _lifts(
    lm: FrozenLM, plain: Root, roots: Sequence[Root], going_on: tuple[int, ...], texts: Sequence[str]
) -> Generator[Progress, None, list[float]]:
    """Mean log-probability of every answer's tokens with the vectors minus without them (SelfIE's relevancy); 0 for an empty answer."""
    targets = [Target(going_on, lm.encode(" " + text)) for text in texts]
    found = [0.0] * len(texts)
    for i, (root, target) in enumerate(zip(roots, targets, strict=True)):
        if texts[i].strip() and target.target:
            with_, without = (_nll(score_targets(lm, one, [target])) for one in (root, plain))
            found[i] = without - with_
        yield Progress(done=i + 1, total=len(texts), message="comparing with no vectors")
    return found


def _nll(scored: Iterator[tuple[range, Tensor]]) -> float:
    return float(next(rows for _, rows in scored)[0])
