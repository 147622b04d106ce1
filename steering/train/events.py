"""What training says while it runs. Plain values: the worker stores them, the page draws them, a test lists them. No torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A slice is over; nothing to tell. Whoever drives may do something else now, or stop asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One optimiser step: raw training loss, learning rate (relative), gradient norm before clipping, drift (RMS, in units of the scale)."""

    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    drift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One look at the validation rows. ``accuracy`` is None for generation. ``best``: the lowest NLL so far."""

    step: int
    nll: float
    accuracy: float | None
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person should know, with the remedy."""

    step: int
    kind: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Training is over; the best vectors are those of ``best_step`` (0: the manual prompt itself)."""

    step: int
    best_step: int
    reason: str


Event = Tick | Step | Validation | Alarm | Finished
