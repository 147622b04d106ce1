"""Training learns, keeps the best, resumes bit-equally, and never touches the model."""

import math
from dataclasses import replace

import pytest
import tiny
import torch

from steering.errors import TrainingError
from steering.lm.encode import encode_examples
from steering.methods import LEARNED, METHODS, Setting, options
from steering.methods.forms import root_of
from steering.spec import Example, Recipe, TaskSpec
from steering.train.events import Alarm, Finished, Snapshot, Step, Tick, Validation, Watched
from steering.train.objective import Measured, label_loss, objective
from steering.train.schedule import batch, epoch_order, learning_rate
from steering.train.trainer import Material, Member, Trainer

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


def _member(lm, method="prompt_tuning", task=LABELS, **recipe):
    rows = _examples(24, task.kind)
    settings = Recipe(**({"steps": 20, "batch_size": 4, "evaluate_every": 5, "learning_rate": 0.2} | recipe))
    steering = METHODS[method].build(lm, Setting(task, rows, settings.seed), options(method, {}))
    sides = (objective(lm, task, encode_examples(lm, task, part, 9), settings.format_weight) for part in (rows, rows[:8]))
    return Member(lm, steering, Material(*sides), settings, rate=METHODS[method].rate)


def _trainer(lm, method="prompt_tuning", task=LABELS, **recipe):
    member = _member(lm, method, task, **recipe)
    return Trainer(lm, [member], member.recipe)


def _said(events):
    """What can be compared: slices and tensors left out."""
    return [e for e in events if not isinstance(e, (Tick, Snapshot))]


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
        rest, last_of = _said(second.events()), _said(events)
        assert rest == last_of[-len(rest) :]
        assert all(torch.equal(second.best[n], whole.best[n]) for n in whole.best)


def _ran(lm, monkeypatch, method, **recipe):
    """Snapshots by step, and the vectors that every step left."""
    moved = []
    move = Member.move

    def watched(member, rate):
        move(member, rate)
        moved.append(member.steering.vectors())

    monkeypatch.setattr(Member, "move", watched)
    trainer = _trainer(lm, method, **recipe)
    shots = {e.step: e.vectors for e in trainer.events() if isinstance(e, Snapshot)}
    return trainer, shots, moved


@pytest.mark.parametrize("method", LEARNED)
def test_what_is_looked_at_and_kept_is_the_running_mean(lm, monkeypatch, method):
    trainer, shots, moved = _ran(lm, monkeypatch, method, average=0.75)
    mean = shots[0]
    for step, now in enumerate(moved, start=1):
        mean = {name: 0.75 * mean[name] + 0.25 * now[name] for name in now}
        for name in mean if step in shots else ():
            torch.testing.assert_close(shots[step][name], mean[name])
    assert len(moved) == 20 and any(not torch.equal(shots[20][name], moved[-1][name]) for name in mean)
    assert all(torch.equal(trainer.best[name], shots[trainer.best_step][name]) for name in mean)


@pytest.mark.parametrize("method", LEARNED)
def test_without_a_share_of_the_past_the_mean_is_the_last_step(lm, monkeypatch, method):
    _, shots, moved = _ran(lm, monkeypatch, method, average=0.0)
    assert set(shots) == {0, 5, 10, 15, 20}
    assert all(torch.equal(shots[step][name], now) for step in (5, 10, 15, 20) for name, now in moved[step - 1].items())


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
                next(iter(trainer.members[0].parameters.values())).fill_(math.nan)
    alarm = next(e for e in events if isinstance(e, Alarm) and e.kind == "not_finite")
    assert alarm.message == f"At step 7 the loss was no longer a number; training stopped and step {trainer.best_step} is kept."
    assert alarm.hint == "Lower the learning rate (now 0.2)."
    assert all(t.isfinite().all() for t in trainer.best.values())


def test_no_finite_loss_before_training_is_refused(lm):
    trainer = _trainer(lm)
    next(iter(trainer.members[0].mean.values())).fill_(math.nan)
    with pytest.raises(TrainingError, match="no finite loss for your prompt and rows, before any training"):
        list(trainer.events())


def test_stops_when_validation_stops_improving(lm):
    trainer = _trainer(lm, steps=200, learning_rate=1e-5, evaluate_every=1, patience=2, anchor=0.0)
    (member,) = trainer.members
    member.best_nll, member.best_step, member.looked_step = -1.0, 0, 0
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
    nll = next(item for item in again.members[0].material.validation.measure(lm, root) if isinstance(item, Measured)).nll
    assert nll == pytest.approx(min(e.nll for e in looks), abs=1e-6)


