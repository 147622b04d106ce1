"""From a contestant's name, as a person writes it, to something that answers: ``none``, ``prompt:TEXT``, ``few-shot:K``, ``saved:NAME``, and
``lora``, ``probe``, ``manual+bias``, which are fitted on the training rows first."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from steering import artifact
from steering.errors import SpecError
from steering.methods import METHODS, Saved, Setting, options
from steering.spec import Example, TaskSpec, digest

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
    (none: fits hold some of the training rows back)."""

    task: TaskSpec
    train: Sequence[Example]
    folders: list[Path]
    validation: Sequence[Example] = ()


def parse(spec: str) -> tuple[str, str]:
    """``few-shot:4`` is ("few-shot", "4").

    Raises:
        SpecError: an unknown form, or a value missing.
    """
    form, _, value = spec.partition(":")
    if form not in FORMS or bool(value.strip()) == (form in BARE):
        raise SpecError(f"contestant {spec!r} is not known.", "Use none, prompt:TEXT, few-shot:K, saved:NAME, lora, probe or manual+bias.")
    return form, value


def saved_card(spec: str, folders: list[Path]) -> artifact.Card | None:
    """The card behind ``saved:NAME``; None for other contestants."""
    form, value = parse(spec)
    return artifact.read(artifact.find(folders, value)).card if form == "saved" else None


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
    making = enter(lm, spec, context)
    while True:
        try:
            next(making)
        except StopIteration as end:
            made: Contestant = end.value
            return made


def learned(lm: "FrozenLM", method: str, root: "Root", identity: str) -> "Contestant":
    """What a run learned."""
    return _contestant(lm, "learned", method, "Learned prompt", root, identity)


def _text(lm: "FrozenLM", name: str, kind: str, spoken: str, prompt: str, context: Context, values: dict[str, object]) -> "Contestant":
    """A contestant made by a method that trains nothing."""
    method = kind if kind in METHODS else "manual"
    setting = Setting(replace(context.task, prompt=prompt), context.train)
    steering = METHODS[method].build(lm, setting, options(method, values))
    return _contestant(lm, name, kind, spoken, steering.root(), str(steering.start_ids))


def _none(lm: "FrozenLM", value: str, context: Context) -> "Contestant":
    return _text(lm, "none", "none", "no prompt", "", context, {})


def _prompt(lm: "FrozenLM", value: str, context: Context) -> "Contestant":
    own = value.strip() == context.task.prompt.strip()
    return _text(lm, "manual" if own else f"prompt:{value}", "manual", "your manual prompt" if own else f"the prompt {value!r}", value, context, {})


def _few_shot(lm: "FrozenLM", value: str, context: Context) -> "Contestant":
    if not value.isdigit():
        raise SpecError(f"few-shot:{value} is not a number of demonstrations.", "Write few-shot:4, for example.")
    return _text(lm, f"few-shot:{value}", "few_shot", f"{value}-shot", context.task.prompt, context, {"demonstrations": int(value)})


def _saved(lm: "FrozenLM", value: str, context: Context) -> "Contestant":
    from steering.methods.forms import root_of

    found, vectors = _fitting(lm, context.folders, value)
    return _contestant(lm, f"saved:{value}", found.card.method, "Learned prompt", root_of(lm, vectors), found.digest)


def saved_start(lm: "FrozenLM", folders: list[Path], name: str) -> Saved:
    """What a run may start from: the vectors of a saved prompt of this model.

    Raises:
        NotFoundError, ArtifactError: no such saved prompt, or one of another model.
    """
    found, vectors = _fitting(lm, folders, name)
    return Saved(vectors, found.card.header)


def _fitting(lm: "FrozenLM", folders: list[Path], name: str) -> "tuple[artifact.Artifact, dict[str, Tensor]]":
    import torch

    found = artifact.read(artifact.find(folders, name))
    artifact.require_fit(found.card, model=lm.id, fingerprint=lm.fingerprint)
    return found, {key: torch.from_numpy(array).to(lm.device) for key, array in found.tensors.items()}


def _contestant(lm: "FrozenLM", name: str, kind: str, spoken: str, root: "Root", identity: str) -> "Contestant":
    from steering.engine.judging import Contestant

    fingerprint = digest({"model": lm.fingerprint, "kind": kind, "identity": identity})
    return Contestant(name=name, kind=kind, spoken=spoken, root=root.detach(), fingerprint=fingerprint)


def _at_once(make: Callable[["FrozenLM", str, Context], "Contestant"]) -> "Form":
    """A form that is ready in one slice."""

    def form(lm: "FrozenLM", value: str, context: Context) -> "Making":
        return make(lm, value, context)
        yield  # a generator like the others

    return form


def _fitted(name: str) -> "Form":
    """A form of references.py, which needs torch and is imported when it is needed."""

    def form(lm: "FrozenLM", value: str, context: Context) -> "Making":
        from steering.engine.references import FITTED

        return (yield from FITTED[name](lm, context))

    return form


FORMS: dict[str, "Form"] = {
    "none": _at_once(_none),
    "prompt": _at_once(_prompt),
    "few-shot": _at_once(_few_shot),
    "saved": _at_once(_saved),
    "lora": _fitted("lora"),
    "probe": _fitted("probe"),
    "manual+bias": _fitted("manual+bias"),
}

BARE = ("none", "lora", "probe", "manual+bias")
"""Forms without a value."""
