"""Use-cases: the only thing the page and the command line call. No torch, no gradio, no widgets; it reads the store and enqueues.

studio = Studio.open(home)              # a page adds an engine: ChildEngine(...).start()
upload = studio.data.upload("tickets.csv", content)
run = studio.start(upload.digest, task, method="prompt_tuning")
studio.run(run).state
"""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from steering import artifact
from steering.data import Limits, check_label_words, check_template
from steering.errors import DataError, EngineError, SpecError, StorageError, from_dict
from steering.knobs import check, from_json, to_json
from steering.methods import LEARNED, method, options
from steering.spec import EMBEDDED_MODEL, Recipe, RunSpec, TaskSpec, check_task
from steering.store import Run, Store
from steering.studio.beside import pinned, require_teacher, require_variant
from steering.studio.contests import ContestDesk
from steering.studio.desk import DataDesk
from steering.studio.inspecting import ViewDesk
from steering.studio.labelling import LabelDesk
from steering.studio.runview import RunView, run_view

SHIPPED = Path(__file__).parents[2] / "saved_prompts"
"""Saved prompts that come with the app; also where the app's own home keeps new ones."""

MORE_STEPS = 50
"""Steps that "train on" adds."""


def default_home() -> Path:
    """``STEERING_HOME``, else the user's data directory."""
    given = os.environ.get("STEERING_HOME")
    if given:
        return Path(given)
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "prompt-steering-studio"