# -- members that are trained together ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["prompt_tuning", "prefix_tuning", "lora"])
def test_members_train_as_they_would_alone(lm, method):
    together = Trainer(lm, [_member(lm, method, seed=seed, steps=6) for seed in (0, 1, 2)], Recipe(steps=6, batch_size=4, evaluate_every=5))
    seen = [e for e in together.events() if isinstance(e, Step)]
    for number, seed in enumerate((0, 1, 2)):
        alone = _trainer(lm, method, seed=seed, steps=6)
        steps = [e for e in alone.events() if isinstance(e, Step)]
        mine = [e for e in seen if e.member == number]
        assert [e.step for e in mine] == [1, 2, 3, 4, 5, 6]
        for one, other in zip(mine, steps, strict=True):
            assert (one.loss, one.grad_norm) == pytest.approx((other.loss, other.grad_norm), rel=2e-4, abs=1e-6)


def test_the_median_member_is_kept_not_the_luckiest(lm):
    trainer = Trainer(lm, [_member(lm, seed=seed) for seed in (0, 1, 2)], Recipe(steps=20, batch_size=4, evaluate_every=5))
    end = list(trainer.events())[-1]
    assert isinstance(end, Finished) and [m.seed for m in end.members] == [0, 1, 2]
    assert sorted(m.nll for m in end.members)[1] == end.members[end.member].nll == trainer.best_nll
    trainer.members[0].best_nll, trainer.members[1].best_nll, trainer.members[2].best_nll = 0.3, 0.1, 0.2
    assert trainer.chosen == 2
    pair = Trainer(lm, [_member(lm, seed=seed, steps=1) for seed in (0, 1)], Recipe(steps=1))
    pair.members[0].best_nll, pair.members[1].best_nll = 0.3, 0.1
    assert pair.chosen == 1


def test_members_resume_bit_equally_even_between_two_looks(lm):
    def fresh():
        return Trainer(lm, [_member(lm, seed=seed) for seed in (0, 1)], Recipe(steps=20, batch_size=4, evaluate_every=5))

    whole = fresh()
    events = _said(whole.events())
    last = max(i for i, event in enumerate(events) if isinstance(event, (Step, Validation)))
    for cut in range(3, last + 1, 5):
        first, said = fresh(), []
        for event in first.events():
            said += _said([event])
            if len(said) > cut and first.settled and isinstance(event, (Step, Validation)):
                break
        second = fresh()
        second.restore(first.state())
        assert said + _said(second.events()) == events
        assert all(torch.equal(second.best[n], whole.best[n]) for n in whole.best)


def test_steps_added_after_the_end_continue_and_are_reproducible(lm):
    short = _trainer(lm, steps=10)
    before = _said(short.events())
    longer = _trainer(lm, steps=10, more=(6,))
    longer.restore(short.state())
    after = _said(longer.events())
    assert [e.step for e in after if isinstance(e, Step)] == [11, 12, 13, 14, 15, 16]
    at_once = _said(_trainer(lm, steps=10, more=(6,)).events())
    assert before[:-1] + after == at_once


def _folded(lm, seeds=1, **recipe):
    rows = _examples(24, "classification")
    settings = Recipe(**({"steps": 20, "batch_size": 4, "evaluate_every": 5, "learning_rate": 0.2} | recipe))

    def member(train, validation, seed=0):
        steering = METHODS["prompt_tuning"].build(lm, Setting(LABELS, rows, seed), options("prompt_tuning", {}))
        made = [objective(lm, LABELS, encode_examples(lm, LABELS, part, 9), 0.2) if part else None for part in (train, validation)]
        return Member(lm, steering, Material(*made), replace(settings, seed=seed), rate=0.2)

    parts = [rows[fold::3] for fold in range(3)]
    folds = [member([row for row in rows if row not in part], part) for part in parts]
    return Trainer(lm, [*(member(rows, []) if seed == 0 else member(rows, [], seed) for seed in range(seeds)), *folds], settings, folds=3)


def test_folds_decide_where_the_whole_stops(lm):
    trainer = _folded(lm)
    events = list(trainer.events())
    looks = [e for e in events if isinstance(e, Validation)]
    assert {e.member for e in looks} == {0} and [e.step for e in looks] == [0, 5, 10, 15, 20]
    end = events[-1]
    assert end.best_step == min(looks, key=lambda e: e.nll).step and len(end.members) == 1 and end.member == 0
    alone = _trainer(lm)
    assert [e.loss for e in events if isinstance(e, Step) and e.member == 0] == pytest.approx(
        [e.loss for e in alone.events() if isinstance(e, Step)], rel=1e-3
    )
    nlls = []
    for fold in trainer.members[1:]:
        assert fold.best_step == end.best_step
        measured = list(fold.material.validation.measure(lm, root_of(lm, fold.best)))[-1]
        nlls.append(measured.nll)
    assert sum(nlls) / 3 == pytest.approx(min(e.nll for e in looks), abs=1e-5)


