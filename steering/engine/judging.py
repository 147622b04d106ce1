"""Judging: every contestant answers the same rows through the same scorer, label words and decoding. A generator, a slice at a time."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from steering.evaluate.comparison import Judged, compare_classification, compare_generation
from steering.evaluate.results import Comparison
from steering.lm.encode import Encoded, encode_examples, encode_labels
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root
from steering.lm.scoring import Ids, Labels, score_labels
from steering.spec import Example, TaskSpec

ROWS_AT_ONCE = 32
"""Answers generated in one batch."""


Scorer = Callable[[FrozenLM, Root, Sequence[Ids], Labels], Iterator[tuple[range, torch.Tensor]]]
"""How label log-probabilities are made, as :func:`~steering.lm.scoring.score_labels` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Something that answers. ``spoken`` is how a sentence calls it; ``fingerprint`` says what produced its outputs; ``scorer``: the model's own
    log-probabilities under the root, unless something fitted stands on top of them; ``siblings``: what other training seeds became."""

    name: str
    kind: str
    spoken: str
    root: Root
    fingerprint: str
    scorer: Scorer = score_labels
    siblings: tuple[Root, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """A slice is over: ``done`` of ``rows`` rows by this contestant."""

    contestant: str
    done: int
    rows: int


def judge(
    lm: FrozenLM, task: TaskSpec, contestants: Sequence[Contestant], rows: Sequence[Example], *, primary: tuple[str, str] | None = None
) -> Iterator[Judging | Comparison]:
    """Yields progress, and the comparison last.

    Raises:
        InputError: unusable scores; TemplateError: label words that cannot be told apart.
    """
    # Encoded once, with room for the longest root: a long row is cut the same way for everybody.
    data = encode_examples(lm, task, rows, max(c.root.length for c in contestants))
    results: list[Judged] = []
    for contestant in contestants:
        found: Judged | None = None
        for item in _answer(lm, task, contestant, data):
            if isinstance(item, Judging):
                yield item
            else:
                found = item
        assert found is not None
        results.append(found)
    if task.kind == "classification":
        yield compare_classification(results, list(data.truth), list(task.label_words), primary=primary)
    else:
        yield compare_generation(results, [[row.target, *row.references] for row in rows], primary=primary)


def _answer(lm: FrozenLM, task: TaskSpec, contestant: Contestant, data: Encoded) -> Iterator[Judging | Judged]:
    work = _labels if task.kind == "classification" else _texts
    answers, seconds = [], []
    for root in (contestant.root, *contestant.siblings):
        spent, start = 0.0, time.perf_counter()
        for item in work(lm, task, replace(contestant, root=root), data):
            spent += time.perf_counter() - start
            if isinstance(item, Judging):
                yield item
            else:
                answers.append(item)
            start = time.perf_counter()  # what happens between slices (other jobs) is not this contestant's time
        seconds.append(spent)
    (log_probs, predictions), others = answers[0], answers if contestant.siblings else []
    yield Judged(
        name=contestant.name,
        kind=contestant.kind,
        log_probs=log_probs,
        predictions=predictions,
        seed_log_probs=tuple(scores for scores, _ in others if scores is not None),
        seed_predictions=tuple(texts for scores, texts in others if scores is None),
        prompt_tokens=contestant.root.length,
        seconds=seconds[0],
        fingerprint=contestant.fingerprint,
        spoken=contestant.spoken,
    )


def _labels(lm: FrozenLM, task: TaskSpec, contestant: Contestant, data: Encoded) -> Iterator[Judging | tuple[object, tuple[str, ...]]]:
    parts, done = [], 0
    for _, log_probs in contestant.scorer(lm, contestant.root, data.inputs, encode_labels(lm, task)):
        parts.append(log_probs)
        done += log_probs.shape[0]
        yield Judging(contestant=contestant.name, done=done, rows=len(data.inputs))
    yield torch.cat(parts).numpy(), ()


def _texts(lm: FrozenLM, task: TaskSpec, contestant: Contestant, data: Encoded) -> Iterator[Judging | tuple[object, tuple[str, ...]]]:
    decoding = Decoding(max_new_tokens=task.max_new_tokens, stop_newline=task.stop == "newline")
    with torch.no_grad():
        root = lm.to_kv(contestant.root)
    texts: list[str] = []
    for at in range(0, len(data.inputs), ROWS_AT_ONCE):
        for answers in generate(lm, [(root, ids) for ids in data.inputs[at : at + ROWS_AT_ONCE]], decoding):
            yield Judging(contestant=contestant.name, done=at, rows=len(data.inputs))
            last = answers
        texts += [answer.text for answer in last]
    yield None, tuple(texts)
