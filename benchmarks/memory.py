"""Peak memory of a training step: the most that its tensors hold at once beyond what is there before it, whatever the process keeps in reserve.

The size of the process does not tell: loading a model leaves it with room in which a whole step can hide.
"""

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile


def peak_mb(step: Callable[[], object]) -> float:
    """MB (2^20 bytes) of CPU tensors that live at once at the most, over the start of a step. One step runs before, so that what lasts from step to
    step (Adam's state) is there already."""
    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    made = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(made, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak / 2**20
