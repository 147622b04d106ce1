"""What a queue of rows saves where texts are generated: ``python -m benchmarks.generation``.

The sample "messages to JSON" is answered twice under the manual prompt and under four demonstrations: in fixed batches, every row of which is
computed until the slowest ends, and as judging does it, where finished rows leave and waiting ones enter. Counted are forwards that decode, single
decoding steps of rows, and the process's CPU time; ``same``: rows with the same text both ways (in bf16 the batch's shape decides some roundings).
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from steering.data import samples
from steering.engine.judging import ROWS_AT_ONCE
from steering.lm import generate as generating
from steering.lm.decoding import Cached
from steering.lm.encode import encode_examples
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.lm.load import load
from steering.lm.root import Root
from steering.lm.scoring import Ids
from steering.methods import Setting, method, options
from steering.spec import EMBEDDED_MODEL, Example, TaskSpec

SAMPLE = "message_to_json"
SHOWN = 8
"""Rows that demonstrations are drawn from."""


@dataclass(slots=True)
class Work:
    """What one way cost: forwards that decode, rows in them, seconds."""

    forwards: int = 0
    row_steps: int = 0
    cpu_s: float = 0.0
    seconds: float = 0.0


def requests_of(lm: FrozenLM, count: int, name: str) -> tuple[list[tuple[Root, Ids]], Decoding]:
    """The first ``count`` rows behind those shown, under a written contestant's root."""
    sample = next(one for one in samples() if one.name == SAMPLE)
    lines = [json.loads(line) for line in sample.content().decode().splitlines()[: SHOWN + count]]
    rows = [Example(row=i, values={"input": one["input"]}, target=one["target"], key=f"{i:04}") for i, one in enumerate(lines)]
    task = TaskSpec(kind=sample.kind, template=sample.template, prompt=sample.prompt)
    root = method(name).build(lm, Setting(task, rows[:SHOWN]), options(name, {})).root().detach()
    shared = lm.to_kv(root)
    inputs = encode_examples(lm, task, rows[SHOWN:], root.length).inputs
    return [(shared, ids) for ids in inputs], Decoding(max_new_tokens=task.max_new_tokens, stop_newline=task.stop == "newline")


def answered(lm: FrozenLM, requests: Sequence[tuple[Root, Ids]], decoding: Decoding, *, queue: bool) -> tuple[list[str], Work]:
    """All texts one of the two ways, and what it cost."""
    work, append = Work(), Cached.append

    def counted(self: Cached, tokens: list[int]) -> None:
        work.forwards += 1
        work.row_steps += len(tokens)
        append(self, tokens)

    size = len(requests) if queue else ROWS_AT_ONCE
    texts: list[str] = []
    start, busy = time.perf_counter(), time.process_time()
    with patch.object(Cached, "append", counted), patch.object(generating, "LEAVING", generating.LEAVING if queue else 1.0):
        for at in range(0, len(requests), size):
            *_, found = generate(lm, requests[at : at + size], decoding, ROWS_AT_ONCE)
            texts += [answer.text for answer in found]
    work.cpu_s, work.seconds = time.process_time() - busy, time.perf_counter() - start
    return texts, work


def measure(lm: FrozenLM, count: int, contestants: Sequence[str] = ("manual", "few_shot")) -> list[dict[str, Any]]:
    """Both ways under every contestant, fixed batches first."""
    made = []
    for name in contestants:
        requests, decoding = requests_of(lm, count, name)
        answered(lm, requests[:2], Decoding(max_new_tokens=2), queue=True)  # warms the kernels up
        fixed, before = answered(lm, requests, decoding, queue=False)
        queued, after = answered(lm, requests, decoding, queue=True)
        tokens = sorted(len(lm.encode(text)) for text in queued)
        row: dict[str, Any] = {"contestant": name, "rows": count, "same": sum(a == b for a, b in zip(fixed, queued, strict=True))}
        row |= {"tokens": {"median": tokens[len(tokens) // 2], "longest": tokens[-1]}}
        made.append(row | {key: [round(getattr(one, key), 2) for one in (before, after)] for key in Work.__slots__})
    return made


def main(argv: list[str] | None = None) -> None:
    """Print one JSON line a contestant: [fixed batches, queue]."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generation", description=__doc__)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--model", default=EMBEDDED_MODEL)
    given = parser.parse_args(argv)
    for row in measure(load(given.model), given.rows):
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
