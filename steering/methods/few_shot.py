"""Few-shot prompting: the manual prompt followed by solved training rows (Brown et al. 2020)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steering.errors import DataError
from steering.knobs import knob
from steering.methods.contract import Setting, Steering
from steering.spec import Example, TaskSpec

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotOptions:
    """How many rows are shown."""

    demonstrations: int = knob(4, "training rows shown with their answer", low=1, high=64, expert=False, unit="rows")


class FewShot:
    """Steering by demonstrations drawn from the training rows, classes in turn."""

    name = "few_shot"
    title = "Few-shot"
    summary = "Your prompt plus a few solved training rows; nothing is trained, but every request pays for the longer prompt."
    learned = False
    rate = 0.0
    Options = FewShotOptions

    def build(self, lm: "FrozenLM", setting: Setting, options: FewShotOptions) -> Steering:
        from steering.methods.vectors import Text

        task = setting.task
        return Text(lm, demonstrations(task, draw(task, setting.train, options.demonstrations, setting.seed)))


def demonstrations(task: TaskSpec, rows: Sequence[Example]) -> str:
    """The manual prompt followed by solved rows."""
    from steering.lm.encode import demonstration, prompt_text

    return prompt_text(task.prompt) + "".join(demonstration(task, row) for row in rows)


def draw(task: TaskSpec, train: Sequence[Example], count: int, seed: int) -> list[Example]:
    """``count`` demonstrations: shuffled by ``seed``, one of every class in turn, so that no class is missing before all have one.

    Raises:
        DataError: there are no training rows.
    """
    if not train:
        raise DataError("few-shot needs training rows to show, and there are none.", "Give training rows (--train FILE), or leave few-shot out.")
    rows = sorted(train, key=lambda e: e.key)
    random.Random(seed).shuffle(rows)
    piles: dict[str, list[Example]] = {}
    for row in rows:
        piles.setdefault(row.target if task.kind == "classification" else "", []).append(row)
    chosen: list[Example] = []
    while len(chosen) < min(count, len(rows)):
        for pile in piles.values():
            if pile and len(chosen) < count:
                chosen.append(pile.pop())
    random.Random(seed + 1).shuffle(chosen)
    return chosen