class Studio:
    """The use-cases over one store. ``folders``: where saved prompts are looked for; new ones go into the first. ``limits``: of uploaded files."""

    def __init__(self, store: Store, folders: list[Path], limits: Limits | None = None) -> None:
        self.store, self.folders = store, folders
        self.data = DataDesk(store, limits)
        self.labelling = LabelDesk(store, self.data)
        self.views = ViewDesk(store, self.data, folders)
        self.contests = ContestDesk(store)

    @classmethod
    def open(cls, home: Path | None = None, limits: Limits | None = None) -> "Studio":
        """The studio of a home folder; None: the app's own, whose saved prompts lie in ``saved_prompts/`` beside the code if it is writable.

        Raises:
            StorageError: the folder cannot be made or written.
        """
        root = home or default_home()
        own = home is None and SHIPPED.is_dir() and os.access(SHIPPED, os.W_OK)
        folders = [SHIPPED] if own else [root / "saved_prompts", SHIPPED]
        return cls(Store(root), folders, limits)

    # -- runs ---------------------------------------------------------------------------------------------------------------------------------
    def plan(
        self,
        data: str,
        task: TaskSpec,
        *,
        method_name: str = "prompt_tuning",
        name: str = "",
        model: str = EMBEDDED_MODEL,
        method_options: dict[str, Any] | None = None,
        recipe: Recipe | None = None,
        few_shot: int = 4,
        seeds: int = 1,
        imitate: str = "",
        inputs: bytes | str = b"",
        variants: Sequence[dict[str, Any]] = (),
    ) -> RunSpec:
        """A checked run specification; nothing starts yet. ``imitate``: a long prompt to answer like; ``inputs``: a file of texts without labels for
        that, or the digest of one that is kept (:func:`~steering.studio.beside.keep_inputs`).

        Raises:
            DataError: too few rows or one class; TemplateError: template, prompt or label words do not fit; SpecError: a setting is out of range.
        """
        dataset = self.store.dataset(data)
        self._require_usable(dataset.report)
        columns = tuple(dataset.examples[0].values)
        check_template(task.template, columns, dataset.report["mapping"]["text"])
        if task.kind == "classification":
            check_label_words(sorted({e.target for e in dataset.examples}), task.label_words)
        if method_name not in LEARNED:
            method(method_name)
            raise SpecError(f"method {method_name!r} learns nothing.", f"Choose one of: {', '.join(LEARNED)}.")
        options(method_name, method_options or {})
        for variant in variants:
            require_variant(method_name, method_options or {}, variant)
        require_teacher(imitate, bool(inputs))
        spec = RunSpec(
            name=name.strip() or f"{Path(dataset.name).stem} {method(method_name).title.lower()}",
            dataset=data,
            task=check_task(task),
            method=method_name,
            options=method_options or {},
            recipe=check(recipe or Recipe()),
            model=model.strip() or EMBEDDED_MODEL,
            few_shot=few_shot,
            seeds=seeds,
            imitate=imitate.strip(),
            inputs=self.store.keep_content(inputs) if inputs and isinstance(inputs, bytes) else str(inputs or ""),
            variants=tuple(variants),
        )
        return check(spec)

    @staticmethod
    def _require_usable(report: dict[str, Any]) -> None:
        blocking = [p for p in report["problems"] if p["severity"] == "blocking"]
        if blocking:
            raise DataError(blocking[0]["message"], blocking[0]["hint"])

    def start(self, spec: RunSpec) -> str:
        """Queue a run, the saved prompts that it starts from by name and digest; returns its id."""
        return self.store.add_run(pinned(spec, self.folders))

    def start_sample(self, name: str) -> str:
        """One click: a shipped dataset with its own prompt and method, queued."""
        upload, sample = self.data.sample(name)
        return self.start(
            self.plan(upload.digest, upload.task, method_name=sample.method, name=sample.title, recipe=from_json(Recipe, sample.recipe))
        )

    def stop(self, run: str) -> None:
        """Ask a run to stop at its next step; the best so far is kept."""
        self.store.request_stop(run)

    def resume(self, run: str) -> None:
        """Continue a stopped or failed run from its last checkpoint."""
        self.store.requeue(run)

    def train_on(self, run: str, steps: int = MORE_STEPS) -> None:
        """Add steps to a run that has ended; it goes on from where it was.

        Raises:
            SpecError: the run has not ended, or ``steps`` is out of range.
        """
        if not 1 <= steps <= 5000:
            raise SpecError(f"{steps} more steps were asked for, expected 1 to 5000.", "Give a number in that range.")
        self.store.add_steps(run, steps)

    def ask_estimate(self, spec: RunSpec) -> str:
        """Enqueue "what will this run take?"; returns the request's id."""
        return self.store.add_request("estimate", {"spec": to_json(spec), "model": spec.model})

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        return list(reversed(self.store.runs()))

    def run(self, run: str) -> RunView:
        """A run with everything it said so far.

        Raises:
            NotFoundError: no such run.
        """
        return run_view(self.store, run)

    # -- answers, views -----------------------------------------------------------------------------------------------------------------------
    def ask(
        self,
        contestants: list[str],
        task: TaskSpec,
        values: dict[str, str],
        *,
        model: str = "",
        train: str = "",
        decoding: dict[str, Any] | None = None,
    ) -> str:
        """Enqueue "what do these contestants answer to this?"; returns the request's id."""
        payload = {"contestants": contestants, "task": to_json(task), "values": values, "model": model, "train": train, "decoding": decoding or {}}
        return self.store.add_request("generate", payload)

    def ask_reading(self, dataset: str, task: TaskSpec, model: str = "") -> str:
        """Enqueue "what does the model read of this?"; returns the request's id."""
        return self.store.add_request("read", {"dataset": dataset, "task": to_json(task), "model": model.strip()})

    def ask_chat(self, model: str = "") -> str:
        """Enqueue "what does the model's chat format put around a message?"; returns the request's id."""
        return self.store.add_request("chat", {"model": model.strip()})

    def kept_view(self, name: str, view: str) -> dict[str, Any] | None:
        """A view's result if it has been computed; None otherwise."""
        return self.views.kept(name, view)

    def wait(self, request: str, *, turn: "Iterator[None] | None" = None, timeout_s: float = 600.0) -> dict[str, Any]:
        """Wait for a request's result, letting ``turn`` do the work where there is no engine process.

        Raises:
            SteeringError: the handler's own error; EngineError: nobody answered in time.
        """
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            found = self.store.request(request)
            if found.state == "failed":
                raise from_dict(found.error or {})
            if found.state == "done":
                return found.result or {}
            if turn is not None:
                next(turn)
            else:
                time.sleep(0.05)
        raise EngineError(f"no answer within {timeout_s:g} s.", "Look at engine.log in the home folder, or start the app again.")

    # -- saved prompts ------------------------------------------------------------------------------------------------------------------------
    def saved(self) -> list[artifact.Listed]:
        """All saved prompts, newest first; damaged files are listed with the reason."""
        return artifact.listing(self.folders)

    def fits(self, card: artifact.Card) -> str:
        """Why a saved prompt does not fit the loaded model; empty where it does or where no model is loaded yet."""
        engine = self.store.engine()
        loaded = engine.get("fingerprint", "")
        if not loaded or loaded == card.fingerprint:
            return ""
        return f"trained on {card.model}; {engine.get('model')} is loaded"

    def delete_saved(self, name: str) -> None:
        """Delete a saved prompt of this home.

        Raises:
            NotFoundError: no such prompt; StorageError: it cannot be deleted.
        """
        path = artifact.find(self.folders, name)
        try:
            path.unlink()
        except OSError as error:
            raise StorageError(f"{path.name} cannot be deleted: {error.strerror or error}.", "Mend the folder's permissions.") from None
