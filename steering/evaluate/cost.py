"""What a request costs under each contestant, in words. Measured by the engine (steering/engine/cost.py); pure."""

from collections.abc import Sequence
from dataclasses import dataclass


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
