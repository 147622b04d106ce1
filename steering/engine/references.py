"""Contestants that are fitted before they are judged: any learned method, LoRA, a linear probe, the manual prompt with label biases. Generators.

Everything is fitted on training rows; validation rows only choose. Without validation rows a quarter of the training rows is held back for it.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from steering.engine.contestants import contestant
from steering.engine.judging import Contestant, Scorer
from steering.engine.memory import root_digest
from steering.errors import DataError, SpecError
from steering.evaluate.fitted import fit_biases, fit_probe
from steering.evaluate.intervals import Floats
from steering.knobs import check
from steering.lm.encode import encode_examples, prompt_text, scoring
from steering.lm.features import features
from steering.lm.frozen import FrozenLM
from steering.lm.root import Root
from steering.lm.scoring import Ids, Scoring, score_labels
from steering.methods import LEARNED, method
from steering.methods.forms import root_of
from steering.methods.written import written
from steering.spec import Example, Recipe, digest
from steering.train.alone import alone

if TYPE_CHECKING:
    from steering.engine.contestants import Context

Fitting = Generator[None, None, Contestant]


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a fit ended with: its root, its size, and its way."""

    root: Root
    vectors: dict[str, Tensor]
    trainable_parameters: int
    best_step: int
    steps: int
    best_nll: float

    @property
    def identity(self) -> str:
        """Sixteen hex digits over the vectors."""
        return digest([(name, str(tuple(t.shape)), root_digest(Root(embeds=t.detach().float().reshape(1, -1)))) for name, t in self.vectors.items()])

    @property
    def file_bytes(self) -> int:
        """Bytes of the vectors as they are saved (fp32)."""
        return sum(4 * t.numel() for t in self.vectors.values())


def learn(lm: FrozenLM, context: "Context", name: str, values: dict[str, Any], recipe: Recipe) -> Generator[None, None, Tuned]:
    """Train a method on the training rows to its best validation step.

    Raises:
        DataError: no training rows; SpecError: options that do not fit.
    """
    train, validation = sides(context, name)
    trainer = alone(lm, name, context.task, train, validation, recipe, values)
    for _ in trainer.events():
        yield
    size = sum(p.numel() for p in trainer.members[0].parameters.values())
    return Tuned(root_of(lm, trainer.best).detach(), trainer.best, size, trainer.best_step, trainer.step, trainer.best_nll)


def lora(lm: FrozenLM, value: str, context: "Context") -> Fitting:
    """LoRA with its own default recipe, trained on the training rows to its best validation step.

    Raises:
        DataError: no training rows.
    """
    made = yield from _tuned(lm, "lora", {}, Recipe(), context)
    return replace(made, name="lora", spoken="LoRA")


def tune(lm: FrozenLM, value: str, context: "Context") -> Fitting:
    """``tune:METHOD[,NAME=VALUE...]``: a method trained here and now, with settings of its own or of the recipe.

    Raises:
        SpecError: no such method or setting; DataError: no training rows.
    """
    name, *pairs = [part.strip() for part in value.split(",")]
    if name not in LEARNED:
        raise SpecError(f"tune:{value} names no method that learns.", f"Choose one of: {', '.join(LEARNED)}.")
    found = written(pairs, {"options": method(name).Options, "recipe": Recipe}, f"tune:{name},", name)
    made = yield from _tuned(lm, name, found["options"], check(replace(Recipe(), **found["recipe"])), context)
    return replace(made, name=f"tune:{value}", spoken=f"{method(name).title.lower()} trained here")


def _tuned(lm: FrozenLM, name: str, values: dict[str, Any], recipe: Recipe, context: "Context") -> Fitting:
    found = yield from learn(lm, context, name, values, recipe)
    made = contestant(lm, name, name, method(name).title, found.root, found.identity)
    size = {"trainable_parameters": found.trainable_parameters, "file_bytes": found.file_bytes}
    way = {"best_step": found.best_step, "steps": found.steps, "validation_nll": found.best_nll, "seed": recipe.seed}
    return replace(made, seen=context.fitted_on, made=size | way)


def manual_bias(lm: FrozenLM, value: str, context: "Context") -> Fitting:
    """The manual prompt with one bias a label: what balance between the labels alone can gain.

    Raises:
        SpecError: not a classification; DataError: no training rows.
    """
    _require_labels(context, "manual+bias")
    root, (train, validation) = _manual(lm, context), sides(context, "manual+bias")
    labels = scoring(lm, context.task)
    scored: list[tuple[Floats, tuple[int, ...]]] = []
    for rows in (train, validation):
        data = encode_examples(lm, context.task, rows, root.length)
        parts = []
        for _, log_probs in score_labels(lm, root, data.inputs, labels):
            parts.append(log_probs)
            yield
        scored.append((torch.cat(parts).numpy(), data.truth))
    bias = torch.from_numpy(fit_biases(*scored[0], validation=scored[1])).float()

    def scorer(lm: FrozenLM, root: Root, inputs: Sequence[Ids], labels: Scoring) -> Iterator[tuple[range, Tensor]]:
        for part, log_probs in score_labels(lm, root, inputs, labels):
            yield part, log_probs + bias

    made = _fitted(lm, "manual+bias", "manual_bias", "your prompt with fitted label biases", root, context, bias.tolist(), scorer)
    plain = contestant(lm, "manual", "manual", "your manual prompt", root, str(lm.header + lm.encode(prompt_text(context.task.prompt))))
    fitted = {"bias": dict(zip(context.task.label_words, [round(b, 4) for b in bias.tolist()], strict=True))}
    return replace(made, members=(plain,), combine=lambda parts: parts[0] + bias, made=fitted)


def probe(lm: FrozenLM, value: str, context: "Context") -> Fitting:
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

    def scorer(lm: FrozenLM, root: Root, inputs: Sequence[Ids], labels: Scoring) -> Iterator[tuple[range, Tensor]]:
        for part, found in features(lm, root, inputs):
            yield part, torch.from_numpy(fitted.log_probs(found.numpy()).astype(np.float32))

    numbers = [fitted.weights.tolist(), fitted.offsets.tolist()]
    made = _fitted(lm, "probe", "linear_probe", "a linear probe on the frozen features", root, context, numbers, scorer)
    return replace(made, made={"strength": fitted.strength, "classes_seen": len(fitted.seen)})


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


def _fitted(lm: FrozenLM, name: str, kind: str, spoken: str, root: Root, context: "Context", numbers: list[Any], scorer: Scorer) -> Contestant:
    """The fingerprint tells what was fitted: the same rows give the same numbers, and these the same contestant."""
    made = contestant(lm, name, kind, spoken, root, digest({"root": root_digest(root), "numbers": numbers}))
    return replace(made, scorer=scorer, seen=context.fitted_on)
