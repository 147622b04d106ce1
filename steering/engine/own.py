"""A run's own judgement: what it learned against no prompt, your prompt, examples and label balance, on its held-out rows, once it has ended.

The story makes it; the request ``repeat`` makes it again from what the run left, so that a report of it can be checked.
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from steering.engine import contestants, trail
from steering.engine.asking import pinned_rows, to_pins
from steering.engine.beginning import sides
from steering.engine.comparing import groups_of
from steering.engine.judging import Contestant, Judging, judge, question
from steering.engine.memory import Memory
from steering.errors import NotFoundError
from steering.evaluate.results import Comparison, comparison_json
from steering.lm.frozen import FrozenLM
from steering.methods.forms import root_of
from steering.slices import relayed
from steering.spec import RunSpec
from steering.store import Dataset, Store

Judged = tuple[Comparison, dict[str, Any]]


def own_judgement(
    lm: FrozenLM, spec: RunSpec, dataset: Dataset, context: contestants.Context, learned: Contestant, store: Store, memory: Memory, pinned: list[str]
) -> Generator[Judging | None, None, Judged]:
    """Judge ``learned`` on the held-out rows of ``dataset``, and answer the rows whose keys are ``pinned``; the comparison, and it as JSON.

    Yields progress; None: a slice in which something was made.

    Raises:
        InputError: unusable scores; TemplateError: label words that cannot be told apart.
    """
    rows = sides(dataset.examples)["test"]
    own = [f"prompt:{spec.task.prompt}"] if spec.task.prompt.strip() else []
    balance = ["manual+bias"] if own and spec.task.kind == "classification" else []
    entered: dict[str, Contestant] = {}
    for name in dict.fromkeys(["none", *own, spec.imitate or f"few-shot:{spec.few_shot}", *balance]):
        entered[name] = yield from contestants.enter(lm, name, context)
    many = [*entered.values(), learned]
    rival = entered[spec.imitate] if spec.imitate else many[len(own)]
    reveal = store.reveal(*question(many, rows))
    groups = groups_of(rows, dataset.reading.get("group_column"))
    for item in judge(lm, spec.task, many, rows, primary=(learned.name, rival.name), reveal=reveal, groups=groups, memory=memory):
        if isinstance(item, Comparison):
            comparison = item
            break
        yield item
    pins = yield from relayed(to_pins(lm, spec.task, many, pinned_rows(dataset.examples, pinned), memory, own=True), lambda _: None)
    about = {"inputs": [row.values for row in rows], "lines": [row.row for row in rows], "reveal": reveal, "pins": pins}
    return comparison, comparison_json(comparison) | about


def left_by(lm: FrozenLM, store: Store, run: str, context: contestants.Context) -> Contestant:
    """What a run that ended had learned, as it judged it then: its saved prompt, with the other seeds beside it.

    Raises:
        NotFoundError: it left no saved prompt, or that was deleted; ArtifactError: the prompt is of another model.
    """
    events = store.events(run, ("artifact",))
    if not events:
        raise NotFoundError("this run left no saved prompt.", "Judge a run that is done.")
    saved, vectors = contestants.fitting(lm, context.folders, events[-1].data["name"])
    others = [root_of(lm, {name: t.to(lm.device) for name, t in one.items()}) for _, one in trail.read_seeds(store.home / "runs" / run)]
    made = contestants.learned(lm, saved.card.method, root_of(lm, vectors), f"{run} {events[-1].data['steps']}")
    return replace(made, siblings=tuple(root.detach() for root in others))
