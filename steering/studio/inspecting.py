"""Inspection's use-cases: enqueue a view with the rows it is measured on, find what is kept, make new prompts from what was found. No torch."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from steering import artifact
from steering.data import samples
from steering.errors import NotFoundError, SpecError
from steering.inspect import VIEWS, result_from_json, view
from steering.inspect.contract import FORMS, address, question
from steering.inspect.distil import found_text
from steering.inspect.zones import zones_in, zones_json
from steering.store import Request, Store
from steering.studio.desk import DataDesk
from steering.studio.looking import Looked, Standing, reason


class ViewDesk:
    """Views of saved prompts, over one store."""

    def __init__(self, store: Store, data: DataDesk, folders: list[Path]) -> None:
        self.store, self.data, self.folders = store, data, folders

    def ask(
        self, name: str, view_name: str, *, rows: str = "", other: str = "", prompts: Sequence[str] = (), text: str = "", again: bool = False
    ) -> str:
        """Enqueue one view of a saved prompt; returns the request's id.

        ``rows``: digest of a dataset whose rows are all taken (else the held-out rows of the prompt's own dataset); ``other``: a second saved
        prompt; ``prompts``: manual prompts to compare with (else those of earlier runs); ``text``: a manual prompt that is looked at in its place,
        as a control; ``again``: also where a result is kept.

        Raises:
            NotFoundError, ArtifactError: no such prompt, or one that cannot be read; SpecError: no such view, or one that does not apply.
        """
        made = self._read(name)
        if view_name not in VIEWS:
            raise SpecError(f"view {view_name!r} is not known.", f"Views: {', '.join(VIEWS)}.")
        reason = view(view_name).applies(FORMS["soft_prompt"] if text else made.tensors)
        if reason:
            raise SpecError(f"view {view_name!r} does not apply to {name!r}: {reason}.", "`--view list` names the views with what they need.")
        if other:
            self._read(other)
        extra = {"rows": rows, "other": other, "prompts": list(prompts), "text": text, **({"again": True} if again else {})}
        data = self.stand_in(made.card) if view(view_name).rows_needed else ""
        return self.store.add_request("inspect", question(name, view_name, made.card.model, data=data, **extra))

    def look(self, name: str, *, rows: str = "", other: str = "", text: str = "") -> Looked:
        """Where all views of a saved prompt stand, measured as :meth:`ask` is told to.

        Raises:
            NotFoundError, ArtifactError: no such prompt, or one that cannot be read.
        """
        made = self._read(name)
        wanted = {"name": name, "rows": rows, "other": other, "text": text}
        asked: dict[str, Request] = {}
        for request in self.store.requests("inspect"):  # newest first
            if all(request.payload.get(key, "") == value for key, value in wanted.items()) and not request.payload.get("prompts"):
                asked.setdefault(str(request.payload["view"]), request)
        second = self._read(other).digest if other else ""
        kept = self.store.views(address(made.digest, rows, second, (), text))
        found = {one: Standing(view=one, reason=reason(one, made, self.store, text), kept=kept.get(one), request=asked.get(one)) for one in VIEWS}
        return Looked(name=name, card=made.card, views=found)

    def ask_missing(self, name: str, views: Sequence[str], *, rows: str = "", other: str = "", text: str = "") -> list[str]:
        """Enqueue those of ``views`` that apply, are not kept and not asked for yet; returns the requests' ids.

        Raises:
            As :meth:`ask`.
        """
        looked = self.look(name, rows=rows, other=other, text=text)
        open_ones = [one for one in views if looked.views[one].state in ("open", "failed")]
        return [self.ask(name, one, rows=rows, other=other, text=text) for one in open_ones]

    def kept(
        self, name: str, view_name: str, *, rows: str = "", other: str = "", prompts: Sequence[str] = (), text: str = ""
    ) -> dict[str, Any] | None:
        """A view's result if it has been computed; None otherwise."""
        second = self._read(other).digest if other else ""
        return self.store.view(address(self._read(name).digest, rows, second, prompts, text), view_name)

    def found_text(self, name: str) -> str:
        """The real text that the view ``distil`` found for a saved prompt: what the contestant ``distilled:NAME`` says. Empty where it was not looked
        for, or none does better than the manual prompt.

        Raises:
            NotFoundError, ArtifactError: no such prompt, or one that cannot be read.
        """
        kept, found = self.kept(name, "distil"), None
        with suppress(SpecError):  # a result that cannot be read is none
            found = found_text(result_from_json(kept)) if kept is not None else None
        return found.text if found is not None else ""

    def card(self, name: str) -> artifact.Card:
        """What a saved prompt is.

        Raises:
            NotFoundError, ArtifactError: no such prompt, or one that cannot be read.
        """
        return self._read(name).card

    def ask_prune(self, name: str, rows: str = "") -> str:
        """Enqueue "save it without the slots that hurt"; returns the request's id."""
        return self._derive("prune", name, rows)

    def ask_strength(self, name: str, strength: float, rows: str = "") -> str:
        """Enqueue "save it at this strength"; returns the request's id."""
        return self._derive("strength", name, rows, strength=strength)

    def ask_zones(self, name: str) -> str:
        """Enqueue "how far may its strength go?"; returns the request's id."""
        return self.store.add_request("zones", {"name": name, "model": self._read(name).card.model})

    def kept_zones(self, name: str) -> dict[str, Any] | None:
        """How far its strength may go, if that was measured, alone or by the view ``strength``; None otherwise."""
        digest = self._read(name).digest
        alone = self.store.view(digest, "zones")
        if alone is not None:
            return alone
        found = None
        with suppress(SpecError):  # a result that cannot be read is none
            kept = self.store.view(digest, "strength")
            found = zones_in(result_from_json(kept)) if kept is not None else None
        return zones_json(found) if found is not None else None

    def stand_in(self, card: artifact.Card) -> str:
        """The dataset that stands in where a prompt's own is not in this store: the shipped sample that its task comes from; else nothing."""
        try:
            self.store.dataset(card.dataset)
        except NotFoundError:
            for sample in samples():
                if (sample.template, sample.prompt) == (card.task.template, card.task.prompt):
                    return self.data.sample(sample.name)[0].digest
        return ""

    def _derive(self, kind: str, name: str, rows: str, **values: Any) -> str:
        card = self._read(name).card
        return self.store.add_request(kind, {"name": name, "model": card.model, "data": self.stand_in(card), "rows": rows, **values})

    def _read(self, name: str) -> artifact.Artifact:
        return artifact.read(artifact.find(self.folders, name))
