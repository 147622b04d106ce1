"""Contestants that are fitted before they are judged: LoRA, a linear probe, the manual prompt with label biases. Generators, a slice at a time.

Everything is fitted on training rows; validation rows only choose. Without validation rows a quarter of the training rows is held back for it.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from steering.engine.judging import Contestant, Scorer
from steering.errors import DataError, SpecError
from steering.evaluate.fitted import fit_biases, fit_probe
from steering.evaluate.intervals import Floats
from steering.lm.encode import encode_examples, encode_labels, prompt_text
from steering.lm.features import features
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, Labels, score_labels
from steering.methods import METHODS, Setting, options
from steering.methods.forms import root_of
from steering.spec import Example, Recipe, digest
from steering.train.objective import objective
from steering.train.trainer import Material, Member, Trainer

if TYPE_CHECKING:
    from steering.engine.contestants import Context

Fitting = Generator[None, None, Contestant]


def lora(lm: FrozenLM, context: "Context") -> Fitting:
    """LoRA with its own default recipe, trained on the training rows to its best validation step.

    Raises:
        DataError: no training rows.
    """
    train, validation = sides(context, "lora")
    method = METHODS["lora"]
    recipe = Recipe()
    steering = method.build(lm, Setting(context.task, train, recipe.seed), options(method.name, {}))
    length = steering.root().length
    encoded = (encode_examples(lm, context.task, rows, length) for rows in (train, validation))
    material = Material(*(objective(lm, context.task, rows, recipe.format_weight) for rows in encoded))
    trainer = Trainer(lm, [Member(lm, steering, material, recipe, rate=method.rate)], recipe)
    for _ in trainer.events():
        yield
    return _contestant(lm, "lora", method.name, "LoRA", root_of(lm, trainer.best).detach(), context)


def manual_bias(lm: FrozenLM, context: "Context") -> Fitting:
    """The manual prompt with one bias a label: what balance between the labels alone can gain.

    Raises:
        SpecError: not a classification; DataError: no training rows.
    """
    _require_labels(context, "manual+bias")
    root, (train, validation) = _manual(lm, context), sides(context, "manual+bias")
    labels = encode_labels(lm, context.task)
    scored: list[tuple[Floats, tuple[int, ...]]] = []
    for rows in (train, validation):
        data = encode_examples(lm, context.task, rows, root.length)
        parts = []
        for _, log_probs in score_labels(lm, root, data.inputs, labels):
            parts.append(log_probs)
            yield
        scored.append((torch.cat(parts).numpy(), data.truth))
    bias = torch.from_numpy(fit_biases(*scored[0], validation=scored[1])).float()

    def scorer(lm: FrozenLM, root: Root, inputs: Sequence[Ids], labels: Labels) -> Iterator[tuple[range, Tensor]]:
        for part, log_probs in score_labels(lm, root, inputs, labels):
            yield part, log_probs + bias

    return _contestant(lm, "manual+bias", "manual_bias", "your prompt with fitted label biases", root, context, scorer)


def probe(lm: FrozenLM, context: "Context") -> Fitting:
    """Logistic regression on the last hidden state under the manual prompt.

    Raises:
        SpecError: not a classification; DataError: no training rows, or one class only.
    """
    _require_labels(context, "probe")
    root, (train, validation) = _manual(lm, context), sides(context, "probe")
    read: list[tuple[Floats, tuple[int, ...]]] = []
    for rows in (train, validation):
        data = encode_examples(lm, context.task, rows, root.length)
        parts = []
        for _, found in features(lm, root, data.inputs):
            parts.append(found)
            yield
        read.append((torch.cat(parts).numpy(), data.truth))
    fitted = fit_probe(*read[0], len(context.task.label_words), validation=read[1])

    def scorer(lm: FrozenLM, root: Root, inputs: Sequence[Ids], labels: Labels) -> Iterator[tuple[range, Tensor]]:
        for part, found in features(lm, root, inputs):
            yield part, torch.from_numpy(fitted.log_probs(found.numpy()).astype(np.float32))

    return _contestant(lm, "probe", "linear_probe", "a linear probe on the frozen features", root, context, scorer)


FITTED: dict[str, Callable[[FrozenLM, "Context"], Fitting]] = {"lora": lora, "probe": probe, "manual+bias": manual_bias}
"""What is fitted, by the name that a person writes."""


def sides(context: "Context", name: str) -> tuple[list[Example], list[Example]]:
    """Rows to fit on and rows to choose by: the given validation rows, or every fourth training row of every class, in the order of their keys.

    Raises:
        DataError: fewer than two training rows.
    """
    if len(context.train) < 2:
        raise DataError(f"{name} needs training rows to be fitted on, and there are {len(context.train)}.", "Give training rows (--train FILE).")
    if context.validation:
        return list(context.train), list(context.validation)
    piles: dict[str, list[Example]] = {}
    for row in sorted(context.train, key=lambda e: e.key):
        piles.setdefault(row.target if context.task.kind == "classification" else "", []).append(row)
    held = {row.key for pile in piles.values() for row in pile[3::4]}
    if not held:
        held = {max(context.train, key=lambda e: e.key).key}
    return [row for row in context.train if row.key not in held], [row for row in context.train if row.key in held]


def _manual(lm: FrozenLM, context: "Context") -> Root:
    return lm.text_root(prompt_text(context.task.prompt))


def _require_labels(context: "Context", name: str) -> None:
    if context.task.kind != "classification":
        raise SpecError(f"{name} is for classification; this task is {context.task.kind}.", "Leave it out.")


def _contestant(lm: FrozenLM, name: str, kind: str, spoken: str, root: Root, context: "Context", scorer: Scorer = score_labels) -> Contestant:
    """The fingerprint tells what it was fitted on: the same rows give the same contestant."""
    rows = sorted(e.key for e in context.train), sorted(e.key for e in context.validation)
    fingerprint = digest(
        {"model": lm.fingerprint, "kind": kind, "prompt": context.task.prompt, "template": context.task.template, "rows": list(rows)}
    )
    return Contestant(name=name, kind=kind, spoken=spoken, root=root, fingerprint=fingerprint, scorer=scorer)
