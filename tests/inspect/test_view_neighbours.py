"""View ``neighbours`` at scale: what chance gives, what changed around a vector, and a vocabulary of 260,000."""

import pytest
import torch
from measured import directions, rows

from steering.inspect import Subject, final, look


def test_of_2000_random_vectors_95_of_100_are_off_the_vocabulary(wide):
    lengths = (1.0, 4.0, 8.0, 16.0, 64.0)
    found = [row for seed in range(40) for row in rows(wide, lengths[seed % 5] * directions(50, 256, 900 + seed))]
    share = sum(row["status"] == "off-vocabulary" for row in found) / len(found)
    assert len(found) == 2000 and share == pytest.approx(0.95, abs=0.02)


def test_whole_random_prompts_hold_no_sure_word_in_95_of_100_trials(wide):
    sure = 0
    for seed in range(60):
        found = rows(wide, 10 * directions(8, 256, 500 + seed))
        sure += any(row["p_value"] < 0.05 for row in found)
    assert sure <= 6  # 3 expected of 60; more than 6 has a chance below 4 %


def test_what_changed_around_a_vector(wide):
    ids = (5, 6, 7)
    start = wide.embed(ids)
    moved = torch.stack([start[0], wide.embed([900])[0], start[2] + start[2].norm() * directions(1, 256, 9)[0]])
    same, other, drifted = rows(wide, moved, ids)
    assert same["overlap"] == 1.0 and same["overlap_random"] == 1.0 and not same["gained"] and len(same["kept"]) == 10
    assert other["overlap"] <= 0.2 and {"token": "w900"} in other["gained"] and {"token": "w6"} in other["lost"]
    # A random move of its own length keeps what random moves of that length keep.
    assert drifted["overlap"] == pytest.approx(drifted["overlap_random"], abs=0.35) and drifted["overlap_random"] < 1


def test_without_a_start_nothing_is_said_of_changes(wide):
    (row,) = rows(wide, wide.embed([5]))
    assert row["kept"] == row["gained"] == row["lost"] == [] and row["overlap"] is None


@pytest.fixture(scope="module")
def large():
    """260,000 words of 16 dimensions."""
    import transformers as hf
    from tokenizers import Tokenizer, models, pre_tokenizers

    from steering.lm.attention import NAME
    from steering.lm.frozen import FrozenLM

    words = {f"w{i}": i for i in range(259_999)} | {"[UNK]": 259_999}
    core = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    config = hf.LlamaConfig(
        vocab_size=260_000, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0, eos_token_id=0,
        bos_token_id=None, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    model = hf.LlamaForCausalLM._from_config(config, attn_implementation=NAME).float()
    return FrozenLM(model, hf.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]"), id="large")


@pytest.mark.parametrize("view", ["neighbours", "map"])
def test_a_vocabulary_of_260000_is_read_in_chunks(large, view, monkeypatch):
    most = []
    embed = large.embed
    monkeypatch.setattr(large, "embed", lambda ids: most.append(len(ids)) or embed(ids))
    ids = (7, 250_000)
    items = list(look(view, large, Subject(name="tried", vectors={"soft_prompt": embed(ids)}, start_ids=ids)))
    assert max(most) <= 8192
    if view == "neighbours":
        assert [row["nearest"][0]["token"] for row in items[-1].rows] == ["w7", "w250000"]
        assert "259,999 entries" in items[-1].caption and "1 special" in items[-1].caption


def test_real_tokens_read_back_mutual(wide):
    ids = tuple(range(50, 70))
    found = rows(wide, wide.embed(ids), ids)
    assert all(row["nearest"][0]["mutual"] and row["agreement"] == 3 and row["status"] == "unmoved" for row in found)
    assert [row["nearest"][0]["id"] for row in found] == list(ids)


def test_the_result_is_repeatable(wide):
    subject = Subject(name="tried", vectors={"soft_prompt": wide.embed([5, 6]) + 1}, start_ids=(5, 6))
    assert final(look("neighbours", wide, subject)) == final(look("neighbours", wide, subject))
