"""Cost of a request under each contestant, measured on this machine as one user with one text would feel it. A request of its own.

Without a kept cache, the steering and the text are computed together for every request (``first_token_seconds``); with one, the steering's keys
and values are computed once and kept (``prefill_seconds``, ``kv_bytes``) and only the text is computed (``cached_first_token_seconds``).
"""

import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from steering.engine.judging import Contestant
from steering.evaluate.cost import Cost, cost_sentences
from steering.knobs import to_json
from steering.lm.encode import encode_text
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids
from steering.methods import LEARNED
from steering.spec import TaskSpec

if TYPE_CHECKING:
    from steering.engine.requests import Office

REPEATS = 5
"""Measurements of each number; the median is kept, after one that is not counted."""


def cost(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Growing results: ``costs`` in the order of the contestants, ``sentences``, ``device``, ``dtype``, ``input_tokens``.

    Payload: ``contestants``, ``task``, ``train``, ``values`` (the text that is asked), ``model``.
    """
    context = office.context(payload)
    entered = yield from office.enter(payload["contestants"], context)
    yield from costs_of(office.lm, context.task, entered, payload["values"])


def costs_of(lm: FrozenLM, task: TaskSpec, entered: Sequence[Contestant], values: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The same for contestants that are there already."""
    ids = encode_text(lm, task, values, max(one.root.length for one in entered))
    found: list[Cost] = []
    for one in entered:
        for item in measure(lm, one, ids):
            if item is None:
                yield {}
            else:
                found.append(item)
        yield {
            "costs": [to_json(item) for item in found],
            "sentences": cost_sentences(found, tuple(LEARNED)),
            "device": str(lm.device),
            "dtype": str(lm.dtype).removeprefix("torch."),
            "input_tokens": len(ids),
        }


def measure(lm: FrozenLM, one: Contestant, ids: Ids, repeats: int = REPEATS) -> Iterator[Cost | None]:
    """Yields None after every measurement, and the cost last."""
    whole: list[float] = []
    prefill: list[float] = []
    short: list[float] = []
    with torch.no_grad():
        kept = lm.to_kv(one.root)
    for _ in range(repeats + 1):
        whole.append(_first_token(lm, one.root, ids))
        yield None
        prefill.append(_prefill(lm, one.root))
        short.append(_first_token(lm, kept, ids))
        yield None
    yield Cost(
        name=one.name,
        kind=one.kind,
        prompt_tokens=one.root.length,
        prefill_seconds=_middle(prefill),
        kv_bytes=kv_bytes(lm, one.root.length) if not one.root.uneven else kept.nbytes(),
        first_token_seconds=_middle(whole),
        cached_first_token_seconds=_middle(short),
        repeats=repeats,
    )


def kv_bytes(lm: FrozenLM, length: int) -> int:
    """Keys and values of ``length`` positions in the model's precision: 2 x L x K x D x P x bytes a number."""
    shape = lm.shape
    return 2 * shape.L * shape.K * shape.D * length * torch.empty((), dtype=lm.dtype).element_size()


def _first_token(lm: FrozenLM, root: Root, ids: Ids) -> float:
    _wait(lm)
    start = time.perf_counter()
    with torch.no_grad():
        int(lm.logits([Tree(root, (Branch(ids),))])[0].argmax())  # reading it waits for the device
    return time.perf_counter() - start


def _prefill(lm: FrozenLM, root: Root) -> float:
    _wait(lm)
    start = time.perf_counter()
    with torch.no_grad():
        lm.to_kv(root)
    _wait(lm)
    return time.perf_counter() - start


def _wait(lm: FrozenLM) -> None:
    if lm.device.type == "cuda":
        torch.cuda.synchronize(lm.device)


def _middle(measured: Sequence[float]) -> float:
    """The first one warms kernels and caches up and is not counted."""
    return float(median(measured[1:]))
