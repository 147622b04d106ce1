"""The packed forest, plain concatenation and the padded layout are the same function: logits and gradients."""

import pytest
import tiny
import torch

from steering.lm import padded
from steering.lm.forest import Branch, Tree, pack
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root, join
from steering.lm.selfcheck import self_check

BRANCHES = (Branch((5, 6, 7), 1, ((1, 2), (3,))), Branch((5, 6, 7, 8, 9, 10, 11, 12), 3), Branch((3,), 1), Branch((9, 8, 7, 6), 2, ((4, 4, 4),)))


@pytest.fixture(scope="module", params=tiny.ARCHITECTURES)
def model(request):
    return tiny.build(request.param, scale=1.5)


def _gradient(forward, root: torch.Tensor, branches=BRANCHES):
    embeds = root.clone().requires_grad_(True)
    out = forward([Tree(Root(embeds=embeds), branches)])
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    (out * weights).sum().backward()
    return out.detach(), embeds.grad


def test_forest_equals_concatenation_and_padding(model):
    root = model.embed(range(40, 47))
    ours, grad = _gradient(model.logits, root)
    alone, grad_alone = _gradient(lambda trees: padded.logits(model.model, trees, one_by_one=True), root)
    batch, grad_batch = _gradient(lambda trees: padded.logits(model.model, trees), root)
    torch.testing.assert_close(ours, alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(batch, alone, atol=1e-5, rtol=1e-5)
    scale = grad_alone.abs().max()
    torch.testing.assert_close(grad / scale, grad_alone / scale, atol=1e-5, rtol=0)
    torch.testing.assert_close(grad_batch / scale, grad_alone / scale, atol=1e-5, rtol=0)


LED = tuple(Branch((90, 91, 92, 93, 94, 95, 96, *own), graded, twigs) for own, graded, twigs in [
    ((5, 6, 7), 1, ((8, 9), (10,))),
    ((11,), 1, ()),
    (tuple(range(20, 60)), 3, ()),
    ((96, 5), 2, ((8, 9),)),
])  # fmt: skip


def test_what_inputs_begin_with_is_computed_once_and_changes_nothing(model):
    tokens = [pack([Tree(Root(embeds=model.embed(range(40, 47))), LED)], model.device, whole=whole).tokens for whole in (True, False)]
    assert tokens[0] - tokens[1] == 3 * 7
    ours, grad = _gradient(model.logits, model.embed(range(40, 47)), LED)
    alone, grad_alone = _gradient(lambda trees: padded.logits(model.model, trees, one_by_one=True), model.embed(range(40, 47)), LED)
    torch.testing.assert_close(ours, alone, atol=1e-5, rtol=1e-5)
    scale = grad_alone.abs().max()
    torch.testing.assert_close(grad / scale, grad_alone / scale, atol=1e-5, rtol=0)


def test_a_lead_stands_under_any_root(model):
    roots = [Root(embeds=model.embed(())), model.to_kv(Root(embeds=model.embed(range(40, 47)))), Root(embeds=model.embed((3, 4)))]
    trees = [Tree(root, LED) for root in roots]
    torch.testing.assert_close(model.logits(trees), padded.logits(model.model, trees, one_by_one=True), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("ids", "graded", "lead"), [
    ([(1, 2, 3)] * 20, 1, 2),  # the last token is graded and stays each one's own
    ([(1, 2, 3)] * 20, 3, 0),
    ([(1, 2, 3, 4), (1, 2, 5, 4)] * 9, 1, 2),
    ([(1, 2, 3), (1, 2, 4)], 1, 0),  # two tokens saved are not worth a block
    ([(1,) * 40], 1, 0),
])  # fmt: skip
def test_a_lead_ends_before_what_is_graded_and_must_be_worth_it(lm, ids, graded, lead):
    packed = pack([Tree(Root(embeds=lm.embed((1, 2))), tuple(Branch(one, graded) for one in ids))], lm.device)
    assert packed.tokens == 2 + lead + sum(len(one) - lead for one in ids)


def test_embedding_root_equals_its_own_keys_and_values(model):
    root = Root(embeds=model.embed(range(40, 47)))
    torch.testing.assert_close(model.logits([Tree(root, BRANCHES)]), model.logits([Tree(model.to_kv(root), BRANCHES)]), atol=1e-5, rtol=1e-5)


def test_gradient_through_keys_and_values_equals_plain(model):
    with torch.no_grad():
        kv = model.to_kv(Root(embeds=model.embed(range(40, 45)))).kv
    grads = []
    for forward in (model.logits, lambda trees: padded.logits(model.model, trees, one_by_one=True)):
        leaves = [(k.detach().clone().requires_grad_(True), v.detach().clone().requires_grad_(True)) for k, v in kv]
        out = forward([Tree(Root(kv=tuple(leaves)), BRANCHES)])
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        grads.append(torch.cat([t.grad.flatten() for pair in leaves for t in pair]))
    scale = grads[1].abs().max()
    torch.testing.assert_close(grads[0] / scale, grads[1] / scale, atol=1e-5, rtol=0)


def test_no_prompt_is_the_untouched_model(model):
    empty = Root(embeds=torch.zeros(0, model.shape.H))
    ids = (5, 6, 7, 8)
    plain = model.model(input_ids=torch.tensor([ids])).logits[0, -1]
    torch.testing.assert_close(model.logits([Tree(empty, (Branch(ids, 1),))])[0], plain, atol=1e-5, rtol=1e-5)


def test_several_roots_have_their_solo_gradients(model):
    starts = [model.embed(range(40, 47)), model.embed(range(60, 63))]
    solo = [_gradient(model.logits, s)[1] for s in starts]
    leaves = [s.clone().requires_grad_(True) for s in starts]
    out = model.logits([Tree(Root(embeds=leaf), BRANCHES) for leaf in leaves])
    half = out.shape[0] // 2
    loss = [(part * torch.linspace(-1, 1, part.numel()).view_as(part)).sum() for part in (out[:half], out[half:])]
    (loss[0] + loss[1]).backward()
    for leaf, alone in zip(leaves, solo, strict=True):
        torch.testing.assert_close(leaf.grad / alone.abs().max(), alone / alone.abs().max(), atol=1e-5, rtol=0)


def test_self_check_agrees_and_notices(model):
    assert self_check(model) < 1e-4
    broken = tiny.build("llama")
    broken.to_kv = None  # not used by the check
    right = broken._forest
    broken._forest = lambda trees, tape: right([Tree(t.root, tuple(Branch(b.ids[::-1], b.graded, b.twigs) for b in t.branches)) for t in trees], tape)
    assert self_check(broken) > 1e-2


def test_body_stays_in_eval_mode_without_gradients(model):
    assert not model.model.training
    assert not any(p.requires_grad for p in model.model.parameters())


def test_generation_equals_running_whole_sequences_again(model):
    plain = tiny.build(model.id.removeprefix("tiny-"), layout="padded", scale=1.5)
    roots = [Root(embeds=model.embed(range(40, 47))), Root(embeds=torch.zeros(0, model.shape.H))]
    requests = [(roots[0], (5, 6, 7)), (roots[1], (9, 8)), (roots[0], (11, 12, 13, 14, 15, 16))]
    decoding = Decoding(max_new_tokens=12, stop_newline=False)
    for one, other in zip(list(generate(model, requests, decoding)), list(generate(plain, requests, decoding)), strict=True):
        assert [a.text for a in one] == [a.text for a in other]
        assert [a.log_prob for a in one] == pytest.approx([a.log_prob for a in other], abs=1e-4)


def test_sampling_is_fixed_by_its_seed(lm):
    def draw(seed: int) -> str:
        decoding = Decoding(max_new_tokens=10, temperature=1.0, top_p=0.9, seed=seed, stop_newline=False)
        return list(generate(lm, [(lm.text_root("the film"), (5, 6))], decoding))[-1][0].text

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(5)}) > 1


def test_join_puts_roots_one_after_the_other(lm):
    both = join(lm.text_root("the film"), lm.text_root(" was good"))
    torch.testing.assert_close(both.embeds, lm.text_root("the film was good").embeds)


def test_rounding_adds_only_a_lonely_segment(lm):
    packed = pack([Tree(Root(embeds=lm.embed((1, 2))), BRANCHES)], lm.device, row_multiple=64)
    assert packed.tokens % 64 == 0
    assert not packed.blocks[-1].looks


def test_long_and_short_rows_do_not_share_a_block(lm):
    branches = tuple(Branch(tuple(range(n)), 1) for n in (2, 3, 40, 50))
    packed = pack([Tree(Root(embeds=lm.embed((1, 2))), branches)], lm.device)
    assert [block.count for block in packed.blocks[1:]] == [2, 2]
