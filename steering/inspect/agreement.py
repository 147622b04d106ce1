"""What seeds of one run share: decisions on held-out rows, and the closest entries of matched vectors beside what chance gives."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steering.evaluate.intervals import Estimate, wilson
from steering.inspect import nearest
from steering.inspect.contract import Progress, Subject
from steering.inspect.linear import jaccard, matched
from steering.inspect.slots import CANDIDATES
from steering.inspect.subjects import bench, learned, manual
from steering.inspect.vocabulary import Vocabulary, vocabulary
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root
from steering.methods.forms import SOFT_PROMPT, root_of

WORDS = 10
"""Entries of every vector that are compared (SCIENCE notes A3, view 11)."""

GENERATED = 24
"""Rows that are answered in full where the task is to write, at most."""

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """``seeds``: for every other seed the share of ``rows`` rows with the same decision; ``manual``: the same for the manual prompt; ``what`` a
    decision is."""

    seeds: dict[str, Estimate]
    manual: Estimate
    rows: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Mean Jaccard overlap of closest entries: of matched vectors of two ``seeds``, of random moves from the same start (``moved``), and of
    ``random`` vectors; ``rows`` for the table; ``matched_elsewhere`` counts vectors matched with another position."""

    seeds: float
    moved: float
    random: float
    rows: list[dict[str, Any]]
    matched_elsewhere: int


def fitting(subject: Subject) -> Subject:
    """The subject with those seeds whose vectors are of its own shape and finite."""
    shapes = {name: tensor.shape for name, tensor in subject.vectors.items()}
    good = [one for one in subject.siblings if {n: t.shape for n, t in one.items()} == shapes and all(bool(t.isfinite().all()) for t in one.values())]
    return replace(subject, siblings=tuple(good))


def decisions(lm: FrozenLM, subject: Subject) -> Generator[Progress, None, Decisions]:
    """Labels (classification) or whole answers (generation) of every seed and of the manual prompt, against the subject's own."""
    assert subject.task is not None
    roots = {"": learned(lm, subject)} | {f"seed {i + 2}": root_of(lm, _here(lm, one)) for i, one in enumerate(subject.siblings)}
    roots["manual"] = manual(lm, subject.task)
    said = {}
    for name, root in roots.items():
        said[name] = yield from _answers(lm, subject, root, list(roots.values()))
    own = said.pop("")
    found = {name: _share(own, other) for name, other in said.items()}
    what = "a decision is the likeliest label" if subject.task.kind == "classification" else "a decision is the whole answer, letter by letter"
    return Decisions(manual=found.pop("manual"), seeds=found, rows=len(own), what=what)


def _answers(lm: FrozenLM, subject: Subject, root: Root, roots: list[Root]) -> Generator[Progress, None, list[Any]]:
    assert subject.task is not None
    if subject.task.kind == "classification":
        scores = yield from bench(lm, subject, subject.rows, *roots).score(root, "asking every seed")
        assert scores.log_probs is not None
        return list(np.argmax(scores.log_probs, axis=1))
    rows = subject.rows[:GENERATED]
    inputs = bench(lm, subject, rows, *roots)
    decoding = Decoding(max_new_tokens=subject.task.max_new_tokens, stop_newline=subject.task.stop == "newline")
    texts: list[Any] = []
    for done, answers in enumerate(generate(lm, [(root, target.ids) for target in inputs.targets], decoding)):
        texts = [answer.text for answer in answers]
        yield Progress(done=done + 1, total=subject.task.max_new_tokens, message="asking every seed")
    return texts


def _share(one: list[Any], other: list[Any]) -> Estimate:
    same = sum(a == b for a, b in zip(one, other, strict=True))
    low, high = wilson(same, len(one))
    return Estimate(value=same / len(one), low=low, high=high)


def _here(lm: FrozenLM, vectors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.to(lm.device) for name, tensor in vectors.items()}


