"""Every branch of the advice on a constructed task where the truth is known, and the wrong advice rarely where chance alone speaks."""

from dataclasses import replace

import numpy as np
import pytest

from steering.evaluate.advice import DEPTHS, Rung, advise, beats, pareto
from steering.evaluate.intervals import wilson


def rung(depth, right, **more):
    right = np.asarray(right, float)
    return Rung(name=depth, depth=depth, correct=tuple(right), accuracy_ci=wilson(int(right.sum()), len(right)), **more)


def task(seed, n=300, **skills):
    """Rungs that answer rightly with these probabilities: the truth of a constructed task."""
    rng = np.random.default_rng(seed)
    return [rung(depth, rng.random(n) < skill) for depth, skill in skills.items()]


BLIND = {"majority": 0.5, "none": 0.5, "manual": 0.5, "manual_bias": 0.5, "few_shot": 0.5, "soft": 0.5, "all_layers": 0.5, "weights": 0.5}


def kinds(n=300, times=40, **skills):
    return [advise(task(seed, n, **{**BLIND, **skills})).kind for seed in range(times)]


def test_shuffled_labels_have_nothing_to_learn():
    """A win by chance alone in one of 28 pairs is possible; anything else must still be advised in 5 % at most (of 40: 4 with p 0.05)."""
    found = kinds()
    assert found.count("missing") >= 36, found


def test_a_label_prior_needs_calibration_and_not_training():
    """Four fifths are one class, the prompt leans to the other: biases bring 80 %, and so does everything that is trained."""
    found = kinds(majority=0.8, none=0.4, manual=0.4, manual_bias=0.8, few_shot=0.55, soft=0.8, all_layers=0.8, weights=0.8)
    assert found.count("calibrate") >= 36, found
    advice = advise(task(0, majority=0.8, none=0.4, manual=0.4, manual_bias=0.8, soft=0.8, weights=0.8))
    assert "the text plays no part in the gain" in advice.reasons[-1] and advice.rung == "manual_bias"


def test_biases_that_fall_short_of_the_commonest_label_are_not_advised():
    advice = advise(task(0, **{**BLIND, "majority": 0.8, "manual": 0.4, "manual_bias": 0.6, "weights": 0.6}))
    assert advice.kind == "missing" and "Any gain over your prompt up to that is label balance" in advice.reasons[-1]


def test_advice_against_steering_says_whose_training_was_not_over():
    rungs = [replace(one, improving=one.depth in ("soft", "weights")) for one in task(2, **{**BLIND, "weights": 0.9})]
    assert advise(rungs).kind == "edit"
    assert advise(rungs).reasons[-1] == "Still improving at the last step, so more steps may change this: soft."
    assert not any("improving" in reason for reason in advise([replace(one, improving=False) for one in rungs]).reasons)
    steered = [replace(one, improving=True) for one in task(2, **{**BLIND, "soft": 0.9, "all_layers": 0.9, "weights": 0.9})]
    assert not any("improving" in reason for reason in advise(steered).reasons), "it is enough as it is"


def test_a_rule_that_the_model_knows_needs_a_prompt_only():
    found = kinds(none=0.6, manual=0.93, manual_bias=0.93, few_shot=0.9, soft=0.93, all_layers=0.93, weights=0.93)
    assert found.count("write") >= 36, found


def test_a_rule_that_the_model_has_but_no_prompt_says_needs_steering():
    found = kinds(none=0.6, manual=0.62, manual_bias=0.65, few_shot=0.66, soft=0.9, all_layers=0.9, weights=0.9)
    assert found.count("steer") >= 36, found
    advice = advise(task(1, none=0.6, manual=0.62, soft=0.75, all_layers=0.92, weights=0.92))
    assert (advice.kind, advice.rung) == ("steer", "all_layers"), "deep enough, and no deeper"


def test_a_rule_that_it_cannot_know_needs_other_weights():
    found = kinds(none=0.55, manual=0.55, manual_bias=0.56, few_shot=0.55, soft=0.6, all_layers=0.65, weights=0.92)
    assert found.count("edit") >= 36, found


@pytest.mark.parametrize("n", [12, 29, 35])
def test_few_rows_say_nothing(n):
    advice = advise(task(0, n, **{**BLIND, "weights": 1.0}))
    assert advice.kind == "unknown" and advice.reasons[0].startswith(f"{n} test rows can only show differences of about ")


def test_reasons_are_numbers_that_were_measured():
    advice = advise(task(2, **{**BLIND, "soft": 0.9, "all_layers": 0.9, "weights": 0.9}))
    assert advice.kind == "steer" and advice.sentence.startswith("Steer: soft is enough")
    assert all("95% CI" in reason for reason in advice.reasons) and "The capability was there all along." in advice.reasons[-1]
    assert advise([rung("soft", np.arange(200) % 3 == 0)]).kind == "unknown", "nothing written was measured"


def test_the_front_keeps_what_nothing_betters_in_score_and_cost():
    right = np.arange(100)
    ladder = [
        rung("manual", right < 60),
        rung("soft", right < 80, trainable_parameters=100),
        rung("all_layers", right < 75, trainable_parameters=500),
        rung("weights", right < 90, trainable_parameters=1000),
    ]
    assert pareto(ladder, "trainable_parameters") == ["manual", "soft", "weights"]
    assert pareto(ladder, "prompt_tokens") == ["weights"], "where costs are equal only the best is left"
    assert beats(ladder[3], ladder[0]) and not beats(ladder[0], ladder[3])


def test_depths_are_in_order():
    assert DEPTHS.index("manual") < DEPTHS.index("soft") < DEPTHS.index("all_layers") < DEPTHS.index("weights")
