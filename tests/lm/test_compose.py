"""Two roots as one: exact where it can be checked, refused with a reason where there is nothing to compose."""

from dataclasses import replace

import pytest
import tiny
import torch

from steering.errors import SpecError
from steering.lm.compose import averaged, joined
from steering.lm.forest import Branch, Tree
from steering.lm.root import Root, join, without

A, B = (5, 9, 12, 7), (30, 31, 32)


def prefix(lm, ids):
    with torch.no_grad():
        return lm.to_kv(Root(embeds=lm.embed(ids)))


def logits(lm, root):
    with torch.no_grad():
        return lm.logits([Tree(root, (Branch((3, 4, 8), 3),))])


def test_soft_prompts_in_a_row_are_the_rows_one_after_the_other_without_the_second_header():
    lm = tiny.build()
    first, second = (Root(embeds=lm.embed(ids)) for ids in (A, B))
    made = joined(lm, first, second, 1)
    assert torch.equal(made.embeds, lm.embed((*A, *B[1:])))
    assert torch.equal(logits(lm, joined(lm, first, second, 0)), logits(lm, join(first, second)))


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_keys_of_the_second_prefix_are_moved_to_their_new_positions(name):
    """In the first layer a token's key depends on the token and its position alone, so there the composition equals the text as a whole.

    GPT-2 adds positions to the embeddings, which nothing can move in keys that are given: there they stay as they are.
    """
    lm = tiny.build(name)
    made = joined(lm, prefix(lm, A), prefix(lm, B), 0)
    whole = prefix(lm, (*A, *B))
    assert made.length == 7 and len(made.kv) == lm.shape.L
    wanted = whole if name != "gpt2" else Root(kv=(tuple(torch.cat(two, 1) for two in zip(prefix(lm, A).kv[0], prefix(lm, B).kv[0], strict=True)),))
    assert torch.allclose(made.kv[0][0], wanted.kv[0][0], atol=1e-5) and torch.allclose(made.kv[0][1], wanted.kv[0][1], atol=1e-5)
    for (key, value), (own, also) in zip(made.kv, prefix(lm, A).kv, strict=True):
        assert torch.equal(key[:, :4], own) and torch.equal(value[:, :4], also)
    short = joined(lm, prefix(lm, A), prefix(lm, B), 1)
    assert short.length == 6
    if name != "gpt2":
        assert torch.allclose(short.kv[0][0], prefix(lm, (*A, *B[1:])).kv[0][0], atol=1e-5)


def test_the_average_of_one_with_itself_is_itself_and_lies_between_two():
    lm = tiny.build()
    for make in (lambda ids: Root(embeds=lm.embed(ids)), lambda ids: prefix(lm, ids)):
        one, other = make(A), make(A[::-1])
        assert torch.equal(logits(lm, averaged(lm, one, one, 0)), logits(lm, one))
        parts = [root.embeds if root.embeds is not None else root.kv[1][0] for root in (averaged(lm, one, other, 0), one, other)]
        assert torch.allclose(parts[0], (parts[1] + parts[2]) / 2, atol=1e-6)


def test_what_cannot_be_composed_is_refused_with_its_reason():
    lm = tiny.build()
    soft, kv = Root(embeds=lm.embed(A)), prefix(lm, A)
    uneven = Root(kv=(*kv.kv[:-1], (kv.kv[-1][0][:, :2], kv.kv[-1][1][:, :2])))

    class Change:
        def active(self):
            raise AssertionError

        def detach(self):
            return self

    said = {
        r"one of the two is a soft prompt and the other a prefix; they live in different places\. Choose two of one kind\.": (soft, kv),
        r"the two prompts have 4 and 3 virtual tokens, so there is no average of them\. Choose two of one length": (soft, Root(embeds=lm.embed(B))),
        r"changes the model's weights \(LoRA\), which no vectors can be put beside\. Choose two learned prompts\.": (
            soft,
            replace(soft, adapter=Change()),
        ),
        r"missing in some layers or positions, so there is nothing to join there\. Choose whole prompts\.": (kv, uneven),
    }
    for words, (first, second) in said.items():
        with pytest.raises(SpecError, match=words):
            averaged(lm, first, second, 0)
    with pytest.raises(SpecError, match="missing in some layers or positions"):
        joined(lm, without(soft, [1]), soft, 0)
