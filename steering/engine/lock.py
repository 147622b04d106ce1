"""One engine a home folder: a lock that the operating system releases when its holder dies."""

from pathlib import Path
from types import TracebackType


class EngineLock:
    """``held`` tells whether this process owns the home's engine."""

    def __init__(self, home: Path) -> None:
        self._file = (home / "engine.lock").open("w")
        self.held = self.try_again()

    def try_again(self) -> bool:
        """Try to take the lock; True where it is ours (or where the system has no file locks)."""
        try:
            import fcntl
        except ImportError:
            self.held = True
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.held = False
        else:
            self.held = True
        return self.held

    def close(self) -> None:
        """Give the lock back."""
        self._file.close()

    def __enter__(self) -> "EngineLock":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
