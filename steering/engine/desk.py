"""A run's place in the world: its checkpoint file, its trail, its events in the store, its artifact. The story (story.py) yields; this writes."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import copyfile
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from steering import artifact
from steering.data.inputs import texts_of
from steering.engine.plans import plans
from steering.errors import ArtifactError, NotFoundError
from steering.spec import RunSpec
from steering.store import Store, replace_file
from steering.train.state import LAYOUT, State

CHECKPOINT_SECONDS = 10.0
"""Between two checkpoints: what a kill can cost at most."""


class Desk:
    """Files and rows of one run."""

    def __init__(self, store: Store, run: str, folders: list[Path], clock: Callable[[], float] = time.monotonic) -> None:
        self.store, self.run, self.folders, self.clock = store, run, folders, clock
        self.folder = store.run_folder(run)
        self._path = self.folder / "checkpoint.safetensors"
        self._last = clock()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked this run to stop."""
        return self.store.run(self.run).stop

    @property
    def checkpoint_due(self) -> bool:
        return self.clock() - self._last >= CHECKPOINT_SECONDS

    def save_checkpoint(self, state: State) -> None:
        """Write atomically: a kill leaves the old one or the new one."""
        metadata = {"state": json.dumps(state.numbers)}
        replace_file(self._path, lambda path: save_file(state.tensors, path, metadata=metadata))
        self._last = self.clock()

    def load_checkpoint(self) -> State | None:
        """The last checkpoint; None where there is none, or it cannot be read or is another version's (then the run begins again)."""
        if not self._path.is_file():
            return None
        try:
            with safe_open(self._path, framework="pt") as file:
                numbers = json.loads(file.metadata()["state"])
                if numbers.get("layout") != LAYOUT:
                    return None
                return State({name: file.get_tensor(name) for name in file.keys()}, numbers)  # noqa: SIM118 (not a dict)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            return None

    def starts(self, spec: RunSpec) -> list[Path]:
        """Where saved prompts to start from are looked for: beside the checkpoint first, where the run keeps its own copies from its first beginning
        on, so that it goes on from the same vectors whatever becomes of the files. What is not there or another one is left for the reader to say."""
        own = self.folder / "starts"
        for written in dict.fromkeys(str(plan.options.get("start_from", "")).strip() for plan in plans(spec)):
            name, _, pinned = written.partition("@")
            kept = own / f"{artifact.safe_name(name)}.safetensors"
            if not name or kept.exists():
                continue
            try:
                found = artifact.find(self.folders, name)
                if pinned in ("", artifact.read(found).digest):
                    own.mkdir(exist_ok=True)
                    replace_file(kept, partial(_copied, found))
            except (NotFoundError, ArtifactError):
                continue
        return [own, *self.folders]

    def inputs(self, content: str) -> list[str]:
        """Texts of a kept file without labels; none where there is no such file.

        Raises:
            NotFoundError: it is no longer here; DataError: it holds no texts.
        """
        if not content:
            return []
        return texts_of(self.store.content(content))

    def put(self, kind: str, at: int, data: dict[str, Any], **columns: Any) -> None:
        """Store one event of step ``at``, and changes of the run's row with it."""
        self.store.put_event(self.run, at, kind, data, **columns)

    def save_artifact(self, made: artifact.Artifact) -> Path:
        """Write into the first folder, over this run's own earlier file or under a free name."""
        folder = self.folders[0]
        name = artifact.safe_name(made.card.name)
        mine = [item.name for item in artifact.listing([folder]) if item.card is not None and item.card.run == self.run]
        name = mine[0] if mine else artifact.free_name(self.folders, name)
        return artifact.write(folder, artifact.Artifact(replace(made.card, name=name), made.tensors))


def _copied(source: Path, target: Path) -> None:
    copyfile(source, target)
