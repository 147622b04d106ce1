"""What a saved prompt's run left to look back on: its course through training, its losses, its other seeds. Absent where the run is not here."""

import re
from dataclasses import replace
from pathlib import Path

from steering.engine.trail import read_seeds, read_trail
from steering.inspect import Subject
from steering.store import Store

Losses = tuple[tuple[int, float | None, float | None], ...]

_RUN = re.compile(r"[0-9a-f]{8,64}")


def looking_back(store: Store, run: str, seen: Subject) -> Subject:
    """The subject with what ``run`` left of it."""
    folder = folder_of(store, run)
    if folder is None:
        return seen
    siblings = tuple(vectors for _, vectors in read_seeds(folder))
    return replace(seen, trail=read_trail(folder), losses=read_losses(store, run), siblings=siblings)


def folder_of(store: Store, run: str) -> Path | None:
    """A run's folder, not made; None where ``run`` (it comes from a saved file that somebody else may have written) cannot be one."""
    return store.home / "runs" / run if _RUN.fullmatch(run) else None


def read_losses(store: Store, run: str) -> Losses:
    """(step, training loss, validation NLL) of the seed that was kept, by step; None where one was not measured. Empty where the run is not here."""
    finished = store.events(run, ("finished",))
    kept = int(finished[-1].data.get("member", 0)) if finished else 0
    step, validation = (f"{kind}.{kept}" if kept else kind for kind in ("step", "validation"))
    train: dict[int, float | None] = {}
    judged: dict[int, float | None] = {}
    for event in store.events(run, (step, validation)):
        into, key = (train, "loss") if event.kind == step else (judged, "nll")
        into[event.step] = event.data.get(key)
    return tuple((at, train.get(at), judged.get(at)) for at in sorted(train.keys() | judged.keys()))
