"""Two saved prompts as one contestant (``joined:A+B``, ``averaged:A+B``), and what that does, measured on rows that are no test rows."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from steering.engine.asking import asked
from steering.engine.checkpoints import require_task, trained_on
from steering.engine.comparing import groups_of
from steering.engine.contestants import Context, contestant, fitting
from steering.engine.judging import Contestant, Terms, compared
from steering.engine.memory import root_digest
from steering.errors import DataError, SpecError
from steering.evaluate.composition import effect
from steering.knobs import to_json
from steering.lm.compose import HOW
from steering.lm.frozen import FrozenLM
from steering.methods.forms import root_of
from steering.store import Store

if TYPE_CHECKING:
    from steering.engine.contestants import Making
    from steering.engine.requests import Office


def in_a_row(lm: FrozenLM, value: str, context: Context) -> "Making":
    """``joined:A+B``: A, then B."""
    return (yield from _composed(lm, "joined", value, context))


def in_the_middle(lm: FrozenLM, value: str, context: Context) -> "Making":
    """``averaged:A+B``: the mean of the two."""
    return (yield from _composed(lm, "averaged", value, context))


def _composed(lm: FrozenLM, how: str, value: str, context: Context) -> Generator[None, None, Contestant]:
    """The contestant. One of the two may be of another task (a style, say): label words and template are those of the task that is asked.

    Raises:
        SpecError: no two saved prompts, both of another task, or two that cannot be composed; NotFoundError, ArtifactError: no such prompt.
    """
    names = [name.strip() for name in value.split("+")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise SpecError(f"{how}:{value} does not name two saved prompts.", f"Write {how}:NAME+NAME.")
    found = [fitting(lm, context.folders, name) for name in names]
    if not any(_same_task(one.card.task, context) for one, _ in found):
        require_task(f"{how}:{value}", found[0][0].card.task, context.task)
    first, second = (root_of(lm, vectors).detach() for _, vectors in found)
    root = HOW[how](lm, first, second, found[1][0].card.header)
    seen = [trained_on(context.store, one.card.dataset) for one, _ in found]
    spoken = f"{names[0]}, then {names[1]}" if how == "joined" else f"the average of {names[0]} and {names[1]}"
    made = contestant(lm, f"{how}:{value}", "composed", spoken, root, root_digest(root))
    known = frozenset[str]().union(*(keys for keys in seen if keys is not None))
    return replace(made, seen=None if None in seen else known, made={"how": how, "of": names})
    yield


def _same_task(own: Any, context: Context) -> bool:
    return own.kind == context.task.kind and set(own.label_words) == set(context.task.label_words)


def composition(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The request ``composition``: a composition and the single prompts on the validation rows of a run's dataset; held-out rows stay closed.

    Payload: ``run``, ``rows`` (its dataset), ``how``, ``first``, ``second`` (saved prompts).
    Result: see :func:`steering.evaluate.composition.effect`.

    Raises:
        DataError: no validation rows that the run did not learn from; SpecError: what cannot be composed; NotFoundError: run or prompt is gone.
    """
    spec = office.store.run(payload["run"]).spec
    dataset = office.store.dataset(spec.dataset)
    rows = [row for row in dataset.examples if row.side == "validation"]
    if not rows or folded(office.store, payload["run"]):
        raise DataError(
            "there are no validation rows that this run did not learn from, so the composition cannot be measured on them.",
            "Its answers are shown all the same; judge it on the held-out rows instead.",
        )
    context = office.context({"task": to_json(spec.task), "train": spec.dataset})
    names = [str(payload["first"]), str(payload["second"])]
    cards = [office.saved(name).card for name in names]
    alone = [f"saved:{name}" for name, card in zip(names, cards, strict=True) if _same_task(card.task, context)]
    made = f"{payload['how']}:{'+'.join(names)}"
    entered = yield from office.enter([made, *alone], context)
    judged = yield from asked(office.lm, spec.task, entered, rows, office.store)
    groups = groups_of(rows, dataset.reading.get("group_column"))
    yield effect(compared(spec.task, judged[::-1], rows, Terms(groups=groups)), entered[0].name)


def folded(store: Store, run: str) -> bool:
    """Whether folds decided on a run, which then learned from its validation rows too."""
    started = store.events(run, ("started",))
    return bool(started and started[-1].data.get("folds"))
