"""One engine a home folder: a lock that the operating system releases when its holder dies."""

from pathlib import Path
from types import TracebackType

from steering.store import storage_error


class EngineLock:
    """``held`` tells whether this process owns the home's engine.

    Raises:
        StorageError: the home cannot be written.
    """

    def __init__(self, home: Path) -> None:
        try:
            self._file = (home / "engine.lock").open("w")
        except OSError as error:
            raise storage_error(home, error.strerror or str(error)) from None
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