def words(lm: FrozenLM, subject: Subject) -> Generator[Progress, None, Words]:
    """Closest entries of every seed's vectors, matched, beside those of random moves and of random vectors."""
    vocab = yield from vocabulary(lm)
    front = min(subject.header, subject.vectors[SOFT_PROMPT].shape[0])
    own = subject.vectors[SOFT_PROMPT].to(lm.device, torch.float32)[front:]
    seeds = [_here(lm, one)[SOFT_PROMPT].float()[front:] for one in subject.siblings]
    start = lm.embed(subject.start_ids)[front:] if subject.start_ids else None
    moves, random = _controls(vocab, own, start)
    ranked = yield from _ranked(lm, vocab, torch.cat([own, *seeds, *moves, *random]), set(subject.start_ids))
    count = own.shape[0]
    sets = [ranked[i * count : (i + 1) * count] for i in range(len(ranked) // count)]
    mine, others, chance = sets[0], sets[1 : 1 + len(seeds)], sets[1 + len(seeds) :]
    order = [matched(own - vocab.mean, other - vocab.mean) for other in seeds]
    rows = [_row(vocab, subject, i, own, seeds, order, mine, others) for i in range(count)]
    return Words(
        seeds=sum(row["jaccard"] for row in rows) / count,
        moved=_overlap(chance[0], chance[1]),
        random=_overlap(chance[2], chance[3]),
        rows=[{**row, "slot": row["slot"] + front} for row in rows],
        matched_elsewhere=sum(any(match[i] != i for match in order) for i in range(count)),
    )


def _controls(vocab: Vocabulary, own: Tensor, start: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
    """Two random moves of every vector from its start, as long as its own; two random vectors around the mean."""
    noise = torch.randn(4, *own.shape, generator=torch.Generator().manual_seed(0)).to(own.device)
    unit = torch.nn.functional.normalize(noise, dim=-1)
    origin = own if start is None else start
    length = (own - origin).norm(dim=1, keepdim=True)
    around = (own - vocab.mean).norm(dim=1, keepdim=True)
    return [origin + length * unit[i] for i in (0, 1)], [vocab.mean + around * unit[i] for i in (2, 3)]


def _ranked(lm: FrozenLM, vocab: Vocabulary, vectors: Tensor, removed: set[int]) -> Generator[Progress, None, list[list[int]]]:
    """The ten closest entries of every vector by CSLS among its nearest by cosine, start tokens removed."""
    cosines, index = yield from nearest.closest(lm, vocab, vocab.directions(vectors), CANDIDATES, "comparing the seeds' words")
    ids = vocab.ids[index].tolist()
    hubs = yield from nearest.hubs(lm, vocab, [i for row in ids for i in row])
    found = []
    for row, values in zip(ids, cosines.tolist(), strict=True):
        order = sorted(zip(row, values, strict=True), key=lambda item: hubs[item[0]].mean - 2 * item[1])
        found.append([i for i, _ in order if i not in removed][:WORDS])
    return found


def _overlap(one: list[list[int]], other: list[list[int]]) -> float:
    return sum(jaccard(set(a), set(b)) for a, b in zip(one, other, strict=True)) / len(one)


def _row(
    vocab: Vocabulary,
    subject: Subject,
    i: int,
    own: Tensor,
    seeds: list[Tensor],
    order: list[list[int]],
    mine: list[list[int]],
    others: list[list[list[int]]],
) -> dict[str, Any]:
    front = min(subject.header, len(subject.start_ids))
    pairs = [(seed[match[i]], words[match[i]]) for seed, match, words in zip(seeds, order, others, strict=True)]
    cosines = [float(vocab.directions(own[i]) @ vocab.directions(vector)) for vector, _ in pairs]
    shared = [jaccard(set(mine[i]), set(words)) for _, words in pairs]
    return {
        "slot": i + 1,
        "init_token": vocab.show(subject.start_ids[front + i]) if subject.start_ids else None,
        "cosine": round(sum(cosines) / len(cosines), 4),
        "jaccard": round(sum(shared) / len(shared), 4),
        "words": [{"token": vocab.show(t)} for t in mine[i]],
        "others": [{"token": vocab.show(t)} for _, words in pairs for t in words[: max(1, WORDS // len(pairs))]],
    }
