"""Judging: every contestant answers the same rows through the same scorer, label words and decoding. A generator, a slice at a time.

What a contestant answered to a row is remembered by content (who: its fingerprint; what: the row's token ids), so that no row is scored twice.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from steering.engine.memory import Memory, Nothing, input_key, root_digest, scope_of
from steering.evaluate.comparison import Judged, compare_classification, compare_generation
from steering.evaluate.front import Front
from steering.evaluate.results import Comparison
from steering.lm.encode import encode_examples, scoring
from steering.lm.forest import Tree
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root
from steering.lm.scoring import Ids, Scoring, score_labels
from steering.methods import LEARNED
from steering.spec import Example, TaskSpec, digest
from steering.store import Kept, looked_at

VECTORS = (*LEARNED, "random")
"""Kinds whose embeddings are no text's."""
ROWS_AT_ONCE = 32
"""Answers that are under way at a time."""
ROWS_WAITING = 256
"""Rows of one queue: an input with a root of its own (nearest demonstrations) holds that root while it waits."""


Scorer = Callable[[FrozenLM, Root, Sequence[Ids], Scoring], Iterator[tuple[range, Tensor]]]
"""How label log-probabilities are made, as :func:`~steering.lm.scoring.score_labels` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Something that answers. ``spoken`` is how a sentence calls it; ``fingerprint`` says what produced its outputs; ``scorer``: the model's own
    log-probabilities under the root, unless something fitted stands on top of them.

    ``row_root``: a root for every row, where it depends on the row (nearest demonstrations). ``members`` with ``combine``: it is made of others'
    log-probabilities [N, K] each, which are then scored (and remembered) as theirs. ``siblings``: what other training seeds became.
    ``seen``: keys of the rows it was made from; None: not known. ``text``: what of it is text. ``made``: how it came about, plain JSON values.
    """

    name: str
    kind: str
    spoken: str
    root: Root
    fingerprint: str
    scorer: Scorer = score_labels
    row_root: Callable[[Example], Root] | None = None
    members: "tuple[Contestant, ...]" = ()
    combine: Callable[[Sequence[Tensor]], Tensor] | None = None
    siblings: tuple[Root, ...] = ()
    seen: frozenset[str] | None = frozenset()
    text: str = ""
    flags: tuple[str, ...] = ()
    made: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """A slice is over: ``done`` of ``rows`` rows by this contestant."""

    contestant: str
    done: int
    rows: int


def front_of(one: Contestant, header: int) -> Front | None:
    """What it puts before every input, behind the ``header`` tokens that everybody has; None where that depends on the row, or it is several."""
    if one.row_root is not None or len(one.members) > 1:
        return None
    count = max(0, one.root.length - header)
    if one.root.kv is not None:
        return Front(unit="slots", count=count)
    text = one.root.adapter is not None or one.kind not in VECTORS
    return Front(unit="tokens" if text else "vectors", count=count, changed=one.root.adapter is not None)


