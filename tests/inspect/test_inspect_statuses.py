"""What A1 of the notes predicts, in a space with enough dimensions: H = 256 and 2,000 words, whose mean is off the origin."""

import pytest
from measured import directions, rows

from steering.errors import ArtifactError
from steering.inspect import Subject, final, look
from steering.inspect.status import Neighbour, Slot, reading, status, summary


@pytest.mark.parametrize(
    ("drift", "expected", "still"),
    [
        (0.5, {"unmoved"}, 40),
        (0.99, {"unmoved"}, 40),
        (1.01, {"shifted"}, 40),
        (2.0, {"shifted"}, 40),
        (4.0, {"off-vocabulary", "unclear"}, 8),  # 1 / sqrt(1 + s^2) is at the floor
    ],
)
def test_noise_on_a_token(wide, drift, expected, still):
    ids = tuple(range(100, 140))
    start = wide.embed(ids)
    found = rows(wide, start + drift * start.norm(dim=1, keepdim=True) * directions(40, 256, 3), ids)
    assert {row["status"] for row in found} <= expected
    assert all(row["drift"] == pytest.approx(drift, abs=1e-3) for row in found)
    assert sum(row["nearest"][0]["token"] == row["init_token"] for row in found) >= still


def test_far_noise_is_never_read_as_the_start(wide):
    ids = tuple(range(100, 140))
    start = wide.embed(ids)
    found = rows(wide, start + 8 * start.norm(dim=1, keepdim=True) * directions(40, 256, 4), ids)
    assert {row["status"] for row in found} <= {"off-vocabulary", "unclear"}


@pytest.mark.parametrize("length", [0.5, 8.0, 16.0, 100.0])
def test_random_vectors_around_the_origin_are_off_the_vocabulary_at_any_length(wide, length):
    """Seen from the mean they all lean back to the origin; a null that ignores this calls most of them significant."""
    found = rows(wide, length * directions(100, 256, int(length)))
    assert sum(row["status"] == "off-vocabulary" for row in found) >= 88  # 95 expected; 88 is below the 0.5 % point of Binomial(100, .95)
    assert sum(row["p_value"] < 0.05 for row in found) <= 1


def test_other_words_than_the_start_are_word_like(wide):
    found = rows(wide, wide.embed([5, 6, 7]), [15, 16, 17])
    assert [(row["status"], row["nearest"][0]["token"]) for row in found] == [("word-like", w) for w in ("w5", "w6", "w7")]
    assert all(row["agreement"] == 3 and row["nearest"][0]["mutual"] for row in found)
    assert [row["added"][0]["token"] for row in found] == ["w5", "w6", "w7"]


def test_without_a_known_start_words_are_still_found(wide):
    found = rows(wide, wide.embed([5, 6]))
    assert [(row["status"], row["init_token"], row["drift"]) for row in found] == [("word-like", None, None)] * 2


def test_the_null_agrees_with_the_formula(wide):
    from steering.inspect.chance import formula_floor

    floor = rows(wide, wide.embed([5]) - wide.embed([6]) + wide.table().mean(dim=0))[0]["floor"]
    assert formula_floor(1998, 256) < floor < 1.35 * formula_floor(1998, 256)


def test_formula_of_the_notes():
    from steering.inspect.chance import formula_floor

    for entries, size, floor in ((262144, 2560, 0.091), (50304, 768, 0.153), (49152, 576, 0.177)):
        assert formula_floor(entries, size) == pytest.approx(floor, abs=0.001)


def test_holm():
    from steering.inspect.chance import holm

    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


def test_nearest_entries_are_those_of_a_plain_loop(wide):
    import torch

    vectors = wide.embed([3]) + directions(1, 256, 5) * 8
    table = wide.table()[:1998]
    mean = table.mean(dim=0)
    cosines = torch.nn.functional.cosine_similarity(vectors - mean, table - mean)
    best = cosines.topk(5)
    shown = rows(wide, vectors)[0]["nearest"]
    assert [item["id"] for item in shown] == best.indices.tolist()
    assert [item["cosine"] for item in shown] == pytest.approx(best.values.tolist(), abs=1e-4)
    around = torch.nn.functional.cosine_similarity((table[best.indices[0]] - mean)[None], table - mean).topk(11).values[1:]
    csls = 2 * best.values[0] - around.mean() - cosines.topk(10).values.mean()
    assert shown[0]["csls"] == pytest.approx(float(csls), abs=2e-4)
    assert shown[0]["mutual"] == bool(best.values[0] >= around[-1])


