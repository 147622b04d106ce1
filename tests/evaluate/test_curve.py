import numpy as np
import pytest

from steering.evaluate.curve import Point, bands, more_labels


def points(skills, n=300, seeds=3, name="tune"):
    """Rows have a difficulty of their own: a contestant of some skill is right on the easier ones."""
    difficulty = np.random.default_rng(0).random(n)
    made = []
    for share, skill in skills.items():
        for seed in range(seeds):
            noise = np.random.default_rng(seed + 10).normal(0, 0.03, n)
            made.append(Point(contestant=name, share=share, rows=int(200 * share), seed=seed, each=tuple((difficulty + noise < skill).astype(float))))
    return made


@pytest.mark.parametrize(
    ("skills", "said"),
    [
        ({0.1: 0.5, 0.5: 0.7, 1.0: 0.85}, "More labels would probably help: from 100 to 200 rows tune went +"),
        ({0.5: 0.8, 1.0: 0.8}, "More labels are unlikely to help much: from 100 to 200 rows tune went "),
        ({0.5: 0.9, 1.0: 0.7}, "More labels of this kind did not help: "),
        ({1.0: 0.7}, "tune was trained on one number of rows only"),
    ],
)
def test_one_sentence(skills, said):
    assert more_labels(points(skills), "tune").startswith(said)


def test_few_test_rows_cannot_tell():
    found = points({0.5: 0.6, 1.0: 0.62}, n=25)
    rng = np.random.default_rng(3)
    found = [Point(contestant=p.contestant, share=p.share, rows=p.rows, seed=p.seed, each=tuple(rng.permutation(p.each))) for p in found]
    assert more_labels(found, "tune").startswith("Whether more labels would help cannot be told from these test rows: ")


def test_bands_hold_mean_interval_and_spread():
    found = bands(points({0.5: 0.6, 1.0: 0.8}) + points({1.0: 0.7}, name="lora"))
    assert [(b.contestant, b.share, b.rows, b.seeds) for b in found] == [("tune", 0.5, 100, 3), ("tune", 1.0, 200, 3), ("lora", 1.0, 200, 3)]
    for band in found:
        assert band.low <= band.score <= band.high and band.lowest <= band.score <= band.highest
