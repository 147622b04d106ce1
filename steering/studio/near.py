"""Near-duplicates of large files: looked for beside the page, a slice at a time, as long as somebody asks; what was found is remembered.

    searches.ask(key, begin)     # how far it is; the first to ask starts the thread, which ends when nobody asks any more
    searches.found(key)          # for the next reading of the file

A thread, not the engine: it must not wait for a model to load nor for a run to give way, and most of the work is numpy's.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from steering.data import NearDuplicates
from steering.errors import DataError

logger = logging.getLogger(__name__)

PATIENCE_S = 8.0
"""A search that nobody has asked about for so long is given up: the page was closed, or shows another file or another reading of it."""
REMEMBERED = 8


@dataclass(slots=True)
class _Search:
    looks: Iterator[NearDuplicates]
    asked: float
    done: float = 0.0
    failed: bool = False


class NearSearches:
    """All searches of one studio, by a key that names the texts. One slice of one search is at work at any time, the last asked about first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[str, NearDuplicates] = {}
        self._searches: dict[str, _Search] = {}
        self._thread: threading.Thread | None = None

    def found(self, key: str) -> NearDuplicates | None:
        """What was found; None where the search is not through, or too long ago."""
        return self._found.get(key)

    def ask(self, key: str, begin: Callable[[], Iterator[NearDuplicates]]) -> float:
        """How far the search is, 0 to 1; it is begun, or kept alive, by asking.

        Raises:
            DataError: it came to nothing (out of memory, say); asking again begins anew.
        """
        with self._lock:
            if key in self._found:
                return 1.0
            if key not in self._searches:
                self._searches[key] = _Search(begin(), self._clock())
            search = self._searches[key]
            search.asked = self._clock()
            if search.failed:
                del self._searches[key]
                raise DataError("the search for near-duplicates was broken off.", "The file can be used without it; the log of the app says more.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="near-duplicates", daemon=True)
                self._thread.start()
            return search.done

    def _work(self) -> None:
        while (chosen := self._next()) is not None:
            key, search = chosen
            try:
                look = next(search.looks)
            except Exception:
                logger.exception("looking for near-duplicates failed")
                search.failed = True
                continue
            search.done = min(look.done, 0.99)
            if look.done >= 1.0:
                self._remember(key, look)

    def _next(self) -> tuple[str, _Search] | None:
        """The search that was asked about last; those that nobody asks about any more are dropped. None ends the thread."""
        with self._lock:
            late = self._clock() - PATIENCE_S
            self._searches = {key: search for key, search in self._searches.items() if search.asked >= late}
            going = [(search.asked, key) for key, search in self._searches.items() if not search.failed]
            if not going:
                self._thread = None
                return None
            key = max(going)[1]
            return key, self._searches[key]

    def _remember(self, key: str, found: NearDuplicates) -> None:
        with self._lock:
            self._searches.pop(key, None)
            while len(self._found) >= REMEMBERED:
                self._found.pop(next(iter(self._found)))
            self._found[key] = found
