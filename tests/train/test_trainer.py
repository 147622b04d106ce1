"""Training learns, keeps the best, resumes bit-equally, and never touches the model."""

import math

import pytest
import tiny
import torch

from steering.errors import TrainingError
from steering.lm.encode import encode_examples, encode_labels
from steering.methods import LEARNED, METHODS, Setting, options
from steering.methods.forms import root_of
from steering.spec import Example, Recipe, TaskSpec
from steering.train.events import Alarm, Finished, Step, Tick, Validation
from steering.train.schedule import batch, epoch_order, learning_rate
from steering.train.trainer import Material, Trainer, label_loss

LABELS = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})
TEXTS = TaskSpec(kind="generation", template="{text} answer", prompt="the film")


@pytest.fixture(scope="module")
def lm():
    """A random model with large weights: its answers depend on the prompt, so that there is something to learn."""
    torch.set_num_threads(1)
    return tiny.build(scale=8.0)


def _examples(count: int, kind: str) -> list[Example]:
    sides = (("great", "pos"), ("awful", "neg"))
    return [
        Example(
            row=i,
            values={"text": f"film {i} {sides[i % 2][0]}"},
            target=sides[i % 2][1] if kind == "classification" else sides[i % 2][0],
            key=f"{i:04}",
        )
        for i in range(count)
    ]


def _trainer(lm, method="prompt_tuning", task=LABELS, **recipe):
    rows = _examples(24, task.kind)
    steering = METHODS[method].build(lm, Setting(task, rows, 0), options(method, {}))
    labels = encode_labels(lm, task) if task.kind == "classification" else None
    material = Material(encode_examples(lm, task, rows, 9), encode_examples(lm, task, rows[:8], 9), labels)
    settings = Recipe(**({"steps": 20, "batch_size": 4, "evaluate_every": 5, "learning_rate": 0.2} | recipe))
    return Trainer(lm, steering, material, settings, rate=METHODS[method].rate)


@pytest.mark.parametrize("task", [LABELS, TEXTS], ids=["classification", "generation"])
@pytest.mark.parametrize("method", LEARNED)
def test_loss_falls_and_weights_stay(lm, method, task):
    before = lm.weights_hash()
    trainer = _trainer(lm, method, task)
    events = list(trainer.events())
    looks = [e for e in events if isinstance(e, Validation)]
    assert looks[0].step == 0 and looks[0].best
    assert min(e.nll for e in looks) < looks[0].nll - 0.01
    assert trainer.best_step == min(looks, key=lambda e: e.nll).step
    assert isinstance(events[-1], Finished) and events[-1].best_step == trainer.best_step
    assert (looks[0].accuracy is None) == (task.kind == "generation")
    assert lm.weights_hash() == before and not lm.model.training


def test_step_zero_is_a_candidate(lm):
    trainer = _trainer(lm, learning_rate=1.9, steps=6, evaluate_every=2, patience=3, anchor=0.0)
    looks = [e for e in trainer.events() if isinstance(e, Validation)]
    if all(e.nll >= looks[0].nll for e in looks):
        assert trainer.best_step == 0
    assert trainer.best_nll == min(e.nll for e in looks)


@pytest.mark.parametrize("method", LEARNED)
def test_resume_is_bit_equal(lm, method):
    whole = _trainer(lm, method)
    events = list(whole.events())
    for cut in (1, 5, 13):
        first = _trainer(lm, method)
        state = None
        for event in first.events():
            if isinstance(event, Step) and event.step == cut:
                state = first.state()
                break
        second = _trainer(lm, method)
        second.restore(state)
        rest = [e for e in second.events() if not isinstance(e, Tick)]
        last_of = [e for e in events if not isinstance(e, Tick)]
        assert rest == last_of[-len(rest) :]
        assert all(torch.equal(second.best[n], whole.best[n]) for n in whole.best)


