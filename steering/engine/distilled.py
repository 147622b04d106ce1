"""``distilled:NAME``: the real text that the view ``distil`` found for a saved prompt, judged like any manual prompt."""

from dataclasses import replace
from typing import TYPE_CHECKING

from steering import artifact
from steering.engine.checkpoints import require_task, trained_on
from steering.engine.contestants import Context, text
from steering.errors import NotFoundError
from steering.inspect import result_from_json
from steering.inspect.contract import address
from steering.inspect.distil import found_text
from steering.lm.frozen import FrozenLM

if TYPE_CHECKING:
    from steering.engine.contestants import Making


def distilled(lm: FrozenLM, value: str, context: Context) -> "Making":
    """The text found for the saved prompt ``value``. The search began at vectors that had learned from all training rows, so what it was made from is
    their rows and the search's own.

    Raises:
        NotFoundError: no such saved prompt, or no text was found for it; ArtifactError: it is of another model; SpecError: it is for another task.
    """
    made = artifact.read(artifact.find(context.folders, value))
    artifact.require_fit(made.card, model=lm.id, fingerprint=lm.fingerprint)
    require_task(f"distilled:{value}", made.card.task, context.task)
    kept = context.store.view(address(made.digest), "distil") if context.store is not None else None
    found = found_text(result_from_json(kept)) if kept is not None else None
    if found is None:
        raise NotFoundError(
            f"no text that does better than the manual prompt has been found for {value!r}.",
            f"Search for one: python -m steering inspect {value} --view distil.",
        )
    rows = trained_on(context.store, made.card.dataset)
    contestant = text(lm, f"distilled:{value}", "manual", f"the text found for {value!r}", found.text, context, {})
    return replace(contestant, text=found.text, seen=None if rows is None else rows | found.rows, made={"found_for": value})
    yield