def test_folds_resume_bit_equally(lm):
    events = _said(_folded(lm, seeds=2).events())
    for cut in (4, 9, 30):
        first, said = _folded(lm, seeds=2), []
        for event in first.events():
            said += _said([event])
            if len(said) > cut and first.settled:
                break
        second = _folded(lm, seeds=2)
        second.restore(first.state())
        assert said + _said(second.events()) == events


# -- what a page shows ----------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("task", [LABELS, TEXTS], ids=["classification", "generation"])
def test_every_look_has_a_snapshot_and_the_same_watched_rows(lm, task):
    events = list(_trainer(lm, task=task).events())
    looks = [e.step for e in events if isinstance(e, Validation)]
    watched = [e for e in events if isinstance(e, Watched)]
    assert looks == [e.step for e in events if isinstance(e, Snapshot)] == [e.step for e in watched] == [0, 5, 10, 15, 20]
    rows = {tuple(a.row for a in e.answers) for e in watched}
    assert rows == {(0, 1, 2)}
    for answer in watched[0].answers:
        assert sum(answer.shares) == pytest.approx(1.0) if task is LABELS else answer.text


# -- memory -----------------------------------------------------------------------------------------------------------------------------------
def _fails_above(lm, monkeypatch, tokens):
    """A machine on which a forward of more than ``tokens`` packed tokens does not fit."""
    whole = lm.logits

    def logits(trees):
        if torch.is_grad_enabled() and sum(b.tokens for tree in trees for b in tree.branches) > tokens:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")
        return whole(trees)

    monkeypatch.setattr(lm, "logits", logits)


def test_out_of_memory_halves_the_parts_and_keeps_the_gradient(lm, monkeypatch):
    normal = [(e.loss, e.grad_norm) for e in _trainer(lm, steps=3).events() if isinstance(e, Step)]
    trainer = _trainer(lm, steps=3)
    longest = max(trainer.members[0].material.train.family(row).tokens for row in range(24))
    _fails_above(lm, monkeypatch, 2 * longest)
    events = list(trainer.events())
    for one, other in zip([(e.loss, e.grad_norm) for e in events if isinstance(e, Step)], normal, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    alarm = [e for e in events if isinstance(e, Alarm) and e.kind == "memory"]
    assert (
        alarm
        and alarm[-1].message == f"At step 1 memory ran out; the run goes on in parts of {trainer.thrift.budget} tokens, with the same gradient."
    )
    again = _trainer(lm, steps=3)
    again.restore(trainer.state())
    assert again.thrift == trainer.thrift


def test_layers_are_computed_twice_before_a_run_is_given_up(lm, monkeypatch):
    normal = [(e.loss, e.grad_norm) for e in _trainer(lm, steps=3).events() if isinstance(e, Step)]
    whole, trainer = lm.logits, _trainer(lm, steps=3)

    def logits(trees):
        if torch.is_grad_enabled() and not lm._recompute._on:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(trees)

    monkeypatch.setattr(lm, "logits", logits)
    events = list(trainer.events())
    assert trainer.thrift.recompute
    for one, other in zip([(e.loss, e.grad_norm) for e in events if isinstance(e, Step)], normal, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    said = [e.message for e in events if isinstance(e, Alarm) and e.kind == "memory"]
    assert said[-1].endswith("tokens, computing layers twice, with the same gradient.")


def test_a_single_row_that_does_not_fit_is_said(lm, monkeypatch):
    _fails_above(lm, monkeypatch, 1)
    with pytest.raises(TrainingError, match=r"one row of \d+ tokens does not fit into this machine's memory") as caught:
        list(_trainer(lm).events())
    assert caught.value.hint == "Use shorter rows, fewer virtual tokens or a smaller model; then press Continue."


def test_other_errors_of_the_model_are_not_taken_for_memory(lm, monkeypatch):
    def broken(trees):
        raise RuntimeError("shapes differ")

    trainer = _trainer(lm)
    events = trainer.events()
    while not isinstance(next(events), Validation):
        pass
    monkeypatch.setattr(lm, "logits", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        list(events)
