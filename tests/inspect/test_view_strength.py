"""Known truths of strength and of what is near in behaviour: exact ends, matched slots, zones, a prompt that is most like itself."""

import math
from dataclasses import replace

import measured
import numpy as np
import pytest
import tiny
import torch

from steering.errors import ArtifactError, SpecError
from steering.evaluate.mixture import fit_mixture
from steering.inspect import Subject, final, look, result_from_json, result_to_json
from steering.inspect.between import STRENGTHS, matched, root_at, root_between, zones
from steering.inspect.results import Table
from steering.inspect.subjects import as_prefix, learned, of_text, start
from steering.inspect.zones import Zones, picture, zones_in, zones_of
from steering.lm.forest import Branch, Tree
from steering.lm.root import Root
from steering.slices import finished

BRANCHES = (Branch((5, 6, 7), 1), Branch((8, 9, 3, 1), 2))


@pytest.fixture(scope="module", params=tiny.ARCHITECTURES)
def each(request):
    return tiny.build(request.param, scale=1.5)


def moved(lm, form, seed=0, ids=(40, 41, 42, 43)):
    """A subject of either form that training has moved away from the start."""
    rows = {"soft_prompt": lm.embed(ids)}
    if form == "prefix":
        with torch.no_grad():
            kv = lm.to_kv(Root(embeds=lm.embed(ids))).kv
        rows = {"prefix_keys": torch.stack([k for k, _ in kv]), "prefix_values": torch.stack([v for _, v in kv])}
    generator = torch.Generator().manual_seed(seed)
    vectors = {name: t + 0.1 * t.std() * torch.randn(t.shape, generator=generator) for name, t in rows.items()}
    return Subject(name="tried", vectors=vectors, start_ids=tuple(ids))


@pytest.mark.parametrize("form", ["soft_prompt", "prefix"])
def test_the_ends_are_start_and_learned_exactly(each, form):
    subject = moved(each, form)
    with torch.no_grad():
        for strength, root in ((0.0, Root(embeds=each.embed(subject.start_ids))), (1.0, learned(each, subject))):
            ours = each.logits([Tree(each.to_kv(root_at(each, subject, strength)), BRANCHES)])
            assert torch.equal(ours, each.logits([Tree(each.to_kv(root), BRANCHES)]))
        between = each.logits([Tree(root_at(each, subject, 0.5), BRANCHES)])
        assert not torch.equal(between, ours)


def test_beyond_both_ends(lm):
    subject = moved(lm, "soft_prompt")
    begun, now = lm.embed(subject.start_ids), subject.vectors["soft_prompt"]
    for a in (-0.5, 2.0):
        torch.testing.assert_close(root_at(lm, subject, a).embeds, begun + a * (now - begun))


def test_what_has_no_strength(lm):
    subject = moved(lm, "soft_prompt")
    with pytest.raises(ArtifactError, match="what 'tried' started from is not recorded, so its strength cannot be changed"):
        root_at(lm, replace(subject, start_ids=()), 0.5)
    with pytest.raises(SpecError, match="a strength is nan, expected a number"):
        root_at(lm, subject, float("nan"))


@pytest.mark.parametrize("form", ["soft_prompt", "prefix"])
def test_two_runs_are_matched_and_met_exactly(lm, form):
    first, second = moved(lm, form, 1), moved(lm, form, 2)
    assert matched(lm, first, second).moved == 0
    names = list(second.vectors)
    shuffled = replace(second, vectors={n: second.vectors[n].flip(-2) for n in names}, start_ids=())
    found = matched(lm, first, shuffled)
    if form == "soft_prompt":
        assert found.moved == 4 and torch.equal(found.subject.vectors["soft_prompt"], second.vectors["soft_prompt"])
    with torch.no_grad():
        for share, one in ((0.0, first), (1.0, second)):
            ours = lm.logits([Tree(root_between(lm, first, second, share), BRANCHES)])
            assert torch.equal(ours, lm.logits([Tree(learned(lm, one), BRANCHES)]))


def test_nothing_lies_between_runs_of_another_size(lm):
    with pytest.raises(SpecError, match=r"'tried' and 'tried' differ in form or size .*: there is nothing between them"):
        matched(lm, moved(lm, "soft_prompt"), moved(lm, "soft_prompt", ids=(40, 41)))


def test_the_curve_knows_its_best_and_reports_it_on_held_out_rows(loud):
    """The truth is what half strength answers, so the loss is lowest there or near."""
    subject = moved(loud, "soft_prompt", ids=tuple(loud.encode(measured.TEXT)))
    rows = {side: measured.answered(loud, root_at(loud, subject, 0.5), measured.examples(30, at)) for side, at in (("rows", 0), ("validation", 2000))}
    given = replace(subject, task=measured.TASK, **rows, other=moved(loud, "soft_prompt", 3, tuple(loud.encode(measured.TEXT))))
    result = final(look("strength", loud, given))
    table = next(part for part in result.parts if part.title == "In numbers")
    assert [row["strength"] for row in table.rows] == list(STRENGTHS)
    assert {row["strength"] for row in table.rows if row["held_out_loss"] is not None} >= {0.0, 1.0}
    assert next(row for row in table.rows if row["strength"] == 0.5)["accuracy"] == 1.0
    alone, shown = finished(zones(loud, given)), zones_in(result_from_json(result_to_json(result)))
    assert shown.normal == pytest.approx(alone.normal, abs=1e-3) and shown.caution == pytest.approx(alone.caution, abs=1e-3)
    assert [row["zone"] for row in table.rows] == [alone.zone(a) for a in STRENGTHS]
    assert picture(alone) in result.parts
    assert "barrier" in result.note and result.parts[-1].title == "On the way to tried"
    without = final(look("strength", loud, replace(given, validation=(), other=None)))
    assert "so no strength is chosen" in without.caption and "can be saved" not in without.note


