"""The rows that a step is timed on: sixteen real ones, the same for both sides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.sets import trial
from steering.data import default_label_words, prepare, samples
from steering.data.splits import split_hash
from steering.errors import DataError
from steering.lm.frozen import FrozenLM
from steering.spec import Example, TaskSpec

SAMPLE = "review_sentiment"
"""Shipped rows of the same kind, where no folder of public sets is at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """``rows`` make every step; ``validation`` is what a trainer wants beside them. ``source``: where the rows come from."""

    task: TaskSpec
    rows: list[Example]
    validation: list[Example]
    source: str


def short(data: Path | None, size: int) -> Batch:
    """``size`` rows of SST-2, or of the shipped sample, classes evenly; with their own lengths, which are what a trainer sees.

    Raises:
        DataError: fewer rows than that.
    """
    if data is not None:
        drawn = trial(data, "sst2", seed=0, shots=10**6, test_rows=4)
        task, pool, source = drawn.task, drawn.train, "sst2"
    else:
        sample = next(s for s in samples() if s.name == SAMPLE)
        pool = list(prepare(sample.file.name, sample.content(), kind=sample.kind, fixed="train").examples)
        words = sample.label_words or default_label_words({e.target for e in pool})
        task, source = TaskSpec(kind=sample.kind, template=sample.template, prompt=sample.prompt, label_words=words), sample.name
    piles: dict[str, list[Example]] = {}
    for example in sorted(pool, key=lambda e: split_hash(e.key)):
        piles.setdefault(example.target, []).append(example)
    rows = [pile[i] for i in range(max(map(len, piles.values()))) for pile in piles.values() if i < len(pile)]
    if len(rows) < size + 4:
        raise DataError(f"{source} has {len(rows)} rows and a batch needs {size + 4}.", "Make the batch smaller.")
    return Batch(task=task, rows=rows[:size], validation=rows[size : size + 4], source=source)


def long(lm: FrozenLM, batch: Batch, tokens: int) -> Batch:
    """The same rows, each followed by the texts of the others until it has about ``tokens`` tokens."""
    texts = [next(iter(e.values.values())) for e in batch.rows]

    def grown(number: int, example: Example) -> Example:
        name, text = next(iter(example.values.items()))
        for other in _round(texts, number):
            if len(lm.encode(text)) >= tokens:
                break
            text = f"{text} {other}"
        kept = lm.decode(lm.encode(text)[:tokens])
        return replace(example, values={**example.values, name: kept}, key=f"long-{number}")

    return replace(batch, rows=[grown(i, e) for i, e in enumerate(batch.rows)])


def _round(texts: Sequence[str], first: int) -> Sequence[str]:
    """The texts after number ``first``, round and round."""
    return [texts[(first + i) % len(texts)] for i in range(1, 100 * len(texts))]
