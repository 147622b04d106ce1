"""What a person waits for: answers, views, comparisons. One handler a kind, each a generator of growing results, behind one table."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from steering import artifact
from steering.engine import contestants
from steering.engine.asking import pins
from steering.engine.beginning import begin
from steering.engine.certainty import certainty
from steering.engine.comparing import compare
from steering.engine.composed import composition
from steering.engine.contest import contest, repeat
from steering.engine.cost import cost
from steering.engine.crossval import cross_validate
from steering.engine.curve import curve
from steering.engine.estimate import Estimate, estimate
from steering.engine.exchange import bring_in
from steering.engine.judging import Contestant
from steering.engine.ladder import ladder
from steering.engine.pruning import prune, strengthen, zones
from steering.engine.reading import reading
from steering.engine.tinting import tint
from steering.engine.together import together
from steering.engine.views import Measured, look_and_keep
from steering.engine.workshop import workshop
from steering.knobs import from_json, to_json
from steering.lm.chat import chat_parts
from steering.lm.encode import encode_text, scoring
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.slices import relayed
from steering.spec import Example, RunSpec, TaskSpec
from steering.store import Store


@dataclass(frozen=True, slots=True)
class Office:
    """What handlers work with."""

    lm: FrozenLM
    store: Store
    folders: list[Path]

    def context(self, payload: dict[str, Any]) -> contestants.Context:
        """Task and training rows of a request."""
        task = from_json(TaskSpec, payload["task"])
        train = self.store.dataset(payload["train"]).examples if payload.get("train") else ()
        by_side = {side: [e for e in train if e.side == side] for side in ("train", "validation")}
        rows = {side: self.store.dataset(payload[side]).examples for side in ("validation",) if payload.get(side)}
        declared = {spec: frozenset(e.key for e in self.store.dataset(one).examples) for spec, one in payload.get("declared", {}).items()}
        return contestants.Context(task, by_side["train"], self.folders, rows.get("validation", by_side["validation"]), self.store, declared)

    def saved(self, name: str) -> artifact.Artifact:
        """A saved prompt of the loaded model.

        Raises:
            NotFoundError, ArtifactError: no such prompt, or one of another model.
        """
        made = artifact.read(artifact.find(self.folders, name))
        artifact.require_fit(made.card, model=self.lm.id, fingerprint=self.lm.fingerprint)
        return made

    def enter(self, specs: list[str], context: contestants.Context) -> Generator[dict[str, Any], None, list[Contestant]]:
        """All contestants by their written forms; yields while something is fitted."""
        entered = []
        for spec in specs:
            one = yield from relayed(self.contestant(spec, context), lambda _: {})
            entered.append(one)
        return entered

    def contestant(self, spec: str, context: contestants.Context) -> Generator[None, None, Contestant]:
        """A contestant by its written form; ``run:ID`` is what a run holds as its best so far."""
        return (yield from contestants.enter(self.lm, spec, context))


def answer(office: Office, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Outputs of all contestants for one text, side by side, streamed from one batch; for classification, label probabilities first."""
    lm, context = office.lm, office.context(payload)
    task = context.task
    entered = yield from office.enter(payload["contestants"], context)
    decoding = from_json(Decoding, {"max_new_tokens": task.max_new_tokens, "stop_newline": task.stop == "newline"} | payload.get("decoding", {}))
    ids = encode_text(lm, task, payload["values"], max(c.root.length for c in entered))
    typed = Example(row=0, values=payload["values"], target="", key="")
    start = time.perf_counter()
    outputs: list[dict[str, Any]] = [{"name": c.name, "kind": c.kind, "fingerprint": c.fingerprint, "prompt_tokens": c.root.length} for c in entered]
    if task.kind == "classification":
        labels = scoring(lm, task)
        for output, contestant in zip(outputs, entered, strict=True):
            began = time.perf_counter()
            root = contestant.root if contestant.row_root is None else contestant.row_root(typed)
            for _, log_probs in contestant.scorer(lm, root, [ids], labels):
                shares = torch.softmax(log_probs[0], -1).tolist()
                output["labels"] = dict(zip(task.label_words, shares, strict=True))
            output["seconds"] = round(time.perf_counter() - began, 3)
            output["text"] = max(output["labels"], key=output["labels"].get)
            output["tokens"] = 1
            yield {"outputs": outputs}
        return
    roots = [c.root if c.row_root is None else c.row_root(typed) for c in entered]
    for answers in generate(lm, [(root, ids) for root in roots], decoding):
        for output, one in zip(outputs, answers, strict=True):
            if not output.get("done"):
                output |= {"text": one.text, "tokens": one.tokens, "done": one.done, "seconds": round(time.perf_counter() - start, 3)}
        yield {"outputs": outputs}


