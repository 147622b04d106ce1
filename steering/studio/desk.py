"""The data desk's use-cases: read and keep a file, read it again in another way, rename it, delete it. The page and the command line call these."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from steering.data import Prepared, default_label_words, prepare, samples
from steering.data.samples import Sample
from steering.errors import DataError, NotFoundError
from steering.spec import Kind, Side, TaskSpec, digest
from steering.store import ACTIVE, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a person decided about how a file is read; whatever is None is decided by evidence. Kept with the dataset, so that it can be undone.

    ``extra``: digests of the person's own files for "validation" or "test"; FILE is then not split for that side.
    """

    text_column: str | None = None
    label_column: str | None = None
    kind: Kind | None = None
    extra: Mapping[Side, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was read and placed. ``task`` is the task as guessed: a template around the text column and label words."""

    digest: str
    name: str
    prepared: Prepared
    task: TaskSpec
    reading: Reading


class DataDesk:
    """Datasets of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def samples(self) -> tuple[Sample, ...]:
        """The datasets that ship with the app."""
        return samples()

    def upload(self, name: str, content: bytes, reading: Reading | None = None, *, extra: Mapping[Side, bytes] | None = None) -> Upload:
        """Read, place and keep a dataset. Rows that were placed before under this name stay where they are.

        ``extra``: the contents of the user's own files for "validation" or "test".

        Raises:
            DataError: it cannot be read as labelled data; StorageError: it cannot be kept.
        """
        own = {side: self.store.keep_content(content) for side, content in (extra or {}).items()}
        return self._read(name, self.store.keep_content(content), replace(reading or Reading(), extra=own))

    def read_again(self, dataset: str, **changes: Any) -> Upload:
        """The same file with some decisions changed; the dataset as it was stays, so that runs keep what they were trained on.

        Raises:
            NotFoundError: no such dataset, or its file was not kept; DataError: it cannot be read that way.
        """
        kept = self.store.dataset(dataset)
        return self._read(kept.name, kept.content, replace(Reading(**kept.reading), **changes))

    def _read(self, name: str, content: str, reading: Reading) -> Upload:
        stored, extra = self.store.placements(name), reading.extra
        prepared = prepare(
            name,
            self.store.content(content),
            text_column=reading.text_column,
            label_column=reading.label_column,
            kind=reading.kind,
            stored=stored,
            merge_spellings=True,
            test=0.0 if "test" in extra else 0.3,
            validation=0.0 if "validation" in extra else 0.2,
        )
        examples = {e.key: e for e in prepared.examples}
        for side, own in extra.items():
            mapping, given = prepared.mapping, self.store.content(own)
            more = prepare(side, given, text_column=mapping.text, label_column=mapping.label, kind=mapping.kind, fixed=side, merge_spellings=True)
            examples |= {e.key: e for e in more.examples}  # a row that is also in FILE belongs to the user's own side
        prepared = replace(prepared, examples=tuple(examples.values()))
        task = guess_task(prepared)
        report = prepared.report.as_dict()
        number = digest(
            {"table": prepared.table.digest, "mapping": report["mapping"], "rows": [[e.key, e.target, e.side] for e in prepared.examples]}
        )
        self.store.add_dataset(name, number, report, prepared.examples, content, asdict(reading))
        return Upload(digest=number, name=name, prepared=prepared, task=task, reading=reading)

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

    def delete(self, dataset: str) -> int:
        """Delete a dataset: its file, its rows, and the runs trained on it, whose results quote its rows. Returns how many runs went with it.

        Saved prompts stay: they hold vectors and numbers, no rows.

        Raises:
            DataError: a run on it is waiting or at work; NotFoundError: no such dataset.
        """
        trained = [run for run in self.store.runs() if run.spec.dataset == dataset]
        if any(run.state in ACTIVE for run in trained):
            raise DataError("a run on this dataset is waiting or at work.", "Stop it first, then delete the dataset.")
        for run in trained:
            self.store.delete_run(run.id)
        self.store.delete_dataset(dataset)
        return len(trained)


def guess_task(prepared: Prepared) -> TaskSpec:
    """A task around the guessed columns: the person changes what does not fit."""
    mapping = prepared.mapping
    labels = sorted({e.target for e in prepared.examples})
    field = "{" + mapping.text + "}"
    if mapping.kind == "classification":
        words = default_label_words(labels)
        return TaskSpec(kind="classification", template=f"{field}\nLabel:", label_words=words, prompt=suggested_prompt(words))
    newline = any("\n" in e.target for e in prepared.examples)
    longest = max((len(e.target) for e in prepared.examples), default=64)
    tokens = max(16, min(512, longest // 2))
    return TaskSpec(kind="generation", template=f"{field}\nAnswer:", stop="end" if newline else "newline", max_new_tokens=tokens)


def suggested_prompt(label_words: dict[str, str]) -> str:
    """A plain manual prompt to start from; the user is asked to replace it by the one used today."""
    return f"Choose the label that fits: {', '.join(label_words.values())}."
