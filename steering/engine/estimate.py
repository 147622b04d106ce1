"""What a run will take, before it starts: a dry run of two steps and a part of a look, on this machine.

It also finds the largest micro-batch that fits into memory, because on a CPU nobody raises an error: the kernel kills the process.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass

from steering.errors import TrainingError
from steering.lm import memory
from steering.lm.scoring import chunks
from steering.train.gradients import OutOfMemory, Thrift, gradients
from steering.train.member import Member
from steering.train.schedule import legs
from steering.train.trainer import Trainer

LOOK_SLICES = 3
"""Slices of a look that are timed; the others take as long."""

HEADROOM = 0.9
"""Share of the free memory that a run may count on."""

MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Seconds of training if no look ends it early, and memory in MB (1,000,000 bytes) of the whole process (CPU) or on the device.

    ``budget``: tokens of a micro-batch, lowered until it fits; ``recompute``: layers are computed twice to save memory. ``available_mb`` None: the
    machine does not tell.
    """

    seconds: float
    step_seconds: float
    look_seconds: float
    peak_mb: float
    available_mb: float | None
    budget: int
    recompute: bool


def estimate(trainer: Trainer) -> Generator[None, None, Estimate]:
    """Measure with a trainer of its own, which is spoiled by it: not the one that trains.

    Raises:
        TrainingError: a single row needs more memory than there is.
    """
    lm = trainer.lm
    trainer.thrift = yield from fitting(trainer)
    first, small = yield from _timed_step(trainer)
    second, large = yield from _timed_step(trainer)
    look = yield from _look_seconds(trainer)
    steps = sum(legs(trainer.recipe))
    looks = 1 + -(-steps // trainer.recipe.evaluate_every)
    step = min(first, second)
    free = memory.available(lm.device)
    return Estimate(
        seconds=round(steps * step + looks * look, 2),
        step_seconds=round(step, 4),
        look_seconds=round(look, 4),
        peak_mb=round(max(small, large) / MB, 1),
        available_mb=round(free / MB, 1) if free is not None else None,
        budget=trainer.thrift.budget,
        recompute=trainer.thrift.recompute,
    )


def fitting(trainer: Trainer) -> Generator[None, None, Thrift]:
    """Micro-batches that fit: the longest row is run and measured, and memory grows with the tokens. Where that row does not fit, layers are
    computed twice.

    Raises:
        TrainingError: that row alone needs more than there is.
    """
    lm, free, usual = trainer.lm, memory.available(trainer.lm.device), trainer.thrift
    if free is None:
        return usual
    member = trainer.members[0]
    sizes = [member.material.train.family(row).tokens for row in range(len(member.material.train))]
    row, needed = sizes.index(max(sizes)), None
    for recompute in (False, True) if lm.recomputes else (False,):
        needed = _needed(member, row, recompute)
        yield
        if needed is not None and needed <= HEADROOM * free:
            root = member.steering.root().length
            fits = int((max(sizes) + root) * HEADROOM * free / max(1, needed)) - root
            return Thrift(max(*sizes, min(usual.budget, fits)), recompute)
    raise _too_large(max(sizes), needed, free)


def _needed(member: Member, row: int, recompute: bool) -> int | None:
    """Bytes that a step of one row takes; None: more than there are."""
    member.begin()
    with memory.peak(member.lm.device) as seen:
        try:
            for _ in gradients(member.lm, [(member, row)], Thrift(1, recompute)):
                pass
        except OutOfMemory:
            return None
        finally:
            member.begin()
    return seen.most - seen.base


def _too_large(tokens: int, needed: int | None, free: int) -> TrainingError:
    need = f"about {needed / MB:,.0f} MB" if needed is not None else "more memory"
    return TrainingError(
        f"one row of {tokens} tokens needs {need} for a training step, and {free / MB:,.0f} MB are free.",
        "Use shorter rows, fewer virtual tokens or a smaller model, or close other programs.",
    )


def _timed_step(trainer: Trainer) -> Generator[None, None, tuple[float, int]]:
    """Seconds of one step, and the most memory in use during it; what happens between its slices counts for neither."""
    slices, seconds, most = trainer.one_step(), 0.0, 0
    while True:
        start = time.perf_counter()
        with memory.peak(trainer.lm.device) as seen:
            over = next(slices, None) is None
        seconds += time.perf_counter() - start
        most = max(most, seen.most)
        if over:
            return seconds, most
        yield


def _look_seconds(trainer: Trainer) -> Generator[None, None, float]:
    """All members' looks, from the first slices of one; where there are folds, they are looked at in place of the others."""
    looked = trainer.members[len(trainer.candidates) :] or trainer.candidates
    member = looked[0]
    rows = member.material.validation
    if rows is None:
        return 0.0
    slices = len(list(chunks([rows.family(row) for row in range(len(rows))], trainer.lm.tokens_per_slice)))
    start, done = time.perf_counter(), 0
    spent = 0.0
    for _ in member.look():
        spent += time.perf_counter() - start
        done += 1
        yield
        start = time.perf_counter()
        if done == min(LOOK_SLICES, slices):
            break
    return spent / done * slices * len(looked)
