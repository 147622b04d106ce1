"""View ``logit_lens``: the last layer says what the model says; where nothing was changed, nothing differs."""

import pytest
import tiny
import torch

from steering.inspect import Subject, final, look
from steering.inspect.lens import divergence, hidden, next_word

IDS = tuple(range(60, 65))


@pytest.mark.parametrize("name", [*tiny.ARCHITECTURES])
def test_the_last_layer_is_the_model(name):
    lm = tiny.build(name, scale=1.5)
    states = hidden(lm, lm.embed(IDS))
    plain = torch.log_softmax(lm.model(input_ids=torch.tensor([IDS])).logits[0], -1)
    torch.testing.assert_close(next_word(lm, states[-1]), plain.detach(), atol=1e-4, rtol=1e-4)
    assert states.shape == (3, 5, lm.shape.H)


def test_an_unmoved_prompt_differs_nowhere(lm):
    table, heat = final(look("logit_lens", lm, Subject(name="t", vectors={"soft_prompt": lm.embed(IDS)}, start_ids=IDS, header=1))).parts
    assert [row["slot"] for row in table.rows] == [2, 3, 4, 5] and heat.columns == ("v2", "v3", "v4", "v5") and heat.rows == ("1", "2", "3")
    assert max(max(row) for row in heat.values) < 1e-4 and all(row["last"] == row["last_start"] for row in table.rows)


def test_a_moved_vector_changes_itself_and_what_follows(lm):
    vectors = lm.embed(IDS).clone()
    vectors[2] = -3 * vectors[2]
    _, heat = final(look("logit_lens", lm, Subject(name="t", vectors={"soft_prompt": vectors}, start_ids=IDS))).parts
    last = heat.values[-1]
    assert max(last[:2]) < 1e-4 < min(last[2:])


def test_without_a_start_there_is_nothing_to_compare_with(lm):
    (table,) = final(look("logit_lens", lm, Subject(name="t", vectors={"soft_prompt": lm.embed(IDS)}))).parts
    assert "nothing to compare with" in table.caption and table.rows[0]["last"] and not table.rows[0]["last_start"]


def test_divergence():
    one, other = torch.tensor([[1.0, 0.0], [0.5, 0.5]]).clamp_min(1e-9).log(), torch.tensor([[0.0, 1.0], [0.5, 0.5]]).clamp_min(1e-9).log()
    assert divergence(one, other).tolist() == pytest.approx([1.0, 0.0], abs=1e-4)
