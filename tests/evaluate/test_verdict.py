import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.errors import InputError
from steering.evaluate.decision import KINDS
from steering.evaluate.front import Front
from steering.evaluate.verdict import classification_verdict, generation_verdict
from steering.evaluate.wording import resolution_sentence

CELL = st.integers(0, 80)


def rows(fixed, broken, both, neither):
    """Right and wrong of the learned contestant and of the baseline."""
    learned = np.repeat([1, 0, 1, 0], [fixed, broken, both, neither])
    baseline = np.repeat([0, 1, 1, 0], [fixed, broken, both, neither])
    return learned, baseline


def judge(fixed, broken, both, neither, **options):
    return classification_verdict(*rows(fixed, broken, both, neither), **options)


def test_win():
    learned, baseline = rows(22, 7, 145, 26)
    verdict = classification_verdict(learned, baseline, seed_correct=[learned] * 3, share_prior=0.6, baseline_name="your best manual prompt")
    assert verdict.kind == "win"
    assert verdict.sentence == (
        "Learned prompt beats your best manual prompt by 7.5 points (95% CI 2.2 to 12.9; exact McNemar p = 0.008; "
        "it fixed 22 and broke 7 of 200 held-out examples; 3/3 seeds agree)."
    )
    assert verdict.detail.startswith(
        "About 60% of that gain is label balance you could get without training. Both were right on 145 and both wrong on 26."
    )
    assert (verdict.fixed, verdict.broken, verdict.both_right, verdict.both_wrong, verdict.n) == (22, 7, 145, 26, 200)
    assert (verdict.difference, *verdict.ci, verdict.p_value) == pytest.approx((0.075, 0.0222, 0.1289, 0.00813), abs=1e-4)
    assert (verdict.seeds, verdict.seeds_agree, verdict.adjusted) == (3, 3, False)


def test_win_by_far():
    assert judge(41, 4, 52, 11).sentence == (
        "Learned prompt beats your manual prompt by 34.3 points (95% CI 23.3 to 44.1; exact McNemar p < 0.001; "
        "it fixed 41 and broke 4 of 108 held-out examples)."
    )


def test_lean():
    verdict = judge(18, 10, 110, 62)
    assert verdict.kind == "lean"
    assert verdict.sentence == (
        "Learned prompt is probably better than your manual prompt (+4.0 points, 95% CI -1.2 to 9.2; it fixed 18 and broke 10 of 200 held-out "
        "examples), but that is not established. About 690 test examples would settle a gap this size."
    )
    assert judge(20, 12, 100, 68).settle_n == 785
    assert "About 790 test examples would settle a gap this size." in judge(20, 12, 100, 68).sentence


def test_tie_is_never_called_equal():
    verdict = judge(12, 10, 100, 78)
    assert verdict.kind == "tie"
    assert verdict.sentence == (
        "No difference detected between the learned prompt and your manual prompt. This test could only see gaps of 7 points or more."
    )
    assert "No gain is established: keep your manual prompt, which needs no training, unless more rows show one." in verdict.detail
    assert "Measured difference +1.0 points, 95% CI -3.7 to 5.7; the learned prompt fixed 12 and broke 10 of 200 held-out examples." in verdict.detail


def test_a_worse_point_estimate_advises_to_keep_the_manual_prompt():
    verdict = judge(10, 20, 100, 70)
    assert verdict.kind == "tie"
    assert verdict.detail.startswith("Learned prompt scored 5.0 points lower, so keep your manual prompt: it is cheaper and needs no training.")


def test_between_two_costly_contestants_there_is_no_such_advice():
    verdict = judge(10, 20, 100, 70, learned_name="prefix", baseline_name="adapter")
    assert verdict.detail.startswith("prefix scored 5.0 points lower. Measured")
    assert "keep" not in verdict.detail


def test_loss_says_keep_your_manual_prompt():
    verdict = judge(7, 22, 145, 26)
    assert verdict.kind == "loss"
    assert verdict.sentence == (
        "Keep your manual prompt: it is better than the learned prompt by 7.5 points (95% CI 2.2 to 12.9; exact McNemar p = 0.008; "
        "the learned prompt fixed 7 and broke 22 of 200 held-out examples)."
    )


