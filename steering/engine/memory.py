"""What contestants answered before, by content: the same contestant, model, label words and token ids give the same answer.

The store keeps it (:class:`steering.store.Store` is a :class:`Memory`); tests and notebooks may judge without any.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from steering.lm.encode import scoring
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids
from steering.spec import TaskSpec, digest
from steering.store import Kept


class Memory(Protocol):
    """Answers by scope (who was asked, and how) and input key (what)."""

    def recall(self, scope: str, keys: Sequence[str]) -> dict[str, Kept]:
        """Those that are known."""
        ...

    def keep(self, scope: str, found: Mapping[str, Kept]) -> None:
        """Remember these."""
        ...


class Nothing:
    """Remembers nothing."""

    def recall(self, scope: str, keys: Sequence[str]) -> dict[str, Kept]:
        return {}

    def keep(self, scope: str, found: Mapping[str, Kept]) -> None:
        """Forget it."""


def scope_of(lm: FrozenLM, task: TaskSpec, fingerprint: str) -> str:
    """Everything beside the input that an answer depends on: the contestant, the model as it runs here, label words or decoding."""
    # The fingerprint is that of the embedding table, which models made from one another share; so name and revision count too.
    model = (lm.id, lm.revision, lm.fingerprint)
    how: dict[str, object] = {"who": fingerprint, "model": model, "dtype": str(lm.dtype), "device": lm.device.type, "layout": lm.layout}
    if task.kind == "classification":
        return digest(how | scoring(lm, task).key)
    return digest(how | {"stop": task.stop, "most": task.max_new_tokens, "ends": lm.end_ids})


def input_key(ids: Ids, row: str = "") -> str:
    """Sixteen hex digits over the token ids that the model reads after the root, and the row's key where the root depends on the row."""
    return hashlib.sha256(f"{','.join(map(str, ids))} {row}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def root_digest(root: Root) -> str:
    """Sixteen hex digits over a root's numbers (not over a change of weights)."""
    seen = hashlib.sha256()
    for tensor in [root.embeds] if root.embeds is not None else [t for pair in root.kv or () for t in pair]:
        seen.update(str(tuple(tensor.shape)).encode())
        seen.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return seen.hexdigest()[:16]
