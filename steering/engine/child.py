"""The engine in a child process: an out-of-memory or a crash never takes the page down. No torch in the parent.

The child is started in its own process group, writes its output to a log file (never a pipe that could fill), dies when its standard input
closes, and is started again when it dies; runs then continue from their last checkpoint.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from steering.errors import EngineError

RESTART_AFTER_S = (0.2, 1.0, 5.0, 15.0)
"""Pause before the first, second, ... restart in a row."""


class ChildEngine:
    """Keeps one engine process alive for a home folder."""

    def __init__(self, home: Path, folders: list[Path]) -> None:
        self.home, self.folders = home, folders
        self.process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._keep_alive, name="engine-watch", daemon=True)

    def start(self) -> "ChildEngine":
        """Start the child and the thread that watches it.

        Raises:
            EngineError: the process cannot be started at all.
        """
        self._spawn()
        self._watch.start()
        return self

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def close(self, timeout_s: float = 10.0) -> None:
        """Let the child end quietly; kill its group if it does not."""
        self._closing.set()
        process = self.process
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            process.wait()
        if self._watch.is_alive() and threading.current_thread() is not self._watch:
            self._watch.join(timeout_s)

    def _spawn(self) -> None:
        command = [sys.executable, "-m", "steering.engine", "--home", str(self.home)]
        for folder in self.folders:
            command += ["--saved", str(folder)]
        root = str(Path(__file__).parents[2])
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
        try:
            with (self.home / "engine.log").open("ab") as log:
                self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True)
        except OSError as error:
            raise EngineError(f"the engine cannot be started: {error}.", "Check memory and disk space, then start the app again.") from None

    def _keep_alive(self) -> None:
        deaths = 0
        while not self._closing.is_set():
            process = self.process
            assert process is not None
            started = time.monotonic()
            process.wait()
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            if self._closing.is_set():
                return
            deaths = deaths + 1 if time.monotonic() - started < 30 else 1
            if self._closing.wait(RESTART_AFTER_S[min(deaths - 1, len(RESTART_AFTER_S) - 1)]):
                return
            with contextlib.suppress(EngineError):
                self._spawn()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
