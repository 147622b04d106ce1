"""The engine's process: ``python -m steering.engine --home DIR --saved DIR``. Ends when standard input closes."""

import argparse
import logging
import os
import sys
import threading
import time
from pathlib import Path

from steering.engine.lock import EngineLock
from steering.store import Store

POLL_S = 0.03
BEAT_S = 2.0


def main() -> None:
    """Serve the store until the parent is gone."""
    parser = argparse.ArgumentParser(prog="steering.engine")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--saved", type=Path, action="append", default=[])
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    gone = threading.Event()
    threading.Thread(target=_until_closed, args=(gone,), daemon=True).start()
    store = Store(args.home)
    store.set_engine(state="starting", beat=time.time(), pid=os.getpid())
    lock = EngineLock(args.home)
    while not lock.held and not gone.is_set():  # another app's engine serves this home; be ready to take over
        gone.wait(1.0)
        lock.try_again()
    if gone.is_set():
        return
    from steering.engine.worker import Worker  # torch starts here

    worker = Worker(store, args.saved)
    worker.recover()
    if os.environ.get("STEERING_WARM", "1") != "0":
        worker.warm()
    beat = 0.0
    while not gone.is_set():
        if time.monotonic() - beat > BEAT_S:
            beat = time.monotonic()
            store.set_engine(beat=time.time(), pid=os.getpid())
        if not worker.turn():
            gone.wait(POLL_S)
    worker.release()
    store.set_engine(state="stopped")


def _until_closed(gone: threading.Event) -> None:
    """The parent holds the other end of standard input; when it dies, for whatever reason, reading ends."""
    while sys.stdin.buffer.read(1):
        pass
    gone.set()


if __name__ == "__main__":
    main()
