"""A run from beginning to end: train, judge, read the vectors, save. A generator of slices; what it says goes to its desk.

Every phase can be cut anywhere and begun again: training continues from its checkpoint, the short phases after it are simply repeated, and
events are keyed so that repeating overwrites.
"""

import dataclasses
import time
from collections.abc import Generator, Iterator
from functools import partial

import numpy as np

from steering import artifact
from steering.engine import contestants
from steering.engine.desk import Desk
from steering.engine.judging import Judging, judge
from steering.engine.rows import thin
from steering.engine.views import look_and_keep
from steering.errors import DataError
from steering.evaluate.results import Comparison, comparison_json
from steering.lm.encode import encode_examples, encode_labels
from steering.lm.frozen import FrozenLM
from steering.methods import Setting, method, options
from steering.methods.contract import Steering
from steering.methods.forms import root_of
from steering.spec import SIDES, Example, RunSpec, Side
from steering.store import Dataset
from steering.train.events import Tick
from steering.train.trainer import Material, Trainer

VIEWS_AFTER = ("neighbours", "map", "prefix")
"""Views that every finished run carries, where they apply."""


def story(lm: FrozenLM, spec: RunSpec, dataset: Dataset, desk: Desk) -> Iterator[None]:
    """Do the whole run, a slice a yield. Returns early where the desk is asked to stop; the desk then holds checkpoint and artifact.

    Raises:
        SteeringError: of any room; the caller files it with the run.
    """
    by_side: dict[Side, list[Example]] = {side: [e for e in dataset.examples if e.side == side] for side in SIDES}
    steering, trainer = _begin(lm, spec, by_side, desk)
    started = time.time()
    yield
    finished = yield from _train(trainer, desk)
    _say_progress(desk, "saving", trainer)
    made = _artifact(lm, spec, steering, trainer, desk)
    path = desk.save_artifact(made)
    desk.put("artifact", trainer.step, _saved(path, made, trainer, time.time() - started))
    if not finished:
        return
    comparison = yield from _judge(lm, spec, by_side, trainer, desk)
    if comparison is not None:
        made = _with_scores(made, comparison)
        path = desk.save_artifact(made)
        desk.put("artifact", trainer.step, _saved(path, made, trainer, time.time() - started))
    if desk.stopping:
        return
    _say_progress(desk, "reading", trainer)
    for name in VIEWS_AFTER:
        for _ in look_and_keep(lm, desk.store, made, name):
            yield


def _begin(lm: FrozenLM, spec: RunSpec, by_side: dict[Side, list[Example]], desk: Desk) -> tuple[Steering, Trainer]:
    """Encode the rows, build the method at step 0, restore a checkpoint."""
    chosen = method(spec.method)
    setting = Setting(spec.task, by_side["train"], spec.recipe.seed, partial(contestants.saved_start, lm, desk.folders))
    steering = chosen.build(lm, setting, options(spec.method, spec.options))
    if not steering.parameters():
        raise DataError(f"method {spec.method!r} learns nothing.", "Choose a learned method; manual and few-shot are contestants, not runs.")
    labels = encode_labels(lm, spec.task) if spec.task.kind == "classification" else None
    length = steering.root().length
    looked_at = thin(by_side["validation"], spec.recipe.validation_rows)
    train = encode_examples(lm, spec.task, by_side["train"], length)
    validation = encode_examples(lm, spec.task, looked_at, length)
    material = Material(train, validation, labels)
    trainer = Trainer(lm, steering, material, spec.recipe, rate=chosen.rate)
    state = desk.load_checkpoint()
    if state is not None:
        trainer.restore(state)
    vectors = steering.vectors()
    desk.put(
        "started",
        0,
        {
            "virtual_tokens": length,
            "trainable_parameters": sum(p.numel() for p in steering.parameters().values()),
            "file_bytes": sum(4 * t.numel() for t in vectors.values()),
            "rows": {side: len(rows) for side, rows in by_side.items()},
            "validation_rows": len(looked_at),
            "cut_rows": train.cut + validation.cut,
            "note": steering.note,
            "label_note": _label_note(spec, labels is not None and labels.shared_first),
            "rate": trainer.rate,
            "dtype": str(lm.dtype).removeprefix("torch."),
            "device": str(lm.device),
            "layout": lm.layout,
        },
        phase="training",
        step=trainer.step,
    )
    return steering, trainer