def question(contestants: Sequence[Contestant], rows: Sequence[Example]) -> tuple[str, str]:
    """What a look at test rows is counted under: a digest of the rows, and one of who is asked."""
    return looked_at(row.key for row in rows), digest(sorted(one.fingerprint for one in contestants))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was declared before the rows were looked at; see :mod:`steering.evaluate.comparison`. ``metric`` is for generation."""

    primary: tuple[str, str] | None = None
    margin: float | None = None
    metric: str = "chrf"
    reveal: int = 1
    groups: tuple[str, ...] | None = None


Answering = Generator[Judging, None, list[Judged]]


def judge(
    lm: FrozenLM,
    task: TaskSpec,
    contestants: Sequence[Contestant],
    rows: Sequence[Example],
    *,
    primary: tuple[str, str] | None = None,
    reveal: int = 1,
    groups: tuple[str, ...] | None = None,
    memory: Memory | None = None,
) -> Iterator[Judging | Comparison]:
    """Yields progress, and the comparison last; ``primary``, ``reveal``, ``groups`` as in :class:`Terms`.

    Raises:
        InputError: unusable scores; TemplateError: label words that cannot be told apart.
    """
    results = yield from answers(lm, task, contestants, rows, memory)
    yield compared(task, results, rows, Terms(primary=primary, reveal=reveal, groups=groups))


def compared(task: TaskSpec, results: Sequence[Judged], rows: Sequence[Example], terms: Terms) -> Comparison:
    """What the answers show.

    Raises:
        InputError: unusable scores, or a metric that does not apply.
    """
    shared: dict[str, Any] = {"primary": terms.primary, "margin": terms.margin, "reveal": terms.reveal, "groups": terms.groups}
    if task.kind == "classification":
        words = list(task.label_words)
        numbers = {name: i for i, name in enumerate(words)}
        return compare_classification(results, [numbers[row.target] for row in rows], words, **shared)
    return compare_generation(results, [[row.target, *row.references] for row in rows], metric=terms.metric, **shared)


def answers(lm: FrozenLM, task: TaskSpec, contestants: Sequence[Contestant], rows: Sequence[Example], memory: Memory | None = None) -> Answering:
    """What every contestant answers to every row; yields progress.

    Raises:
        TemplateError: label words that cannot be told apart, or a prompt that leaves no room.
    """
    # Encoded once, with room for the longest root: a long row is cut the same way for everybody.
    data = encode_examples(lm, task, rows, max(c.root.length for c in contestants))
    room = _Room(lm, task, rows, data.inputs, memory or Nothing())
    results: list[Judged] = []
    for contestant in contestants:
        values, seconds = yield from room.answer(contestant)
        seeds = [values] if contestant.siblings else []
        for root in contestant.siblings:
            other = replace(contestant, root=root, siblings=(), fingerprint=f"{contestant.fingerprint} {root_digest(root)}")
            seeds.append((yield from room.answer(other))[0])
        labels = task.kind == "classification"
        results.append(
            Judged(
                name=contestant.name,
                kind=contestant.kind,
                log_probs=torch.tensor(values).numpy() if labels else None,
                predictions=() if labels else tuple(values),
                seed_log_probs=tuple(torch.tensor(found).numpy() for found in seeds) if labels else (),
                seed_predictions=() if labels else tuple(tuple(found) for found in seeds),
                prompt_tokens=contestant.root.length,
                front=front_of(contestant, len(lm.header)),
                seconds=seconds,
                fingerprint=contestant.fingerprint,
                spoken=contestant.spoken,
                flags=contestant.flags,
                made=contestant.made,
            )
        )
    return results


@dataclass(frozen=True, slots=True)
class _Room:
    """The rows as everybody reads them, and what is remembered of earlier answers."""

    lm: FrozenLM
    task: TaskSpec
    rows: Sequence[Example]
    inputs: Sequence[Ids]
    memory: Memory

    def answer(self, contestant: Contestant) -> Generator[Judging, None, tuple[list[Any], float]]:
        """Log-probabilities (a list of K) or a text for every row, and the seconds that all of them took, whenever that was."""
        if contestant.combine is not None:
            parts, seconds = [], 0.0
            for member in contestant.members:
                found, took = yield from self.answer(member)
                parts.append(torch.tensor(found))
                seconds += took
            return contestant.combine(parts).tolist(), seconds
        scope = scope_of(self.lm, self.task, contestant.fingerprint)
        own = contestant.row_root is not None
        keys = [input_key(ids, row.key if own else "") for ids, row in zip(self.inputs, self.rows, strict=True)]
        known = self.memory.recall(scope, keys)
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        todo = [i for i, key in enumerate(keys) if key not in known and first[key] == i]
        work = _labels if self.task.kind == "classification" else _texts
        start = time.perf_counter()
        for part in work(self.lm, self.task, contestant, [self.inputs[i] for i in todo], [self.rows[i] for i in todo]):
            if part:
                each = (time.perf_counter() - start) / len(part)
                fresh = {keys[todo[i]]: Kept(value, each) for i, value in part.items()}
                self.memory.keep(scope, fresh)
                known |= fresh
                start = time.perf_counter()
            yield Judging(contestant=contestant.name, done=len(self.rows) - sum(key not in known for key in keys), rows=len(self.rows))
            if part:
                start = time.perf_counter()  # what happens between slices (other jobs) is not this contestant's time
        return [known[key].value for key in keys], sum(known[key].seconds for key in keys)


Part = dict[int, Any]
"""Answers by the number of the input; empty: a slice without a finished one."""


def _labels(lm: FrozenLM, task: TaskSpec, contestant: Contestant, inputs: Sequence[Ids], rows: Sequence[Example]) -> Iterator[Part]:
    if not inputs:
        return
    labels = scoring(lm, task)
    found = (
        contestant.scorer(lm, contestant.root, inputs, labels)
        if contestant.row_root is None
        else _by_row(lm, contestant.row_root, rows, inputs, labels)
    )
    for part, log_probs in found:
        yield dict(zip(part, log_probs.tolist(), strict=True))


def _by_row(
    lm: FrozenLM, root_of: Callable[[Example], Root], rows: Sequence[Example], inputs: Sequence[Ids], labels: Scoring
) -> Iterator[tuple[range, Tensor]]:
    """Every input under a root of its own: several small trees in one packed row."""
    at = 0
    while at < len(inputs):
        trees: list[Tree] = []
        tokens = 0
        while at + len(trees) < len(inputs):
            i = at + len(trees)
            family = labels.family(inputs[i])
            tree = Tree(root_of(rows[i]), family.branches)
            tokens += tree.root.length + family.tokens
            if trees and tokens > lm.tokens_per_slice:
                break
            trees.append(tree)
        with torch.no_grad():
            logits = lm.logits(trees)
        part = range(at, at + len(trees))
        yield part, labels.scores(logits, inputs[at : part.stop]).cpu()
        at = part.stop


def _texts(lm: FrozenLM, task: TaskSpec, contestant: Contestant, inputs: Sequence[Ids], rows: Sequence[Example]) -> Iterator[Part]:
    if not inputs:
        return
    decoding = Decoding(max_new_tokens=task.max_new_tokens, stop_newline=task.stop == "newline")
    with torch.no_grad():
        shared = lm.to_kv(contestant.root)
    for at in range(0, len(inputs), ROWS_WAITING):
        queue = range(at, min(at + ROWS_WAITING, len(inputs)))
        roots = [shared if contestant.row_root is None else contestant.row_root(rows[i]) for i in queue]
        told: set[int] = set()
        for found in generate(lm, [(root, inputs[i]) for root, i in zip(roots, queue, strict=True)], decoding, ROWS_AT_ONCE):
            fresh = {i: answer.text for i, answer in zip(queue, found, strict=True) if answer.done and i not in told}
            told |= fresh.keys()
            yield fresh
