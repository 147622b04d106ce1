"""A run from beginning to end: train, judge, read the vectors, save. A generator of slices; what it says goes to its desk.

Every phase can be cut anywhere and begun again: training continues from its checkpoint, the short phases after it are simply repeated, and
events are keyed so that repeating overwrites.
"""

import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from steering import artifact
from steering.engine import contestants, trail
from steering.engine.beginning import Beginning, begin
from steering.engine.desk import Desk
from steering.engine.estimate import estimate
from steering.engine.foldwise import foldwise
from steering.engine.judging import Judging
from steering.engine.own import Judged, own_judgement
from steering.engine.teaching import agreement
from steering.engine.views import VIEWS_AFTER, ask_later, look_and_keep
from steering.evaluate.results import Comparison
from steering.knobs import to_json
from steering.lm.encode import scoring
from steering.lm.frozen import FrozenLM
from steering.methods.forms import root_of
from steering.spec import RunSpec
from steering.store import Dataset
from steering.train.events import Snapshot, Tick
from steering.train.gradients import Thrift
from steering.train.schedule import legs
from steering.train.trainer import Trainer


def story(lm: FrozenLM, spec: RunSpec, dataset: Dataset, desk: Desk) -> Iterator[None]:
    """Do the whole run, a slice a yield. Returns early where the desk is asked to stop; the desk then holds checkpoint and artifact.

    Raises:
        SteeringError: of any room; the caller files it with the run.
    """
    desk.store.update_run(desk.run, phase="asking the teacher" if spec.imitate else "preparing")
    begun = yield from begin(lm, spec, dataset, desk.starts(spec), desk.inputs(spec.inputs))
    trainer = begun.trainer
    started = time.time()
    yield
    yield from _prepare(lm, spec, begun, desk)
    finished = yield from _train(trainer, desk)
    _say_progress(desk, "saving", trainer)
    made = _artifact(lm, spec, begun, desk)
    path = desk.save_artifact(made)
    desk.put("artifact", trainer.step, _saved(path, made, trainer, time.time() - started))
    if not finished:
        return
    if begun.parts:
        yield from _judge_folds(lm, spec, begun, dataset, desk)
    comparison = yield from _judge(lm, spec, begun, dataset, desk)
    if comparison is not None:
        if begun.lesson is not None:
            desk.put("imitation", trainer.step, agreement(lm, begun.lesson, root_of(lm, trainer.best).detach(), comparison))
        made = _with_scores(made, comparison)
        path = desk.save_artifact(made)
        desk.put("artifact", trainer.step, _saved(path, made, trainer, time.time() - started))
    if desk.stopping:
        return
    _say_progress(desk, "reading", trainer)
    for name in VIEWS_AFTER:
        for _ in look_and_keep(lm, desk.store, made, name):
            yield
    ask_later(desk.store, path.stem, made)


def _prepare(lm: FrozenLM, spec: RunSpec, begun: Beginning, desk: Desk) -> Generator[None, None, None]:
    """Say what begins; continue from a checkpoint, or measure first what it will take."""
    trainer, state = begun.trainer, desk.load_checkpoint()
    _say_started(lm, spec, begun, desk)
    if state is not None:
        trainer.restore(state)
    else:
        desk.store.update_run(desk.run, phase="measuring")
        found = yield from estimate(begun.fresh())
        trainer.thrift = Thrift(found.budget, found.recompute)
        desk.put("estimate", 0, to_json(found))
    desk.store.update_run(desk.run, phase="training", step=trainer.step, steps=trainer.leg_start + sum(legs(spec.recipe)[trainer.leg :]))


def _say_started(lm: FrozenLM, spec: RunSpec, begun: Beginning, desk: Desk) -> None:
    first, trainer = begun.steerings[0], begun.trainer
    desk.put(
        "started",
        0,
        {
            "virtual_tokens": first.root().length,
            "trainable_parameters": sum(p.numel() for p in first.parameters().values()),
            "file_bytes": sum(4 * t.numel() for t in first.vectors().values()),
            "rows": {side: len(rows) for side, rows in begun.by_side.items()},
            "validation_rows": len(begun.looked_at),
            "cut_rows": begun.cut,
            "watched": [{"values": row.values, "target": row.target} for row in begun.watched],
            "note": first.note,
            "label_note": scoring(lm, spec.task).note if spec.task.kind == "classification" else "",
            "rate": trainer.members[0].rate,
            "seeds": len(trainer.candidates),
            "folds": trainer.folds,
            "dtype": str(lm.dtype).removeprefix("torch."),
            "device": str(lm.device),
            "layout": lm.layout,
        },
    )


