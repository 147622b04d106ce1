"""The data desk's use-cases: read and keep a file, read it again in another way, rename it, delete it. The page and the command line call these."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from steering.data import (
    Limits,
    Prepared,
    ReadOptions,
    default_label_words,
    near_duplicates,
    prepare,
    samples,
    text_of,
    toggled,
    uncollected,
    with_own_files,
)
from steering.data import Mapping as RowMapping
from steering.data.samples import Sample
from steering.errors import DataError, NotFoundError, SteeringError
from steering.knobs import from_json, to_json
from steering.spec import SIDES, Fix, Side, TaskSpec
from steering.store import ACTIVE, ListedDataset, Store
from steering.studio.decisions import Reading
from steering.studio.near import NearSearches

AT_ONCE = 3_000_000
"""Bytes of a file in which near-duplicates are looked for at once (about a second); in larger ones beside the page, which asks for it."""
BY_ITSELF = 200_000
"""Rows above which the page asks for that only at a click: it takes minutes, and 300 bytes a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was read and placed. ``task`` is the task as guessed: a template around the text column and label words."""

    digest: str
    name: str
    prepared: Prepared
    task: TaskSpec
    reading: Reading


class DataDesk:
    """Datasets of one store. ``limits``: what a file may cost."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        self.store, self.limits, self.searches = store, limits or Limits(), NearSearches()

    def samples(self) -> tuple[Sample, ...]:
        """The datasets that ship with the app."""
        return samples()

    def upload(self, name: str, content: bytes, reading: Reading | None = None, *, extra: Mapping[Side, bytes] | None = None) -> Upload:
        """Read, place and keep a dataset. Rows that were placed before under this name stay where they are.

        ``extra``: the contents of the user's own files for "validation" or "test".

        Raises:
            DataError: it cannot be read as labelled data; StorageError: it cannot be kept.
        """
        with uncollected(), self._keeping(content, *(extra or {}).values()) as (kept, *others):
            own: dict[str, str] = dict(zip(extra or {}, others, strict=True))
            return self._read(name, kept, content, replace(reading or Reading(), extra=own))

    def read_again(self, dataset: str, **changes: Any) -> Upload:
        """The same file with some decisions changed; the dataset as it was stays, so that runs keep what they were trained on.

        Until a run was started on it its rows are divided anew, so that groups and own files count from the beginning.

        Raises:
            NotFoundError: no such dataset, or its file was not kept; DataError: it cannot be read that way.
        """
        kept = self.store.dataset(dataset)
        reading = replace(from_json(Reading, kept.reading), **changes)
        with uncollected():
            return self._read(kept.name, kept.content, self.store.content(kept.content), reading, place_anew=not self.store.bound(kept.name))

    def toggle_fix(self, dataset: str, fix: Fix) -> Upload:
        """Apply a fix, or take it back where it is applied.

        Raises:
            SpecError: there is no such fix; otherwise as :meth:`read_again`.
        """
        return self.read_again(dataset, fixes=toggled(from_json(Reading, self.store.dataset(dataset).reading).fixes, fix))

    def add_own(self, dataset: str, side: Side, content: bytes) -> Upload:
        """Take the person's own file for one side; FILE is not split for that side any more."""
        kept = from_json(Reading, self.store.dataset(dataset).reading)
        with self._keeping(content) as (own,):
            return self.read_again(dataset, extra={**kept.extra, side: own})

    def look_for_near(self, dataset: str, *, asked: bool = False) -> float | None:
        """How far the search for near-duplicates in a large file is (0 to 1): begun, or kept alive, by asking. At 1 the next
        :meth:`read_again` knows them. None: there is nothing to look for, or, unless it was ``asked`` for, too much.

        Raises:
            NotFoundError: no such dataset; DataError: the search was broken off.
        """
        kept = self.store.dataset(dataset)
        reading = from_json(Reading, kept.reading)
        if kept.report["near_looked"] or reading.near is False or (len(kept.examples) > BY_ITSELF and not asked):
            return None
        mapping = from_json(RowMapping, kept.report["mapping"])
        return self.searches.ask(
            reading.texts_of(kept.content),
            lambda: near_duplicates([e.key for e in kept.examples], [text_of(e, mapping) for e in kept.examples]),
        )

    @contextmanager
    def _keeping(self, *contents: bytes) -> Iterator[list[str]]:
        """Digests of bytes that are kept; what is refused leaves nothing behind."""
        kept = [self.store.keep_content(content) for content in contents]
        try:
            yield kept
        except SteeringError:
            for digest in kept:
                self.store.drop_unused(digest)
            raise

    def _read(self, name: str, content: str, given: bytes, reading: Reading, *, place_anew: bool = False) -> Upload:
        shared: dict[str, Any] = {"join": reading.join, "fixes": reading.fixes}
        near = len(given) <= AT_ONCE if reading.near is None else reading.near
        known = near if near or reading.near is False else self.searches.found(reading.texts_of(content)) or False
        prepared = prepare(
            name,
            given,
            text_column=reading.text_column,
            label_column=reading.label_column,
            kind=reading.kind,
            stored={} if place_anew else {key: side for key, side in self.store.placements(name).items() if side not in reading.extra},
            test=0.0 if "test" in reading.extra else None,
            validation=0.0 if "validation" in reading.extra else None,
            group_column=reading.group_column,
            split_column=reading.split_column,
            near=known,
            options=reading.options(self.limits),
            **shared,
        )
        if reading.extra:
            roles: dict[str, Any] = {"text_column": prepared.mapping.text, "label_column": prepared.mapping.label, "kind": prepared.mapping.kind}
            own: dict[Side, Prepared] = {
                side: prepare(side, self.store.content(reading.extra[side]), fixed=side, options=ReadOptions(limits=self.limits), **roles, **shared)
                for side in SIDES
                if side in reading.extra
            }
            prepared = with_own_files(prepared, own, near=known)
        number = prepared.digest
        self.store.add_dataset(name, number, prepared.report.as_dict(), prepared.examples, content, to_json(reading), place_anew=place_anew)
        return Upload(digest=number, name=name, prepared=prepared, task=guess_task(prepared), reading=reading)

    def sample(self, name: str) -> tuple[Upload, Sample]:
        """A shipped dataset, as if it had been uploaded, with its own task.

        Raises:
            NotFoundError: no such sample.
        """
        found = next((s for s in samples() if s.name == name), None)
        if found is None:
            raise NotFoundError(f"there is no sample {name!r}.", f"Samples: {', '.join(s.name for s in samples())}.")
        file = found.file.name if found.file.parent.name != name else f"{name}{found.file.suffix}"
        upload = self.upload(file, found.content(), Reading(kind=found.kind))
        words = found.label_words or upload.task.label_words
        task = replace(upload.task, template=found.template, prompt=found.prompt, label_words=words if found.kind == "classification" else {})
        return replace(upload, task=task), found

    def rename(self, dataset: str, name: str) -> None:
        """Another name; rows keep their sides.

        Raises:
            DataError: the name is empty or too long; NotFoundError: no such dataset.
        """
        wanted = name.strip()
        if not wanted or len(wanted) > 120:
            raise DataError("a dataset's name has 1 to 120 characters.", "Type a shorter name, or any name at all.")
        self.store.rename_dataset(dataset, wanted)

    def listed(self) -> list[ListedDataset]:
        """Every file once, newest first, by its latest version; ``runs`` counts those of all its versions."""
        found: dict[tuple[str, str], ListedDataset] = {}
        for one in self.store.datasets():
            key = (one.name, one.content or one.digest)
            found[key] = replace(found[key], runs=found[key].runs + one.runs) if key in found else one
        return list(found.values())

    def delete(self, dataset: str) -> int:
        """Delete a dataset in all versions in which its file was read: the file, the rows, and the runs trained on them, whose results quote the
        rows. Returns how many runs went with it.

        Saved prompts stay: they hold vectors and numbers, no rows.

        Raises:
            DataError: a run on it is waiting or at work; NotFoundError: no such dataset.
        """
        versions = {one.digest for one in self.store.versions(dataset)}
        trained = [run for run in self.store.runs() if run.spec.dataset in versions]
        if any(run.state in ACTIVE for run in trained):
            raise DataError("a run on this dataset is waiting or at work.", "Stop it first, then delete the dataset.")
        for run in trained:
            self.store.delete_run(run.id)
        for version in versions:
            self.store.delete_dataset(version)
        return len(trained)


def guess_task(prepared: Prepared) -> TaskSpec:
    """A task around the guessed columns: the person changes what does not fit."""
    mapping = prepared.mapping
    text = "\n".join("{" + column + "}" for column in mapping.parts)
    if mapping.kind == "classification":
        labels = sorted({e.target for e in prepared.examples})
        named = prepared.report.suggestions.label_words
        words = {label: named.get(label) or default for label, default in default_label_words(labels).items()}
        return TaskSpec(kind="classification", template=f"{text}\nLabel:", label_words=words, prompt=suggested_prompt(words))
    newline = any("\n" in e.target for e in prepared.examples)
    longest = max((len(e.target) for e in prepared.examples), default=64)
    tokens = max(16, min(512, longest // 2))
    return TaskSpec(kind="generation", template=f"{text}\nAnswer:", stop="end" if newline else "newline", max_new_tokens=tokens)


def suggested_prompt(label_words: dict[str, str]) -> str:
    """A plain manual prompt to start from; the user is asked to replace it by the one used today."""
    return f"Choose the label that fits: {', '.join(label_words.values())}."
