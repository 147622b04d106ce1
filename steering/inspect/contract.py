"""The contract of a view: what it looks at, what it says of itself, and how it answers.

A view is one file: a class with these attributes and one line in :data:`steering.inspect.VIEWS`. View files import no torch at the top, because the
page lists the views before torch is there; the arithmetic is imported inside ``run``.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from steering.errors import SpecError
from steering.inspect.results import Result
from steering.spec import Example, TaskSpec, digest

if TYPE_CHECKING:
    from torch import Tensor

    from steering.lm.frozen import FrozenLM

Badge = Literal["MEASURED", "GEOMETRIC", "SELF-REPORT"]
"""How far a view may be trusted (SCIENCE notes A2). MEASURED: causal, on rows held out. GEOMETRIC: true about the vectors, not about behaviour.
SELF-REPORT: written by the model, can be invented."""

Need = Literal["soft_prompt", "prefix", "any"]

FORMS: dict[Need, frozenset[str]] = {"soft_prompt": frozenset({"soft_prompt"}), "prefix": frozenset({"prefix_keys", "prefix_values"})}
"""Tensor names of the two forms, as :mod:`steering.methods.forms` knows them (not imported here: it needs torch)."""

PARTIAL = "prefix_layers"
"""Tensor beside a prefix that is in some layers only: which ones."""

WEIGHTS = "lora."
"""How the names of tensors begin that change weights."""

TITLES: dict[Need, str] = {"soft_prompt": "a soft prompt", "prefix": "a prefix", "any": "learned vectors"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A slice is over: ``done`` of ``total`` in this phase of the work."""

    done: int
    total: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A first answer from fewer rows, replaced by what comes later."""

    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is looked at: a saved prompt, or a text (:func:`steering.inspect.subjects.of_text`).

    ``vectors``: soft prompt [P, H], or keys and values [L, K, P, D] (of the layers that ``prefix_layers`` [L] marks, where it is there).
    ``start_ids``: the P token ids that the vectors started from, header included (empty: not known). ``header``: how many leading rows are the
    model's own header, which training never moves.

    For views with ``rows_needed``: ``task``; ``rows``, which training never saw and every figure is measured on; ``train`` to fit on and
    ``validation`` to choose by; ``prompts``: manual prompts that were tried beside the task's own. ``other``: a second subject to compare with.

    ``trail``: (step, vectors) as they were in training, step 0 first; ``losses``: (step, training loss, validation NLL), either None where it was
    not measured at that step; ``siblings``: the vectors of other seeds of the same run.
    """

    name: str
    vectors: "dict[str, Tensor]" = field(default_factory=dict)
    start_ids: tuple[int, ...] = ()
    header: int = 0
    task: TaskSpec | None = None
    rows: tuple[Example, ...] = ()
    train: tuple[Example, ...] = ()
    validation: tuple[Example, ...] = ()
    prompts: tuple[str, ...] = ()
    trail: "tuple[tuple[int, dict[str, Tensor]], ...]" = ()
    losses: tuple[tuple[int, float | None, float | None], ...] = ()
    siblings: "tuple[dict[str, Tensor], ...]" = ()
    other: "Subject | None" = None


Item = Progress | Preview | Result
"""What a view yields."""


class View(Protocol):
    """One way to look at learned vectors."""

    name: str
    title: str
    badge: Badge
    needs: Need
    rows_needed: bool
    summary: str
    cost: str

    def applies(self, vectors: Collection[str]) -> str:
        """Why this view cannot look at ``vectors`` (a dict of tensors, or their names); empty where it can."""
        ...

    def run(self, lm: "FrozenLM", subject: Subject) -> Iterator[Item]:
        """Work in slices of less than about a second; the last item is the result, and a slow view shows a preview before it.

        Between slices the driver may train: nothing global (``torch.no_grad``, a seed) may be held across a ``yield``.

        Raises:
            ArtifactError: the vectors are damaged or belong to another model.
        """
        ...


def address(artifact: str, rows: str = "", other: str = "", prompts: Collection[str] = (), text: str = "") -> str:
    """What a view's result is kept under: an artifact's digest, and whatever it was measured with beside its own dataset's rows."""
    given = {"prompts": digest(sorted(prompts)) if prompts else "", "text": digest(text) if text else ""}
    parts = {"rows": rows, "other": other, **given}
    return artifact + "".join(f" {name}={value}" for name, value in parts.items() if value)


def question(name: str, view: str, model: str, **given: Any) -> dict[str, Any]:
    """The payload of the request ``inspect``: one view of the saved prompt ``name``. ``given``: ``data``, ``rows``, ``other``, ``prompts``, ``text``
    and ``again``, as far as they are not empty by default."""
    blank: dict[str, Any] = {"data": "", "rows": "", "other": "", "prompts": [], "text": ""}
    return {"name": name, "view": view, "model": model, **blank, **given}


BY_LABELS = frozenset({"gain", "manual_neighbours"})
"""Views that compare answers between labels."""


BY_ANSWER = frozenset({"behaviour", "label_effect"})
"""Views that look at the first token of the answer."""

UNANSWERED = "looks at where the answer begins; this task scores the input behind each label instead."


def require_labels(name: str, subject: Subject) -> TaskSpec:
    """The subject's task, which must be a classification.

    Raises:
        SpecError: it is not.
    """
    assert subject.task is not None and name in BY_LABELS
    if subject.task.kind != "classification":
        raise SpecError(f"view {name!r} compares answers between labels; this task is {subject.task.kind}.", "Use a view that measures the loss.")
    return subject.task


def unlabelled(name: str, task: TaskSpec) -> str:
    """Why view ``name`` says nothing of a task: without labels, or with nothing graded where it looks; empty where it does."""
    if name in BY_ANSWER and task.scoring != "direct":
        return f"it {UNANSWERED}"
    return f"it compares answers between labels; this task is {task.kind}." if name in BY_LABELS and task.kind != "classification" else ""


def missing(needs: Need, vectors: Collection[str]) -> str:
    """Why a view that needs this form cannot look at ``vectors``; empty where it can."""
    names = frozenset(vectors) - {PARTIAL}
    if any(name.startswith(WEIGHTS) for name in names):
        return "this is a change of the model's weights (LoRA); there are no learned vectors to look at."
    held: list[Need] = [form for form, keys in FORMS.items() if keys == names]
    if not held:
        return f"there are no learned vectors of a known form here (found: {', '.join(sorted(names)) or 'none'})."
    if needs in ("any", held[0]):
        return ""
    return f"this view reads {TITLES[needs]}; these vectors are {TITLES[held[0]]}."
