"""A file on its way into a reader: its bytes, and its text once somebody asks for it."""

from dataclasses import dataclass, field
from functools import cached_property

from steering.data.limits import Limits, ReadOptions
from steering.data.readers.text import Decoded, decode
from steering.spec import Problem


@dataclass(frozen=True, kw_only=True)
class Source:
    """``name`` appears in messages only. ``notes`` is what unpacking found worth saying."""

    name: str
    content: bytes
    options: ReadOptions = field(default_factory=ReadOptions)
    notes: tuple[Problem, ...] = ()

    @property
    def limits(self) -> Limits:
        """The sizes beyond which this file is refused."""
        return self.options.limits

    @cached_property
    def decoded(self) -> Decoded:
        """The text of the file, decoded once.

        Raises:
            DataError: the file is no text.
        """
        return decode(self.name, self.content, self.options)

    @property
    def text(self) -> str:
        """Shorthand for ``decoded.text``."""
        return self.decoded.text
