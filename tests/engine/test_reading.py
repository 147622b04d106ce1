"""What the model reads, token by token."""

import pytest
import tiny

from steering.engine.reading import reading
from steering.errors import TemplateError
from steering.spec import Example, TaskSpec


@pytest.fixture(scope="module")
def lm():
    return tiny.build("llama")


def rows(*texts: str, target: str = "a") -> list[Example]:
    return [Example(row=i + 2, values={"text": text}, target=target, key=str(i)) for i, text in enumerate(texts)]


def task(**changes) -> TaskSpec:
    return TaskSpec(**{"kind": "classification", "template": "{text}\nIt was", "label_words": {"a": "good", "b": "bad"}, "prompt": "Say."} | changes)


def test_the_parts_are_the_tokens_that_training_uses(lm) -> None:
    *_, last = reading(lm, task(), rows("the film was good", "the film was bad"))
    first = last["rows"][0]
    prompt = lm.header + lm.encode("Say.\n\n")
    assert last["virtual_tokens"] == len(prompt) == len(first["prompt"])
    assert "".join(first["input"]).replace("·", " ").replace("\\n", "\n") == "the film was good\nIt was"
    assert "".join(first["answer"]) == "·good" and first["cut"] == 0
    assert last["lengths"] == [len(lm.encode("the film was good\nIt was")), len(lm.encode("the film was bad\nIt was"))]


def test_label_words_come_with_the_models_own_probability(lm) -> None:
    first, *_, last = reading(lm, task(), rows("the film was good"))
    assert [word["share"] for word in first["words"]] == [None, None] or first is last
    assert all(0 < word["share"] < 1 for word in last["words"])
    assert ["".join(word["tokens"]) for word in last["words"]] == ["·good", "·bad"]


def test_words_that_begin_alike_and_long_words_are_noted(lm) -> None:
    words = {"a": "good film", "b": "good the film was bad"}
    *_, last = reading(lm, task(label_words=words), rows("the film"))
    assert any("begin with the same token" in note for note in last["notes"])
    assert any("'good the film was bad' take 3 tokens or more" in note for note in last["notes"])


def test_rows_that_are_cut_are_counted_to_the_token(lm) -> None:
    *_, last = reading(lm, task(), rows("film " * 4 * lm.shape.context, "the film"))
    assert last["cut"] == 1 and last["rows"][0]["cut"] > 0 and last["rows"][1]["cut"] == 0
    with pytest.raises(TemplateError, match="leave no room"):
        list(reading(lm, task(prompt="film " * 4 * lm.shape.context), rows("the film")))


def test_generation_grades_the_answer_and_its_end(lm) -> None:
    *_, last = reading(lm, task(kind="generation", label_words={}, stop="newline"), rows("the film", target="good film"))
    assert last["rows"][0]["answer"][-1] == "\\n" and last["words"] == [] and last["notes"] == []


def test_a_task_without_label_words_or_text_is_a_sentence(lm) -> None:
    with pytest.raises(TemplateError, match=r"there are no label words\. Give every label a word\."):
        list(reading(lm, task(label_words={}), rows("the film")))
    with pytest.raises(TemplateError, match=r"the template and the row are empty together\. Write \{column\}"):
        list(reading(lm, task(template=""), rows("the film")))


def test_words_that_begin_alike_are_offered_apart(lm) -> None:
    words = {"a": "film good", "b": "film bad", "c": "great"}
    *_, last = reading(lm, task(label_words=words, template="{text}\n"), rows("the film"))
    assert last["suggested"] == {"a": "good", "b": "bad"}
    *_, plain = reading(lm, task(template="{text}\n"), rows("the film"))
    assert plain["suggested"] == {}


def test_by_channel_the_label_line_is_read_and_the_text_is_graded(lm) -> None:
    *_, last = reading(lm, task(scoring="channel"), rows("the film was good"))
    first = last["rows"][0]
    assert "".join(first["input"]).replace("·", " ").replace("\\n", "\n") == "It was good\n"
    assert "".join(first["answer"]).replace("·", " ") == "the film was good"
    assert last["notes"] == ["Scored by channel: how likely each label makes the input, not the other way round."]
    assert all(word["share"] is None for word in last["words"])
