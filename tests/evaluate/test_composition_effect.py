"""The effect of a composition in numbers: signs, intervals and words from the comparison that they stand on."""

import numpy as np
import pytest

from steering.evaluate.comparison import Judged, compare_classification, compare_generation
from steering.evaluate.composition import effect
from steering.evaluate.intervals import wilson


def judged(name, right):
    truth = np.zeros(len(right), dtype=int)
    said = np.where(np.asarray(right, dtype=bool), truth, 1)
    return Judged(name=name, kind="x", log_probs=np.log(0.1 + 0.8 * np.eye(2)[said]))


def test_scores_and_differences_are_those_of_the_rows():
    alone, made = [1] * 30 + [0] * 10, [1] * 12 + [0] * 28
    found = effect(compare_classification([judged("saved:a", alone), judged("joined:a+b", made)], np.zeros(40, dtype=int), ("x", "y")), "joined:a+b")
    own = found["scores"][1]
    assert (own["score"], (own["low"], own["high"])) == (0.3, pytest.approx(wilson(12, 40)))
    (gap,) = found["against"]
    assert gap["difference"] == pytest.approx(-0.45) and gap["high"] < 0 and gap["p"] < 0.001
    assert found["sentence"].startswith("On 40 validation rows: 30 % right (95 % interval 18 to 45 %). It is worse than a alone: -45 points (")


def test_an_interval_that_includes_0_establishes_nothing():
    found = effect(compare_classification([judged("saved:a", [1, 0] * 20), judged("m", [0, 1] * 20)], np.zeros(40, dtype=int), ("x", "y")), "m")
    assert "It is not established to differ from a alone: +0 points (" in found["sentence"]


def test_texts_go_by_their_metric():
    targets = [[f"the text number {i}"] for i in range(20)]
    results = [
        Judged(name="saved:a", kind="x", predictions=tuple(t[0] for t in targets)),
        Judged(name="m", kind="x", predictions=("odd",) * 20),
    ]
    found = effect(compare_generation(results, targets), "m")
    assert found["metric"] == "chrf" and found["scores"][0]["score"] == pytest.approx(100) and "worse than a alone" in found["sentence"]
