"""Known truths about the views, told through the public door only."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from measured import TASK, examples

from steering.errors import ArtifactError, SpecError
from steering.inspect import VIEWS, Preview, Progress, Subject, final, look, result_from_json, result_to_json

BANNED = (" means", "the prompt says", "decoded", "translation", "understands")
KEYS = {"slot", "init_token", "nearest", "max_cosine", "floor", "drift", "norm", "status"}
TEXT = " good film queue billing delivery"


def soft(lm, vectors, start_ids=(), header=0):
    return Subject(name="tried", vectors={"soft_prompt": vectors}, start_ids=tuple(start_ids), header=header)


def noise(lm, count, seed):
    import torch

    mean = lm.table().float().mean(dim=0)
    return mean + lm.rms * torch.randn(count, lm.shape.H, generator=torch.Generator().manual_seed(seed))


def prefix_of(lm, ids):
    import torch

    from steering.lm.root import Root

    with torch.no_grad():
        kv = lm.to_kv(Root(embeds=lm.embed(ids))).kv
    return {"prefix_keys": torch.stack([k for k, _ in kv]).float(), "prefix_values": torch.stack([v for _, v in kv]).float()}


def parts(result):
    return getattr(result, "parts", (result,))


def subject_for(lm, name):
    ids = lm.encode(TEXT)
    vectors = prefix_of(lm, ids) if VIEWS[name].needs == "prefix" else {"soft_prompt": lm.embed(ids)}
    sides = {"rows": examples(20), "train": examples(8, 1000), "validation": examples(8, 2000)}
    seed = {name: tensor * 1.1 for name, tensor in vectors.items()}
    trail = ((0, vectors), (10, seed))
    return Subject(
        name="tried", vectors=vectors, start_ids=ids, task=TASK, prompts=("my card", "a good film"), siblings=(seed,), trail=trail, **sides
    )


def test_real_tokens_read_back_as_themselves(lm):
    ids = lm.encode(TEXT)
    table = final(look("neighbours", lm, soft(lm, lm.embed(ids), ids)))
    assert [row["status"] for row in table.rows] == ["unmoved"] * len(ids)
    for row in table.rows:
        assert set(row) >= KEYS and {"token", "cosine", "csls", "mutual"} <= set(row["nearest"][0])
        assert row["nearest"][0]["token"] == row["init_token"] and row["max_cosine"] == pytest.approx(1, abs=1e-4)
        assert row["drift"] == 0 and len(row["nearest"]) == 5


def test_random_vectors_are_off_the_vocabulary(lm):
    table = final(look("neighbours", lm, soft(lm, noise(lm, 400, 1))))
    off = sum(row["status"] == "off-vocabulary" for row in table.rows)
    assert off / 400 >= 0.9


def test_whole_random_prompts_rarely_hold_a_sure_word(lm):
    sure = 0
    for seed in range(20):
        table = final(look("neighbours", lm, soft(lm, noise(lm, 8, 100 + seed))))
        sure += any(row["p_value"] < 0.05 for row in table.rows)
    assert sure <= 4


def test_off_vocabulary_takes_precedence_over_the_start(lm):
    ids = lm.encode(TEXT)
    table = final(look("neighbours", lm, soft(lm, lm.embed(ids) + 50 * noise(lm, len(ids), 2), ids)))
    assert {row["status"] for row in table.rows} <= {"off-vocabulary", "unclear", "word-like"}
    assert "off-vocabulary" in {row["status"] for row in table.rows}


def test_the_header_is_named_and_not_counted(lm):
    ids = lm.encode(TEXT)
    table = final(look("neighbours", lm, soft(lm, lm.embed(ids), ids, header=1)))
    assert table.rows[0]["status"] == "header" and table.rows[0]["p_value"] is None
    assert all(row["status"] == "unmoved" for row in table.rows[1:])


def test_a_hidden_start_entry_is_still_the_start(lm):
    ids = lm.encode("\n")
    row = final(look("neighbours", lm, soft(lm, lm.embed(ids), ids))).rows[0]
    assert row["status"] == "unmoved" and row["init_token"] == "\\n"


def test_words_stay_within_what_may_be_said(lm):
    ids = lm.encode(TEXT)
    for vectors, start in ((lm.embed(ids), ids), (noise(lm, 5, 3), ())):
        said = json.dumps(result_to_json(final(look("neighbours", lm, soft(lm, vectors, start))))).lower()
        assert not [phrase for phrase in BANNED if phrase in said]


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_view_is_repeatable_and_survives_json(lm, name):
    items = list(look(name, lm, subject_for(lm, name)))
    assert all(isinstance(item, (Progress, Preview)) for item in items[:-1]) and not isinstance(items[-1], (Progress, Preview))
    text = json.dumps(result_to_json(items[-1]), allow_nan=False)
    assert result_from_json(json.loads(text)) == items[-1] == final(look(name, lm, subject_for(lm, name)))


@pytest.mark.parametrize("name", sorted(name for name, view in VIEWS.items() if view.rows_needed))
def test_a_measured_view_without_rows_says_so(lm, name):
    with pytest.raises(SpecError, match=f"view '{name}' is measured on labelled rows, and none are given"):
        final(look(name, lm, replace(subject_for(lm, name), rows=())))


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_no_view_says_more_than_it_may(lm, name):
    said = json.dumps(result_to_json(final(look(name, lm, subject_for(lm, name))))).lower()
    assert not [phrase for phrase in BANNED if phrase in said]


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_gradients_stay_on_between_slices(lm, name):
    """A view is interleaved with training in one thread; what it switched off would stay off there."""
    import torch

    for _ in look(name, lm, subject_for(lm, name)):
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", ["neighbours", "map"])
def test_one_virtual_token(lm, name):
    ids = lm.encode(" good")
    assert final(look(name, lm, soft(lm, lm.embed(ids), ids))).note


@pytest.mark.parametrize("name", sorted(VIEWS))
@pytest.mark.parametrize("bad", [0.0, float("nan")])
def test_damaged_vectors_are_named(lm, name, bad):
    subject = subject_for(lm, name)
    for tensor in subject.vectors.values():
        tensor.select(-2, 2).fill_(bad)
    with pytest.raises(ArtifactError, match="virtual token 3"):
        final(look(name, lm, subject))


def test_the_map_is_small_and_says_what_it_shows(lm):
    ids = lm.encode(TEXT)
    scatter, _ = final(look("map", lm, soft(lm, lm.embed(ids), ids))).parts
    roles = {cloud.role: cloud for cloud in scatter.clouds}
    assert set(roles) == {"muted", "start", "learned"} and len(roles["muted"].x) <= 1000
    assert len(scatter.arrows) == len(ids) and "%" in scatter.caption
    assert roles["start"].x == roles["learned"].x
    assert len(json.dumps(result_to_json(scatter))) < 150_000


def test_a_prefix_in_some_layers_names_those_layers(lm):
    import torch

    ids = tuple(range(40, 45))
    vectors = {name: tensor[[0, 2]] for name, tensor in prefix_of(lm, ids).items()} | {"prefix_layers": torch.tensor([1.0, 0.0, 1.0])}
    table, *near, keys, value_sizes, drift, drift_map, _ = final(look("prefix", lm, Subject(name="tried", vectors=vectors, start_ids=ids))).parts
    assert {row["layer"] for row in table.rows} <= {1, 3} and all(line.x == (1.0, 3.0) for part in near for line in part.lines)
    parts = (keys, value_sizes, drift, drift_map)
    assert all(line.x == (1.0, 3.0) for part in parts[:3] for line in part.lines)
    assert parts[3].rows == ("1", "3") and max(max(row) for row in parts[3].values) < 1e-6
    with pytest.raises(ArtifactError, match=r"'prefix_layers' of 'tried' has shape \[2\], expected \[3\]"):
        final(look("prefix", lm, Subject(name="tried", vectors=vectors | {"prefix_layers": torch.ones(2)})))


def test_a_prefix_beside_its_start(lm):
    ids = lm.encode(TEXT)
    vectors = prefix_of(lm, ids)
    keys = vectors["prefix_keys"].clone()
    vectors["prefix_keys"] *= 1.5
    result = final(look("prefix", lm, Subject(name="tried", vectors=vectors, start_ids=ids)))
    curves = [line for part in parts(result) for line in getattr(part, "lines", ())]
    rms = keys.pow(2).mean(dim=(1, 2, 3)).sqrt()
    for wanted in (1.5 * rms, rms, 0.5 + 0 * rms):
        assert any(line.y == pytest.approx(wanted.tolist(), abs=1e-3) for line in curves)


def test_markup_in_the_vocabulary_stays_literal(lm):
    from steering.inspect.tokens import show

    ids = lm.encode("<&>")
    table = final(look("neighbours", lm, soft(lm, lm.embed(ids), ids)))
    assert [row["nearest"][0]["token"] for row in table.rows] == ["<", "&", ">"]
    assert show("<script>alert(1)</script>") == "<script>alert(1)</script>"
    assert show("\u202e") == "\\u202e"


def test_importing_the_views_leaves_torch_out():
    code = "import sys, steering.inspect; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
