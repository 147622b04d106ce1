"""``strength:VALUE@NAME``: a saved prompt at a strength between its start (0), what was learned (1) and beyond; see inspect/between.py."""

from dataclasses import replace
from typing import TYPE_CHECKING

from steering.engine.checkpoints import require_task, trained_on
from steering.engine.contestants import Context, contestant, fitting
from steering.engine.memory import root_digest
from steering.engine.views import subject
from steering.errors import SpecError
from steering.inspect.between import root_at
from steering.lm.frozen import FrozenLM

if TYPE_CHECKING:
    from steering.engine.contestants import Making


def dialled(lm: FrozenLM, value: str, context: Context) -> "Making":
    """The contestant.

    Raises:
        SpecError: no strength, or another task; NotFoundError, ArtifactError: no such prompt, or its start is not recorded.
    """
    written, mark, name = value.partition("@")
    try:
        strength = float(written)
    except ValueError:
        strength = float("nan")
    if not mark or not -10 <= strength <= 10:
        raise SpecError(f"strength:{value} is no strength of a saved prompt.", "Write strength:0.75@NAME: 0 is the start, 1 as learned.")
    found = fitting(lm, context.folders, name)[0]
    require_task(f"strength:{value}", found.card.task, context.task)
    root = root_at(lm, subject(lm, found), strength)
    made = contestant(lm, f"strength:{value}", found.card.method, f"the learned prompt at strength {strength:g}", root, root_digest(root))
    return replace(made, seen=trained_on(context.store, found.card.dataset), made={"strength": strength, "of": name})
    yield
