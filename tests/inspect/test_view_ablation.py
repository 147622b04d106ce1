"""Known truths of masking and pruning: a copy is redundant, a planted slot that hurts is found and taken out."""

from dataclasses import replace

import measured
import pytest
import tiny
import torch

from steering.errors import DataError
from steering.inspect import final, look
from steering.inspect.masking import curve, effects, enough, order, prune, steps
from steering.inspect.subjects import bench, learned, without_slots
from steering.lm.root import Root
from steering.slices import finished


def test_effects_are_those_of_attention_without_that_key(loud):
    """The plain model with an attention mask, run row by row."""
    from steering.lm.encode import encode_examples, encode_labels

    plain = tiny.build(scale=8.0, layout="padded")
    ids = loud.encode(measured.TEXT)
    subject = measured.soft(loud, loud.embed(ids), ids, count=6)
    root = learned(loud, subject)
    data = encode_examples(loud, measured.TASK, subject.rows, root.length)
    labels = encode_labels(loud, measured.TASK)
    found = finished(effects(bench(loud, subject, subject.rows, root), root, range(root.length)))
    losses = []
    for out in (None, *range(root.length)):
        loss = 0.0
        for one, truth in zip(data.inputs, data.truth, strict=True):
            embeds = torch.cat([root.embeds, loud.embed(one)]).unsqueeze(0)
            mask = torch.tensor([[int(i != out) for i in range(embeds.shape[1])]])
            with torch.no_grad():
                logits = plain.model(inputs_embeds=embeds, attention_mask=mask, position_ids=torch.arange(embeds.shape[1])[None]).logits[0, -1]
            loss -= float(torch.log_softmax(labels.log_probs(logits[None]), -1)[0, truth]) / len(data.inputs)
        losses.append(loss)
    assert [effect.loss.value for effect in found] == pytest.approx([loss - losses[0] for loss in losses[1:]], abs=1e-4)


def test_a_copy_is_redundant(loud):
    """Two rows of one vector next to each other, and one that matters: the curve needs no more than all but one slot."""
    good, film = loud.encode("good")[0], loud.encode("film")[0]
    vectors = loud.embed((good, film, film))
    vectors[1:] *= 1e-3  # nearly the same keys and values: one of the copies does what both do
    subject = measured.soft(loud, vectors, count=40)
    root = learned(loud, subject)
    rows = bench(loud, subject, subject.rows, root)
    kept = finished(curve(rows, root, order(finished(effects(rows, root, range(3))))))
    assert [one.count for one in kept] == [0, 1, 2, 3] and kept[-1].share.value == 1.0
    assert enough(kept) is not None and enough(kept) <= 2


def planted(lm):
    """A prompt whose answers are right, and the same with a slot in the middle: of sixty tried the one that disturbs them most."""
    ids = lm.encode("good film queue billing")
    truth = Root(embeds=lm.embed(ids))
    subject = measured.soft(lm, truth.embeds, count=64)
    rows = bench(lm, subject, subject.train, truth)
    tried = {}
    for seed in range(60):
        noise = 3 * lm.rms * torch.randn(1, lm.shape.H, generator=torch.Generator().manual_seed(seed))
        vectors = torch.cat([truth.embeds[:2], noise, truth.embeds[2:]])
        tried[float(finished(rows.score(Root(embeds=vectors), "m")).loss.mean())] = vectors
    return replace(subject, vectors={"soft_prompt": tried[max(tried)]}, start_ids=(*ids[:2], ids[0], *ids[2:])), ids


def test_a_harmful_slot_is_found_and_taken_out(loud):
    subject, ids = planted(loud)
    rows = bench(loud, subject, subject.validation, learned(loud, subject))
    pruned = finished(prune(loud, subject, rows))
    assert 2 in pruned.slots and pruned.after < pruned.before
    if pruned.slots == (2,):
        assert torch.equal(pruned.subject.vectors["soft_prompt"], loud.embed(ids)) and pruned.subject.start_ids == ids
    result = final(look("ablation", loud, subject))
    row = result.parts[2].rows[2]
    assert row["slot"] == 3 and row["effect"] < 0 and row["finding"] == "hurts"
    assert "v3" in result.note and "lowers the loss" in result.note


def test_nothing_is_pruned_where_everything_helps(loud):
    ids = loud.encode(measured.TEXT)
    subject = measured.soft(loud, loud.embed(ids), ids)
    root = learned(loud, subject)
    exact = finished(bench(loud, subject, subject.validation, root).score(root, "m"))
    pruned = finished(prune(loud, subject, bench(loud, subject, subject.validation, root)))
    assert pruned.before == pytest.approx(float(exact.loss.mean())) and pruned.after <= pruned.before
    with pytest.raises(DataError, match="slots of 'tried' are chosen on validation rows, and there are none"):
        finished(prune(loud, subject, bench(loud, subject, (), root)))


def test_slots_taken_out_of_every_form(loud):
    ids = loud.encode(measured.TEXT)
    subject = replace(measured.soft(loud, loud.embed(ids), ids, count=2), header=1)
    fewer = without_slots(subject, (0, 3))
    assert fewer.header == 0 and fewer.vectors["soft_prompt"].shape[0] == len(ids) - 2 == len(fewer.start_ids)
    kv = {"prefix_keys": torch.rand(2, 2, 5, 8), "prefix_values": torch.rand(2, 2, 5, 8), "prefix_layers": torch.tensor([1.0, 0.0, 1.0])}
    fewer = without_slots(replace(subject, vectors=kv, start_ids=()), (4,))
    assert fewer.vectors["prefix_keys"].shape == (2, 2, 4, 8) and fewer.vectors["prefix_layers"].shape == (3,)


@pytest.mark.parametrize(("count", "expected"), [(1, [0, 1]), (3, [0, 1, 2, 3]), (20, [0, 1, 2, 3, 4, 6, 8, 12, 18, 19, 20])])
def test_steps_of_the_curve(count, expected):
    assert steps(count) == expected


def test_the_header_is_not_masked(loud):
    ids = loud.encode(measured.TEXT)
    subject = replace(measured.soft(loud, loud.embed(ids), ids), header=2)
    rows = final(look("ablation", loud, subject)).parts[2].rows
    assert [row["slot"] for row in rows] == list(range(3, len(ids) + 1))
