"""No GPU is at hand, so this watches instead: every tensor is made on the model's device, and a step waits for the device once.

A tensor made without a device lands on the CPU; on a GPU the next operation would then fail, or copy. A ``.tolist()`` or ``.item()`` waits for
everything that the device has still to do.
"""

import sys
from collections import Counter
from pathlib import Path

import pytest
import tiny
from torch.overrides import TorchFunctionMode

from steering.lm.encode import encode_examples
from steering.lm.generate import Decoding, generate
from steering.methods import LEARNED, METHODS, Setting, options
from steering.spec import Example, Recipe, TaskSpec
from steering.train.events import Step
from steering.train.objective import objective
from steering.train.trainer import Material, Member, Trainer

ROOMS = tuple(str(Path(__file__).parents[2] / "steering" / room) for room in ("lm", "methods", "train"))
FACTORIES = {"tensor", "zeros", "ones", "full", "empty", "arange", "randn", "rand", "randint", "eye", "linspace", "as_tensor", "randperm"}
WAITS = {"item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "__index__", "nonzero"}

LABELS = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})
TEXTS = TaskSpec(kind="generation", template="{text} answer", prompt="the film")


class Watch(TorchFunctionMode):
    """Counts, by the line of ours that did it, factories without a device and waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.homeless: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        place = _ours()
        if place:
            if name in FACTORIES and (kwargs or {}).get("device") is None:
                self.homeless[f"{place} {name}"] += 1
            if name in WAITS:
                self.waits[f"{place} {name}"] += 1
        return func(*args, **(kwargs or {}))


def _ours() -> str:
    """The nearest line of the watched rooms on the stack, if nothing but torch is nearer."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(ROOMS):
            return f"{Path(file).parent.name}/{Path(file).name}:{frame.f_lineno}"
        if any(f"site-packages/{other}" in file for other in ("transformers", "peft", "torch/optim", "torch/nn/utils")):
            return ""  # their code, called by ours
        frame = frame.f_back
    return ""


def _trainer(lm, method, task):
    ends = ("pos", "neg") if task is LABELS else ("great", "awful")
    rows = [Example(row=i, values={"text": f"film {i}"}, target=ends[i % 2], key=f"{i:04}") for i in range(12)]
    recipe = Recipe(steps=4, batch_size=4, evaluate_every=2)
    material = Material(*(objective(lm, task, encode_examples(lm, task, part, 9), 0.2) for part in (rows, rows[:4])))
    members = [Member(lm, METHODS[method].build(lm, Setting(task, rows, seed), options(method, {})), material, recipe, rate=0.05) for seed in (0, 1)]
    return Trainer(lm, members, recipe)


@pytest.mark.parametrize("task", [LABELS, TEXTS], ids=["classification", "generation"])
@pytest.mark.parametrize("method", LEARNED)
def test_every_tensor_has_a_device_and_a_step_waits_once(method, task):
    lm = tiny.build()
    with Watch() as built:
        trainer = _trainer(lm, method, task)
    events = trainer.events()
    list(_until(events, 1))  # the look at step 0 and the first step
    with Watch() as watch:
        waits = []
        for event in trainer.one_step():
            if isinstance(event, Step) and event.member == 0:
                waits = list(watch.waits.elements())
    assert not built.homeless and not watch.homeless
    assert len(waits) == 1 and waits[0].startswith("train/trainer.py") and waits[0].endswith("tolist"), waits


def _until(events, step):
    for event in events:
        yield event
        if isinstance(event, Step) and event.step == step and event.member == 1:
            return


def test_looks_and_answers_make_every_tensor_on_a_device():
    lm = tiny.build()
    for task in (LABELS, TEXTS):
        trainer = _trainer(lm, "prefix_tuning", task)
        with Watch() as watch:
            for _ in _until(trainer.events(), 1):
                pass
            root = trainer.members[0].steering.root().detach()
            for _ in generate(lm, [(root, (5, 6, 7))], Decoding(max_new_tokens=4)):
                pass
        assert not watch.homeless, watch.homeless


def test_the_watch_sees_what_it_should():
    with Watch() as watch:
        from steering.methods import depth  # noqa: F401  (a module of a watched room)

        exec(compile("import torch\nx = torch.zeros(3)\nx.sum().item()\n", f"{ROOMS[0]}/made_up.py", "exec"), {})
    assert watch.homeless == {"lm/made_up.py:2 zeros": 1} and watch.waits == {"lm/made_up.py:3 item": 1}