@pytest.mark.parametrize(
    ("name", "start"),
    [("no prompt", "Keep using no prompt: it is better than"), ("few-shot 4", "Prefer few-shot 4: it is better than")],
)
def test_loss_against_other_baselines(name, start):
    assert judge(7, 22, 145, 26, baseline_name=name).sentence.startswith(start)


def test_loss_without_a_small_p_claims_less():
    assert judge(7, 22, 145, 26, p_adjusted=0.07).sentence.startswith("Keep your manual prompt: it came out ahead of the learned prompt")


def test_small():
    few, short = judge(2, 2, 50, 54), judge(20, 1, 4, 4)
    assert (few.kind, short.kind) == ("small", "small")
    assert few.sentence == (
        "Too few decisive examples (4 of 108) for a verdict on the learned prompt against your manual prompt: read the examples instead."
    )
    assert short.sentence.startswith("Too few held-out examples (29) for a verdict")
    assert few.detectable == pytest.approx(6 / 108)  # five decisive rows can never be enough
    assert few.settle_n is None


def test_unstable_comes_before_win_and_loss():
    learned, baseline = rows(22, 7, 145, 26)
    worse = np.concatenate([np.zeros(22), learned[22:]])
    for first, second in ((learned, baseline), (baseline, learned)):
        verdict = classification_verdict(first, second, seed_correct=[learned, baseline, worse, np.ones(200)])
        assert verdict.kind == "unstable"
    verdict = classification_verdict(learned, baseline, seed_correct=[learned, baseline, np.ones(200)])
    assert verdict.sentence == (
        "No verdict: 3 training seeds put the learned prompt from 0.0 to +24.0 points against your manual prompt, too wide a spread to judge."
    )


def test_small_comes_before_unstable():
    learned, baseline = rows(2, 2, 50, 54)
    assert classification_verdict(learned, baseline, seed_correct=[np.ones(108), np.zeros(108)]).kind == "small"


def test_no_win_while_a_seed_disagrees():
    learned, baseline = rows(22, 7, 145, 26)
    against = baseline.copy()
    against[np.flatnonzero(baseline)[0]] = 0
    verdict = classification_verdict(learned, baseline, seed_correct=[learned, learned, against])
    assert (verdict.kind, verdict.seeds_agree) == ("lean", 2)
    assert "but that is not established: only 2 of 3 training seeds agree." in verdict.sentence
    assert "Over 3 training seeds the difference went from -0.5 to +7.5." in verdict.detail


def test_adjusted_p_decides():
    verdict = judge(22, 7, 145, 26, p_adjusted=0.08)
    assert (verdict.kind, verdict.p_value, verdict.adjusted) == ("lean", 0.08, True)
    assert "not established: Holm-adjusted exact McNemar p = 0.080." in verdict.sentence
    assert "One of several comparisons: p is adjusted for that (Holm), the interval is not." in verdict.detail


def test_equivalent_only_with_a_margin():
    assert judge(12, 10, 1000, 500).kind == "tie"
    verdict = judge(12, 10, 1000, 500, margin=0.02)
    assert verdict.kind == "equivalent"
    assert verdict.sentence == (
        "Learned prompt stays within 2 points of your manual prompt (difference +0.1, 90% CI -0.4 to 0.7; it fixed 12 and broke 10 of 1522 "
        "held-out examples)."
    )
    assert judge(12, 10, 100, 78, margin=0.02).kind == "tie"
    assert judge(1, 1, 1000, 500, margin=0.02).kind == "equivalent"
    assert judge(0, 0, 20, 5, margin=0.5).kind == "small"


TWELVE, SLOTS = Front(unit="vectors", count=12), Front(unit="slots", count=12)
LORA = Front(unit="tokens", count=40, changed=True)


