"""Work in the foreground: the same worker as the app's engine, turned by the command line; or, where an app's engine already serves this home,
waiting for it."""

import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Any

from steering.cli.text import ProgressLine
from steering.engine.lock import EngineLock
from steering.errors import from_dict
from steering.store import FINAL
from steering.studio import RunView, Studio


class Foreground:
    """Use as a context: takes the home's engine lock if it is free."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._lock = EngineLock(studio.store.home)
        self._worker: Any = None
        self._interrupted = False
        self._before: Any = None

    def __enter__(self) -> "Foreground":
        self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._lock.close()

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:  # the second Ctrl-C does not wait for the step's end
            raise KeyboardInterrupt
        self._interrupted = True

    def _turn(self, only: str) -> None:
        """One slice, here or in the app's engine."""
        if not self._lock.held:
            time.sleep(0.1)
            return
        if self._worker is None:
            from steering.engine.worker import Worker

            self._worker = Worker(self.studio.store, self.studio.folders, only=only or "-")
            if only:
                self._worker.recover()
        self._worker.turn()

    def follow(self, run: str) -> RunView:
        """Turn until the run has ended; Ctrl-C asks it to stop at its next step.

        Raises:
            SteeringError: what the run failed of.
        """
        asked = False
        with ProgressLine(sys.stderr) as line:
            while self.studio.store.run(run).state not in FINAL:
                if self._interrupted and not asked:
                    self.studio.stop(run)
                    asked = True
                self._turn(run)
                line.show(self.studio, run)
        view = self.studio.run(run)
        if view.run.state == "failed":
            raise from_dict(view.run.error or {})
        return view

    def answer(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Enqueue a request and wait for its result."""
        return self.wait(self.studio.store.add_request(kind, payload))

    def wait(self, request: str) -> dict[str, Any]:
        """Turn until the request is answered.

        Raises:
            SteeringError: what it failed of.
        """
        while True:
            found = self.studio.store.request(request)
            if found.state == "failed":
                raise from_dict(found.error or {})
            if found.state == "done":
                return found.result or {}
            if self._interrupted:
                raise KeyboardInterrupt
            self._turn("")
