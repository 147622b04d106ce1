"""Writing a file so that it is either the old one or the whole new one."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from steering.errors import StorageError


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place at once.

    Raises:
        StorageError: the disk is full or the folder read-only; nothing is left behind.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except (OSError, SafetensorError) as error:  # safetensors reports a full disk as an error of its own
        raise StorageError(
            f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.",
            "Free some space, mend the folder's permissions, or choose another folder with --home DIR.",
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
