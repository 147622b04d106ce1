"""The cooperative worker: owns one frozen model, does one slice at a time, interactive requests before training.

It is the only writer of events. The same class runs in the app's child process, in tests, and under the command line.
"""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from steering.engine.desk import Desk
from steering.engine.requests import HANDLERS, Office
from steering.engine.story import story
from steering.errors import EngineError, SteeringError, TrainingError
from steering.lm.frozen import FrozenLM
from steering.lm.load import load
from steering.spec import EMBEDDED_MODEL
from steering.store import Request, Run, Store

logger = logging.getLogger(__name__)

Job = Iterator[Any]


class Worker:
    """Takes work out of the store, a slice a :meth:`turn`. With ``only`` it does that run and requests, and leaves other runs alone."""

    def __init__(self, store: Store, folders: list[Path], *, only: str = "", load: Callable[[str], FrozenLM] = load) -> None:
        self.store, self.folders, self.only, self._load = store, folders, only, load
        self.lm: FrozenLM | None = None
        self.run: tuple[Run, Job] | None = None
        self.request: tuple[Request, Job] | None = None
        self.aside: tuple[Request, Job] | None = None
        self.idle: tuple[Request, Job] | None = None

    # -- life ---------------------------------------------------------------------------------------------------------------------------------
    def recover(self) -> None:
        """After a death: requeue what was running, so that it goes on from its checkpoint; give up on a run that kills twice at one step."""
        self.store.reset_requests()
        for run in self.store.runs(("running",)):
            if self.only and run.id != self.only:
                continue
            state = Desk(self.store, run.id, self.folders).load_checkpoint()
            step = int(state.numbers["step"]) if state else 0
            deaths = run.deaths + 1 if run.death_step == step else 1
            if deaths >= 2:
                error = EngineError(
                    f"the engine died twice at step {step} of this run (most often: out of memory).",
                    "Use a smaller batch, shorter rows or a smaller model; then press Continue.",
                )
                self.store.update_run(run.id, state="failed", error=error.as_dict(), finished=time.time(), deaths=deaths, death_step=step)
            else:
                self.store.update_run(run.id, state="queued", deaths=deaths, death_step=step)

    def warm(self, model: str = EMBEDDED_MODEL) -> None:
        """Load the default model before anybody asks; a failure is only noted."""
        try:
            self._model(model)
        except SteeringError as error:
            logger.warning("%s", error)
            self.store.set_engine(state="no model", note=str(error))

    def release(self) -> None:
        """A quiet end: the current run goes back to the queue and will continue from its checkpoint, without counting a death."""
        if self.run is not None:
            self.store.update_run(self.run[0].id, state="queued")
            self.run = None

    # -- one slice ----------------------------------------------------------------------------------------------------------------------------
    def turn(self) -> bool:
        """Do one slice of the most urgent work; False where there is nothing to do."""
        waiting = self._next_request()
        if waiting is not None:
            self.aside, self.request = self.request or self.aside, None
            self._begin_request(waiting)
            return True
        if self.request is None:
            self.request, self.aside = self.aside, None
        if self.request is not None:
            self._advance_request()
            return True
        if self.run is None:
            self._begin_run()
        if self.run is not None:
            self._advance_run()
            return True
        return self._advance_idle()

    def _advance_idle(self) -> bool:
        """A slice of what nobody waits for: only while there is nothing else to do, and never where one run or request is all that was wanted."""
        if self.only:
            return False
        if self.idle is None:
            waiting = self.store.idle_request()
            if waiting is None:
                return False
            self._begin_request(waiting)
        else:
            self.request, self.idle = self.idle, None
            self._advance_request()
        self.idle, self.request = self.request, None
        return True

    def _next_request(self) -> Request | None:
        """What is to be begun now. A view may take a minute, and a dozen may be asked for at once: one is put aside while somebody waits for an
        answer of the loaded model (a second one beside it would not fit)."""
        view = self.request or self.aside
        if view is None:
            return self.store.waiting_request()
        if self.request is not None and (self.aside is not None or self.request[0].kind != "inspect"):
            return None
        waiting = self.store.waiting_request()  # views come last
        if waiting is None or waiting.kind == "inspect":
            return None
        model = waiting.payload.get("model")
        return waiting if not model or (self.lm is not None and model == self.lm.id) else None

    def _begin_request(self, request: Request) -> None:
        self.store.update_request(request.id, state="running")
        try:
            model = str(request.payload.get("model") or (self.run[0].spec.model if self.run else "") or (self.lm.id if self.lm else EMBEDDED_MODEL))
            if self.run is not None and model != self.run[0].spec.model:
                raise EngineError(
                    f"{self.run[0].spec.model} is training now, and this needs {model}.", "Wait until the run has ended, or stop it, and ask again."
                )
            office = Office(self._model(model), self.store, self.folders)
            self.request = (request, HANDLERS[request.kind](office, request.payload))
        except Exception as error:
            self.store.update_request(request.id, state="failed", error=self._explain(error).as_dict())

    def _advance_request(self) -> None:
        assert self.request is not None
        request, job = self.request
        try:
            result = next(job)
            if result:
                self.store.update_request(request.id, state="running", result=result)
        except StopIteration:
            self.request = None
            self.store.update_request(request.id, state="done")
        except Exception as error:
            self.request = None
            self.store.update_request(request.id, state="failed", error=self._explain(error).as_dict())

    def _begin_run(self) -> None:
        for run in self.store.runs(("queued",)):
            if (self.only and run.id != self.only) or not self.store.claim(run.id):
                continue
            try:
                self.store.update_run(run.id, phase="loading the model")
                lm = self._model(run.spec.model)
                self.store.update_run(run.id, phase="preparing")
                desk = Desk(self.store, run.id, self.folders)
                self.run = (run, story(lm, run.spec, self.store.dataset(run.spec.dataset), desk))
            except Exception as error:
                self._fail(run, error)
            return

    def _advance_run(self) -> None:
        assert self.run is not None
        run, job = self.run
        try:
            next(job)
        except StopIteration:
            self.run = None
            stopped = self.store.run(run.id).stop
            self.store.update_run(run.id, state="stopped" if stopped else "done", phase="", finished=time.time())
        except Exception as error:
            self.run = None
            self._fail(run, error)

    # -- helpers ------------------------------------------------------------------------------------------------------------------------------
    def _model(self, name: str) -> FrozenLM:
        if self.lm is None or self.lm.id != name:
            self.lm = None  # the old one's memory first; work that holds on to it goes back to the queue
            if self.idle is not None:
                self.store.update_request(self.idle[0].id, state="idle")
                self.idle = None
            self.store.set_engine(state="loading", model=name)
            lm = self._load(name)
            self.lm = lm
            self.store.set_engine(
                state="ready", model=name, device=str(lm.device), dtype=str(lm.dtype).removeprefix("torch."), fingerprint=lm.fingerprint, note=""
            )
        return self.lm

    def _fail(self, run: Run, error: Exception) -> None:
        self.store.update_run(run.id, state="failed", error=self._explain(error).as_dict(), finished=time.time())

    @staticmethod
    def _explain(error: Exception) -> SteeringError:
        """Every failure as a sentence; what we did not foresee goes to the log with its traceback."""
        if isinstance(error, SteeringError):
            return error
        if (
            isinstance(error, (MemoryError, torch.OutOfMemoryError))
            or "out of memory" in str(error).lower()
            or "can't allocate" in str(error).lower()
        ):
            return TrainingError("the machine ran out of memory.", "Use a smaller batch, shorter rows, or a smaller model, and press Continue.")
        logger.exception("unforeseen")
        return EngineError(f"an unforeseen error: {type(error).__name__}: {error}", "The details are in engine.log; please report it.")
