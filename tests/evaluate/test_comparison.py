import json
import subprocess
import sys

import numpy as np
import pytest

from steering.errors import InputError
from steering.evaluate.comparison import Judged, compare_classification, compare_generation
from steering.evaluate.paired import holm, mcnemar
from steering.evaluate.results import Comparison, comparison_json
from steering.knobs import from_json

LABELS = ("no", "yes")
TRUTH = np.tile([0, 1], 60)


def contestant(name, skill, seed, **more):
    """Answers each row rightly with probability ``skill``."""
    right = np.random.default_rng(seed).random(120) < skill
    answer = np.where(right, TRUTH, 1 - TRUTH)
    return Judged(name=name, kind="test", log_probs=np.log(0.2 + 0.6 * np.eye(2)[answer]), prompt_tokens=9, seconds=12.0, fingerprint=name, **more)


def four():
    return [
        contestant("none", 0.5, 0, spoken="no prompt"),
        contestant("manual", 0.6, 1, spoken="your manual prompt"),
        contestant("shots", 0.62, 2),
        contestant("soft", 0.95, 3, spoken="Learned prompt"),
    ]


def test_primary_pair_keeps_its_p_and_the_others_are_holm_adjusted():
    result = compare_classification(four(), TRUTH, LABELS, primary=("soft", "manual"))
    assert (result.task, result.n, len(result.pairs)) == ("classification", 120, 6)
    primary = result.primary
    assert primary is result.pairs[0]
    assert (primary.a, primary.b, primary.verdict) == ("soft", "manual", "win")
    assert primary.p_value == mcnemar(primary.a_only, primary.b_only)
    others = result.pairs[1:]
    assert {(pair.a, pair.b) for pair in others} == {("manual", "none"), ("shots", "none"), ("soft", "none"), ("shots", "manual"), ("soft", "shots")}
    assert [pair.p_value for pair in others] == pytest.approx(holm([mcnemar(pair.a_only, pair.b_only) for pair in others]))
    assert primary.sentence.startswith("Learned prompt beats your manual prompt by")
    assert "Holm" not in primary.detail
    assert all("Holm" in pair.detail for pair in others)


def test_counts_scores_and_rows_agree():
    result = compare_classification(four(), TRUTH, LABELS)
    assert result.primary is None
    for index, one in enumerate(result.contestants):
        assert one.accuracy == pytest.approx(np.mean([row.scores[index] for row in result.rows]))
        assert one.seconds_per_example == pytest.approx(0.1)
        assert [float(text == row.target) for text, row in zip(one.predictions, result.rows, strict=True)] == [
            row.scores[index] for row in result.rows
        ]
    level = {one.name: one.accuracy for one in result.contestants}
    for pair in result.pairs:
        assert pair.a_only + pair.b_only + pair.both + pair.neither == 120
        assert pair.difference == pytest.approx(level[pair.a] - level[pair.b])


def test_two_contestants_need_no_primary():
    manual, soft = four()[1], four()[3]
    result = compare_classification([manual, soft], TRUTH, LABELS, share_prior=0.4)
    assert (result.primary.a, result.primary.b) == ("soft", "manual")
    assert result.primary.detail.startswith("About 40% of that gain")


def test_one_contestant_has_no_pairs():
    assert compare_classification(four()[:1], TRUTH, LABELS).pairs == ()


def test_seeds_reach_the_verdict():
    soft = contestant("soft", 0.95, 3)
    spread = Judged(name="soft", kind="test", log_probs=soft.log_probs, seed_log_probs=(soft.log_probs, -soft.log_probs))
    assert compare_classification([four()[1], spread], TRUTH, LABELS).primary.verdict == "unstable"


