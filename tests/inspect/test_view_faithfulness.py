"""Known truths of the projection gap: real tokens keep everything, what no word has is kept by none, and the wording follows."""

from dataclasses import replace
from types import SimpleNamespace

import measured
import numpy as np
import pytest
import torch

from steering.evaluate.intervals import Estimate
from steering.evaluate.shares import share
from steering.inspect import Preview, final, look, result_from_json, result_to_json
from steering.inspect.gap import Gap, halves, judge, licence, worded
from steering.inspect.results import Bars, Table


def test_real_tokens_keep_all_of_their_effect(loud):
    ids = loud.encode(measured.TEXT)
    items = list(look("faithfulness", loud, measured.soft(loud, loud.embed(ids), ids)))
    result = items[-1]
    row = next(row for row in result.parts[-1].rows if "share" in row)
    assert (row["share"], row["share_low"], row["share_high"]) == (1.0, 1.0, 1.0)
    given = licence(result_from_json(result_to_json(result)))
    assert given.kind == "kept" and "keeps 100% (95% CI 100 to 100%) of its effect" in given.sentence
    assert [type(part) for part in result.parts] == [Bars, Bars, Table] and len(result.parts[-1].rows) == 3 + 10
    (preview,) = [item.result for item in items if isinstance(item, Preview)]
    assert len(preview.parts[-1].rows) == 3 + 3 and "16 rows" in preview.caption


def test_an_effect_that_no_word_has_is_not_kept(loud):
    """Far from every word: the closest entries are noise, and the rows' truths are what the far vectors answer."""
    far = 3 * loud.rms * torch.randn(6, loud.shape.H, generator=torch.Generator().manual_seed(3))
    result = final(look("faithfulness", loud, measured.soft(loud, far, count=60)))
    assert licence(result).kind in ("withdrawn", "hints")


def test_random_texts_take_turns_and_every_row_meets_as_many_of_them():
    names = tuple(f"random text {i + 1}" for i in range(10))
    seen = halves(names, 25)
    assert [sum(i in rows for rows in seen.values()) for i in range(25)] == [5] * 25
    assert {len(rows) for rows in seen.values()} == {12, 13} and halves(names[:3], 25) == {}
    loss = np.random.default_rng(1).normal(2.0, 0.3, size=(10, 25))
    own, near = (SimpleNamespace(loss=np.full(25, value)) for value in (0.5, 1.0))
    scores = {"own": own, "near": near, **{name: SimpleNamespace(loss=loss[i][seen[name]]) for i, name in enumerate(names)}}
    whole, kept = Gap("own", "", names, scores, 25, seen).shares()
    each = np.array([np.mean([loss[i][row] for i, name in enumerate(names) if row in seen[name]]) for row in range(25)])
    assert whole.value == pytest.approx(float((each - 0.5).mean())) and kept.value == pytest.approx(float((each - 1.0).mean() / (each - 0.5).mean()))


def test_no_effect_is_said_to_be_none(loud):
    """A random text as the prompt, and labels that nothing answers to: it is as good as other random texts."""
    ids = loud.encode(measured.TEXT)
    rows = tuple(replace(row, target=("pos", "neg")[i % 2]) for i, row in enumerate(measured.examples(24)))
    result = final(look("faithfulness", loud, measured.soft(loud, loud.embed(ids), ids, rows=rows)))
    row = next(row for row in result.parts[-1].rows if "share" in row)
    assert row["share"] is None and licence(result).kind == "unknown" and "no effect that words could keep" in result.note


def test_nothing_is_scored_twice(loud, monkeypatch):
    import steering.inspect.bench as bench

    asked = []
    real = bench.score_labels

    def counted(lm, root, inputs, labels):
        asked.append(len(inputs))
        return real(lm, root, inputs, labels)

    monkeypatch.setattr(bench, "score_labels", counted)
    ids = loud.encode(" my card parcel")
    subject = measured.soft(loud, loud.embed(ids), ids)
    first = final(look("faithfulness", loud, subject))
    assert sum(asked) <= (3 + 10 / 2 + 3 / 2) * 24, "the preview's three random texts see its rows in any case"
    asked.clear()
    assert final(look("faithfulness", loud, subject)) == first and asked == []


@pytest.mark.parametrize(
    ("kept", "kind", "said"),
    [
        (None, "unknown", "no better than random text"),
        ((0.9, 0.6, 1.0), "kept", "do most of what it does"),
        ((0.14, 0.05, 0.25), "hints", "keeps 14% (95% CI 5 to 25%) of its effect. Treat the closest entries as hints."),
        ((0.02, -0.1, 0.1), "withdrawn", "its closest entries cannot be told from random text. Do not read them as words."),
        ((-0.5, -1.2, -0.01), "withdrawn", "its closest entries do worse than random text. Do not read them as words."),
    ],
)
def test_what_the_gap_licenses(kept, kind, said):
    given = judge(kept and Estimate(value=kept[0], low=kept[1], high=kept[2]))
    assert given.kind == kind and said in given.sentence
    row = {"status": "word-like", "nearest": [{"token": "·film"}], "reading": "Has moved near the entry ·film."}
    table = worded(Table(title="t", columns=(), rows=(row, {"status": "unmoved", "reading": "r"}), note="n"), given)
    assert table.note == f"{given.sentence} n" and table.rows[1]["reading"] == "r"
    assert (table.rows[0]["reading"] == row["reading"]) == (kind in ("kept", "hints"))


def test_a_share_of_nothing_is_withheld():
    whole = [1.0, -1.0] * 20
    total, part = share([0.5] * 40, whole)
    assert part is None and total.low <= 0 <= total.high
    total, part = share([0.5] * 40, [1.0] * 40)
    assert (total.value, part.value, part.low, part.high) == (1.0, 0.5, 0.5, 0.5)
