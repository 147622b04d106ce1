"""Inspection at the engine's edge: run a view on an artifact, keep its result in the store under the artifact's digest."""

from collections.abc import Iterator

import torch

from steering import artifact
from steering.inspect import VIEWS, Progress, Subject, look, result_to_json
from steering.lm.frozen import FrozenLM
from steering.store import Store


def subject(lm: FrozenLM, made: artifact.Artifact) -> Subject:
    """An artifact as views see it."""
    vectors = {name: torch.from_numpy(array).to(lm.device) for name, array in made.tensors.items()}
    return Subject(name=made.card.name, vectors=vectors, start_ids=made.card.start_ids, header=made.card.header)


def look_and_keep(lm: FrozenLM, store: Store, made: artifact.Artifact, name: str) -> Iterator[None]:
    """Compute one view unless it does not apply or is kept already."""
    seen = subject(lm, made)
    if VIEWS[name].applies(seen.vectors) or store.view(made.digest, name) is not None:
        return
    for item in look(name, lm, seen):
        if isinstance(item, Progress):
            yield
        else:
            store.put_view(made.digest, name, result_to_json(item))
