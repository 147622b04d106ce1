"""Seconds of a step: both sides in turn, round after round, so that whatever else the machine does disturbs both alike."""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median

Step = Callable[[], float]


def interleaved(steps: Mapping[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds of every step in every round, after one round that warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        gc.collect()
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            if number:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def compare(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Medians, and the median of the ratio theirs / ours within a round, with its spread."""
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    return {
        "ours_seconds": round(median(ours), 4),
        "peft_seconds": round(median(theirs), 4),
        "ratio": round(median(ratios), 3),
        "ratio_low": round(ratios[0], 3),
        "ratio_high": round(ratios[-1], 3),
    }