def _train(trainer: Trainer, desk: Desk) -> Generator[None, None, bool]:
    """Train to the end; returns False where a stop was asked for. Vectors that are not chosen are kept beside those that are."""
    finished = yield from _follow(trainer, desk)
    desk.save_checkpoint(trainer.state())
    trail.keep_trail(desk.folder, trainer.chosen)
    trail.write_seeds(desk.folder, {member.recipe.seed: member.best for member in trainer.siblings})
    return finished


def _follow(trainer: Trainer, desk: Desk) -> Generator[None, None, bool]:
    for event in trainer.events():
        if isinstance(event, Tick):
            yield
            continue
        if isinstance(event, Snapshot):
            trail.add_snapshot(desk.folder, event.member, event.step, event.vectors)
            continue
        kind, data = type(event).__name__.lower(), to_json(event)
        desk.put(_key(kind, data), data["step"], data, step=trainer.step)
        if trainer.settled:
            if desk.stopping:
                return False
            if desk.checkpoint_due:
                desk.save_checkpoint(trainer.state())
            yield
    return True


def _key(kind: str, data: dict[str, object]) -> str:
    """Events are stored by step and kind: alarms of different kinds and members of one run stand side by side."""
    if kind in ("alarm", "passed"):
        return f"{kind}.{data['kind']}"
    return f"{kind}.{data['member']}" if kind in ("step", "validation") and data["member"] else kind


def _say_progress(desk: Desk, phase: str, trainer: Trainer) -> None:
    desk.store.update_run(desk.run, phase=phase, step=trainer.step)


def _judge(lm: FrozenLM, spec: RunSpec, begun: Beginning, dataset: Dataset, desk: Desk) -> Generator[None, None, Comparison | None]:
    """Judge on the held-out rows; returns the comparison, None where there are no such rows or a stop was asked for."""
    by_side, trainer = begun.by_side, begun.trainer
    if not by_side["test"]:
        return None
    _say_progress(desk, "judging", trainer)
    context = contestants.Context(spec.task, by_side["train"], desk.folders, by_side["validation"], desk.store)
    others = tuple(root_of(lm, member.best).detach() for member in trainer.siblings)
    learned = contestants.learned(lm, begun.kept[0].method, root_of(lm, trainer.best), f"{desk.run} {trainer.step}")
    pinned = desk.store.pins(dataset.name)
    judging = own_judgement(lm, spec, dataset, context, replace(learned, siblings=others), desk.store, desk.store, pinned)
    while True:
        try:
            item = next(judging)
        except StopIteration as end:
            judged: Judged = end.value
            desk.put("comparison", trainer.step, judged[1])
            return judged[0]
        if desk.stopping:
            return None
        if item is not None and _worth_saying(item):
            desk.put("judging", 0, asdict(item))
        yield


def _judge_folds(lm: FrozenLM, spec: RunSpec, begun: Beginning, dataset: Dataset, desk: Desk) -> Generator[None, None, None]:
    """The rows that were learned from, each judged by the fold that never saw it."""
    _say_progress(desk, "judging", begun.trainer)
    judging = foldwise(lm, spec, begun, desk, dataset.report.get("groups") or {})
    while not desk.stopping:
        try:
            next(judging)
        except StopIteration as end:
            desk.put("crossval", begun.trainer.step, end.value)
            return
        yield


def _worth_saying(item: Judging) -> bool:
    return item.done % 16 == 0 or item.done == item.rows


def _artifact(lm: FrozenLM, spec: RunSpec, begun: Beginning, desk: Desk) -> artifact.Artifact:
    trainer = begun.trainer
    plan, steering = begun.kept
    tensors = {name: np.ascontiguousarray(t.cpu().numpy(), dtype=np.float32) for name, t in trainer.best.items()}
    card = artifact.Card(
        name=artifact.safe_name(spec.name),
        title=spec.name,
        method=plan.method,
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


def _saved(path: Path, made: artifact.Artifact, trainer: Trainer, seconds: float) -> dict[str, object]:
    return {
        "name": path.stem,
        "path": str(path),
        "file_bytes": path.stat().st_size,
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
    card = replace(made.card, scores=made.card.scores | scores, verdict=primary.sentence if primary else "")
    return artifact.Artifact(card, made.tensors)
