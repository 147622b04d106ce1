"""Files that the page offers: copies in one temporary folder, which goes when the app ends (Gradio serves nothing outside such folders)."""

import tempfile
from functools import cache
from pathlib import Path


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="prompt-steering-")


def offered(name: str, content: bytes) -> str:
    """The path of a copy under this file name."""
    path = Path(tempfile.mkdtemp(dir=_folder().name)) / name
    path.write_bytes(content)
    return str(path)
