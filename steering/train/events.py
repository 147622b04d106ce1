"""What training says while it runs. Plain values: the worker stores them, the page draws them, a test lists them. No torch at run time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A slice is over; nothing to tell. Whoever drives may do something else now, or stop asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One optimiser step of one member: raw training loss, learning rate (relative), gradient norm before clipping, drift (RMS, in units of the
    scale). ``member``: which of the seeds that are trained together, from 0."""

    step: int
    member: int = 0
    loss: float
    learning_rate: float
    grad_norm: float
    drift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One look at a member's validation rows. ``best``: the lowest NLL so far. None where it does not apply (generation): ``accuracy``; ``mass``,
    the mean probability of any label word at all; ``balance``, the share of the most frequent answer."""

    step: int
    member: int = 0
    nll: float
    accuracy: float | None
    mass: float | None = None
    balance: float | None = None
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the vectors of a step make of one watched validation row: a label's number and the share of each, or a text."""

    row: int
    label: int | None = None
    shares: tuple[float, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The same few validation rows, answered again after ``step`` by the first member."""

    step: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """The plain vectors of one member after ``step``: fp32 tensors by name."""

    step: int
    member: int = 0
    vectors: "dict[str, Tensor]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person should know, with the remedy."""

    step: int
    kind: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What the last alarm of this ``kind`` said holds no longer since ``step``."""

    step: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEnd:
    """How one member ended: its best step, and what it scored there. ``setting``: what it was trained with, where several were."""

    seed: int
    setting: str = ""
    best_step: int
    nll: float
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Training is over. ``member`` is the one that is kept: of the setting with the best median seed by validation NLL that seed; ``best_step`` is
    its best step (0: the start itself). ``note``: what choosing among settings does to its validation score."""

    step: int
    best_step: int
    reason: str
    member: int = 0
    members: tuple[MemberEnd, ...] = ()
    note: str = ""


Event = Tick | Step | Validation | Watched | Snapshot | Alarm | Passed | Finished