def _label_note(spec: RunSpec, shared: bool) -> str:
    return "Two label words begin with the same token, so whole words and an end token are scored." if shared else ""


def _train(trainer: Trainer, desk: Desk) -> Generator[None, None, bool]:
    """Train to the end; returns False where a stop was asked for."""
    for event in trainer.events():
        if isinstance(event, Tick):
            yield
            continue
        kind = type(event).__name__.lower()
        data = dataclasses.asdict(event)
        desk.put(f"alarm.{data['kind']}" if kind == "alarm" else kind, data["step"], data, step=trainer.step)
        if kind in ("step", "validation"):
            if desk.stopping:
                desk.save_checkpoint(trainer.state())
                return False
            if desk.checkpoint_due:
                desk.save_checkpoint(trainer.state())
            yield
    desk.save_checkpoint(trainer.state())
    return True


def _say_progress(desk: Desk, phase: str, trainer: Trainer) -> None:
    desk.store.update_run(desk.run, phase=phase, step=trainer.step)


def _judge(lm: FrozenLM, spec: RunSpec, by_side: dict[Side, list[Example]], trainer: Trainer, desk: Desk) -> Generator[None, None, Comparison | None]:
    """Judge on the held-out rows; returns the comparison, None where there are no such rows or a stop was asked for."""
    if not by_side["test"]:
        return None
    _say_progress(desk, "judging", trainer)
    context = contestants.Context(spec.task, by_side["train"], desk.folders, by_side["validation"])
    specs = ["none", *([f"prompt:{spec.task.prompt}"] if spec.task.prompt.strip() else []), f"few-shot:{spec.few_shot}"]
    entered = [contestants.build(lm, name, context) for name in specs]
    entered.append(contestants.learned(lm, spec.method, root_of(lm, trainer.best), desk.run))
    yield
    primary = (entered[-1].name, entered[1].name if spec.task.prompt.strip() else entered[0].name)
    for item in judge(lm, spec.task, entered, by_side["test"], primary=primary):
        if isinstance(item, Comparison):
            desk.put("comparison", trainer.step, comparison_json(item) | {"inputs": [row.values for row in by_side["test"]]})
            return item
        if desk.stopping:
            return None
        if _worth_saying(item):
            desk.put("judging", 0, dataclasses.asdict(item))
        yield
    raise AssertionError("judging ends with a comparison")


def _worth_saying(item: Judging) -> bool:
    return item.done % 16 == 0 or item.done == item.rows


def _artifact(lm: FrozenLM, spec: RunSpec, steering: Steering, trainer: Trainer, desk: Desk) -> artifact.Artifact:
    tensors = {name: np.ascontiguousarray(t.cpu().numpy(), dtype=np.float32) for name, t in trainer.best.items()}
    card = artifact.Card(
        name=artifact.safe_name(spec.name),
        title=spec.name,
        method=spec.method,
        model=lm.id,
        revision=lm.revision,
        fingerprint=lm.fingerprint,
        task=spec.task,
        dataset=spec.dataset,
        virtual_tokens=steering.root().length,
        start_ids=steering.start_ids,
        header=steering.header,
        created=time.time(),
        run=desk.run,
        best_step=trainer.best_step,
        scores={"validation_nll": trainer.best_nll},
    )
    return artifact.Artifact(card, tensors)


def _saved(path: object, made: artifact.Artifact, trainer: Trainer, seconds: float) -> dict[str, object]:
    from pathlib import Path

    where = Path(str(path))
    return {
        "name": where.name.removesuffix(".safetensors"),
        "path": str(where),
        "file_bytes": where.stat().st_size,
        "digest": made.digest,
        "best_step": trainer.best_step,
        "steps": trainer.step,
        "seconds": round(seconds, 3),
    }


def _with_scores(made: artifact.Artifact, comparison: Comparison) -> artifact.Artifact:
    """The same vectors, with what they scored on the held-out rows."""
    learned = comparison.contestants[-1]
    wanted = ("accuracy", "accuracy_ci", "macro_f1", "nll", "exact_match", "chrf")
    scores = {name: getattr(learned, name) for name in wanted if getattr(learned, name) is not None} | {"test_rows": comparison.n}
    primary = comparison.primary
    card = dataclasses.replace(made.card, scores=made.card.scores | scores, verdict=primary.sentence if primary else "")
    return artifact.Artifact(card, made.tensors)
