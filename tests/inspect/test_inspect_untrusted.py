"""Entries that are text and tell nothing: planted undertrained ones and hubs are found, and nothing else is."""

from types import SimpleNamespace

import measured
import pytest
import tiny
import torch
import transformers as hf

from steering.inspect import final, look
from steering.inspect.untrusted import hubs, undertrained
from steering.inspect.vocabulary import Vocabulary, vocabulary
from steering.lm.attention import NAME
from steering.lm.frozen import FrozenLM
from steering.slices import finished


def table(rows):
    """What the searches need of a model, and a vocabulary of all its entries."""
    lm = SimpleNamespace(embed=lambda ids: rows[torch.as_tensor(list(ids))])
    mean = rows.mean(0)
    ids = torch.arange(len(rows))
    return lm, Vocabulary(ids, {int(i): int(i) for i in ids}, mean, (rows - mean).norm(dim=1), {}, ())


def normal(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def test_planted_hubs_are_found_among_thousands():
    """Half of the entries lean one way and half the other; two planted ones lie in the middle of each half, near to everything in it."""
    side = torch.sign(normal(3000, 1, seed=1))
    rows = torch.nn.functional.normalize(torch.cat([torch.zeros(3000, 1), normal(3000, 255)], dim=1), dim=1) * 0.8
    rows[:, :1] = 0.6 * side
    planted = [17, 2001]
    rows[planted] = 0.0
    rows[planted[0], 0], rows[planted[1], 0] = 1.0, -1.0
    found = finished(hubs(*table(rows)))
    assert found.nonzero()[:, 0].tolist() == planted


@pytest.mark.parametrize("size", [(4000, 64), (300, 32), (8, 4)])
def test_random_entries_have_no_hubs(size):
    assert not finished(hubs(*table(normal(*size)))).any()


def test_a_crowd_is_no_hub():
    """Thirty near copies of one another are in each other's lists only: CSLS takes their crowd away."""
    rows = normal(3000, 128)
    rows[:30] = rows[0] + 0.05 * normal(30, 128, seed=3)
    assert not finished(hubs(*table(rows))).any()


def test_entries_that_lie_where_unused_ones_lie_are_undertrained():
    rows = 3 * torch.nn.functional.normalize(normal(1200, 64), dim=1)
    unused, planted = list(range(1000, 1200)), [5, 500]
    centre = 0.5 * torch.nn.functional.normalize(normal(64, seed=2), dim=0)
    rows[unused] = centre + 0.02 * normal(200, 64, seed=4)
    rows[planted] = centre + 0.01 * normal(2, 64, seed=5)
    rows[7] *= 0.1  # short is not undertrained: the shortest entries may be the commonest names
    lm, _ = table(rows)
    found = undertrained(lm, torch.arange(1000), unused)
    assert found.nonzero()[:, 0].tolist() == planted
    assert not undertrained(lm, torch.arange(1000), unused[:7]).any(), "too few to say where unused entries lie"


def test_unused_entries_that_are_scattered_tell_nothing():
    lm, _ = table(normal(1200, 64))
    assert not undertrained(lm, torch.arange(1000), list(range(1000, 1200))).any()


def test_what_is_hidden_is_counted_and_never_named():
    """The whole way: a model with rows beyond the tokenizer's, and two words that lie among them."""
    torch.manual_seed(0)
    size = len(tiny.tokenizer())
    config = hf.LlamaConfig(**{**tiny.config("llama").to_dict(), "vocab_size": size + 24})
    model = hf.AutoModelForCausalLM.from_config(config, attn_implementation=NAME).float()
    words = finished(vocabulary(tiny.build())).ids[:2].tolist()
    with torch.no_grad():
        weight = model.get_input_embeddings().weight
        weight[size:] = 0.001 * normal(24, weight.shape[1])
        weight[words] = 0.0005 * normal(2, weight.shape[1], seed=1)
    lm = FrozenLM(model, tiny.tokenizer(), id="tiny-padded", layout="forest")
    vocab = finished(vocabulary(lm))
    assert vocab.hidden["undertrained"] == 2 and vocab.hidden["unused"] == 24 and "hubs" not in vocab.hidden
    assert not set(words) & set(vocab.ids.tolist()) and len(vocab.position) == len(vocab.ids) == len(vocab.lengths)
    ids = lm.encode("the film is")
    result = final(look("neighbours", lm, measured.soft(lm, lm.embed(ids), ids, count=8)))
    assert "2 undertrained" in result.caption
    assert [row["nearest"][0]["id"] for row in result.rows] == list(ids)
