"""What a request costs under each contestant, in words. Measured by the engine (steering/engine/cost.py); pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One contestant's request: P tokens or vectors before the input, the seconds to compute their keys and values (0 where they are kept), the
    bytes that these take while it is served, and the seconds from a text's arrival to its first answer token (median of ``repeats``)."""

    name: str
    kind: str
    prompt_tokens: int
    prefill_seconds: float
    kv_bytes: int
    first_token_seconds: float
    cached_first_token_seconds: float
    repeats: int


def cost_sentences(costs: Sequence[Cost], learned: Sequence[str]) -> list[str]:
    """For every learned contestant one sentence against the most expensive text that it could stand in for; none where it is no cheaper.

    ``learned``: kinds that are vectors.
    """
    texts = [cost for cost in costs if cost.kind in _TEXTS and cost.prompt_tokens]
    said = []
    for one in (cost for cost in costs if cost.kind in learned):
        longer = [cost for cost in texts if cost.prompt_tokens > one.prompt_tokens]
        if not longer:
            continue
        rival = max(longer, key=lambda cost: (cost.prompt_tokens, cost.name))
        ratio = rival.first_token_seconds / max(one.first_token_seconds, 1e-9)
        faster = f"{ratio:.0f}x faster" if ratio >= 9.5 else f"{ratio:.1f}x faster" if ratio >= 1.1 else "as fast"
        said.append(f"{one.prompt_tokens} vectors replace a {rival.prompt_tokens}-token {_TEXTS[rival.kind]}: {faster} to first token.")
    return said


_TEXTS = {"few_shot": "few-shot prompt", "manual": "manual prompt", "search": "searched prompt"}


def times_sentence(found: Mapping[str, Any]) -> str:
    """What one batch of several tasks takes against one after the other, and against switching LoRA adapters where that was measured.

    ``found``: ``outputs``, ``together_seconds``, ``apart_seconds``, ``lora`` {seconds, attach_seconds, adapters, fresh, rank} or None, ``lora_why``.
    """
    count, once = len(found["outputs"]), found["together_seconds"]
    said = (
        f"{count} {'answer' if count == 1 else 'answers'} in one batch: {_ms(once)}. One after the other: {_against(found['apart_seconds'], once)}."
    )
    lora = found.get("lora")
    if lora is None:
        return said + (f" LoRA adapters could not be measured here: {found['lora_why']}" if found.get("lora_why") else "")
    kind = f"{lora['fresh']} of {lora['adapters']} freshly made with rank {lora['rank']}" if lora["fresh"] else "all of them trained"
    once_each = f"attaching and detaching each once takes {_ms(lora['attach_seconds'])} of that"
    return f"{said} Switching LoRA adapters ({kind}): {_against(lora['seconds'], once)}; {once_each}."


def _against(seconds: float, once: float) -> str:
    ratio = seconds / max(once, 1e-9)
    told = f"{ratio:.1f} times as long" if ratio >= 1.05 else "as long" if ratio >= 0.95 else f"{1 / max(ratio, 1e-9):.1f} times faster"
    return f"{_ms(seconds)}, {told}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"
