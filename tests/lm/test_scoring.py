"""Label words are scored exactly, whatever their length; chunks lose nothing."""

import pytest
import tiny
import torch

from steering.errors import TemplateError
from steering.lm.encode import encode_examples, encode_labels, prompt_text
from steering.lm.forest import Branch, Tree
from steering.lm.scoring import Labels, Target, chunks, score_labels, score_targets
from steering.spec import Example, TaskSpec

TASK = TaskSpec(kind="classification", template="{text}\nLabel:", label_words={"pos": "good", "neg": "bad"})


def _example(text: str, target: str = "pos", row: int = 2) -> Example:
    return Example(row=row, values={"text": text}, target=target, key=text)


def _by_hand(lm, root, ids, words) -> torch.Tensor:
    out = []
    for word in words:
        logits = lm.logits([Tree(root, (Branch(ids + word[:-1], len(word)),))])
        out.append(torch.log_softmax(logits, -1).gather(1, torch.tensor(word)[:, None]).sum())
    return torch.stack(out)


@pytest.mark.parametrize("words", [((5,), (6,)), ((5, 7), (6,)), ((5, 7, 8), (5, 9), (6,)), ((5,), (5, 9))])
def test_label_scores_equal_running_every_word_alone(lm, words):
    labels = Labels(words, (3,))
    root = lm.text_root("the film")
    inputs = [(10, 11, 12), (13, 14), (15, 16, 17, 18, 19)]
    found = torch.cat([part for _, part in score_labels(lm, root, inputs, labels)])
    scored = [(*w, 3) if labels.shared_first else w for w in words]
    for row, ids in zip(found, inputs, strict=True):
        torch.testing.assert_close(row, _by_hand(lm, root, ids, scored), atol=1e-5, rtol=1e-5)


def test_target_scores_equal_running_alone(lm):
    root = lm.text_root("the film")
    targets = [Target((10, 11), (5, 6, 7)), Target((12, 13, 14), (8, 3))]
    found = torch.cat([part for _, part in score_targets(lm, root, targets)])
    expected = torch.stack([-_by_hand(lm, root, t.ids, (t.target,))[0] / len(t.target) for t in targets])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_chunks_cover_every_branch_once_within_budget():
    branches = [Branch(tuple(range(n)), 1) for n in (5, 9, 3, 30, 1, 1)]
    parts = list(chunks(branches, 12))
    assert [i for part in parts for i in part] == list(range(6))
    assert all(len(part) == 1 or sum(branches[i].tokens for i in part) <= 12 for part in parts)


def test_long_rows_are_cut_in_the_text_never_in_the_template(lm):
    data = encode_examples(lm, TASK, [_example("film " * 900), _example("good")], 10)
    assert data.cut == 1
    assert len(data.inputs[0]) <= lm.shape.context - 10
    assert lm.decode(data.inputs[0]).endswith("\nLabel:")


def test_no_room_for_the_input_is_refused(lm):
    with pytest.raises(TemplateError, match="prompt and template leave no room for the input: the model's context is 512 tokens"):
        encode_examples(lm, TASK, [_example("film " * 900)], lm.shape.context - 20)


def test_label_without_a_word_names_the_row(lm):
    with pytest.raises(TemplateError, match=r"label 'other' of row 7 has no label word \(known: pos, neg\)"):
        encode_examples(lm, TASK, [_example("x", "other", 7)], 3)


def test_same_label_words_are_refused(lm):
    with pytest.raises(TemplateError, match="two labels have the same label word"):
        encode_labels(lm, TaskSpec(kind="classification", label_words={"a": "good", "b": "good"}))


def test_prompt_is_separated_and_empty_prompt_is_nothing():
    assert prompt_text("  ") == ""
    assert prompt_text("Do it.\n") == "Do it.\n\n"


def test_tiny_tokenizer_round_trips():
    text = "Größe <|im_start|> \t 日本"
    ids = tiny.tokenizer()(text, add_special_tokens=False)["input_ids"]
    assert tiny.tokenizer().decode(ids) == text


def test_gradient_mode_does_not_leak_between_slices(lm, monkeypatch):
    monkeypatch.setattr(lm, "tokens_per_slice", 1)
    root, inputs = lm.text_root("the film"), [(10, 11), (12, 13)]
    for slices in (score_labels(lm, root, inputs, Labels(((5,), (6,)))), score_targets(lm, root, [Target(i, (5, 6)) for i in inputs])):
        next(slices)
        assert torch.is_grad_enabled()
