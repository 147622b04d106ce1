"""View ``prefix``: a prefix made from text inspects as that text; random rows are hidden; what is written was planted."""

from dataclasses import replace

import pytest
import tiny
import torch
from measured import TASK, examples, soft
from test_inspect_truths import prefix_of

from steering.data.neutral import neutral
from steering.inspect import Subject, final, look
from steering.inspect.bank import bank, fill

IDS = tuple(range(60, 66))


def done(work):
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
    return end.value.value


def table_of(lm, subject):
    return final(look("prefix", lm, subject)).parts[0]


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_a_prefix_from_text_inspects_as_that_text(name):
    """Its start joins the bank; every row must be nearest to what it started from, among all other real tokens."""
    lm = tiny.build(name, scale=1.5)
    ids = lm.encode("my parcel was not great")
    table = table_of(lm, Subject(name="tried", vectors=prefix_of(lm, ids), start_ids=ids))
    found = {(row["layer"], row["slot"]): row for row in table.rows}
    shown = lm.shape.L * len(ids)
    assert "0 are hidden" not in table.caption or len(found) == shown
    right = 0
    for (_, slot), row in found.items():
        assert row["key"][0]["cosine"] <= 1 + 1e-4
        right += row["still"] == "key and value" if slot > 1 else 1  # position 0 is in no bank: it is a sink
    assert right == len(found)


def test_without_the_start_in_the_bank_its_text_is_still_found(lm):
    ids = lm.encode(neutral()[0])
    table = table_of(lm, Subject(name="tried", vectors=prefix_of(lm, ids)))
    rows = [row for row in table.rows if row["slot"] > 1]
    assert rows and all(row["key"][0]["cosine"] > 0.99 and row["value"][0]["cosine"] > 0.99 for row in rows)
    from steering.inspect.vocabulary import pieces

    shown = pieces(lm, ids)
    assert all(row["key"][0]["token"].endswith(f"[{shown[row['slot'] - 1]}]") for row in rows)


def test_random_rows_are_hidden_and_counted():
    lm = tiny.build("qwen3")
    rows = torch.randn(2, lm.shape.L, lm.shape.K, 40, lm.shape.D, generator=torch.Generator().manual_seed(3))
    texts = fill(tuple(lm.encode_many(neutral())))
    known = done(bank(lm, texts, 40))
    made = []
    for which, part in zip(("keys", "values"), rows, strict=True):
        real = getattr(known, which).float()
        made.append(part * real.std(2, keepdim=True) + real.mean(2, keepdim=True))
    turned = [lm_turned(lm, known, layer, made[0][layer]) for layer in range(lm.shape.L)]
    subject = Subject(name="tried", vectors={"prefix_keys": torch.stack(turned), "prefix_values": made[1]})
    caption = table_of(lm, subject).caption
    assert caption.startswith("120 rows, one a layer and virtual token.")
    assert int(caption.split("token. ")[1].split(" ")[0]) >= 96  # 108 expected of 120


def lm_turned(lm, known, layer, keys):
    """Keys with positions applied: the inverse of the inverse, by the model's own function."""
    from steering.lm.rotary import Rotary

    cos, sin = known.rotary.angles[layer]
    forward = Rotary(lm, tuple((cos, -sin) for _ in range(lm.shape.L)))
    return forward.back(layer, keys, torch.arange(keys.shape[1]))


def test_a_soft_prompt_is_a_prefix_too(lm):
    ids = lm.encode(neutral()[1])[:8]
    one = table_of(lm, Subject(name="tried", vectors={"soft_prompt": lm.embed(ids)}, start_ids=ids))
    other = table_of(lm, Subject(name="tried", vectors=prefix_of(lm, ids), start_ids=ids))
    assert [row["key"] for row in one.rows] == [row["key"] for row in other.rows]


def test_writing_is_read_off(lm):
    """A value in the last layer that writes one word: it is the first among what is written, and rises to the top of the list."""
    from steering.lm.layers import parts

    word = lm.encode("queue")[0]
    ids = lm.encode(neutral()[2])[:6]
    vectors = {name: t.clone() for name, t in prefix_of(lm, ids).items()}
    found = parts(lm)
    head = found.head.weight - found.head.weight.mean(0)
    write = ((head[word] * found.norm.weight) @ found.output[2].weight).view(lm.shape.K, -1, lm.shape.D).mean(1)
    vectors["prefix_values"][2, :, 4] = 100 * write / write.norm()
    row = table_of(lm, replace(soft(lm, lm.embed(IDS)), vectors=vectors)).rows[0]
    assert (row["layer"], row["slot"]) == (3, 5) and row["norm"] > 10
    assert "queue" in [one["token"] for one in row["writes"]] and [one["token"] for one in row["labels"]] == ["good", "bad"]


def test_who_finds_a_key(lm):
    """A key along one query draws that query's token."""
    from steering.inspect.firing import firing
    from steering.lm.forest import Branch, Tree
    from steering.lm.root import Root

    texts = [lm.encode(text) for text in neutral()[:4]]
    vectors = prefix_of(lm, IDS)
    heard = []

    def watch(module, packed, seen, rows):
        if module.layer_idx == 1:
            heard.append(seen[0].query.view(seen[0].block.width, -1, lm.shape.D))
        return rows

    root = Root(kv=tuple(zip(vectors["prefix_keys"], vectors["prefix_values"], strict=True)))
    with torch.no_grad():
        lm.watched([Tree(root, (Branch(texts[2], 1),))], watch)
    query = heard[0][7, 0]  # token 7 of text 2, head 1
    vectors["prefix_keys"][1, :, 3] = 60 * query / query.norm()
    root = Root(kv=tuple(zip(vectors["prefix_keys"], vectors["prefix_values"], strict=True)))
    seen = done(firing(lm, root, texts))
    assert float(seen.weight[1, 3, 0]) > 0.5
    assert (2, 7) in list(zip(seen.text[1, 3].tolist(), seen.place[1, 3].tolist(), strict=True))
    assert seen.answer.shape == (3, 4, 6) and float(seen.answer.sum(-1).max()) <= 1 + 1e-5


def test_rows_of_the_user_are_in_the_bank(lm):
    table = table_of(lm, Subject(name="tried", vectors=prefix_of(lm, IDS), task=TASK, rows=examples(10), train=examples(10, 50)))
    assert "your rows and plain sentences" in table.caption


def test_a_bank_is_kept_for_its_texts(lm):
    texts = fill(tuple(lm.encode_many(neutral()[:5])))
    first = done(bank(lm, texts, 4))
    assert done(bank(lm, texts, 9)).keys is first.keys and done(bank(lm, texts[:3], 4)).keys is not first.keys
    assert len(first) == sum(len(ids) - 1 for ids in texts) and first.context(0) == texts[0][:2]


def test_a_model_with_its_own_attention_shows_sizes_only():
    lm = tiny.build(layout="padded")
    parts = final(look("prefix", lm, Subject(name="tried", vectors=prefix_of(lm, IDS), start_ids=IDS))).parts
    assert parts[0].paragraphs[0].startswith("Not available for this model: ") and parts[1].title == "Size of keys"


def test_text_is_chosen_up_to_a_budget():
    assert fill([(1, 2, 3), (4,), (1, 2, 3), (5, 6), (7, 8, 9)], tokens=6) == ((1, 2, 3), (5, 6))
