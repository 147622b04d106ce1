"""The contract between a method and everything that trains, judges or saves it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from steering.spec import Example, TaskSpec

if TYPE_CHECKING:
    from torch import Tensor

    from steering.lm.frozen import FrozenLM
    from steering.lm.root import Root


@dataclass(frozen=True, slots=True)
class Saved:
    """Learned vectors of this model to start from; the first ``header`` virtual tokens never move."""

    vectors: "dict[str, Tensor]"
    header: int


@dataclass(frozen=True, slots=True)
class Setting:
    """What a method may look at when it builds: the task, the training rows, a seed, and saved prompts by name.

    ``saved`` raises NotFoundError or ArtifactError where there is no such prompt, or it is another model's; None: none can be reached.
    """

    task: TaskSpec
    train: Sequence[Example]
    seed: int = 0
    saved: Callable[[str], Saved] | None = None


class Steering(Protocol):
    """A contestant in the making.

    ``note`` says what a user should know of its start (empty: nothing); ``start_ids`` are the tokens it starts from (empty: it starts from no
    tokens), and the first ``header`` of its positions never move: the model's own header, and text that was asked to stay.
    """

    note: str
    start_ids: tuple[int, ...]
    header: int

    def root(self) -> "Root":
        """What the model is given, differentiable in :meth:`parameters`."""
        ...

    def parameters(self) -> "dict[str, Tensor]":
        """Leaf tensors that training moves, fp32, in units of the scale of what they change; empty for text."""
        ...

    def drift(self) -> "Tensor":
        """Mean squared movement from the start in those units: the anchor's penalty, a scalar."""
        ...

    def vectors(self) -> "dict[str, Tensor]":
        """Plain tensors to save, detached, fp32 (see :func:`steering.methods.forms.root_of`); empty for text."""
        ...


class Method(Protocol):
    """One way to steer. ``rate`` is the default learning rate relative to the scale of what is trained (0 where nothing is)."""

    name: str
    title: str
    summary: str
    learned: bool
    rate: float
    Options: type[Any]

    def build(self, lm: "FrozenLM", setting: Setting, options: Any) -> Steering:
        """The contestant at step 0.

        Raises:
            TemplateError: the prompt does not fit the model's context.
            SpecError, ArtifactError, NotFoundError: options that do not fit the task, the model or the saved prompts.
        """
        ...
