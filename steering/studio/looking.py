"""Where the views of one saved prompt stand: kept, being measured, failed, not asked for, or not for this prompt. Read from the store. No torch."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from steering import artifact
from steering.errors import NotFoundError, SpecError
from steering.inspect import VIEWS, Result, result_from_json, result_to_json
from steering.inspect.contract import FORMS, unlabelled
from steering.inspect.dossier import Dossier, dossiers
from steering.inspect.gap import licence, worded
from steering.inspect.results import Table
from steering.store import Request, Store

State = Literal["kept", "waiting", "running", "failed", "open", "unfit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One view. ``reason``: why it says nothing of this prompt; ``kept``: its result as JSON; ``request``: the newest that asks for it, if any
    does. A result that is being measured anew is still shown meanwhile."""

    view: str
    reason: str = ""
    kept: dict[str, Any] | None = None
    request: Request | None = None

    @property
    def state(self) -> State:
        """In one word."""
        if self.reason:
            return "unfit"
        if self.request is not None and self.request.state == "waiting":
            return "waiting"
        if self.request is not None and self.request.state == "running":
            return "running"
        if self.kept is not None:
            return "kept"
        return "failed" if self.request is not None and self.request.state == "failed" else "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A saved prompt (or a manual one in its place) with all its views, in the table's order."""

    name: str
    card: artifact.Card
    views: Mapping[str, Standing]

    def results(self) -> dict[str, Result]:
        """What is kept, as results; one that cannot be read is left out."""
        found = {}
        for name, one in self.views.items():
            if one.kept is not None and not one.reason:
                with suppress(SpecError):
                    found[name] = result_from_json(one.kept)
        return _licensed(found)

    def standing(self, view: str, results: Mapping[str, Result]) -> Standing:
        """A view as it may be shown, in the wording of ``results``."""
        one = self.views[view]
        return replace(one, kept=result_to_json(results[view])) if view in results else one

    def reasons(self) -> dict[str, str]:
        """Why a view says nothing of it, by view."""
        return {name: one.reason for name, one in self.views.items() if one.reason}

    def coming(self) -> list[Standing]:
        """Views that are measured by themselves once there is nothing else to do; until then they can be asked for."""
        return [one for one in self.views.values() if one.state == "open" and one.request is not None and one.request.state == "idle"]

    def at_work(self) -> list[Standing]:
        """Views that are waiting or running."""
        return [one for one in self.views.values() if one.state in ("waiting", "running")]

    def slots(self, results: Mapping[str, Result] | None = None) -> tuple[Dossier, ...]:
        """What the kept views say of each slot."""
        return dossiers(self.results() if results is None else results, self.card.virtual_tokens, self.card.header)


def _licensed(found: dict[str, Result]) -> dict[str, Result]:
    """The closest entries in the words that their measured faithfulness allows."""
    near, gap = found.get("neighbours"), found.get("faithfulness")
    if isinstance(near, Table) and gap is not None:
        found["neighbours"] = worded(near, licence(gap))
    return found


def reason(view: str, made: artifact.Artifact, store: Store, text: str = "") -> str:
    """Why a view says nothing of this prompt (or of ``text`` in its place); empty where it does."""
    why = VIEWS[view].applies(FORMS["soft_prompt"] if text else made.tensors) or unlabelled(view, made.card.task)
    return why or (_alone(made.card, store) if view == "seeds" else "")


def _alone(card: artifact.Card, store: Store) -> str:
    """Why there are no other seeds to agree with; empty where there are."""
    try:
        run = store.run(card.run)
    except NotFoundError:
        return "it compares seeds of one run, and the run that made this prompt is not here."
    return "it compares seeds of one run, and this one was trained with one seed." if run.spec.seeds < 2 else ""
