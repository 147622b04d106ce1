"""Templates and label words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steering.data import check_label_words, check_template, default_label_words, fields, render
from steering.errors import TemplateError


def test_only_known_names_are_filled_in_once():
    assert render('{"m": "{text}", "x": {}} {0} {text.__class__} {label}', {"text": "a {label} {text}", "label": "L"}) == (
        '{"m": "a {label} {text}", "x": {}} {0} {text.__class__} L'
    )
    assert render("{{text}} {ticket text}", {"text": "a", "ticket text": "b"}) == "{a} b"
    assert fields("{a} {b c} {a} {} {") == ("a", "b c", "")


@given(st.text(), st.text())
def test_any_template_and_value(template, value):
    assert render(template + "{text}", {"text": value}).endswith(value)
    assert render(template, {}) == template


def test_check_template():
    check_template("Message: {text}\n", ("text",), "text")
    with pytest.raises(TemplateError) as caught:
        check_template("Message: {txt}", ("text", "subject"), "text")
    assert str(caught.value) == (
        "the template 'Message: {txt}' does not contain {text} (columns: {text}, {subject}). Did you mean {text} where it says {txt}?"
    )
    with pytest.raises(TemplateError, match=r"Write {text} where the text of a row should go"):
        check_template("Message:", ("text",), "text")


@pytest.mark.parametrize(
    ("label", "word"),
    [
        ("Order_Status", "order status"),
        ("AddToPlaylist", "add to playlist"),
        (" very-NEGATIVE ", "very negative"),
        ("förmlich", "förmlich"),
        ("일상", "일상"),
        ("Тема_А", "Тема А"),
        ("-1", "-1"),
        ("3.5", "3.5"),
        ("_", "_"),
    ],
)
def test_default_label_words(label, word):
    assert default_label_words([label]) == {label: word}


def test_default_words_that_would_clash_keep_their_spelling():
    assert default_label_words(["a_b", "a b", "C"]) == {"a_b": "a_b", "a b": "a b", "C": "c"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"a": "yes", "b": " YES "}, "the labels 'a' and 'b' have the same label word 'YES'. Give them different words"),
        ({"a": "yes"}, "1 label without a label word: 'b'. Give each label a word."),
        ({"a": "yes", "b": "no", "c": "x"}, "label words are given for labels that the file does not hold: 'c'. Labels of the file: 'a', 'b'."),
        ({"a": "yes", "b": "  "}, "the label 'b' has an empty label word."),
    ],
)
def test_check_label_words(words, said):
    with pytest.raises(TemplateError) as caught:
        check_label_words(["a", "b"], words)
    assert said in str(caught.value)


def test_good_label_words_pass():
    check_label_words(["a", "b"], {"b": "no", "a": "yes"})