def test_classification_json_has_the_keys_of_the_command_line_and_comes_back():
    result = compare_classification(four(), TRUTH, LABELS, primary=("soft", "manual"))
    value = json.loads(json.dumps(comparison_json(result), allow_nan=False))
    assert value.keys() == {"task", "n", "contestants", "pairs", "rows", "metric", "labels", "notes", "share_prior"}
    contestants = {"name", "kind", "accuracy", "accuracy_ci", "macro_f1", "nll", "ece", "prompt_tokens", "seconds_per_example"}
    assert contestants <= value["contestants"][0].keys()
    assert not {"exact_match", "chrf", "rouge_l", "bleu"} & value["contestants"][0].keys()
    assert {"a", "b", "a_only", "b_only", "difference", "ci", "p_value", "verdict", "sentence"} <= value["pairs"][0].keys()
    assert from_json(Comparison, value) == result


WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
REFERENCES = [[" ".join(np.random.default_rng(k).permutation(WORDS)[:5])] for k in range(40)]


def writer(name, keep, **more):
    texts = tuple(" ".join(refs[0].split()[:keep] + ["?"] * (5 - keep)) for refs in REFERENCES)
    return Judged(name=name, kind="test", predictions=texts, seconds=4.0, **more)


def test_generation_comparison_and_its_json():
    result = compare_generation([writer("manual", 2), writer("shots", 3), writer("prefix", 5)], REFERENCES, primary=("prefix", "manual"))
    assert (result.task, result.n, len(result.pairs)) == ("generation", 40, 3)
    assert [pair.verdict for pair in result.pairs] == ["win"] * 3
    assert result.contestants[2].exact_match == 1.0
    assert result.rows[0].target == REFERENCES[0][0]
    value = json.loads(json.dumps(comparison_json(result), allow_nan=False))
    assert {"name", "kind", "exact_match", "chrf", "rouge_l", "bleu", "prompt_tokens", "seconds_per_example"} <= value["contestants"][0].keys()
    assert not {"accuracy", "macro_f1", "nll", "ece"} & value["contestants"][0].keys()
    assert from_json(Comparison, value) == result
    assert compare_generation([writer("a", 2), writer("b", 3)], REFERENCES) == compare_generation([writer("a", 2), writer("b", 3)], REFERENCES)


def test_exact_match_pairs_use_mcnemar():
    pair = compare_generation([writer("manual", 4), writer("prefix", 5)], REFERENCES, metric="exact_match").primary
    assert (pair.metric, pair.a_only, pair.b_only, pair.difference) == ("exact_match", 40, 0, 1.0)
    assert "100.0 exact-match points" in pair.sentence
    assert "exact McNemar p < 0.001" in pair.sentence


def test_generation_seeds_reach_the_verdict():
    good, poor = writer("prefix", 5).predictions, writer("prefix", 0).predictions
    spread = Judged(name="prefix", kind="test", predictions=writer("prefix", 3).predictions, seed_predictions=(good, poor))
    assert compare_generation([writer("manual", 2), spread], REFERENCES).primary.verdict == "unstable"


@pytest.mark.parametrize(
    ("results", "options", "text"),
    [
        ([], {}, "there is no contestant"),
        ([four()[0], four()[0]], {}, "two contestants are called 'none'"),
        (four(), {"primary": ("soft", "hard")}, r"'hard' is not a contestant\. Expected one of none, manual, shots, soft"),
        (four(), {"primary": ("soft", "soft")}, "'soft' cannot be compared with itself"),
        ([Judged(name="a", kind="test", log_probs=np.zeros((3, 2)))], {}, r"true labels for \(120,\) rows, but scores for 3"),
    ],
)
def test_unusable_contestants_are_said_plainly(results, options, text):
    with pytest.raises(InputError, match=text):
        compare_classification(results, TRUTH, LABELS, **options)


@pytest.mark.parametrize(
    ("metric", "text"), [("accuracy", "'accuracy' cannot compare texts"), ("json_field_f1", "needs targets that are JSON objects")]
)
def test_unusable_metric_is_said_plainly(metric, text):
    with pytest.raises(InputError, match=text):
        compare_generation([writer("a", 2), writer("b", 3)], REFERENCES, metric=metric)


def test_importing_loads_no_heavy_package():
    code = "import sys, steering.evaluate.comparison; print([m for m in ('torch','scipy','sklearn','statsmodels','sacrebleu') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
