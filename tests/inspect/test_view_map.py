"""View ``map``: exact cosines, and a plane that says what it leaves out."""

import pytest
import torch

from steering.inspect import Subject, final, look
from steering.inspect.linear import effective_rank, jaccard, matched
from steering.spec import TaskSpec

TASK = TaskSpec(kind="classification", template="{text} label", label_words={"p": "good", "n": "bad"})


def tokens(lm, *words):
    """One id a word."""
    ids = [lm.encode(word) for word in words]
    assert all(len(one) == 1 for one in ids)
    return tuple(one[0] for one in ids)


def test_cosines_are_those_of_a_plain_loop(lm):
    ids = tokens(lm, "film", "queue", "billing")
    vectors = lm.embed(ids) + 0.01
    _, heat = final(look("map", lm, Subject(name="tried", vectors={"soft_prompt": vectors}, start_ids=ids, task=TASK))).parts
    starts = ("start of v1: film", "start of v2: queue", "start of v3: billing")
    assert heat.columns == ("v1", "v2", "v3", *starts, "label word: good", "label word: bad")
    from steering.inspect.vocabulary import vocabulary

    work = vocabulary(lm)
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
    mean = end.value.value.mean
    words = [lm.embed(lm.encode(text)).mean(0, keepdim=True) for text in (" good", " bad")]
    others = torch.cat([vectors, lm.embed(ids), *words])
    for i, row in enumerate(heat.values):
        wanted = torch.nn.functional.cosine_similarity(vectors[i] - mean, others - mean, dim=-1)
        assert row == pytest.approx(wanted.tolist(), abs=1e-4)
    assert all(heat.values[i][i] == pytest.approx(1.0) for i in range(3)) and heat.centre == 0.0


def test_a_copy_is_seen_and_takes_a_direction_away(lm):
    ids = tokens(lm, "film", "queue", "film")
    vectors = lm.embed(ids)
    _, heat = final(look("map", lm, Subject(name="tried", vectors={"soft_prompt": vectors}))).parts
    assert heat.values[0][2] == pytest.approx(1.0) and "directions in effect, of 3" in heat.caption
    assert float(heat.caption.split("span ")[1].split(" ")[0]) < 2.1


def test_long_prompts_are_cut_and_say_so(lm):
    result = final(look("map", lm, Subject(name="tried", vectors={"soft_prompt": lm.embed(range(60, 120))})))
    assert len(result.parts[1].rows) == 48 and "The first 48 of 60 vectors are shown." in result.parts[1].caption


def test_effective_rank():
    assert effective_rank(torch.ones(5, 8)) == pytest.approx(1.0)
    assert effective_rank(torch.eye(6, 9)) == pytest.approx(6.0)


def test_slots_are_matched_one_to_one():
    rows = torch.randn(7, 16, generator=torch.Generator().manual_seed(0))
    order = [3, 1, 6, 0, 2, 5, 4]
    assert matched(rows, 2 * rows[order] + 0.01) == [order.index(i) for i in range(7)]
    assert jaccard({1, 2, 3}, {2, 3, 4}) == 0.5 and jaccard(set(), set()) == 0.0
