"""Value types that travel between the rooms: tasks, examples, recipes, run specifications.

Plain frozen dataclasses of plain values: no torch, no files. What a person can set is a :func:`~steering.knobs.knob`, so that one field gives
validation, JSON, the form and the docs.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from steering.errors import SpecError
from steering.knobs import check, knob, to_json

Kind = Literal["classification", "generation"]
Side = Literal["train", "validation", "test"]
Severity = Literal["blocking", "warning", "note"]

EMBEDDED_MODEL = "SmolLM2-135M-Instruct"
"""Name of the model that comes out of a PyPI wheel, without any model hub."""

SCORINGS = ("direct", "channel")
"""Which of input and label word is scored given the other."""

KINDS: tuple[Kind, ...] = ("classification", "generation")
SIDES: tuple[Side, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A remedy that one click applies and one click takes back: a value that is added to how a dataset is read (steering/data/fixes.py).

    ``name`` says which, ``sentence`` stands on the button, ``arguments`` are what it needs, such as old and new spellings of labels.
    """

    name: str
    sentence: str
    arguments: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, or worth knowing, about a file. ``rows`` are line numbers as an editor shows them (at most 20 listed)."""

    kind: str
    severity: Severity
    count: int
    rows: tuple[int, ...]
    message: str
    hint: str = ""
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What the model is asked to do, the same for every contestant.

    The model reads ``prompt`` (or what replaces it), then ``template`` with the row's columns filled in, and is graded on the label word or
    target that follows; or, with ``scoring`` "channel", on the input behind each label word in turn (steering/lm/channel.py).
    """

    kind: Kind
    template: str = "{text}\n"
    prompt: str = ""
    label_words: dict[str, str] = field(default_factory=dict)
    stop: Literal["newline", "end"] = "newline"
    max_new_tokens: int = knob(64, "longest answer that is generated", low=1, high=1024, unit="tokens")
    scoring: str = knob(
        "direct",
        "direct: how likely each label word follows the input; channel: how likely each makes the input (K labels, K times the work)",
        choices=SCORINGS,
    )


def check_task(task: TaskSpec) -> TaskSpec:
    """The task, if its settings hold and fit each other.

    Raises:
        SpecError: a setting is out of range, or texts are to be scored by channel.
    """
    if task.kind != "classification" and task.scoring != "direct":
        raise SpecError(f"scoring is {task.scoring!r}, but there are no label words: this task writes texts.", "Leave scoring at 'direct'.")
    return check(task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One usable row. ``values`` holds the columns that a template may name; ``target`` is the raw label or the text to produce.

    ``references`` are further texts that would be as right as ``target`` (generation).
    """

    row: int
    values: dict[str, str]
    target: str
    key: str
    side: Side = "train"
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How vectors are trained. Defaults: SCIENCE notes B3, as measured in docs/decisions.md."""

    steps: int = knob(100, "optimiser steps at most; training ends earlier when validation stops improving", low=1, high=5000, expert=False)
    batch_size: int = knob(8, "training rows a step", low=1, high=256, unit="rows")
    learning_rate: float | None = knob(
        None, "step size relative to the scale of what is trained; empty: the method's own default", low=1e-5, high=2.0
    )
    warmup: float = knob(0.1, "share of the steps in which the learning rate rises to its peak", low=0.0, high=0.9)
    clip: float = knob(1.0, "largest gradient norm; longer gradients are shortened to it", low=1e-3, high=1e3)
    anchor: float = knob(0.01, "pull back towards the start: weight of the mean squared drift in units of RMS(E)", low=0.0, high=10.0)
    format_weight: float = knob(0.2, "weight of the loss for answering with any label word at all", low=0.0, high=10.0)
    average: float = knob(
        0.9, "share of the past in the running mean of the vectors, which is what is looked at and kept; 0: the last step's own", low=0.0, high=0.999
    )
    evaluate_every: int = knob(10, "steps between looks at the validation rows", low=1, high=1000, unit="steps")
    patience: int = knob(4, "looks without improvement after which training stops", low=1, high=1000, unit="looks")
    validation_rows: int = knob(96, "validation rows looked at each time, at most", low=4, high=5000, unit="rows")
    folds: int = knob(5, "parts for cross-validation where there are fewer than 64 rows to learn and decide on; 0: never", low=0, high=10)
    seed: int = knob(0, "fixes data order and random starts; the same seed gives the same result", low=0, high=2**31 - 1)
    more: tuple[int, ...] = ()  # steps that were added after the end, one number a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much time a run may take, as values of the expert settings. ``recipe``: fields of :class:`Recipe` that differ from their defaults."""

    title: str
    recipe: dict[str, Any] = field(default_factory=dict)
    seeds: int = 1


EFFORTS: dict[str, Effort] = {
    "quick": Effort(title="Quick: 40 steps, a first impression", recipe={"steps": 40, "patience": 2, "folds": 3}),
    "standard": Effort(title="Standard: up to 100 steps, stops by itself"),
    "thorough": Effort(title="Thorough: up to 200 steps, three seeds and their spread", recipe={"steps": 200, "patience": 6}, seeds=3),
}


def effort(name: str) -> Effort:
    """The table's entry.

    Raises:
        SpecError: no such effort.
    """
    if name not in EFFORTS:
        raise SpecError(f"effort {name!r} is not known.", f"Choose one of: {', '.join(EFFORTS)}.")
    return EFFORTS[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything that decides a run. Two equal specs on one machine give bit-equal vectors (CPU).

    ``imitate``: a contestant (``few-shot:8``, ``prompt:TEXT``) whose answers are learned instead of the labels; ``inputs``: digest of a kept file of
    texts without labels for that (empty: the training rows' own). ``variants``: further settings that are trained beside this one, each as what it
    changes: the method, ``learning_rate``, or options of the method; the best by validation is kept.
    """

    name: str
    dataset: str
    task: TaskSpec
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    recipe: Recipe = field(default_factory=Recipe)
    model: str = EMBEDDED_MODEL
    imitate: str = knob("", "learn to answer as a longer prompt does, labels unused: few-shot:8, or prompt: with its text")
    inputs: str = ""
    variants: tuple[dict[str, Any], ...] = knob(
        (),
        "train further settings beside this one and keep the best by validation, one a line: learning_rate=0.1, or layers=last 4; virtual_tokens=8",
    )
    few_shot: int = knob(4, "demonstrations that the few-shot contestant is given", low=1, high=64)
    seeds: int = knob(1, "seeds trained together; the median one is kept, and their spread is said", low=1, high=16, unit="seeds", expert=False)

    @property
    def digest(self) -> str:
        """Sixteen hex digits over every field but the name."""
        value = to_json(self)
        del value["name"]
        return digest(value)


def digest(value: Any) -> str:
    """Sixteen hex digits of the SHA-256 of ``value`` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
