"""Importing Gradio faster."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_stubs() -> Iterator[None]:
    """Let Gradio be imported without writing its editor stubs, which takes 2.4 of 5.5 s (measured with 6.31).

    While it is imported it parses the source of each of its components to write a ``.pyi`` beside it, unless the component has no source file:
    so inside this context its classes have none.
    """
    real = inspect.getfile

    def getfile(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no stub is wanted")
        return real(thing)

    setattr(inspect, "getfile", getfile)  # noqa: B010 (a patch for a moment, not an assignment of a type)
    try:
        yield
    finally:
        setattr(inspect, "getfile", real)  # noqa: B010
