"""View ``seeds``: copies agree in everything, strangers in nothing but what chance gives."""

import pytest
import torch
from measured import TASK, soft

from steering.errors import SpecError
from steering.inspect import final, look

IDS = tuple(range(60, 66))


def prompts(lm, *siblings, start=True):
    vectors = lm.embed(IDS) + 0.02 * torch.randn(6, lm.shape.H, generator=torch.Generator().manual_seed(5))
    made = tuple({"soft_prompt": make(vectors)} for make in siblings)
    return soft(lm, vectors, IDS if start else (), siblings=made)


def test_a_copy_agrees_in_everything(lm):
    result = final(look("seeds", lm, prompts(lm, lambda v: v.clone(), lambda v: v[[3, 0, 1, 2, 5, 4]])))
    decisions, words, table = result.parts
    assert [bar.label for bar in decisions.bars] == ["seed 2", "seed 3", "your manual prompt"]
    assert decisions.bars[0].value == 1.0 and decisions.bars[0].low < 1
    assert words.bars[0].value == 1.0  # the second is the first in another order: matching finds it
    assert all(row["cosine"] == pytest.approx(1.0, abs=1e-4) for row in table.rows)
    assert "6 of 6 vectors are matched with a vector at another position" in table.caption
    assert result.note.startswith("Seeds agree on ") and "share 100% of closest words" in result.note


def test_start_tokens_are_removed(lm):
    from steering.inspect.vocabulary import pieces

    table = final(look("seeds", lm, prompts(lm, lambda v: v + 0.001))).parts[2]
    starts = set(pieces(lm, IDS))
    assert all(not starts & {word["token"] for word in row["words"]} for row in table.rows)


def test_random_moves_are_called_accidents(lm):
    def away(vectors):
        start = lm.embed(IDS)
        noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(11))
        return start + 5 * noise / noise.norm(dim=1, keepdim=True) * start.norm(dim=1, keepdim=True)

    def far(vectors):
        return away(vectors).flip(1)

    start = lm.embed(IDS)
    subject = soft(lm, far(start), IDS, siblings=({"soft_prompt": away(start)},))
    result = final(look("seeds", lm, subject))
    seeds, moved, random = (bar.value for bar in result.parts[1].bars)
    assert seeds == pytest.approx(random, abs=0.2) and moved == pytest.approx(random, abs=0.2)
    assert ("accidents of training" in result.note) == (seeds <= moved + 0.05)


def test_one_seed_says_so(lm):
    with pytest.raises(SpecError, match="'tried' was trained with one seed: there is nothing to agree with"):
        final(look("seeds", lm, prompts(lm)))
    with pytest.raises(SpecError, match="nothing to agree with"):  # what does not fit is no seed of this run
        final(look("seeds", lm, prompts(lm, lambda v: v[:3], lambda v: v * float("nan"))))


def test_prefixes_compare_decisions_only(lm):
    from dataclasses import replace

    from test_inspect_truths import prefix_of

    vectors = prefix_of(lm, IDS)
    subject = replace(prompts(lm), vectors=vectors, siblings=({name: t.clone() for name, t in vectors.items()},))
    result = final(look("seeds", lm, subject))
    assert result.parts[0].bars[0].value == 1.0 and "no vectors in the space of words" in result.parts[1].paragraphs[0]


def test_written_answers_are_compared_whole(lm):
    from dataclasses import replace

    subject = prompts(lm, lambda v: v.clone())
    task = replace(TASK, kind="generation", label_words={}, max_new_tokens=6)
    result = final(look("seeds", lm, replace(subject, task=task, rows=subject.rows[:6])))
    assert result.parts[0].bars[0].value == 1.0 and "the whole answer, letter by letter" in result.parts[0].caption
