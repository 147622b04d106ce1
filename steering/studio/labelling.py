"""Labelling in the page: one row at a time, the least certain first, every label kept at once; then the labelled rows become a dataset."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from steering.data import ReadOptions, Table, export_csv, read, text_columns, text_key
from steering.errors import DataError
from steering.knobs import to_json
from steering.spec import TaskSpec
from steering.store import SKIPPED, Store
from steering.studio.desk import DataDesk, Upload

ASKED = 200
"""Rows on which the model's certainty is asked for at once: a few seconds of the embedded model on two cores."""


REMEMBERED = 4


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that is being labelled: its name, the digest of its bytes, and the text columns (best first)."""

    name: str
    content: str
    columns: tuple[str, ...]
    table: Table
    _texts: dict[str, dict[int, str]] = field(default_factory=dict, repr=False, compare=False)

    def texts(self, column: str) -> dict[int, str]:
        """Line and text of the rows that have one, in an order that mixes the file but stays the same, because neighbouring rows are often
        alike. Worked out once: it is asked for at every label."""
        if column not in self._texts:
            cells = zip((row.line for row in self.table.rows), self.table.column(column), strict=True)
            self._texts[column] = dict(sorted(((line, text) for line, text in cells if text), key=lambda item: text_key(item[1])))
        return self._texts[column]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where labelling stands: the row to label next (None: all are done), how many have a label, how many were skipped, how many there are."""

    line: int | None
    text: str
    done: int
    skipped: int
    rows: int
    counts: dict[str, int]


class LabelDesk:
    """Labelling over one store."""

    def __init__(self, store: Store, data: DataDesk) -> None:
        self.store, self.data = store, data
        self._sheets: dict[tuple[str, str], Sheet] = {}

    def begin(self, name: str, content: bytes) -> Sheet:
        """A file to be labelled.

        Raises:
            DataError: it cannot be read, or holds no column of text.
        """
        kept = self.store.keep_content(content)
        try:
            return self.sheet(name, kept)
        except DataError:
            self.store.drop_unused(kept)
            raise

    def could_begin(self, name: str, content: bytes) -> bool:
        """Whether a file holds texts that could be labelled; nothing of it is kept."""
        try:
            return bool(text_columns(read(name, content, ReadOptions(unlabelled=True, limits=self.data.limits))))
        except DataError:
            return False

    def sheet(self, name: str, content: str) -> Sheet:
        """The same by the digest of bytes that are kept. Read once, not at every label; the last few files are remembered.

        Raises:
            NotFoundError: they are not; DataError: as :meth:`begin`.
        """
        if (name, content) in self._sheets:
            return self._sheets[name, content]
        table = read(name, self.store.content(content), ReadOptions(unlabelled=True, limits=self.data.limits))
        columns = text_columns(table)
        if not columns:
            raise DataError(f"{name!r} has no column of text (columns: {', '.join(table.columns)}).", "Choose a file with one text a row.")
        while len(self._sheets) >= REMEMBERED:
            self._sheets.pop(next(iter(self._sheets)))
        return self._sheets.setdefault((name, content), Sheet(name, content, columns, table))

    def progress(self, sheet: Sheet, column: str, order: Sequence[int] = ()) -> Progress:
        """The next row: the first of ``order`` that has no label yet (least certain first), else of the mixed file."""
        given, texts = self.store.labels(sheet.content), sheet.texts(column)
        line = next((line for line in itertools.chain(order, texts) if line in texts and line not in given), None)
        counts: dict[str, int] = {}
        for label in given.values():
            if label != SKIPPED:
                counts[label] = counts.get(label, 0) + 1
        done = sum(counts.values())
        return Progress(line, texts[line] if line is not None else "", done, len(given) - done, len(texts), counts)

    def give(self, sheet: Sheet, line: int, label: str) -> None:
        """Label a row; an empty label skips it."""
        self.store.put_label(sheet.content, line, label)

    def undo(self, sheet: Sheet) -> int | None:
        """Take the latest label back; returns its line."""
        return self.store.undo_label(sheet.content)

    def ask_order(self, sheet: Sheet, column: str, labels: Sequence[str], prompt: str, contestant: str, model: str = "") -> str:
        """Enqueue "which rows is the model least certain of?"; returns the request's id."""
        given, texts = self.store.labels(sheet.content), sheet.texts(column)
        left = list(itertools.islice((line for line in texts if line not in given), ASKED))
        words = {label: label for label in labels}
        task = TaskSpec(kind="classification", template="{text}\nLabel:", prompt=prompt, label_words=words)
        payload = {"task": to_json(task), "contestant": contestant, "rows": [[line, texts[line]] for line in left], "model": model}
        return self.store.add_request("certainty", payload)

    def finish(self, sheet: Sheet, column: str) -> Upload:
        """The labelled rows as a dataset of their own.

        Raises:
            DataError: too few labels to be read as labelled data.
        """
        given, texts = self.store.labels(sheet.content), sheet.texts(column)
        rows: list[Mapping[str, Any]] = [{"text": texts[line], "label": label} for line, label in given.items() if label != SKIPPED and line in texts]
        if len(rows) < 2:
            raise DataError(f"{len(rows)} rows have a label.", "Label at least 16 rows; 50 or more give a result that can be trusted.")
        return self.data.upload(f"{sheet.name} labelled", export_csv(rows, ["text", "label"]))

    def forget(self, sheet: Sheet) -> None:
        """Delete the file and the labels given so far; datasets made of them stay."""
        self._sheets.pop((sheet.name, sheet.content), None)
        self.store.forget_content(sheet.content)
