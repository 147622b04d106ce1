"""Bringing in a PEFT folder: it needs the model, whose fingerprint and dimensions decide whether the tensors can be its own."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from steering import artifact
from steering.artifact import peft
from steering.errors import ArtifactError
from steering.knobs import from_json
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.methods.forms import KEYS, SOFT_PROMPT, VALUES, root_of
from steering.spec import TaskSpec

if TYPE_CHECKING:
    from steering.engine.requests import Office

METHODS = {peft.SOFT: "prompt_tuning", peft.PREFIX: "prefix_tuning"}
"""What a card calls the two forms."""


def bring_in(office: "Office", payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Save the PEFT folder ``payload["path"]`` as a prompt of the loaded model.

    Raises:
        NotFoundError, ArtifactError: no such folder, a damaged one, one of another model, or one that gives no finite logits.
    """
    lm = office.lm
    adapter = peft.read_folder(Path(payload["path"]))
    task = from_json(TaskSpec, payload["task"])
    notes = list(adapter.notes)
    if adapter.card is None:
        card = _new_card(lm, adapter, task)
        notes.append(
            f"The folder does not say which weights it was trained on: that it fits the shape of {lm.id!r} is all that could be checked"
            + (f" (it names {adapter.base!r})." if adapter.base and adapter.base != lm.id else ".")
        )
    else:
        artifact.require_fit(adapter.card, model=lm.id, fingerprint=lm.fingerprint)
        card = replace(adapter.card, model=lm.id)
    wanted = payload.get("name") or card.title or adapter.name
    card = replace(card, name=artifact.free_name(office.folders, wanted), title=wanted, run="")
    made = peft.to_artifact(adapter, card, peft.Dimensions(H=lm.shape.H, L=lm.shape.L, K=lm.shape.K, D=lm.shape.D))
    yield {}
    if adapter.card is None and lm.header:
        made = with_header(lm, made)
        notes.append("PEFT puts a prompt before the model's own start token, which is therefore saved behind it.")
    _require_numbers(lm, made)
    path = artifact.write(office.folders[0], made)
    yield {"artifact": card.name, "path": str(path), "model": lm.id, "virtual_tokens": made.card.virtual_tokens, "notes": notes}


def _new_card(lm: FrozenLM, adapter: peft.Adapter, task: TaskSpec) -> artifact.Card:
    return artifact.Card(
        name=artifact.safe_name(adapter.name),
        method=METHODS[adapter.form],
        model=lm.id,
        revision=lm.revision,
        fingerprint=lm.fingerprint,
        task=task,
        dataset="",
        virtual_tokens=adapter.rows.shape[0],
        created=time.time(),
    )


def with_header(lm: FrozenLM, made: artifact.Artifact) -> artifact.Artifact:
    """The prompt with the model's header (BOS) behind it, as PEFT's order has it: inputs here come without one. Exact for both forms."""
    card = replace(made.card, virtual_tokens=made.card.virtual_tokens + len(lm.header))
    if SOFT_PROMPT in made.tensors:
        rows = np.concatenate([made.tensors[SOFT_PROMPT], lm.embed(lm.header).cpu().numpy()])
        return artifact.Artifact(card, {SOFT_PROMPT: rows})
    kv = root_of(lm, _tensors(lm, made)).kv
    assert kv is not None
    with torch.no_grad():
        longer = lm.extended(Root(kv=kv), lm.header).kv
    assert longer is not None
    parts = {name: torch.stack([pair[at] for pair in longer]).float().cpu().numpy() for at, name in enumerate((KEYS, VALUES))}
    return artifact.Artifact(card, parts)


def _require_numbers(lm: FrozenLM, made: artifact.Artifact) -> None:
    """Shapes may fit where sizes do not: a prompt of another model can overflow this one."""
    with torch.no_grad():
        logits = lm.logits([Tree(root_of(lm, _tensors(lm, made)), (Branch((*lm.encode("a"), 0), 1),))])
    if not bool(torch.isfinite(logits).all()):
        raise ArtifactError(
            f"under {made.card.name!r} the model {lm.id!r} gives no finite numbers.", "Name the model that it was trained on: --model ID."
        )


def _tensors(lm: FrozenLM, made: artifact.Artifact) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array.copy()).to(lm.device) for name, array in made.tensors.items()}
