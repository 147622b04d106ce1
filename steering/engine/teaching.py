"""A long prompt as a teacher: what it answers to inputs without labels, as material to train on, and how well its pupil agrees in the end."""

import statistics
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from steering.data import fields, text_key
from steering.engine.judging import Contestant
from steering.errors import DataError
from steering.evaluate.intervals import wilson
from steering.evaluate.results import Comparison
from steering.lm.encode import Encoded, encode_examples, scoring
from steering.lm.forest import Branch, Tree
from steering.lm.frozen import FrozenLM
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root
from steering.lm.scoring import Ids
from steering.spec import Example, Kind, RunSpec, Side, TaskSpec
from steering.train.imitation import Imitation
from steering.train.objective import Text
from steering.train.trainer import Material

HELD_BACK = 5
"""Of inputs without labels every fifth decides instead of teaching."""

FEWEST = 16
ROWS_AT_ONCE = 32
TIMED = 5


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the teacher gave: material, the rows that decide, how many rows were shortened to fit, and the teacher itself."""

    material: Material
    looked_at: tuple[Example, ...]
    cut: int
    teacher: Contestant


def taught(
    lm: FrozenLM, spec: RunSpec, teacher: Contestant, by_side: dict[Side, list[Example]], inputs: Sequence[str], length: int
) -> Generator[None, None, Lesson]:
    """Let the teacher answer all training and validation inputs. ``inputs`` take the place of the training and validation rows where there are any.

    Raises:
        DataError: fewer than 16 inputs.
    """
    rows = {"train": by_side["train"], "validation": by_side["validation"]} if not inputs else _unlabelled(spec.task, inputs)
    if len(rows["train"]) < FEWEST:
        raise DataError(f"there are {len(rows['train'])} inputs to learn from, expected at least {FEWEST}.", "Give more texts; they need no labels.")
    looked_at = rows["validation"][: spec.recipe.validation_rows]
    room = max(length, teacher.root.length)
    objectives, cut = [], 0
    for part in (rows["train"], looked_at):
        made, short = yield from _TEACHING[spec.task.kind](lm, spec, teacher, part, room)
        objectives.append(made)
        cut += short
    return Lesson(Material(objectives[0], objectives[1]), tuple(looked_at), cut, teacher)


def _unlabelled(task: TaskSpec, texts: Sequence[str]) -> dict[str, list[Example]]:
    """Texts as examples, every fifth to decide, in the order of their keys. What stands as their target is never read."""
    names = fields(task.template) or ["text"]
    anything = next(iter(task.label_words), "")
    values = [dict.fromkeys(names, "") | {names[0]: text} for text in dict.fromkeys(texts) if text.strip()]
    made = sorted((Example(row=i + 1, values=v, target=anything, key=text_key(v[names[0]])) for i, v in enumerate(values)), key=lambda e: e.key)
    held = made[HELD_BACK - 1 :: HELD_BACK]
    return {"train": [e for i, e in enumerate(made) if (i + 1) % HELD_BACK], "validation": held}


Teaching = Generator[None, None, tuple[Imitation | Text, int]]


def _labels(lm: FrozenLM, spec: RunSpec, teacher: Contestant, rows: Sequence[Example], room: int) -> Teaching:
    """The teacher's label shares."""
    data, labels = encode_examples(lm, spec.task, rows, room), scoring(lm, spec.task)
    parts = []
    for _, log_probs in teacher.scorer(lm, teacher.root, data.inputs, labels):
        parts.append(log_probs)
        yield
    return Imitation(data=data, labels=labels, teacher=torch.cat(parts), format_weight=spec.recipe.format_weight), data.cut


def _texts(lm: FrozenLM, spec: RunSpec, teacher: Contestant, rows: Sequence[Example], room: int) -> Teaching:
    """The teacher's texts become the targets (Kim & Rush 2016, sequence-level distillation, https://arxiv.org/abs/1606.07947)."""
    task = spec.task
    inputs = encode_examples(lm, task, rows, room).inputs
    texts = yield from _written(lm, task, teacher.root, inputs)
    data: Encoded = encode_examples(lm, task, [replace(row, target=text) for row, text in zip(rows, texts, strict=True)], room)
    return Text(data=data, stop_newline=task.stop == "newline"), data.cut


def _written(lm: FrozenLM, task: TaskSpec, root: Root, inputs: Sequence[Ids]) -> Generator[None, None, list[str]]:
    decoding = Decoding(max_new_tokens=task.max_new_tokens, stop_newline=task.stop == "newline")
    with torch.no_grad():
        shared = lm.to_kv(root)
    texts: list[str] = []
    for answers in generate(lm, [(shared, ids) for ids in inputs], decoding, ROWS_AT_ONCE):
        texts = [answer.text for answer in answers]
        yield
    return texts


_TEACHING: dict[Kind, Callable[[FrozenLM, RunSpec, Contestant, Sequence[Example], int], Teaching]] = {"classification": _labels, "generation": _texts}


# -- what came of it ------------------------------------------------------------------------------------------------------------------------------
def agreement(lm: FrozenLM, lesson: Lesson, learned: Root, comparison: Comparison) -> dict[str, Any]:
    """How often the pupil answers as its teacher on the judged rows, with a 95 % interval (Wilson), and what a request of each costs."""
    by_name = {one.name: one for one in comparison.contestants}
    ours, theirs = by_name["learned"].predictions, by_name[lesson.teacher.name].predictions
    same, rows = sum(a == b for a, b in zip(ours, theirs, strict=True)), len(ours)
    interval = wilson(same, rows)
    before, after = (first_token_seconds(lm, root) for root in (lesson.teacher.root, learned))
    saved = lesson.teacher.root.length - learned.length
    sentence = (
        f"It answers as {lesson.teacher.spoken} on {same} of {rows} held-out inputs, with {learned.length} virtual tokens in place of "
        f"{lesson.teacher.root.length} ({saved} tokens less a request), and reads them in {after / before:.0%} of the time."
    )
    return {
        "teacher": lesson.teacher.name,
        "agreement": same / rows,
        "agreement_ci": list(interval),
        "n": rows,
        "teacher_tokens": lesson.teacher.root.length,
        "tokens": learned.length,
        "teacher_prefill_seconds": before,
        "prefill_seconds": after,
        "sentence": sentence,
    }


def first_token_seconds(lm: FrozenLM, root: Root) -> float:
    """Median seconds from the steering and a short input to the first logits; keys and values that are there already cost nothing."""
    ids = lm.encode("one short text")[:4] or (0,)
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        with torch.no_grad():
            lm.logits([Tree(root, (Branch(ids, 1),))])[0, 0].item()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
