"""Learned vectors as contestants: saved prompts (``saved:NAME``), and runs at their best or at any recorded step (``run:ID``, ``run:ID@STEP``)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from steering import artifact
from steering.engine.contestants import Context, build, contestant, fitting, learned
from steering.engine.judging import Contestant
from steering.engine.trail import read_trail
from steering.errors import ArtifactError, NotFoundError, SpecError
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.forms import root_of
from steering.spec import Example, TaskSpec
from steering.store import Store
from steering.train.state import best_of

if TYPE_CHECKING:
    from steering.engine.contestants import Making


def saved(lm: FrozenLM, value: str, context: Context) -> "Making":
    """A saved prompt of this model; the rows it was trained on are known where its dataset is still in the store."""
    found, vectors = fitting(lm, context.folders, value)
    require_task(f"saved:{value}", found.card.task, context.task)
    made = contestant(lm, f"saved:{value}", found.card.method, "Learned prompt", root_of(lm, vectors), found.digest)
    return replace(made, seen=trained_on(context.store, found.card.dataset), made=_origin(found.card))
    yield


def of_run(lm: FrozenLM, value: str, context: Context) -> "Making":
    """What a run holds as its best so far (its step 0 is the manual prompt), or as it stood at a recorded step.

    Raises:
        NotFoundError: no such run or step; ArtifactError: it is a run of another model; SpecError: of another task.
    """
    run, mark, step = value.partition("@")
    if context.store is None:
        raise SpecError(f"run:{value} needs the store that holds the run.", "Compare in the app's home folder, or use saved:NAME.")
    spec = context.store.run(run).spec  # says it where the run was deleted
    if spec.model != lm.id:
        raise ArtifactError(
            f"run {run!r} is a run of the model {spec.model}; the loaded model is {lm.id}.",
            f"Compare contestants of one model (here --model {spec.model}).",
        )
    require_task(f"run:{value}", spec.task, context.task)
    seen = trained_on(context.store, spec.dataset)
    if mark:
        root = _recorded(lm, context.store, run, step)
        return replace(learned(lm, spec.method, root, run), name=f"run:{value}", spoken=f"the run at step {step}", seen=seen)
    events = context.store.events(run, ("artifact",))
    if events:
        return (yield from saved(lm, events[-1].data["name"], context))
    return replace(_unfinished(lm, context.store, run, context), seen=seen)


def _unfinished(lm: FrozenLM, store: Store, run: str, context: Context) -> Contestant:
    from steering.engine.desk import Desk

    spec = store.run(run).spec
    state = Desk(store, run, context.folders).load_checkpoint()
    if state is None:
        own = Context(spec.task, (), context.folders)
        return build(lm, f"prompt:{spec.task.prompt}" if spec.task.prompt.strip() else "none", own)
    return learned(lm, spec.method, root_of(lm, best_of(state)), f"{run} step {state.numbers['step']}")


def _recorded(lm: FrozenLM, store: Store, run: str, step: str) -> Root:
    trail = {str(number): vectors for number, vectors in read_trail(store.home / "runs" / run)}
    if not trail:
        raise NotFoundError(f"run {run!r} kept no trail of its steps.", "Use run:ID for its best vectors.")
    if step not in trail:
        raise NotFoundError(f"run {run!r} recorded no step {step!r}.", f"Recorded steps: {', '.join(trail)}.")
    return root_of(lm, {name: t.to(lm.device) for name, t in trail[step].items()})


def trained_on(store: Store | None, dataset: str) -> frozenset[str] | None:
    """Keys of the rows that a run on this dataset learned from or chose by; None where the dataset is not here."""
    try:
        rows: Iterable[Example] = store.dataset(dataset).examples if store is not None else ()
    except NotFoundError:
        return None
    return None if store is None else frozenset(e.key for e in rows if e.side != "test")


def require_task(name: str, own: TaskSpec, judged: TaskSpec) -> None:
    """Refuse vectors that were learned for another task: scores under foreign label words mean nothing.

    Raises:
        SpecError: another kind of task, or other labels.
    """
    if own.kind != judged.kind:
        raise SpecError(f"{name} is for {own.kind}, and this is {judged.kind}.", "Compare contestants of one task.")
    if set(own.label_words) != set(judged.label_words):
        given, wanted = (", ".join(sorted(task.label_words)[:8]) for task in (own, judged))
        raise SpecError(f"{name} was trained for the labels {given}; here they are {wanted}.", "Compare contestants of one task.")


def _origin(card: artifact.Card) -> dict[str, object]:
    return {"run": card.run, "best_step": card.best_step, "method": card.method, "virtual_tokens": card.virtual_tokens}
