"""Every metric from sums equals scikit-learn's and sacrebleu's own, and its interval that of drawing the rows one by one."""

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

from steering.evaluate.classification import score_classification
from steering.evaluate.comparison import Judged, compare_classification, compare_generation
from steering.evaluate.generation import score_generation
from steering.evaluate.resample import classification_sums, gaps, generation_sums

LABELS = ("a", "b", "c")


def answers(seed, n=150, skill=1.0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    return rng.normal(size=(n, 3)) + skill * np.eye(3)[truth], truth


def of_rows(sums, rows):
    weights = np.bincount(rows, minlength=len(sums.columns))[None].astype(float)
    return {name: float(score(weights @ sums.columns)[0]) for name, score in sums.metrics.items()}


def test_sums_give_the_metrics_themselves():
    scores, truth = answers(0)
    found, wanted = of_rows(classification_sums(scores, truth, 3), np.arange(150)), score_classification(scores, truth, LABELS)
    for name, value in found.items():
        assert value == pytest.approx(getattr(wanted, name), abs=1e-9), name


@pytest.mark.parametrize("seed", range(20))
def test_resampled_rows_give_what_scikit_learn_says_of_them(seed):
    scores, truth = answers(1, n=12)
    rows = np.random.default_rng(seed).integers(0, 12, 12)
    found, guess = of_rows(classification_sums(scores, truth, 3), rows), scores.argmax(1)
    present = sorted({*truth[rows], *guess[rows]})
    assert found["macro_f1"] == pytest.approx(f1_score(truth[rows], guess[rows], labels=present, average="macro"))
    assert found["mcc"] == pytest.approx(matthews_corrcoef(truth[rows], guess[rows]))
    recalls = [(guess[rows][truth[rows] == k] == k).mean() for k in set(truth[rows])]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    if set(guess[rows]) <= set(truth[rows]):
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth[rows], guess[rows]))


WORDS = ["the", "red", "car", "is", "here", "and", "a", "blue", "one", "was", "there", "too"]


def texts(seed, n=40):
    rng = np.random.default_rng(seed)
    right = [[" ".join(rng.permutation(WORDS)[: rng.integers(3, 9)]) for _ in range(rng.integers(1, 3))] for _ in range(n)]
    said = [" ".join(word if rng.random() < 0.7 else "x" for word in refs[0].split()) if rng.random() < 0.9 else "" for refs in right]
    return said, right


@pytest.mark.parametrize("seed", range(8))
def test_resampled_texts_give_what_sacrebleu_says_of_them(seed):
    said, right = texts(0)
    sums = generation_sums(said, right, score_generation(said, right).each)
    rows = np.random.default_rng(seed).integers(0, 40, 40) if seed else np.arange(40)
    found, chosen, refs = of_rows(sums, rows), [said[i] for i in rows], [right[i] for i in rows]
    streams = [[one[k] if k < len(one) else None for one in refs] for k in range(2)]
    assert found["chrf"] == pytest.approx(CHRF().corpus_score(chosen, streams).score)
    assert found["bleu"] == pytest.approx(BLEU(force=True).corpus_score(chosen, streams).score)
    wanted = score_generation(chosen, refs)
    for name in ("exact_match", "rouge_l", "mean_length"):
        assert found[name] == pytest.approx(getattr(wanted, name)), name


def test_bleu_of_short_and_of_foreign_texts():
    for said, right in ((["a b"], [["a c"]]), (["q"], [["a b c"]]), (["the red car is here"], [["the red car was here"]]), ([""], [["a"]])):
        sums = generation_sums(said, right, score_generation(said, right).each)
        assert of_rows(sums, np.array([0]))["bleu"] == pytest.approx(BLEU(force=True).corpus_score(said, [[right[0][0]]]).score)


def test_intervals_are_those_of_drawing_rows_one_by_one():
    (first, truth), (second, _) = answers(2, skill=2.0), answers(2, skill=0.5)
    ((*found,),) = gaps([classification_sums(scores, truth, 3) for scores in (first, second)], [(0, 1)])
    rng, drawn = np.random.default_rng(9), []
    for _ in range(2000):
        rows = rng.integers(0, 150, 150)
        drawn.append([f1_score(truth[rows], s.argmax(1)[rows], average="macro") for s in (first, second)])
    drawn = np.array(drawn)
    gap = next(one for one in found if one.metric == "macro_f1")
    assert (gap.low, gap.high) == pytest.approx(tuple(np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975])), abs=0.02)
    assert gap.difference == pytest.approx(gap.a - gap.b)


def test_rows_of_a_group_are_drawn_together():
    """Forty groups of ten equal rows are worth forty rows: the interval is as wide as theirs."""
    few = [classification_sums(answers(3, 40, skill)[0], answers(3, 40)[1], 3) for skill in (1.5, 0.5)]
    many = [classification_sums(np.repeat(answers(3, 40, skill)[0], 10, axis=0), np.repeat(answers(3, 40)[1], 10), 3) for skill in (1.5, 0.5)]
    alone = gaps(few, [(0, 1)])[0][0]
    together = gaps(many, [(0, 1)], [i // 10 for i in range(400)])[0][0]
    apart = gaps(many, [(0, 1)])[0][0]
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high), abs=0.02)
    assert apart.high - apart.low < 0.5 * (alone.high - alone.low)


def test_pairs_carry_every_metric():
    scores, truth = answers(4)
    results = [Judged(name=name, kind="t", log_probs=scores * factor) for name, factor in (("x", 1.0), ("y", 0.5))]
    made = compare_classification(results, truth, LABELS).primary
    by_name = {gap.metric: gap for gap in made.metrics}
    assert list(by_name) == ["accuracy", "balanced_accuracy", "macro_f1", "mcc", "nll", "brier", "ece"]
    assert by_name["accuracy"].difference == 0.0 == by_name["accuracy"].low and by_name["nll"].difference != 0.0
    said, right = texts(1)
    made = compare_generation([Judged(name=n, kind="t", predictions=tuple(said)) for n in "xy"], right).primary
    assert {gap.metric for gap in made.metrics} == {"exact_match", "rouge_l", "mean_length", "chrf", "bleu"}
