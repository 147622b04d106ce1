import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.errors import InputError
from steering.evaluate.generation import field_f1, json_object, score_generation
from steering.evaluate.rouge import lcs_length, rouge_l, tokens

WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def test_perfect_outputs():
    texts = ["The cat sat on the mat today.", "A small dog ran away quickly."]
    scores = score_generation(texts, [[text] for text in texts])
    assert (scores.exact_match, scores.rouge_l) == (1.0, 1.0)
    assert (scores.chrf, scores.bleu) == pytest.approx((100.0, 100.0))
    assert scores.exact_match_ci == pytest.approx((0.342, 1.0), abs=1e-3)
    assert (scores.json_valid, scores.json_field_f1) == (None, None)
    assert scores.mean_length == scores.mean_target_length == 29.0


def test_exact_match_ignores_outer_space_and_nothing_else():
    scores = score_generation([" yes\n", "Yes", "no"], [["yes"], ["yes"], ["maybe", "no"]])
    assert scores.each.exact_match == (1.0, 0.0, 1.0)
    assert scores.exact_match == pytest.approx(2 / 3)


def test_corpus_scores_are_sacrebleus():
    import sacrebleu

    predictions = ["the cat is on the mat", "there is a dog here now"]
    references = [["the cat sat on the mat", "a cat is on the mat"], ["there was a dog here now"]]
    scores = score_generation(predictions, references)
    streams = [["the cat sat on the mat", "there was a dog here now"], ["a cat is on the mat", None]]
    assert scores.chrf == pytest.approx(sacrebleu.corpus_chrf(predictions, streams).score)
    assert scores.bleu == pytest.approx(sacrebleu.corpus_bleu(predictions, streams).score)
    assert scores.each.chrf[0] == pytest.approx(sacrebleu.sentence_chrf(predictions[0], references[0]).score)


def test_empty_texts_score_nothing_and_break_nothing():
    scores = score_generation(["", "word", ""], [["word"], [""], [""]])
    assert scores.each.chrf[:2] == (0.0, 0.0)
    assert scores.each.rouge_l == (0.0, 0.0, 1.0)
    assert scores.each.exact_match == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("prediction", "reference", "f1"),
    [  # printed by the rouge-score package 0.1.2, rougeL, no stemming
        ("The police killed the gunman", "police kill the gunman", 0.6666666667),
        ("It's 3.5 dogs ran away!", "its 3.5 dogs were away", 0.6153846154),
    ],
)
def test_rouge_l_is_that_of_the_usual_package(prediction, reference, f1):
    assert rouge_l(prediction, reference) == pytest.approx(f1)


def test_rouge_l_reads_other_scripts():
    assert rouge_l("привет мир", "Привет, мир!") == 1.0
    assert tokens("東京 2024年") == ["東", "京", "2024", "年"]
    assert rouge_l("...", "...") == 1.0
    assert rouge_l("...", "!") == 0.0


@given(WORDS, WORDS)
@settings(max_examples=150, deadline=None)
def test_lcs_is_the_textbook_table(a, b):
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    assert lcs_length(a, b) == table[-1][-1]


def test_json_scores_appear_when_most_targets_are_objects():
    references = [['{"intent": "play", "slots": {"artist": "Bach", "year": 1750}}'], ['{"intent": "stop"}'], ["free text"]]
    predictions = ['{"intent": "play", "slots": {"artist": "Bach"}}', "stop", "{}"]
    scores = score_generation(predictions, references)
    assert scores.json_valid == pytest.approx(2 / 3)
    assert scores.each.json_field_f1 == pytest.approx((2 * 2 / 5, 0.0, 0.0))
    assert scores.json_field_f1 == pytest.approx(0.8 / 3)


def test_half_of_the_targets_is_not_most():
    assert score_generation(["{}", "x"], [["{}"], ["x"]]).json_valid is None


@pytest.mark.parametrize(
    ("predicted", "target", "f1"),
    [
        ({"a": 1}, {"a": 1.0}, 1.0),
        ({"a": True}, {"a": 1}, 0.0),
        ({"a": [1, 2]}, {"a": [2, 1]}, 1.0),
        ({"a": [1, 1]}, {"a": [1]}, 2 / 3),
        ({"a": {}}, {"a": {}}, 1.0),
        ({}, {}, 1.0),
        ({}, {"a": 1}, 0.0),
        (None, {}, 0.0),
        ({"a": "x", "b": "y"}, {"a": "x", "b": "z"}, 0.5),
    ],
)
def test_field_f1(predicted, target, f1):
    assert field_f1(predicted, target) == pytest.approx(f1)


@pytest.mark.parametrize("text", ["[1]", "3", "", "{", '{"a": NaN}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_what_is_not_a_json_object(text):
    assert json_object(text) is None


@pytest.mark.parametrize(
    ("predictions", "references", "text"),
    [
        ([], [], "no rows to judge"),
        (["a"], [["a"], ["b"]], "1 outputs for 2 rows"),
        (["a", "b"], [["a"], []], r"target of row 1 is \[\], expected a list of at least one text"),
        (["a"], ["a"], "target of row 0 is 'a'"),
    ],
)
def test_unusable_input_is_said_plainly(predictions, references, text):
    with pytest.raises(InputError, match=text):
        score_generation(predictions, references)
