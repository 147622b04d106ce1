"""Alarms are raised by what they are about and by nothing else, once."""

from dataclasses import replace

import pytest

from steering.train.events import MemberEnd, Passed, Step, Validation
from steering.train.health import alarms, optimism, spread


def _steps(losses, drift=0.5):
    return [Step(step=i + 1, loss=loss, learning_rate=0.05, grad_norm=1.0, drift=drift) for i, loss in enumerate(losses)]


def _looks(nlls, *, mass=0.9, balance=0.5):
    return [Validation(step=10 * i, nll=nll, accuracy=0.7, mass=mass, balance=balance, best=nll == min(nlls[: i + 1])) for i, nll in enumerate(nlls)]


def _kinds(steps, looks, true_balance=0.5):
    return [alarm.kind for alarm in alarms(steps, looks, true_balance, {})]


HEALTHY = (_steps([0.7 - 0.01 * i for i in range(40)]), _looks([0.7, 0.6, 0.5, 0.45, 0.44]))


def test_a_healthy_run_is_quiet():
    assert _kinds(*HEALTHY) == []


def test_nothing_is_said_of_step_zero():
    assert _kinds([], _looks([0.7], mass=0.01, balance=1.0)) == []


def test_one_label_for_everything_is_a_collapse_unless_the_truth_is_like_that():
    steps = HEALTHY[0]
    assert _kinds(steps, _looks([0.7, 0.6], balance=0.97)) == ["collapse"]
    assert _kinds(steps, _looks([0.7, 0.6], balance=0.97), true_balance=0.95) == []
    (alarm,) = alarms(steps, _looks([0.7, 0.6], balance=0.97), 0.5, {})
    assert alarm.message == "At step 10 one label is 97% of all answers on the validation rows, but 50% of the truth."


def test_little_mass_on_the_label_words():
    (alarm,) = alarms(HEALTHY[0], _looks([0.7, 0.6], mass=0.31), 0.5, {})
    assert alarm.message == "At step 10 the label words together have 31% of the probability: the answer's form is not learned."
    assert "format_weight" in alarm.hint


def test_mass_that_grows_is_no_alarm():
    growing = [replace(look, mass=mass) for look, mass in zip(_looks([0.7, 0.6, 0.5]), (0.02, 0.29, 0.45), strict=True)]
    assert _kinds(HEALTHY[0], growing[:2]) == _kinds(HEALTHY[0], growing) == []
    assert _kinds(HEALTHY[0], [*growing, replace(growing[-1], step=30)]) == ["label_mass"]


def test_rows_known_by_heart():
    steps = _steps([0.7] * 10 + [0.05] * 30)
    (alarm,) = alarms(steps, _looks([0.7, 0.4, 0.45, 0.6]), 0.5, {})
    assert alarm.kind == "overfit"
    assert alarm.message == "The training rows are known by heart (loss 0.05) while validation got worse: 0.60 after 0.40 at step 10."
    assert alarm.hint.startswith("Step 10 is kept.")
    assert _kinds(steps, _looks([0.7, 0.4, 0.45, 0.41])) == []


def test_a_flat_loss():
    (alarm,) = alarms(_steps([0.7] * 30), _looks([0.7, 0.7, 0.699, 0.7]), 0.5, {})
    assert alarm.kind == "flat" and alarm.message == "The loss has not moved for 30 steps (0.70, now 0.70)."
    assert _kinds(_steps([0.7] * 29), _looks([0.7, 0.7])) == []
    assert _kinds(_steps([0.01] * 30), _looks([0.02, 0.02])) == []


def test_far_from_every_word():
    (alarm,) = alarms(_steps([0.7, 0.6], drift=3.4), _looks([0.7]), 0.5, {})
    assert alarm.kind == "drift" and alarm.message == "At step 2 the vectors have moved 3.4 times their own size away from their start."


def test_every_kind_is_said_once():
    raised: dict[str, int] = {}
    first = alarms(HEALTHY[0], _looks([0.7, 0.6], balance=1.0), 0.5, raised)
    assert [a.kind for a in first] == ["collapse"] and raised == {"collapse": 0}
    assert alarms(HEALTHY[0], _looks([0.7, 0.6, 0.5], balance=1.0), 0.5, raised) == []


@pytest.mark.parametrize(("accuracies", "said"), [((0.7, 0.85, 0.8), True), ((0.7, 0.78), False), ((None, None), False), ((0.5,), False)])
def test_seeds_far_apart(accuracies, said):
    ends = [MemberEnd(seed=i, best_step=10, nll=0.5, accuracy=a) for i, a in enumerate(accuracies)]
    alarm = spread(40, ends)
    assert (alarm is not None) == said
    if alarm is not None:
        assert alarm.message == "The seeds end 15 points apart on the validation rows (70% to 85%)."


def test_choosing_among_settings_is_paid_for():
    """SCIENCE notes, finding 11 (simulated at p = .8): n = 32 gives +5.7 for 3 settings and +9.9 for 10; n = 100 gives +3.1 and +5.7."""
    for settings, rows, points in ((3, 32, 5.7), (10, 32, 9.9), (3, 100, 3.1), (10, 100, 5.7)):
        said = optimism(settings, rows, 0.8)
        assert abs(int(said.split("up to ")[1].split(" points")[0]) - points) <= 1.6, said
    assert optimism(1, 100, 0.8) == "" and optimism(3, 100, None) == ""


def test_an_alarm_whose_condition_is_over_is_taken_back_once_and_may_come_again():
    raised: dict[str, int] = {}
    alarms(HEALTHY[0], _looks([0.7, 0.6], balance=1.0), 0.5, raised)
    assert alarms(HEALTHY[0], _looks([0.7, 0.6, 0.5]), 0.5, raised) == [Passed(step=20, kind="collapse")] and raised == {}
    assert alarms(HEALTHY[0], _looks([0.7, 0.6, 0.5, 0.4]), 0.5, raised) == []
    assert [a.kind for a in alarms(HEALTHY[0], _looks([0.7, 0.6, 0.5, 0.4, 0.3], balance=1.0), 0.5, raised)] == ["collapse"]


def test_only_the_member_that_raised_it_is_over_it():
    raised = {"collapse": 1}
    assert alarms(HEALTHY[0], _looks([0.7, 0.6]), 0.5, raised, 0) == [] and raised == {"collapse": 1}
    assert alarms(HEALTHY[0], _looks([0.7, 0.6]), 0.5, raised, 1) == [Passed(step=10, kind="collapse")]


def test_mass_that_grows_but_is_still_small_has_not_passed():
    growing = [replace(look, mass=mass) for look, mass in zip(_looks([0.7, 0.6, 0.5, 0.4]), (0.02, 0.1, 0.3, 0.6), strict=True)]
    raised = {"label_mass": 0}
    assert alarms(HEALTHY[0], growing[:3], 0.5, raised) == [] and raised == {"label_mass": 0}
    assert alarms(HEALTHY[0], growing, 0.5, raised) == [Passed(step=30, kind="label_mass")]