@pytest.mark.parametrize(
    ("ours", "theirs", "name", "said"),
    [
        (TWELVE, 400, "your manual prompt", "within 2 points of your 400-token prompt, with 12 vectors ("),
        (SLOTS, 400, "your manual prompt", "within 2 points of your 400-token prompt, with a prefix of 12 slots ("),
        (LORA, 40, "your manual prompt", "within 2 points of your 40-token prompt, with changed weights and 40 prompt tokens ("),
        (Front(unit="vectors", count=1), 1, "4-shot", "within 2 points of 4-shot (1 prompt token), with 1 vector ("),
        (SLOTS, 0, "no prompt", "within 2 points of no prompt, with a prefix of 12 slots ("),
    ],
)
def test_a_claim_within_a_margin_says_what_it_saves(ours, theirs, name, said):
    fronts = (ours, Front(unit="tokens", count=theirs))
    equal = judge(12, 10, 1000, 500, margin=0.02, fronts=fronts, baseline_name=name)
    assert equal.kind == "equivalent" and equal.sentence.startswith("Learned prompt stays " + said + "difference +0.1, 90% CI -0.4 to 0.7;")
    better = judge(60, 40, 1000, 500, margin=0.012, fronts=fronts, baseline_name=name)
    where = said.removeprefix("within 2 points of ").removesuffix(" (")
    against, _, with_ = where.rpartition(", with ")
    assert f"Learned prompt is not worse than {against} by 1.2 points, with {with_} (90% CI from " in better.detail


def test_texts_have_scores_within_a_margin_too():
    same = np.full(60, 50.0)
    said = generation_verdict(same, same, margin=3.0, fronts=(TWELVE, Front(unit="tokens", count=400))).sentence
    assert said.startswith("Learned prompt stays within 3 chrF points of your 400-token prompt, with 12 vectors (difference 0.0")


def test_later_looks_make_p_exploratory():
    assert "looked at 3 times: treat p as exploratory" in judge(22, 7, 145, 26, reveal=3).detail
    assert "exploratory" not in judge(22, 7, 145, 26).detail


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "All of that gain is label balance that you could get without training."), (0.0, "Next to none of that gain is label balance.")],
)
def test_share_of_the_gain_that_is_label_balance(share, text):
    assert judge(22, 7, 145, 26, share_prior=share).detail.startswith(text)


def test_names_that_someone_gave_are_left_as_they_are():
    assert judge(41, 4, 52, 11, learned_name="sst2-soft", baseline_name="no prompt").sentence.startswith("sst2-soft beats no prompt by")
    assert judge(41, 4, 52, 11, learned_name="your manual prompt").sentence.startswith("Your manual prompt beats")


@given(CELL, CELL, CELL, CELL, st.one_of(st.none(), st.floats(0, 1)), st.one_of(st.none(), st.floats(0.001, 0.5)))
@settings(max_examples=150, deadline=None)
def test_no_win_across_zero_and_always_a_reason(fixed, broken, both, neither, p_adjusted, margin):
    if fixed + broken + both + neither == 0:
        return
    verdict = judge(fixed, broken, both, neither, p_adjusted=p_adjusted, margin=margin)
    assert verdict.kind in KINDS
    if verdict.ci[0] <= 0 <= verdict.ci[1] or verdict.p_value >= 0.05:
        assert verdict.kind != "win"
    if verdict.kind == "loss":
        assert verdict.ci[1] < 0
        assert "Keep your manual prompt" in verdict.sentence
    assert "significant" not in verdict.sentence + verdict.detail
    assert " equal" not in verdict.sentence + verdict.detail
    assert verdict.sentence.endswith((".", "instead."))


def test_null_experiments_win_in_at_most_five_percent():
    rng = np.random.default_rng(7)
    kinds = []
    for _ in range(2000):
        n = int(rng.choice([30, 60, 120, 200]))
        correct = rng.random((2, n)) < 0.7
        kinds.append(classification_verdict(*correct).kind)
    assert kinds.count("win") <= 100
    assert kinds.count("loss") <= 100


