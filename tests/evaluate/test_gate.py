"""Claims: every form is read and ruled on, names may hold anything, and what is no claim is refused in words."""

from dataclasses import replace

import numpy as np
import pytest

from steering.errors import SpecError
from steering.evaluate.comparison import Judged, compare_classification, compare_generation
from steering.evaluate.gate import CHECKS, parse_claim, rule
from steering.evaluate.intervals import newcombe_paired
from steering.evaluate.paired import mcnemar

LABELS = ("no", "yes")
TRUTH = np.tile([0, 1], 100)
NAMES = ["none", "prompt:Is a>=b? by 3", "prompt:Is a", "saved:x"]


def comparison(first=0.6, second=0.9):
    """The third is right on more rows; it keeps everything that the second had right."""
    answers = {}
    for name, share in (("none", 0.5), (NAMES[1], first), (NAMES[2], first), ("saved:x", second)):
        right = np.arange(200) < 200 * share
        answers[name] = np.log(0.2 + 0.6 * np.eye(2)[np.where(right, TRUTH, 1 - TRUTH)])
    results = [Judged(name=name, kind="test", log_probs=scores, prompt_tokens=i) for i, (name, scores) in enumerate(answers.items())]
    return compare_classification(results, TRUTH, LABELS, primary=("saved:x", NAMES[1]))


def beats(only_a, only_b, holm):
    both = 120 if only_a else 100
    found = newcombe_paired(both, only_a, only_b, 200 - both - only_a - only_b)
    return f"difference {found.value:+.4g} ({found.low:.4g} to {found.high:.4g}), p = {holm * mcnemar(only_a, only_b):.4g}"


def narrow(both, only_a, only_b):
    found = newcombe_paired(both, only_a, only_b, 200 - both - only_a - only_b, 0.9)
    return f"90% CI of the difference {100 * found.low:.1f} to {100 * found.high:.1f} points"


def test_a_margin_is_ruled_on_with_what_stands_in_front():
    made = comparison(first=0.9)
    fronts = {"saved:x": "12 vectors", NAMES[1]: "400 prompt tokens"}
    made = replace(made, contestants=tuple(replace(one, front=fronts.get(one.name, "")) for one in made.contestants))
    names = {name: name for name in NAMES}
    for words in (f"within 3 of {NAMES[1]}", f"not-worse-than {NAMES[1]} by 3"):
        found = rule(parse_claim(f"saved:x {words}", NAMES, "classification"), made, names, {})
        assert found.holds and found.because == narrow(180, 0, 0) + ", with 12 vectors against 400 prompt tokens"
    assert "with" not in rule(parse_claim("saved:x within 3 of none", NAMES, "classification"), made, names, {}).because


def ruling(text, pins=None, **levels):
    claim = parse_claim(text, NAMES, "classification")
    return rule(claim, comparison(**levels), {name: name for name in NAMES}, pins or {})


@pytest.mark.parametrize(
    ("text", "holds", "because"),
    [
        ("saved:x>=none", True, "accuracy is 0.9 against 0.5"),
        ("none >= saved:x", False, "accuracy is 0.5 against 0.9"),
        ("saved:x >= prompt:Is a>=b? by 3", True, "accuracy is 0.9 against 0.6"),
        ("saved:x accuracy>=0.9", True, "accuracy is 0.9"),
        ("saved:x accuracy >= 0.91", False, "accuracy is 0.9"),
        ("saved:x accuracy.low >= 0.9", False, "accuracy.low is 0.8506"),
        ("saved:x nll<prompt:Is a", True, "nll is 0.3618 against 0.7777"),
        ("saved:x prompt_tokens<=3", True, "prompt_tokens is 3"),
        ("saved:x beats prompt:Is a", True, beats(60, 0, 4)),
        ("none beats saved:x", False, beats(0, 80, 5)),
        ("saved:x not-worse-than prompt:Is a>=b? by 3 by 3", True, narrow(120, 60, 0)),
        ("prompt:Is a not-worse-than saved:x by 20 points", False, narrow(120, 0, 60)),
        ("prompt:Is a within 1 of prompt:Is a>=b? by 3", True, narrow(120, 0, 0)),
        ("saved:x within 3 of none", False, narrow(100, 80, 0)),
    ],
)
def test_claims_are_ruled_on_with_the_numbers_that_decided(text, holds, because):
    found = ruling(text)
    assert (found.claim, found.holds) == (text, holds)
    assert found.because == because


def test_pins():
    assert ruling("saved:x keeps pins", {"saved:x": [True, True]}).holds
    broken = ruling("saved:x keeps pins", {"saved:x": [True, False]})
    assert not broken.holds and broken.because == "1 of 2 pinned rows kept"
    with pytest.raises(SpecError, match=r"there are no pinned rows\. Give them with --pin FILE\."):
        ruling("saved:x keeps pins")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lora>=none", "--gate 'lora>=none' does not begin with a contestant. Contestants: none, "),
        ("", "--gate '' does not begin with a contestant."),
        ("nonesuch>=saved:x", "--gate 'nonesuch>=saved:x' does not begin with a contestant."),
        ("none", "--gate 'none' is not a claim. Write A>=B, "),
        ("none is good", "--gate 'none is good' is not a claim."),
        ("none>=lora", "'lora' is not a contestant. Contestants: none, "),
        ("none>=none", "compares 'none' with itself. Name two contestants."),
        (
            "none chrf>=1",
            "'chrf' is no metric of a classification. Metrics: accuracy, balanced_accuracy, macro_f1, mcc, nll, brier, ece, prompt_tokens,",
        ),
        ("none nll.low>=1", "nll has no interval of its own. Leave .low or .high out, or use accuracy or exact_match."),
        ("none not-worse-than saved:x", "says not by how much. Write A not-worse-than B by 3 (points)."),
        ("none not-worse-than saved:x by much", "'much' is no margin in points. Expected a number above 0 and up to 100."),
        ("none not-worse-than saved:x by 0", "'0' is no margin in points."),
        ("none within 3", "says not within how much of whom. Write A within 3 of B (points)."),
        ("none within x of saved:x", "'x' is no margin in points."),
    ],
)
def test_what_is_no_claim_is_refused(text, said):
    with pytest.raises(SpecError) as caught:
        parse_claim(text, NAMES, "classification")
    assert said in str(caught.value)


def test_texts_are_compared_by_their_metric_in_points_of_its_top():
    texts = [f"answer {i} of many words here" for i in range(60)]
    good, poor = Judged(name="a", kind="t", predictions=tuple(texts)), Judged(name="b", kind="t", predictions=tuple("?" for _ in texts))
    made = compare_generation([poor, good], [[text] for text in texts])
    names = {"a": "a", "b": "b"}
    for text, holds in (("a>=b", True), ("a chrf>=99", True), ("b not-worse-than a by 50", False), ("a beats b", True), ("b empty<=0", True)):
        assert rule(parse_claim(text, ["a", "b"], "generation"), made, names, {}).holds is holds, text
    with pytest.raises(SpecError, match=r"json_field_f1 cannot be computed for these rows\. Use another metric\."):
        rule(parse_claim("a json_field_f1>=0.5", ["a", "b"], "generation"), made, names, {})


def test_every_kind_is_written_somewhere():
    texts = (
        "none accuracy>=1",
        "none>=saved:x",
        "none beats saved:x",
        "none not-worse-than saved:x by 1",
        "none within 1 of saved:x",
        "none keeps pins",
    )
    assert {parse_claim(text, NAMES, "classification").kind for text in texts} == set(CHECKS)