def test_zones_follow_the_perplexity_of_neutral_text(loud):
    subject = moved(loud, "soft_prompt", ids=tuple(loud.encode(measured.TEXT)))
    found = finished(zones(loud, subject))
    factors = dict(found.factors)
    assert factors[0.0] == 1.0 and found.zone(0.0) == "normal"
    assert found.caution[0] <= found.normal[0] <= 0 <= found.normal[1] <= found.caution[1]
    known = Zones(normal=(-0.2, 1.1), caution=(-0.5, 1.8), factors=())
    assert [known.zone(a) for a in (1.0, 1.5, 1.9, -0.4, -0.6)] == ["normal", "caution", "extreme", "caution", "extreme"]


def test_a_zone_ends_where_the_logarithm_of_the_factor_crosses_its_level():
    found = zones_of([(-0.5, 1.0), (0.0, 1.0), (1.0, 1.0), (2.0, 6.0)])
    assert found.normal == (-0.5, pytest.approx(1 + math.log(1.5) / math.log(6), abs=1e-4))
    assert found.caution == (-0.5, pytest.approx(1 + math.log(4) / math.log(6), abs=1e-4))
    assert picture(found).caption.startswith("Normal from -0.50 to 1.23, caution from -0.50 to 1.77, beyond that extreme.")
    assert [mark.value for mark in picture(found).marks] == [pytest.approx(math.log(1.5), abs=1e-5), pytest.approx(math.log(4), abs=1e-5)]
    calm = zones_of([(0.0, 1.0), (2.0, 1.2)])
    assert picture(calm).caption.startswith("Every strength that was measured, 0.00 to 2.00, is normal.")
    assert zones_in(Table(title="t", columns=(), rows=({"strength": 1.0},))) is None, "results of earlier versions have none"


def test_a_manual_prompt_behaves_most_like_itself(loud):
    rows = measured.examples(40)
    subject = of_text(loud, "my card", task=measured.TASK, rows=rows, prompts=("my card", "a good film"))
    result = final(look("manual_neighbours", loud, subject))
    nearest = result.parts[1].rows[0]
    assert (nearest["prompt"], nearest["divergence"], nearest["agreement"]) == ("my card", 0.0, 1.0)
    assert {row["prompt"] for row in result.parts[1].rows} == {"the film", "my card", "a good film", "(no prompt)"}
    assert result.note.startswith("Behaves most like 'my card': the same answer on 100% of the rows") and "together explain 100% of" in result.note


def test_a_mixture_explains_what_it_made_and_not_noise():
    rng = np.random.default_rng(0)
    sources = [rng.normal(size=(80, 3)) for _ in range(2)]
    made = 0.7 * sources[0] + 0.4 * sources[1] + np.array([0.5, 0.0, -1.0])
    found = fit_mixture(made, sources)
    assert found.r2 > 0.99 and found.weights == pytest.approx((0.7, 0.4), abs=0.02)
    assert fit_mixture(rng.normal(size=(80, 3)), sources).r2 < 0.1
    assert fit_mixture(made[:5], [s[:5] for s in sources]) is None and fit_mixture(made, []) is None


def test_a_manual_prompt_is_a_subject_like_any_other(loud):
    subject = of_text(loud, "the film")
    assert torch.equal(learned(loud, subject).embeds, start(loud, subject).embeds)
    with pytest.raises(ArtifactError, match="an empty prompt has no vectors"):
        of_text(loud, "  ")


def test_a_soft_prompt_is_a_prefix_too(each):
    subject = moved(each, "soft_prompt")
    found = as_prefix(each, subject)
    assert as_prefix(each, found) is found and final(look("prefix", each, found)).parts
    with torch.no_grad():
        torch.testing.assert_close(
            each.logits([Tree(learned(each, found), BRANCHES)]), each.logits([Tree(learned(each, subject), BRANCHES)]), atol=1e-5, rtol=1e-5
        )


def test_side_effects_are_those_of_plain_running(loud):
    from steering.data.neutral import neutral

    subject = of_text(loud, "the film", task=measured.TASK)
    result = final(look("off_task", loud, subject))
    losses = {}
    for name, root in (("bare", loud.text_root("")), ("given", learned(loud, subject))):
        with torch.no_grad():
            parts = []
            for ids in map(loud.encode, neutral()):
                logits = loud.logits([Tree(root, (Branch(ids[:-1], len(ids) - 1),))])
                parts.append(float(torch.nn.functional.cross_entropy(logits.float(), torch.tensor(ids[1:]))))
        losses[name] = np.mean(parts)
    row = result.parts[1].rows[0]
    assert len(neutral()) == 50 and row["added"] == pytest.approx(losses["given"] - losses["bare"], abs=1e-3)
    assert row["factor"] == pytest.approx(np.exp(row["added"]), abs=1e-3)
    assert result.parts[1].rows[1]["added"] == row["added"], "it is the manual prompt itself"
    assert "unrelated text" in result.note
