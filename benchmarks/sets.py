"""From a folder of public sets to the rows of one trial: shots for training and validation, and the same test rows for everybody."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.tasks import task
from steering.data import default_label_words, prepare
from steering.data.splits import split_hash
from steering.errors import DataError
from steering.spec import Example, Side, TaskSpec

COLUMNS = {"classification": ("text", "label"), "generation": ("input", "target")}
"""Text and label column of every set, by its kind (the data folder's README)."""

VALIDATION = 4
"""Every fourth shot validates: shots include the validation rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one contestant sees (``train``, ``validation``) and is judged on (``test``)."""

    name: str
    seed: int
    task: TaskSpec
    train: list[Example]
    validation: list[Example]
    test: list[Example]
    demonstrations: int


def trial(folder: Path, name: str, *, seed: int, shots: int, rows: int = 200, test_rows: int = 300) -> Trial:
    """``shots`` rows a class (``rows`` in all for generation) drawn by ``seed`` from the training file, small classes giving all they have; the
    first ``test_rows`` of the test file in the order of a hash.

    Raises:
        SpecError: no such set; DataError: the folder does not hold it.
    """
    known = task(name)
    pool, test = (_read(folder, name, side) for side in ("train", "test"))
    test = sorted(test, key=lambda e: split_hash(e.key))[:test_rows]
    judged = {e.key for e in test}
    pool = [e for e in pool if e.key not in judged]
    labels = default_label_words(sorted({e.target for e in pool})) if known.kind == "classification" else {}
    train, validation = draw(pool, shots if labels else rows, seed, by_class=bool(labels))
    return Trial(
        name=name,
        seed=seed,
        task=known.spec(labels),
        train=train,
        validation=validation,
        test=[e for e in test if not labels or e.target in labels],
        demonstrations=known.demonstrations,
    )


def draw(pool: Sequence[Example], shots: int, seed: int, *, by_class: bool) -> tuple[list[Example], list[Example]]:
    """Training and validation rows: ``shots`` of every class (or in all), each fourth of a class for validation, a class's first row never."""
    piles: dict[str, list[Example]] = {}
    for example in sorted(pool, key=lambda e: e.key):
        piles.setdefault(example.target if by_class else "", []).append(example)
    train: list[Example] = []
    validation: list[Example] = []
    for name in sorted(piles):
        random.Random(f"{seed}/{name}").shuffle(piles[name])
        for i, example in enumerate(piles[name][:shots]):
            held = i % VALIDATION == VALIDATION - 1
            (validation if held else train).append(replace(example, side="validation" if held else "train"))
    return train, validation


def _read(folder: Path, name: str, side: Side) -> list[Example]:
    """Usable rows of one file of the set."""
    kind = task(name).kind
    found = sorted((folder / name).glob(f"{side}.*"))
    if not found:
        raise DataError(f"{folder / name} holds no {side} file.", "Name the folder that holds the sets (--data DIR), each in a folder of its name.")
    text, label = COLUMNS[kind]
    return prepare(found[0].name, found[0].read_bytes(), text_column=text, label_column=label, kind=kind, fixed=side).on(side)