def test_same_seed_same_result_other_seed_other_order(lm):
    one, two, other = _trainer(lm), _trainer(lm), _trainer(lm, seed=1)
    for trainer in (one, two, other):
        list(trainer.events())
    assert torch.equal(one.best["soft_prompt"], two.best["soft_prompt"])
    assert not torch.equal(one.best["soft_prompt"], other.best["soft_prompt"])


def test_micro_batches_have_the_whole_batchs_gradient(lm, monkeypatch):
    losses = []
    for budget in (10_000, 1):
        monkeypatch.setattr(lm, "tokens_per_slice", budget)
        trainer = _trainer(lm, steps=3)
        losses.append([(e.loss, e.grad_norm) for e in trainer.events() if isinstance(e, Step)])
    for one, other in zip(*losses, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_a_loss_that_is_no_number_keeps_the_best_and_says_so(lm):
    trainer = _trainer(lm)
    events = []
    for event in trainer.events():
        events.append(event)
        if isinstance(event, Step) and event.step == 6:
            with torch.no_grad():
                next(iter(trainer.parameters.values())).fill_(math.nan)
    alarm = next(e for e in events if isinstance(e, Alarm))
    assert alarm.message == f"At step 7 the loss was no longer a number; training stopped and step {trainer.best_step} is kept."
    assert alarm.hint == "Lower the learning rate (now 0.2)."
    assert all(t.isfinite().all() for t in trainer.best.values())


def test_no_finite_loss_before_training_is_refused(lm):
    trainer = _trainer(lm)
    with torch.no_grad():
        next(iter(trainer.parameters.values())).fill_(math.nan)
    with pytest.raises(TrainingError, match="no finite loss for your prompt and rows, before any training"):
        list(trainer.events())


def test_stops_when_validation_stops_improving(lm):
    trainer = _trainer(lm, steps=200, learning_rate=1e-5, evaluate_every=1, patience=2, anchor=0.0)
    trainer.best_nll = -1.0
    trainer.best_step = 0
    trainer.looked_step = 0
    assert list(trainer.events())[-1].reason == "validation stopped improving"
    assert trainer.step == 2


def test_label_loss_with_weight_one_is_full_cross_entropy():
    logp = torch.log_softmax(torch.randn(5, 11, generator=torch.Generator().manual_seed(0)), -1)
    chosen = torch.tensor([0, 1, 2, 1, 0])
    torch.testing.assert_close(label_loss(logp[:, :3], chosen, 1.0), -logp.gather(1, chosen[:, None])[:, 0])


def test_schedule_warms_up_and_ends_at_zero():
    recipe = Recipe(steps=50, warmup=0.1)
    rates = [learning_rate(recipe, 0.05, step) for step in range(1, 51)]
    assert max(rates) == rates[4] == pytest.approx(0.05)
    assert rates[-1] == pytest.approx(0.0, abs=1e-9) and rates[0] == pytest.approx(0.01)


def test_every_epoch_shows_every_row_once_and_balances_where_needed():
    truth = [0] * 12 + [1] * 8
    assert sorted(epoch_order(truth, 20, 0, 0)) == list(range(20))
    uneven = [0] * 18 + [1] * 2
    order = epoch_order(uneven, 20, 0, 0)
    assert sum(uneven[i] for i in order) * 2 == len(order)
    recipe = Recipe(batch_size=5)
    seen = [row for step in range(1, 5) for row in batch(recipe, truth, 20, step)]
    assert sorted(seen) == list(range(20))


def test_trained_vectors_do_what_the_trainer_saw(lm):
    trainer = _trainer(lm)
    looks = [e for e in trainer.events() if isinstance(e, Validation)]
    again = _trainer(lm)
    root = root_of(lm, trainer.best)
    nll = next(item for item in again._validate(root) if isinstance(item, tuple))[0]
    assert nll == pytest.approx(min(e.nll for e in looks), abs=1e-6)