def inspect(office: Office, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One view of a saved prompt; the result is kept in the store and only named here. Until then: ``progress``, and perhaps a ``preview``."""
    lm, (made, other) = office.lm, (office.saved(payload[key]) if payload.get(key) else None for key in ("name", "other"))
    assert made is not None
    given = {key: str(payload.get(key, "")) for key in ("data", "rows", "text")}
    measured = Measured(other=other, prompts=tuple(payload.get("prompts", ())), **given)
    yield from look_and_keep(lm, office.store, made, payload["view"], measured, again=bool(payload.get("again")))
    yield {"artifact": made.digest, "view": payload["view"]}


def describe(office: Office, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Load the model and say what it is: a warm-up, and a refusal before anything starts."""
    lm = office.lm
    yield {"id": lm.id, "fingerprint": lm.fingerprint, "device": str(lm.device), "dtype": str(lm.dtype).removeprefix("torch."), "layout": lm.layout}


def estimated(office: Office, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a run would take, by a dry run on this machine; a refusal where it cannot fit."""
    spec = from_json(RunSpec, payload["spec"])
    found: list[Estimate] = []

    def work() -> Generator[None, None, None]:
        # Without the teacher: what it costs to learn does not depend on what is learned. A pupil has no folds.
        alone = replace(spec, imitate="", recipe=replace(spec.recipe, folds=0)) if spec.imitate else spec
        begun = yield from begin(office.lm, alone, office.store.dataset(spec.dataset), office.folders)
        found.append((yield from estimate(begun.trainer)))

    for _ in work():
        yield {}
    yield to_json(found[0])


def read(office: Office, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the model reads of a dataset under a task."""
    yield from reading(office.lm, from_json(TaskSpec, payload["task"]), office.store.dataset(payload["dataset"]).examples)


def chat(office: Office, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The model's chat format as text before and after a message."""
    before, after = chat_parts(office.lm)
    yield {"before": before, "after": after}


def certain(office: Office, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Which rows a contestant is least certain of."""
    context = office.context(payload)
    (contestant,) = yield from office.enter([payload["contestant"]], context)
    yield from certainty(office.lm, contestant.root, context.task, [(int(line), str(text)) for line, text in payload["rows"]])


Handler = Callable[[Office, dict[str, Any]], Iterator[dict[str, Any]]]


def kept(kind: str, handler: Handler) -> Handler:
    """The handler, its last result kept in the store under an id of its own (``finding``), for the page to show after the request is forgotten."""

    def run(office: Office, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        last: dict[str, Any] = {}
        for result in handler(office, payload):
            last = result or last
            yield result
        yield last | {"finding": office.store.keep_finding(kind, payload, last)}

    return run


HANDLERS: dict[str, Handler] = {
    "generate": answer,
    "inspect": inspect,
    "contest": contest,
    "repeat": repeat,
    "compare": kept("compare", compare),
    "cross_validate": kept("cross_validate", cross_validate),
    "cost": cost,
    "pins": kept("pins", pins),
    "composition": kept("composition", composition),
    "curve": kept("curve", curve),
    "ladder": kept("ladder", ladder),
    "workshop": workshop,
    "together": together,
    "describe": describe,
    "read": read,
    "certainty": certain,
    "chat": chat,
    "estimate": estimated,
    "import": bring_in,
    "prune": prune,
    "strength": strengthen,
    "tint": tint,
    "zones": zones,
}
