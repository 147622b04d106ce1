"""What several tasks cost when every one of them has a LoRA adapter of its own: attach, answer, detach, on the same frozen copy.

An answer under changed weights cannot share a forward with another, which is why adapters are switched. Everything else is kept equal: the same
prompt positions in front, the same inputs, and, because a fresh adapter changes nothing yet (B = 0), the same answers. All adapters lie in memory;
reading one from disk would come on top. Between two slices the model belongs to everybody, so an adapter stands in it for one forward at a time:
a text of T tokens attaches T times, and what that costs is told apart.
"""

import time
from collections.abc import Generator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from steering.errors import SpecError
from steering.lm.frozen import FrozenLM
from steering.lm.root import Adapter
from steering.methods import Setting
from steering.methods.lora import Lora, LoraOptions

if TYPE_CHECKING:
    from steering.engine.together import Ask

ATTACHED = 5
"""How often attaching alone is timed."""


def adapters_for(lm: FrozenLM, asks: "Sequence[Ask]") -> Generator[dict[str, Any], None, tuple[list[Adapter], str]]:
    """An adapter for every ask: its own where it has one, else a fresh one of the default rank; none, and why, where there is no place for it."""
    made: list[Adapter] = []
    for number, ask in enumerate(asks):
        if ask.root.adapter is not None:
            made.append(ask.root.adapter)
            continue
        try:
            fresh = Lora().build(lm, Setting(ask.task, (), number), LoraOptions()).root().detach().adapter
        except SpecError as error:
            return [], error.message
        assert fresh is not None
        made.append(fresh)
        yield {}
    return made, ""


def told(asks: "Sequence[Ask]", adapters: Sequence[Adapter], seconds: float) -> dict[str, Any]:
    """``seconds`` of all answers; ``attach_seconds``: attaching and detaching every adapter once, without any forward; ``fresh``: adapters that
    nobody trained, of ``rank``."""
    fresh, attaching = sum(ask.root.adapter is None for ask in asks), round(attach_seconds(adapters), 6)
    return {"seconds": seconds, "attach_seconds": attaching, "adapters": len(adapters), "fresh": fresh, "rank": LoraOptions().rank}


def attach_seconds(adapters: Sequence[Adapter]) -> float:
    """Attaching and detaching each once; the median of several rounds."""
    rounds = []
    for _ in range(ATTACHED):
        start = time.perf_counter()
        for adapter in adapters:
            with adapter.active():
                pass
        rounds.append(time.perf_counter() - start)
    return median(rounds)
