"""From a contestant's name, as a person writes it, to something that answers: one form a line of a table, each made in slices.

``none``, ``prompt:TEXT`` and ``few-shot:K`` are made here; saved and learned vectors in checkpoints.py, what is fitted on training rows first in
references.py, what is searched for in search.py, grey controls in controls.py, several at once in ensembles.py.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from steering import artifact
from steering.errors import ArtifactError, SpecError
from steering.methods import METHODS, Saved, Setting, options
from steering.slices import finished
from steering.spec import Example, TaskSpec, digest
from steering.store import Store

if TYPE_CHECKING:
    from torch import Tensor

    from steering.engine.judging import Contestant
    from steering.lm.frozen import FrozenLM
    from steering.lm.root import Root

    Making = Generator[None, None, Contestant]
    Form = Callable[[FrozenLM, str, "Context"], Making]


@dataclass(frozen=True, slots=True)
class Context:
    """What contestants are made from: the task, rows for demonstrations and fits, where saved prompts lie, and rows that choose between fits
    (none: fits hold some of the training rows back); the store with runs and datasets, where there is one; and for pasted prompts, by their form,
    the rows that somebody declared they were made from."""

    task: TaskSpec
    train: Sequence[Example]
    folders: list[Path]
    validation: Sequence[Example] = ()
    store: Store | None = None
    declared: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def fitted_on(self) -> frozenset[str]:
        """Keys of all rows that a fit or a choice looks at."""
        return frozenset(e.key for e in (*self.train, *self.validation))


def parse(spec: str) -> tuple[str, str]:
    """``few-shot:4`` is ("few-shot", "4").

    Raises:
        SpecError: an unknown form, or a value missing.
    """
    form, _, value = spec.partition(":")
    if form not in FORMS or (bool(value.strip()) and form in BARE) or (not value.strip() and form in VALUED):
        raise SpecError(f"contestant {spec!r} is not known.", f"Use {', '.join(SHAPES[:-1])} or {SHAPES[-1]}.")
    return form, value


def enter(lm: "FrozenLM", spec: str, context: Context) -> "Making":
    """The contestant that ``spec`` names, as a generator's value: those that are fitted take many slices.

    Raises:
        SpecError: an unknown form, or one that does not fit the task.
        NotFoundError, ArtifactError: no such saved prompt, or one of another model; DataError: no training rows.
    """
    form, value = parse(spec)
    return (yield from FORMS[form](lm, value, context))


def build(lm: "FrozenLM", spec: str, context: Context) -> "Contestant":
    """:func:`enter` at one go.

    Raises:
        As :func:`enter`.
    """
    return finished(enter(lm, spec, context))


def learned(lm: "FrozenLM", method: str, root: "Root", identity: str) -> "Contestant":
    """What a run learned; ``identity``: where its rows are known from (they are the run's own)."""
    from steering.engine.memory import root_digest

    return contestant(lm, "learned", method, "Learned prompt", root, f"{identity} {root_digest(root)}")


def text(lm: "FrozenLM", name: str, kind: str, spoken: str, prompt: str, context: Context, values: dict[str, object]) -> "Contestant":
    """A contestant made by a method that trains nothing; demonstrations are drawn from the training rows."""
    method = kind if kind in METHODS else "manual"
    setting = Setting(replace(context.task, prompt=prompt), context.train)
    steering = METHODS[method].build(lm, setting, options(method, values))
    made = contestant(lm, name, kind, spoken, steering.root(), str(steering.start_ids))
    return replace(made, text=lm.decode(steering.start_ids[steering.header :]))


def contestant(lm: "FrozenLM", name: str, kind: str, spoken: str, root: "Root", identity: str) -> "Contestant":
    """A plain root as a contestant; ``identity`` says what it is beside model and kind."""
    from steering.engine.judging import Contestant

    fingerprint = digest({"model": lm.fingerprint, "kind": kind, "identity": identity})
    return Contestant(name=name, kind=kind, spoken=spoken, root=root.detach(), fingerprint=fingerprint)


def _none(lm: "FrozenLM", value: str, context: Context) -> "Contestant":
    made = text(lm, "none", "none", "no prompt", "", context, {})
    assert made.root.length == len(lm.header) and made.root.adapter is None, "no prompt is the untouched model"
    return made


def _prompt(lm: "FrozenLM", value: str, context: Context) -> "Contestant":
    own = value.strip() == context.task.prompt.strip()
    made = text(lm, "manual" if own else f"prompt:{value}", "manual", "your manual prompt" if own else f"the prompt {value!r}", value, context, {})
    return replace(made, text=value, seen=context.declared.get(f"prompt:{value}", frozenset()))


def _few_shot(lm: "FrozenLM", value: str, context: Context) -> "Contestant":
    if value.isdigit():
        made = text(lm, f"few-shot:{value}", "few_shot", f"{value}-shot", context.task.prompt, context, {"demonstrations": int(value)})
        return replace(made, seen=context.fitted_on)
    from steering.engine.demonstrations import chosen

    return chosen(lm, value, context)


def saved_start(lm: "FrozenLM", folders: list[Path], name: str) -> Saved:
    """What a run may start from: the vectors of a saved prompt of this model. ``name`` may end in @ and the digest that it must have.

    Raises:
        NotFoundError, ArtifactError: no such saved prompt, one of another model, or another one than the digest says.
    """
    plain, _, pinned = name.partition("@")
    found, vectors = fitting(lm, folders, plain)
    if pinned not in ("", found.digest):
        raise ArtifactError(
            f"the saved prompt {plain!r} is no longer the one that this run was to start from: it holds {found.digest}, expected {pinned}.",
            "Bring the old file back, or start another run from the new one.",
        )
    return Saved(vectors, found.card.header)


def fitting(lm: "FrozenLM", folders: list[Path], name: str) -> "tuple[artifact.Artifact, dict[str, Tensor]]":
    """A saved prompt of this model with its tensors.

    Raises:
        NotFoundError, ArtifactError: no such saved prompt, or one of another model.
    """
    import torch

    found = artifact.read(artifact.find(folders, name))
    artifact.require_fit(found.card, model=lm.id, fingerprint=lm.fingerprint)
    return found, {key: torch.from_numpy(array).to(lm.device) for key, array in found.tensors.items()}


def _at_once(make: Callable[["FrozenLM", str, Context], "Contestant"]) -> "Form":
    """A form that is ready in one slice."""

    def form(lm: "FrozenLM", value: str, context: Context) -> "Making":
        return make(lm, value, context)
        yield  # a generator like the others

    return form


def _elsewhere(module: str, name: str) -> "Form":
    """A form of another module, which needs torch and is imported when it is needed."""

    def form(lm: "FrozenLM", value: str, context: Context) -> "Making":
        made: Form = getattr(import_module(f"steering.engine.{module}"), name)
        return (yield from made(lm, value, context))

    return form


FORMS: dict[str, "Form"] = {
    "none": _at_once(_none),
    "prompt": _at_once(_prompt),
    "few-shot": _at_once(_few_shot),
    "saved": _elsewhere("checkpoints", "saved"),
    "distilled": _elsewhere("distilled", "distilled"),
    "run": _elsewhere("checkpoints", "of_run"),
    "lora": _elsewhere("references", "lora"),
    "probe": _elsewhere("references", "probe"),
    "manual+bias": _elsewhere("references", "manual_bias"),
    "tune": _elsewhere("references", "tune"),
    "prompts": _elsewhere("workshop", "best_prompt"),
    "search": _elsewhere("search", "found"),
    "ensemble": _elsewhere("ensembles", "ensemble"),
    "seeds": _elsewhere("ensembles", "seeds"),
    "strength": _elsewhere("dialled", "dialled"),
    "joined": _elsewhere("composed", "in_a_row"),
    "averaged": _elsewhere("composed", "in_the_middle"),
    "majority": _elsewhere("controls", "majority"),
    "random": _elsewhere("controls", "random_vectors"),
}

BARE = ("none", "lora", "probe", "manual+bias", "majority")
"""Forms without a value."""
VALUED = ("prompt", "few-shot", "saved", "distilled", "run", "tune", "prompts", "ensemble", "seeds", "strength", "joined", "averaged")
"""Forms that need one."""
SHAPES = (
    *("none", "prompt:TEXT", "few-shot:K[@SEED|@nearest]", "few-shot:@LINE,LINE", "saved:NAME", "run:ID[@STEP]", "ensemble:A+B", "seeds:RUN"),
    *("distilled:NAME", "strength:VALUE@NAME", "joined:A+B", "averaged:A+B", "lora", "probe", "manual+bias", "tune:METHOD[,NAME=VALUE]"),
    *("prompts:LINES", "search[:BUDGET]", "majority", "random[:P][@SEED]"),
)
"""All forms as a person writes them."""
FITTED = ("few-shot", "lora", "probe", "manual+bias", "tune", "prompts", "search", "majority")
"""Forms that are made from the training and validation rows."""
SLOW = tuple(form for form in FITTED if form != "few-shot")
"""Forms that are fitted anew each time they are asked: too slow to wait for."""
