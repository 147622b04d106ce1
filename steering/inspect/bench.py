"""The bench: some labelled rows on which roots are scored, each root and row once.

Scores are kept for the model by content (what the root holds, what the row's tokens and the graded words are), so that a preview's rows are not
run again for the whole, and views that need the manual prompt share it. A root is turned into keys and values once, whatever number of rows.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from torch import Tensor

from steering.errors import SpecError
from steering.evaluate.classification import normalise
from steering.evaluate.intervals import Floats
from steering.inspect.contract import UNANSWERED, Progress
from steering.lm.encode import encode_examples, scoring
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, Labels, Target, score_labels, score_targets
from steering.spec import Example, TaskSpec

T = TypeVar("T")

PREVIEW = 16
"""Rows of a preview."""

ROOTS = 512
"""Roots whose scores are kept for a model: some hundred rows of a few numbers each."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One root on N rows. ``loss`` [N] nats: -log p(right label | the label words), or the mean over a target's tokens. ``log_probs`` [N, K]
    normalised over the label words, and ``correct`` [N]; both None for generation."""

    loss: Floats
    log_probs: Floats | None
    correct: Any

    @property
    def table(self) -> Floats:
        """``log_probs`` of a classification."""
        assert self.log_probs is not None, "generation has no labels"
        return self.log_probs


class Bench:
    """Rows of one task, cut once with ``room`` for the longest root, so that every root is given the same inputs."""

    def __init__(self, lm: FrozenLM, task: TaskSpec, rows: Sequence[Example], room: int) -> None:
        data = encode_examples(lm, task, rows, room)
        self.lm, self.rows, self.truth = lm, tuple(rows), np.array(data.truth, dtype=np.int64)
        self.scoring = scoring(lm, task) if task.kind == "classification" else None
        self.inputs, self.targets = data.inputs, data.targets
        self._items: tuple[Ids | Target, ...] = data.inputs if self.scoring else data.targets

    @property
    def labels(self) -> Labels | None:
        """Label words that are graded where the answer begins; None for generation.

        Raises:
            SpecError: the task scores the input behind each label, so that nothing is graded there.
        """
        if self.scoring is None or isinstance(self.scoring, Labels):
            return self.scoring
        raise SpecError(f"this view {UNANSWERED}", "Use a view that measures the loss.")

    def __len__(self) -> int:
        return len(self._items)

    @classmethod
    def of_texts(cls, lm: FrozenLM, texts: Sequence[str]) -> "Bench":
        """Plain texts: every token but the first is graded, whatever stands before."""
        made = object.__new__(cls)
        made.lm, made.scoring, made.rows, made.truth = lm, None, (), np.zeros(0, dtype=np.int64)
        ids = [one for one in lm.encode_many(list(texts)) if len(one) > 1]
        made.inputs, made.targets = tuple(one[:1] for one in ids), tuple(Target(one[:1], one[1:]) for one in ids)
        made._items = made.targets
        return made

    def first(self, count: int) -> "Bench":
        """The first rows alone; what they scored is shared."""
        return self.part(range(min(count, len(self))))

    def part(self, at: Sequence[int]) -> "Bench":
        """The rows at these positions alone; what they scored is shared."""
        part = object.__new__(Bench)
        part.lm, part.scoring = self.lm, self.scoring
        part.truth = self.truth[list(at)] if len(self.truth) else self.truth
        part.rows, part.inputs, part.targets = _pick(self.rows, at), _pick(self.inputs, at), _pick(self.targets, at)
        part._items = _pick(self._items, at)
        return part

    def score(self, root: Root, message: str) -> Generator[Progress, None, Scored]:
        """Score a root on all rows, a slice at a time."""
        known = _scores(self.lm, _identity(root))
        items = [(item, self.scoring) for item in self._items]
        missing = list(dict.fromkeys(key for key in items if key not in known))
        run = self._labels if self.scoring is not None else self._targets
        for part, found in run(root, [item for item, _ in missing]):
            for at, row in zip(part, found.double().tolist(), strict=True):
                known[missing[at]] = row
            yield Progress(done=part.stop, total=len(missing), message=message)
        table: Floats = np.array([known[key] for key in items], dtype=np.float64)
        return scored(table, self.truth) if self.scoring is not None else Scored(table, None, None)

    def keep(self, root: Root, part: range, log_probs: Tensor) -> None:
        """Label log-probabilities [n, K] of the rows ``part``, that came with something else that was computed."""
        known = _scores(self.lm, _identity(root))
        for at, row in zip(part, log_probs.double().tolist(), strict=True):
            known[(self._items[at], self.scoring)] = row

    def _labels(self, root: Root, items: list[Any]) -> Any:
        assert self.scoring is not None
        return score_labels(self.lm, root, items, self.scoring) if items else ()

    def _targets(self, root: Root, items: list[Any]) -> Any:
        return score_targets(self.lm, root, items) if items else ()


def _pick(given: tuple[T, ...], at: Sequence[int]) -> tuple[T, ...]:
    """Those at these positions; nothing of nothing."""
    return tuple(given[i] for i in at) if given else ()


def scored(log_probs: Any, truth: Any) -> Scored:
    """Label log-probabilities [N, K] against the truth [N]."""
    table = normalise(log_probs)
    return Scored(-table[np.arange(len(truth)), truth], table, table.argmax(1) == truth)


_KNOWN: "WeakKeyDictionary[FrozenLM, OrderedDict[str, dict[Any, Any]]]" = WeakKeyDictionary()


def _scores(lm: FrozenLM, identity: str) -> dict[Any, Any]:
    """What a root scored so far; the longest unused one makes room."""
    kept = _KNOWN.setdefault(lm, OrderedDict())
    found = kept.setdefault(identity, {})
    kept.move_to_end(identity)
    while len(kept) > ROOTS:
        kept.popitem(last=False)
    return found


def _identity(root: Root) -> str:
    """Hex digits over everything that a root holds."""
    assert root.adapter is None, "views look at vectors, not at changed weights"
    seen = hashlib.sha256(repr((root.kept, root.length, root.embeds is None)).encode())
    for tensor in [root.embeds] if root.embeds is not None else [t for pair in root.kv or () for t in pair]:
        seen.update(repr(tuple(tensor.shape)).encode())
        seen.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return seen.hexdigest()