def test_a_true_gain_of_the_detectable_size_is_found_in_most_experiments():
    rng = np.random.default_rng(8)
    cells = rng.multinomial(200, [0.145, 0.055, 0.6, 0.2], size=200)  # gap 9 points, 20 % discordant: the table's 80 % power
    kinds = [judge(*map(int, row)).kind for row in cells]
    assert 0.65 <= kinds.count("win") / 200 <= 0.92


def test_different_rows_are_refused():
    with pytest.raises(InputError, match="judged on different rows"):
        classification_verdict([1, 0], [1])
    with pytest.raises(InputError, match="judged on different rows"):
        classification_verdict([1, 0], [1, 1], seed_correct=[[1, 0, 1]])


def text_scores(shift, n=80):
    rng = np.random.default_rng(0)
    baseline = rng.uniform(20, 70, n)
    return np.clip(baseline + rng.normal(shift, 15, n), 0, 100), baseline


def test_generation_win_and_its_mirror():
    learned, baseline = text_scores(10)
    win, loss = generation_verdict(learned, baseline, seed=1), generation_verdict(baseline, learned, seed=1)
    assert (win.kind, loss.kind) == ("win", "loss")
    assert win.difference == pytest.approx(np.mean(learned - baseline))
    assert win.ci == pytest.approx((-loss.ci[1], -loss.ci[0]))
    assert " chrF points (95% CI " in win.sentence
    assert f"it scored higher on {win.fixed} and lower on {win.broken} of 80 held-out examples" in win.sentence
    assert loss.sentence.startswith("Keep your manual prompt: it is better than the learned prompt by")
    assert win == generation_verdict(learned, baseline, seed=1)


def test_generation_tie_small_and_equivalent():
    learned, baseline = text_scores(0)
    tie = generation_verdict(learned, baseline)
    assert tie.kind == "tie"
    assert "chrF points or more." in tie.sentence
    assert generation_verdict(learned[:29], baseline[:29]).kind == "small"
    same = generation_verdict(baseline, baseline)
    assert (same.kind, same.p_value, same.both_right) == ("small", 1.0, 80)
    assert generation_verdict(baseline, baseline, margin=1.0).kind == "equivalent"
    assert generation_verdict(learned, baseline, margin=20.0).sentence.startswith("Learned prompt stays within 20 chrF points of your manual prompt")


def test_generation_points_are_hundredths_of_the_best_score():
    learned, baseline = text_scores(10)
    by_chrf = generation_verdict(learned, baseline, "chrf")
    by_rouge = generation_verdict(learned / 100, baseline / 100, "rouge_l")
    assert by_rouge.sentence == by_chrf.sentence.replace("chrF", "ROUGE-L")
    assert by_rouge.difference == pytest.approx(by_chrf.difference / 100)
    assert by_rouge.settle_n == by_chrf.settle_n


def test_generation_seeds():
    learned, baseline = text_scores(10)
    wide = generation_verdict(learned, baseline, seed_scores=[np.zeros(80), np.full(80, 100.0)])
    assert wide.kind == "unstable"
    assert "2/2 seeds agree" in generation_verdict(learned, baseline, seed_scores=[learned, learned]).sentence


def test_generation_null_experiments_win_in_at_most_five_percent():
    rng = np.random.default_rng(9)
    kinds = []
    for index in range(400):
        a, b = rng.beta(2, 3, size=(2, int(rng.integers(30, 80))))
        kinds.append(generation_verdict(100 * a, 100 * b, seed=index, resamples=300).kind)
    assert kinds.count("win") <= 20


def test_a_metric_without_row_scores_is_refused():
    with pytest.raises(InputError, match=r"metric 'bleu' has no score for single rows\. Expected one of accuracy, exact_match, chrf"):
        generation_verdict([1.0], [1.0], "bleu")


def test_what_a_test_set_can_show_before_training():
    assert resolution_sentence(50) == "With 50 test examples only differences of about 18 points or more can be confirmed."
    assert resolution_sentence(0) == "Without test examples no difference can be confirmed."
    assert resolution_sentence(200_000).endswith("about 1 point or more can be confirmed.")
