"""What stands in front of every input, in words: "your 400-token prompt", "12 vectors", "a prefix of 12 slots". Pure."""

from dataclasses import dataclass
from typing import Literal

OWN = "your manual prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """P tokens of text, learned vectors, or slots of a prefix before the input. ``changed``: the model's weights are changed too (LoRA)."""

    unit: Literal["tokens", "vectors", "slots"]
    count: int
    changed: bool = False

    @property
    def said(self) -> str:
        """As a noun; empty: nothing stands there."""
        found = _SAID[self.unit](self.count) if self.count else ""
        return " and ".join(part for part in ("changed weights" if self.changed else "", found) if part)


_SAID = {
    "tokens": lambda count: "1 prompt token" if count == 1 else f"{count} prompt tokens",
    "vectors": lambda count: "1 vector" if count == 1 else f"{count} vectors",
    "slots": lambda count: "a prefix of 1 slot" if count == 1 else f"a prefix of {count} slots",
}


def sized(name: str, front: Front | None) -> str:
    """A name in a sentence, with what it puts in front: "your 400-token prompt", "4-shot (412 prompt tokens)"."""
    if front is None or not front.said:
        return name
    return f"your {front.count}-token prompt" if name == OWN and front.unit == "tokens" else f"{name} ({front.said})"


def having(front: Front | None) -> str:
    """Behind a sentence on its subject: ", with 12 vectors"; empty where nothing stands in front."""
    return f", with {front.said}" if front is not None and front.said else ""
