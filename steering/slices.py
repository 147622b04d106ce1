"""Work in slices: generators whose yields let something else happen, and whose value is what they were for."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

Said = TypeVar("Said")
Told = TypeVar("Told")
Made = TypeVar("Made")


def relayed(work: Generator[Said, None, Made], say: Callable[[Said], Told]) -> Generator[Told, None, Made]:
    """``work`` with everything that it yields put in other words; its value stays."""
    while True:
        try:
            item = next(work)
        except StopIteration as end:
            made: Made = end.value
            return made
        yield say(item)


def finished(work: Generator[Any, None, Made]) -> Made:
    """The value of ``work``, at one go."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            made: Made = end.value
            return made
