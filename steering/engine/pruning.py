"""Saved prompts made from saved prompts: without the slots that hurt, or at another strength. Chosen on validation rows,
reported on held-out ones."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from steering import artifact
from steering.engine.views import Measured, subject_with_rows
from steering.engine.views import subject as as_subject
from steering.errors import SpecError
from steering.evaluate.shares import mean
from steering.inspect.bench import Scored
from steering.inspect.between import vectors_at
from steering.inspect.between import zones as measure_zones
from steering.inspect.contract import Progress, Subject
from steering.inspect.masking import prune as prune_slots
from steering.inspect.phrases import nats, rounded
from steering.inspect.subjects import bench, learned
from steering.inspect.zones import Zones, zones_json
from steering.lm.frozen import FrozenLM
from steering.slices import relayed

if TYPE_CHECKING:
    from torch import Tensor

    from steering.engine.requests import Office

Slices = Iterator[dict[str, Any]]


def prune(office: "Office", payload: dict[str, Any]) -> Slices:
    """Take the harmful slots out of ``payload["name"]`` and save the rest under a name of its own.

    Where no slot's removal helps the validation rows nothing is saved, and ``artifact`` is empty.

    Raises:
        NotFoundError, ArtifactError: no such prompt; DataError: no held-out or no validation rows.
    """
    lm, made = office.lm, office.saved(payload["name"])
    subject = subject_with_rows(lm, office.store, made, Measured(data=payload.get("data", ""), rows=payload.get("rows", "")))
    rows = bench(lm, subject, subject.validation, learned(lm, subject))
    pruned = yield from relayed(prune_slots(lm, subject, rows), _said)
    result: dict[str, Any] = {"artifact": "", "slots": [slot + 1 for slot in pruned.slots]}
    result["validation"] = {"rows": len(rows), "before": round(pruned.before, 5), "after": round(pruned.after, 5)}
    if not pruned.slots:
        yield result | {"sentence": "No slot was taken out: none of those tried lowers the loss on the validation rows."}
        return
    report = yield from _report(lm, subject, pruned.subject)
    who = ", ".join(str(slot + 1) for slot in pruned.slots)
    result["sentence"] = f"Without slot {who}, chosen on {len(rows)} validation rows: {report['sentence']}"
    wanted = f"{made.card.title or made.card.name} without {len(pruned.slots)} slots"
    yield result | {"held_out": report, "artifact": _save(office, made, pruned.subject, wanted, report)}


def strengthen(office: "Office", payload: dict[str, Any]) -> Slices:
    """Save ``payload["name"]`` at ``payload["strength"]``, with its score on the held-out rows.

    Raises:
        NotFoundError, ArtifactError: no such prompt, or its start is not recorded; SpecError: the strength is no number.
    """
    lm, made = office.lm, office.saved(payload["name"])
    strength = payload.get("strength")
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not np.isfinite(strength) or abs(strength) > 10:
        raise SpecError(f"a strength is {strength!r}, expected a number from -10 to 10.", "0 is the start, 1 the learned prompt.")
    subject = subject_with_rows(lm, office.store, made, Measured(data=payload.get("data", ""), rows=payload.get("rows", "")))
    changed = replace(subject, vectors=vectors_at(lm, subject, float(strength)))
    report = yield from _report(lm, subject, changed)
    saved = _save(office, made, changed, f"{made.card.title or made.card.name} at {strength:g}", report)
    yield {"artifact": saved, "strength": strength, "held_out": report, "sentence": f"At strength {strength:g}: {report['sentence']}"}


def zones(office: "Office", payload: dict[str, Any]) -> Slices:
    """How far the strength of ``payload["name"]`` may go: ``normal`` and ``caution`` as ranges, and the ``factors`` that they come
    from. Kept under the artifact's digest, as view "zones".

    Raises:
        NotFoundError, ArtifactError: no such prompt, or its start is not recorded.
    """
    made = office.saved(payload["name"])
    found: Zones = yield from relayed(measure_zones(office.lm, as_subject(office.lm, made)), _said)
    told = zones_json(found)
    office.store.put_view(made.digest, "zones", told)
    yield told


def _report(lm: FrozenLM, before: Subject, after: Subject) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Both on the held-out rows, paired."""
    roots = learned(lm, before), learned(lm, after)
    rows = bench(lm, before, before.rows, *roots)
    old: Scored = yield from relayed(rows.score(roots[0], "running it as it was"), _said)
    new: Scored = yield from relayed(rows.score(roots[1], "running it as it is now"), _said)
    change = mean(new.loss - old.loss)
    found = {"rows": len(rows), **rounded(change, "change"), "loss": round(float(new.loss.mean()), 5)}
    if new.correct is not None:
        found |= {"accuracy_before": round(float(old.correct.mean()), 5), "accuracy": round(float(new.correct.mean()), 5)}
    return found | {"sentence": f"the loss on {len(rows)} held-out rows changes by {nats(change)}."}


def _save(office: "Office", made: artifact.Artifact, subject: Subject, wanted: str, report: dict[str, Any]) -> str:
    """A new artifact of the same task; its scores are its own."""
    tensors = {name: _array(tensor) for name, tensor in subject.vectors.items()}
    scores = {"nll": report["loss"], "test_rows": report["rows"]} | ({"accuracy": report["accuracy"]} if "accuracy" in report else {})
    card = replace(
        made.card,
        name=artifact.free_name(office.folders, wanted),
        title=wanted,
        virtual_tokens=learned(office.lm, subject).length,
        start_ids=subject.start_ids,
        header=subject.header,
        scores=scores,
        verdict="",
        run="",
    )
    artifact.write(office.folders[0], artifact.Artifact(card, tensors))
    return card.name


def _array(tensor: "Tensor") -> "np.ndarray[Any, np.dtype[np.float32]]":
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float32)


def _said(item: Progress) -> dict[str, Any]:
    """Progress as a request's result."""
    return {"progress": {"done": item.done, "total": item.total, "message": item.message}}
