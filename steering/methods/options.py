"""Settings that learned methods share. No torch: the form reads them before a model is there."""

from dataclasses import dataclass

from steering.errors import SpecError
from steering.knobs import knob

STARTS = ("manual", "labels", "vocabulary", "saved", "random")
"""Where a soft prompt may start. Lester et al. 2021, section 3.2, compare labels, vocabulary and random; saved is SPoT's transfer (Vu et al.
2022)."""

PREFIX_STARTS = ("manual", "labels", "vocabulary", "saved", "zero")
"""Where a prefix may start: keys and values of a text, or zeros (never random ones: PEFT's start of N(0, 1) begins at four times the loss)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """Where learned vectors start, and how many there are."""

    virtual_tokens: int | None = knob(
        None, "learned positions; empty: as many as the start has tokens, so that step 0 is exactly your prompt", low=1, high=512, unit="positions"
    )
    start: str = knob("manual", "what the vectors start from; only your manual prompt makes step 0 your prompt", choices=STARTS)
    start_from: str = knob("", "name of the saved prompt to start from (with start: saved); the run notes its digest behind an @")
    fixed: str = knob("", "beginning of your prompt that is kept as it is, such as a chat header; what is learned stands behind it")

    def __post_init__(self) -> None:
        """Refuse a saved start without a name, and a name that would be ignored."""
        if self.start == "saved" and not self.start_from.strip():
            raise SpecError("start is 'saved' but start_from names no saved prompt.", "Set start_from to a name that `saved` lists.")
        if self.start == "saved" and self.fixed:
            raise SpecError(f"fixed is {self.fixed!r} but start is 'saved', which has its own beginning.", "Leave fixed empty.")
        if self.start != "saved" and self.start_from.strip():
            raise SpecError(f"start_from is {self.start_from!r} but start is {self.start!r}.", "Set start to 'saved', or leave start_from empty.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixStartOptions(StartOptions):
    """The same for keys and values."""

    start: str = knob("manual", "what keys and values start from; only your manual prompt makes step 0 your prompt", choices=PREFIX_STARTS)