def test_gradients_stay_on_between_slices(wide):
    """A view is interleaved with training in one thread; what it switched off would stay off there."""
    import torch

    for name in ("neighbours", "map"):
        for _ in look(name, wide, Subject(name="tried", vectors={"soft_prompt": wide.embed([1, 2])}, start_ids=(1, 2))):
            assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ({"start_ids": (1,)}, "2 virtual tokens and 1 start tokens"),
        ({"start_ids": (1, 5000)}, "start token 5000"),
        ({"width": 8}, r"shape \[2, 8\], expected \[P, 256\]"),
    ],
)
def test_vectors_of_another_model_are_refused(wide, subject, said):
    import torch

    vectors = torch.ones(2, subject.pop("width", 256))
    with pytest.raises(ArtifactError, match=said):
        final(look("neighbours", wide, Subject(name="tried", vectors={"soft_prompt": vectors}, **subject)))


@pytest.mark.parametrize("vectors", [{}, {"soft_prompt": 0, "other": 0}, {"prefix_keys": 0, "prefix_values": 0}])
def test_a_view_says_why_it_does_not_apply(wide, vectors):
    with pytest.raises(ArtifactError, match="does not apply to 'tried'"):
        final(look("neighbours", wide, Subject(name="tried", vectors=vectors)))


# -- words, without a model -------------------------------------------------------------------------------------------------------------------
def slot(number=1, *, cosine=1.0, drift: float | None = 0.0, near=7, fixed=False, p=0.001, mutual=True):
    one = Neighbour(id=near, token="·word", cosine=cosine, csls=0.0, rank=1, mutual=mutual)
    start = None if drift is None else 7
    return Slot(
        slot=number, fixed=fixed, init_id=start, init_token=None if drift is None else "·word", nearest=(one,), max_cosine=cosine, floor=0.2,
        p_value=None if fixed else p, drift=drift, norm=1.0, agreement=3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"drift": 0.0}, "unmoved"),
        ({"drift": 1.0, "cosine": 0.7}, "shifted"),
        ({"drift": 3.0, "cosine": 0.3}, "shifted"),
        ({"drift": 3.1, "cosine": 0.3}, "unclear"),
        ({"drift": 0.5, "cosine": 0.2}, "off-vocabulary"),
        ({"near": 8, "cosine": 0.35}, "word-like"),
        ({"near": 8, "cosine": 0.34}, "unclear"),
        ({"near": 8, "cosine": 0.9, "mutual": False}, "unclear"),
        ({"near": 8, "cosine": 0.9, "p": 0.05}, "unclear"),
        ({"drift": None, "cosine": 0.9}, "word-like"),
        ({"fixed": True}, "header"),
    ],
)
def test_status(given, expected):
    made = slot(**given)
    assert status(made, 0.35) == expected
    assert reading(made, expected).endswith(".")


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ([slot()] * 16, "All 16 vectors still lie nearest to the word they started from: a list of words restates your starting text."),
        ([slot()], "The vector still lies nearest to the word it started from: a list of words restates your starting text."),
        ([slot(cosine=0.1, drift=9.0)] * 2, "None of the 2 vectors has a reliable nearest word: random vectors score the same."),
        (
            [slot(), slot(near=8), slot(near=8), slot(cosine=0.1), slot(fixed=True)],
            "Of 4 vectors, 1 lies nearest to the word it started from, 2 lie near another word and 1 lies no nearer to any word than a random "
            "vector.",
        ),
        ([slot(fixed=True)], "Nothing here was trained"),
    ],
)
def test_summary(slots, said):
    text = summary(slots, [status(one, 0.35) for one in slots])
    assert text.startswith(said)
    assert text.count(". ") == (0 if all(one.fixed for one in slots) else 2)
