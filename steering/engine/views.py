"""Inspection at the engine's edge: run a view on an artifact with rows of its dataset, keep its result in the store under the artifact's digest."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from steering import artifact
from steering.engine.past import looking_back
from steering.engine.rows import mixed
from steering.errors import DataError, NotFoundError
from steering.inspect import Preview, Progress, Subject, look, result_to_json, view
from steering.inspect.contract import FORMS, address, question, unlabelled
from steering.inspect.subjects import of_text
from steering.inspect.summary import RESTS_ON
from steering.lm.frozen import FrozenLM
from steering.spec import Example
from steering.store import Store

VIEWS_AFTER = ("neighbours", "trajectory", "map")
"""Views that every finished run carries, where they apply: those that take a second or two."""

MOST = 100
"""Rows of each side that a view is measured on, at most (issue's figures: every view on 100 rows)."""

PROMPTS = 8
"""Manual prompts tried that are looked at, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a view is measured with. ``data``: digest of the dataset that stands in for the artifact's own; ``rows``: digest of a dataset whose rows
    are all taken, less those that training saw (empty: the held-out rows of ``data``); ``other``: a second artifact; ``prompts``: manual prompts;
    ``text``: a manual prompt that is looked at in the artifact's place, as its control."""

    data: str = ""
    rows: str = ""
    other: artifact.Artifact | None = None
    prompts: tuple[str, ...] = ()
    text: str = ""

    def address(self, made: artifact.Artifact) -> str:
        """What the result is kept under."""
        return address(made.digest, self.rows, self.other.digest if self.other else "", self.prompts, self.text)


def subject(lm: FrozenLM, made: artifact.Artifact) -> Subject:
    """An artifact as views see it, without rows."""
    vectors = {name: torch.from_numpy(array).to(lm.device) for name, array in made.tensors.items()}
    return Subject(name=made.card.name, vectors=vectors, start_ids=made.card.start_ids, header=made.card.header, task=made.card.task)


def subject_with_rows(lm: FrozenLM, store: Store, made: artifact.Artifact, measured: Measured) -> Subject:
    """An artifact with rows of all sides.

    Raises:
        NotFoundError: the dataset is not in the store any more; DataError: it has no held-out rows.
    """
    home = _home(store, made, measured)
    sides = {side: [e for e in home if e.side == side] for side in ("train", "validation", "test")}
    rows = sides["test"]
    if measured.rows:
        seen = {e.key for e in (*sides["train"], *sides["validation"])}
        rows = [e for e in store.dataset(measured.rows).examples if e.key not in seen]
    if not rows:
        raise DataError(f"there are no rows that training of {made.card.name!r} never saw.", "Name a file with such rows: --rows FILE.")
    held, train, validation = (tuple(mixed(part)[:MOST]) for part in (rows, sides["train"], sides["validation"]))
    prompts = measured.prompts or tried(store, made)
    other = subject(lm, measured.other) if measured.other else None
    return replace(subject(lm, made), rows=held, train=train, validation=validation, prompts=prompts, other=other)


def _subject(lm: FrozenLM, store: Store, made: artifact.Artifact, measured: Measured, *, needed: bool) -> Subject:
    """With rows; without them where they are not here and not ``needed``."""
    try:
        return subject_with_rows(lm, store, made, measured)
    except (NotFoundError, DataError):
        if needed:
            raise
        return subject(lm, made)


def _home(store: Store, made: artifact.Artifact, measured: Measured) -> tuple[Example, ...]:
    """Examples of the dataset that it was trained on, or of the one that stands in; none where neither is there and rows are given."""
    wanted = measured.data or made.card.dataset
    try:
        return store.dataset(wanted).examples
    except NotFoundError:
        if measured.rows:
            return ()
        raise NotFoundError(
            f"the rows that {made.card.name!r} was trained and judged on are not here.", "Name a file with rows that it never saw: --rows FILE."
        ) from None


def tried(store: Store, made: artifact.Artifact) -> tuple[str, ...]:
    """Manual prompts of runs for the same label words, newest first, the artifact's own left out."""
    task = made.card.task
    found = [run.spec.task.prompt.strip() for run in reversed(store.runs()) if run.spec.task.label_words == task.label_words]
    return tuple(p for p in dict.fromkeys(found) if p and p != task.prompt.strip())[:PROMPTS]


LATER = tuple(name for name in RESTS_ON if name not in VIEWS_AFTER)
"""Views that the three sentences rest on beside those: they take a minute together, so they wait until nothing else is to be done."""


def ask_later(store: Store, name: str, made: artifact.Artifact) -> list[str]:
    """Queue, for when the engine is idle, what the three sentences on the saved prompt ``name`` rest on and what applies to it; cheap ones first."""
    rows = store.dataset(made.card.dataset).examples
    fitting = [one for one in LATER if not view(one).applies(made.tensors) and not unlabelled(one, made.card.task)]
    if not any(row.side == "test" for row in rows):
        return []
    return [store.add_request("inspect", question(name, one, made.card.model), idle=True) for one in fitting]


def look_and_keep(
    lm: FrozenLM, store: Store, made: artifact.Artifact, name: str, measured: Measured | None = None, *, again: bool = False
) -> Iterator[dict[str, Any]]:
    """Compute one view unless it does not apply, or is kept already and not wanted ``again``. Yields how far it is, and a preview where there is one.

    Raises:
        SpecError: no such view; otherwise as :func:`subject_with_rows` and the view itself.
    """
    measured = measured or Measured()
    chosen, kept_under = view(name), measured.address(made)
    if chosen.applies(FORMS["soft_prompt"] if measured.text else made.tensors) or (store.view(kept_under, name) is not None and not again):
        return
    seen = _subject(lm, store, made, measured, needed=chosen.rows_needed)
    if measured.text:
        text = of_text(lm, measured.text)
        seen = replace(seen, name=text.name, vectors=text.vectors, start_ids=text.start_ids, header=text.header)
    else:
        seen = looking_back(store, made.card.run, seen)
    said: dict[str, Any] = {}
    for item in look(name, lm, seen):
        if isinstance(item, Progress):
            said = said | {"progress": {"done": item.done, "total": item.total, "message": item.message}}
            yield said
        elif isinstance(item, Preview):
            said = said | {"preview": result_to_json(item.result)}
            yield said
        else:
            store.put_view(kept_under, name, result_to_json(item))
