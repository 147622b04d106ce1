"""Several tasks at once on the one frozen copy: each asked under its own root, with its own template and label words, in one packed row.

Roots lie side by side in the row; a token sees its own root only, so every answer equals the one it would get alone (a test). Changed weights
(LoRA) cannot share a forward: each adapter is swapped in for a part of its own, which is what the measured times then show.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from steering.engine import switching
from steering.engine.contestants import Context
from steering.engine.judging import Contestant
from steering.errors import SpecError
from steering.evaluate.cost import times_sentence
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


ROUNDS = 3
"""How often every way is timed."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One text for one contestant: ``root`` as keys and values, ``labels`` None where a text is written."""

    name: str
    task: TaskSpec
    root: Root
    ids: Ids
    labels: Scoring | None


def together(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Result: ``outputs`` [{name, kind, task, text, tokens, labels, seconds}], ``together_seconds``, ``apart_seconds``, ``adapters``, ``lora`` (what
    switching adapters takes, see switching.py; None with ``lora_why`` where the model has none), ``sentence``.

    Payload: ``asks`` [{contestant, task, values}], ``model``. Everything is answered in one batch, one after the other, and under one LoRA adapter
    after the other, :data:`ROUNDS` times in turn; times are medians, and what other jobs do between the slices does not count.

    Raises:
        SpecError: nobody is asked; what :func:`~steering.engine.contestants.enter` raises.
    """
    if not payload["asks"]:
        raise SpecError("nobody is asked.", "Name at least one contestant.")
    lm, asks, entered = office.lm, list[Ask](), list[Contestant]()
    for item in payload["asks"]:
        task = from_json(TaskSpec, item["task"])
        (one,) = yield from office.enter([item["contestant"]], Context(task, (), office.folders, (), office.store))
        entered.append(one)
        asks.append(_ask(lm, one, task, item["values"]))
    found = yield from answered(lm, asks)  # warms the kernels up, so that none of the times pays for it
    about = [
        {"name": one.name, "kind": one.kind, "task": ask.task.kind, "prompt_tokens": one.root.length} for one, ask in zip(entered, asks, strict=True)
    ]
    yield {"outputs": [told | answer for told, answer in zip(about, found, strict=True)]}
    adapters, why = yield from switching.adapters_for(lm, asks)
    ways: dict[str, list[list[Ask]]] = {"together": [asks], "apart": [[ask] for ask in asks]}
    if adapters:
        ways["lora"] = [[replace(ask, root=replace(ask.root, adapter=one))] for ask, one in zip(asks, adapters, strict=True)]
    times = yield from _times(lm, ways)
    seconds = {name: round(median(map(sum, rounds)), 4) for name, rounds in times.items()}
    each = [round(median(column), 4) for column in zip(*times["apart"], strict=True)]
    result = {
        "outputs": [told | {"seconds": spent} | answer for told, spent, answer in zip(about, each, found, strict=True)],
        "together_seconds": seconds["together"],
        "apart_seconds": seconds["apart"],
        "adapters": len({id(ask.root.adapter) for ask in asks if ask.root.adapter is not None}),
        "lora": switching.told(asks, adapters, seconds["lora"]) if adapters else None,
        "lora_why": why,
    }
    yield result | {"sentence": times_sentence(result)}


def _times(lm: FrozenLM, ways: dict[str, list[list[Ask]]]) -> Generator[dict[str, Any], None, dict[str, list[list[float]]]]:
    """Seconds of every part of every way, round by round; the ways take turns, so that a machine that slows down slows all of them."""
    times: dict[str, list[list[float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, parts in ways.items():
            spent = []
            for part in parts:
                spent.append((yield from timed(answered(lm, part))))
            times[name].append(spent)
    return times


def timed(work: Generator[dict[str, Any], None, Any]) -> Generator[dict[str, Any], None, float]:
    """The seconds that a piece of work takes in its own slices."""
    spent = 0.0
    while True:
        start = time.perf_counter()
        try:
            item = next(work)
        except StopIteration:
            return spent + time.perf_counter() - start
        spent += time.perf_counter() - start
        yield item


def _ask(lm: FrozenLM, one: Contestant, task: TaskSpec, values: dict[str, str]) -> Ask:
    with torch.no_grad():
        root = lm.to_kv(one.root)
    labels = scoring(lm, task) if task.kind == "classification" else None
    return Ask(one.name, task, root, encode_text(lm, task, values, root.length), labels)


def answered(lm: FrozenLM, asks: Sequence[Ask]) -> Generator[dict[str, Any], None, list[dict[str, Any]]]:
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
