"""Several tasks at once on the one frozen copy: each asked under its own root, with its own template and label words, in one packed row.

Roots lie side by side in the row; a token sees its own root only, so every answer equals the one it would get alone (a test). Changed weights
(LoRA) cannot share a forward: each adapter is swapped in for a part of its own, which is what the measured times then show.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from steering.engine.contestants import Context
from steering.engine.judging import Contestant
from steering.errors import SpecError
from steering.knobs import from_json
from steering.lm.encode import encode_text, scoring
from steering.lm.forest import Tree
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root
from steering.lm.scoring import Ids, Scoring
from steering.spec import TaskSpec

if TYPE_CHECKING:
    from steering.engine.requests import Office


@dataclass(frozen=True, slots=True)
class Ask:
    """One text for one contestant: ``root`` as keys and values, ``labels`` None where a text is written."""

    name: str
    task: TaskSpec
    root: Root
    ids: Ids
    labels: Scoring | None


def together(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Result: ``outputs`` [{name, kind, task, text, tokens, labels, seconds}], ``together_seconds``, ``apart_seconds``, ``adapters``.

    Payload: ``asks`` [{contestant, task, values}], ``model``. Everything is answered twice, in one batch and one after the other, for the times.

    Raises:
        SpecError: nobody is asked; what :func:`~steering.engine.contestants.enter` raises.
    """
    if not payload["asks"]:
        raise SpecError("nobody is asked.", "Name at least one contestant.")
    asks: list[Ask] = []
    entered: list[Contestant] = []
    for item in payload["asks"]:
        task = from_json(TaskSpec, item["task"])
        (one,) = yield from office.enter([item["contestant"]], Context(task, (), office.folders, (), office.store))
        entered.append(one)
        asks.append(_ask(office.lm, one, task, item["values"]))
    yield from _answers(office.lm, asks[:1])  # warms the kernels up, so that neither of the two times pays for it
    start = time.perf_counter()
    found = yield from _answers(office.lm, asks)
    at_once = time.perf_counter() - start
    seconds = []
    for ask in asks:
        start = time.perf_counter()
        yield from _answers(office.lm, [ask])
        seconds.append(time.perf_counter() - start)
    outputs = [
        {"name": one.name, "kind": one.kind, "task": ask.task.kind, "prompt_tokens": one.root.length, "seconds": round(spent, 4), **answer}
        for one, ask, answer, spent in zip(entered, asks, found, seconds, strict=True)
    ]
    adapters = len({id(ask.root.adapter) for ask in asks if ask.root.adapter is not None})
    yield {"outputs": outputs, "together_seconds": round(at_once, 4), "apart_seconds": round(sum(seconds), 4), "adapters": adapters}


def _ask(lm: FrozenLM, one: Contestant, task: TaskSpec, values: dict[str, str]) -> Ask:
    with torch.no_grad():
        root = lm.to_kv(one.root)
    labels = scoring(lm, task) if task.kind == "classification" else None
    return Ask(one.name, task, root, encode_text(lm, task, values, root.length), labels)


def _answers(lm: FrozenLM, asks: Sequence[Ask]) -> Generator[dict[str, Any], None, list[dict[str, Any]]]:
    """In the order of ``asks``: all label questions in one forward, all texts of one way to stop in one batch."""
    found: dict[int, dict[str, Any]] = {}
    chosen = [i for i, ask in enumerate(asks) if ask.labels is not None]
    for i, log_probs in zip(chosen, _labels(lm, [asks[i] for i in chosen]), strict=True):
        shares = dict(zip(asks[i].task.label_words, torch.softmax(log_probs, -1).tolist(), strict=True))
        found[i] = {"text": max(shares, key=lambda label: shares[label]), "tokens": 1, "labels": shares}
    yield {}
    for decoding, members in _by_decoding(asks).items():
        last = []
        for answers in generate(lm, [(asks[i].root, asks[i].ids) for i in members], decoding):
            last = answers
            yield {}
        found |= {i: {"text": answer.text, "tokens": answer.tokens} for i, answer in zip(members, last, strict=True)}
    return [found[i] for i in range(len(asks))]


def _labels(lm: FrozenLM, asks: Sequence[Ask]) -> list[torch.Tensor]:
    """Label log-probabilities [K] of every ask, roots side by side; grouped by adapter, because a forward has one set of weights."""
    order = sorted(range(len(asks)), key=lambda i: [id(ask.root.adapter) for ask in asks].index(id(asks[i].root.adapter)))
    if not order:
        return []
    trees = [Tree(asks[i].root, _of(asks[i]).family(asks[i].ids).branches) for i in order]
    with torch.no_grad():
        logits = lm.logits(trees)
    parts = logits.split([_of(asks[i]).graded(asks[i].ids) for i in order])
    made = {i: _of(asks[i]).scores(part, [asks[i].ids])[0].cpu() for i, part in zip(order, parts, strict=True)}
    return [made[i] for i in range(len(asks))]


def _of(ask: Ask) -> Scoring:
    assert ask.labels is not None
    return ask.labels


def _by_decoding(asks: Sequence[Ask]) -> dict[Decoding, list[int]]:
    groups: dict[Decoding, list[int]] = {}
    for i, ask in enumerate(asks):
        if ask.labels is None:
            groups.setdefault(Decoding(max_new_tokens=ask.task.max_new_tokens, stop_newline=ask.task.stop == "newline"), []).append(i)
    return groups
