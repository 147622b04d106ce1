"""Bytes to placed examples in one call: what the studio uses."""

import gc
from collections import abc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from steering.data.cleaning import clean
from steering.data.limits import ReadOptions
from steering.data.mapping import Mapping, guess
from steering.data.readers import read
from steering.data.report import Report, report
from steering.data.splits import place
from steering.data.table import Table
from steering.spec import Example, Kind, Side

_EVERYDAY = ReadOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A file on which a run can be based, unless ``report.blocking`` says otherwise."""

    table: Table
    mapping: Mapping
    examples: tuple[Example, ...]
    report: Report

    def on(self, side: Side) -> list[Example]:
        """The examples of one side, in the order of the file."""
        return [example for example in self.examples if example.side == side]

    @property
    def sides(self) -> dict[str, Side]:
        """Key and side of every example: what must be stored for rows to stay where they are."""
        return {example.key: example.side for example in self.examples}


def prepare(
    name: str,
    content: bytes,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    kind: Kind | None = None,
    stored: abc.Mapping[str, Side] | None = None,
    fixed: Side | None = None,
    test: float = 0.3,
    validation: float = 0.2,
    merge_spellings: bool = False,
    options: ReadOptions = _EVERYDAY,
) -> Prepared:
    """Read, map, clean, split and describe a file. Problems of the data are reported, not raised; only what cannot be read raises.

    Raises:
        DataError: the file cannot be read as labelled data, or a named column is not in it.
        SpecError: impossible shares of test and validation rows.
    """
    with _no_collection():
        table = read(name, content, options)
        mapping = guess(table, text_column, label_column, kind)
        data = clean(table, mapping, merge_spellings=merge_spellings)
        placed = place(data.examples, stored or {}, test=test, validation=validation, fixed=fixed, kind=mapping.kind)
        return Prepared(table=table, mapping=mapping, examples=tuple(placed), report=report(data, placed))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for cycles among hundreds of thousands of small values that have none: a third of the time of a large file."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
