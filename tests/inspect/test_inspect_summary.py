"""Three sentences from constructed results: what is known, what is not, and what may not be said."""

from typing import Any

import pytest

from steering.inspect.results import Bar, Bars, Column, Stack, Table
from steering.inspect.summary import as_text, missing, summarise

LABEL = (Column(name="label", title="Label"),)


def gain(before: float = 0.52, after: float = 0.88, gain: Any = (0.36, 0.26, 0.45), prior: Any = (0.1, 0.0, 0.22)) -> Stack:
    bars = tuple(
        Bar(label=name, value=value, low=value - 0.05, high=value + 0.05) for name, value in (("your prompt", before), ("learned prompt", after))
    )
    numbers = {"label": "all", "learned": 100}
    for key, values in (("gain", gain), ("share_prior", prior)):
        numbers |= dict(zip((key, f"{key}_low", f"{key}_high"), values or (None,) * 3, strict=True))
    return Stack(title="g", parts=(Bars(title="b", bars=bars), Table(title="t", columns=LABEL, rows=(numbers,))))


def faithfulness(share: Any = (0.14, 0.05, 0.25)) -> Stack:
    row = {"name": "closest"} | dict(zip(("share", "share_low", "share_high"), share or (None,) * 3, strict=True))
    return Stack(title="f", parts=(Table(title="t", columns=LABEL, rows=(row,)),))


def neighbours(*statuses: str) -> Table:
    return Table(title="n", columns=LABEL, rows=tuple({"slot": i + 1, "status": s} for i, s in enumerate(statuses)), note="Two lie near. And more.")


def ablation(*effects: tuple[float, str], kept: tuple[tuple[int, float | None], ...] = ()) -> Stack:
    rows = tuple(
        {"slot": i + 1, "init_token": f"w{i + 1}", "effect": e, "low": e - 0.05, "high": e + 0.05, "finding": what}
        for i, (e, what) in enumerate(effects)
    )
    curve = tuple({"kept": k, "share": share} for k, share in kept)
    return Stack(title="a", parts=(Table(title="t", columns=LABEL, rows=rows), Table(title="k", columns=LABEL, rows=curve)))


def said(found: dict[str, Any], **more: Any) -> list[str]:
    return [one.text for one in summarise(found, **more)]


def test_all_three_when_everything_is_measured() -> None:
    slots = ablation((0.02, "not told from nothing"), (-0.1, "hurts"), (0.5, "helps"), (0.3, "helps"), kept=((1, 0.7), (2, 0.96), (4, 1.0)))
    sentences = summarise({"gain": gain(), "faithfulness": faithfulness(), "neighbours": neighbours("shifted", "word-like"), "ablation": slots})
    assert [one.text for one in sentences] == [
        "It answers 88% of 100 held-out rows rightly (95% CI 83 to 93%), your prompt 52%, mostly by what depends on the input: label balance "
        "explains 10% (95% CI 0 to 22%) of the gain.",
        "Read as words, this prompt keeps 14% (95% CI 5 to 25%) of its effect. Treat the closest entries as hints.",
        "Slots 3 (w3) and 4 (w4) carry most of it: masking the first costs +0.500 nats (95% CI 0.450 to 0.550). 2 of 4 keep 95% of the gain. "
        "Slot 2 (w2) hurts: masking lowers the loss.",
    ]
    assert all(one.known for one in sentences) and "Not measured" not in as_text(sentences).caption


def test_nothing_measured_is_said_thrice() -> None:
    sentences = summarise({})
    assert [one.text for one in sentences] == [
        "What it reaches is not recorded. What kind of improvement it is has not been measured.",
        "Whether it can be read as words has not been measured.",
        "Which slots carry it has not been measured.",
    ]
    assert not any(one.known for one in sentences)
    assert as_text(sentences).caption.endswith("Not measured: ablation, faithfulness, gain, neighbours.")
    assert missing({}) == ["gain", "faithfulness", "neighbours", "ablation"]
    assert missing({"gain": gain()}, {"faithfulness": "a prefix"}) == ["neighbours", "ablation"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"prior": (0.8, 0.6, 0.95)}, "mostly by label balance, which fitted biases give without any training (80% (95% CI 60 to 95%) of the gain)."),
        ({"prior": (0.4, 0.2, 0.7)}, "how much of the gain is label balance is not settled: 40% (95% CI 20 to 70%)."),
        ({"gain": (0.02, -0.03, 0.07), "prior": None}, "whether it gains anything is not settled (+2.0 points (95% CI -3.0 to 7.0))."),
        ({"gain": (-0.1, -0.2, -0.02), "prior": None}, "it does worse (-10.0 points (95% CI -20.0 to -2.0)), so there is no gain to explain."),
        ({"prior": None}, "a gain of +36.0 points (95% CI 26.0 to 45.0); what it comes from is not settled."),
    ],
)
def test_what_a_gain_may_be_called(given, words) -> None:
    assert said({"gain": gain(**given)})[0].endswith(words)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"neighbours": neighbours("off-vocabulary", "off-vocabulary", "header")}, "Nothing can be read: none of its 2 vectors is nearer to a"),
        (
            {"neighbours": neighbours("unmoved", "shifted")},
            "the list of words restates your starting text. How much of its effect words keep has not",
        ),
        ({"neighbours": neighbours("word-like", "unclear")}, "Two lie near. How much of its effect words keep has not been measured."),
        ({"faithfulness": faithfulness((0.02, -0.1, 0.1))}, "Do not read them as words."),
        ({"faithfulness": faithfulness(None)}, "there is no effect that words could keep."),
        (
            {"faithfulness": faithfulness((0.9, 0.8, 0.97)), "neighbours": neighbours("unmoved")},
            "Every vector is still nearest to the word it started",
        ),
    ],
)
def test_what_may_be_read(found, words) -> None:
    assert words in said(found)[1]


def test_reading_from_geometry_alone_wears_its_badge() -> None:
    second = summarise({"neighbours": neighbours("word-like")})[1]
    assert (second.badge, second.known) == ("GEOMETRIC", False)


def test_slots_that_are_not_needed_one_by_one() -> None:
    text = said({"ablation": ablation((0.01, "not told from nothing"), (0.0, "not told from nothing"), kept=((1, None),))})[2]
    assert text == "None of its 2 slots is surely needed by itself."
    four = said({"ablation": ablation(*[(0.5 - 0.1 * i, "helps") for i in range(4)])})[2]
    assert four.startswith("Slots 1 (w1), 2 (w2) and 3 (w3) carry most of it") and "1 more help surely." in four


def test_what_does_not_apply_is_said_with_its_reason() -> None:
    reasons = {"gain": "this task is generation.", "faithfulness": "these vectors are a prefix.", "ablation": "no."}
    first, second, third = said({}, reasons=reasons, scores={"chrf": 54.2, "test_rows": 60})
    assert (
        first == "When it was saved it reached chrF 54 on 60 held-out rows. What kind of improvement it is cannot be told: this task is generation."
    )
    assert second == "Nothing of it is read as words: these vectors are a prefix."
    assert third == "Which slots carry it cannot be told: no."
    assert said({}, scores={"accuracy": 0.66, "test_rows": 124})[0].startswith("When it was saved it answered 66% of 124 held-out rows rightly.")


def test_no_banned_words() -> None:
    """SCIENCE notes A5."""
    full = {"gain": gain(), "faithfulness": faithfulness(), "neighbours": neighbours("word-like"), "ablation": ablation((0.5, "helps"))}
    for found in (full, {}):
        text = " ".join(said(found))
        assert not any(word in text for word in ("means", "the prompt says", "decoded", "translation", "understands"))
