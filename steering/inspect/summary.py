"""Three sentences on a saved prompt that a careful expert would sign: what it reaches and how, what may be read, which slots carry it. No torch.

Made from kept results of the views in :data:`RESTS_ON` alone. What has not been measured is said to be not measured, never guessed; what does
not apply is said with its reason. Wording rules: SCIENCE notes A5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steering.evaluate.intervals import Estimate
from steering.inspect.contract import Badge
from steering.inspect.dossier import tables
from steering.inspect.gap import licence
from steering.inspect.phrases import nats, percent, points, share_text
from steering.inspect.results import Bars, Result, Stack, Table, Text

RESTS_ON = ("gain", "faithfulness", "neighbours", "ablation")
"""The views that the sentences are made from."""

NAME = "summary"
TITLE = "In three sentences"
CARRIERS = 3
"""Slots that are named, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence; ``badge`` and ``views`` say what it rests on; ``known`` is False where that has not been measured."""

    text: str
    views: tuple[str, ...]
    badge: Badge = "MEASURED"
    known: bool = True


Found = Mapping[str, Result]
Reasons = Mapping[str, str]


def summarise(found: Found, reasons: Reasons | None = None, scores: Mapping[str, Any] | None = None) -> tuple[Sentence, ...]:
    """The three sentences.

    ``found``: kept results by view; ``reasons``: why a view does not apply to this prompt; ``scores``: what its own card says of it, which stands
    in where a task has no labels.
    """
    why = reasons or {}
    return _reach(found, why, scores or {}), _words(found, why), _slots(found, why)


def missing(found: Found, reasons: Reasons | None = None) -> list[str]:
    """Views that the sentences would rest on, apply, and have not been measured."""
    return [view for view in RESTS_ON if view not in found and not (reasons or {}).get(view)]


def as_text(sentences: Sequence[Sentence]) -> Text:
    """As a result that page, command line and report draw."""
    rests = sorted({view for one in sentences if one.known for view in one.views})
    open_views = sorted({view for one in sentences if not one.known for view in one.views})
    lacking = f" Not measured: {', '.join(open_views)}." if open_views else ""
    return Text(
        title=TITLE,
        paragraphs=tuple(one.text for one in sentences),
        caption=f"Made from the kept views {', '.join(rests) or '(none yet)'}; intervals are 95% over held-out rows.{lacking}",
    )


def _reach(found: Found, why: Reasons, scores: Mapping[str, Any]) -> Sentence:
    """What it reaches, and by what."""
    result = found.get("gain")
    if result is None:
        said = _scored(scores)
        if why.get("gain"):
            return Sentence(text=f"{said} What kind of improvement it is cannot be told: {why['gain']}", views=("gain",))
        return Sentence(text=f"{said} What kind of improvement it is has not been measured.", views=("gain",), known=False)
    bars, row = _gain(result)
    before, after = bars.bars[0], bars.bars[-1]
    span = f" (95% CI {100 * (after.low or 0):.0f} to {percent(after.high or 0)})"
    reach = f"It answers {percent(after.value)} of {row['learned']} held-out rows rightly{span}, {before.label} {percent(before.value)}"
    return Sentence(text=f"{reach}{_by(_estimate(row, 'gain'), _estimate(row, 'share_prior'))}", views=("gain",))


def _by(gain: Estimate | None, prior: Estimate | None) -> str:
    """By what, in the words that the intervals allow."""
    if gain is None or (gain.low <= 0 <= gain.high):
        return f": whether it gains anything is not settled{f' ({points(gain)})' if gain else ''}."
    if gain.high < 0:
        return f": it does worse ({points(gain)}), so there is no gain to explain."
    if prior is None:
        return f": a gain of {points(gain)}; what it comes from is not settled."
    if prior.low >= 0.5:
        return f", mostly by label balance, which fitted biases give without any training ({share_text(prior)} of the gain)."
    if prior.high <= 0.5:
        return f", mostly by what depends on the input: label balance explains {share_text(prior)} of the gain."
    return f"; how much of the gain is label balance is not settled: {share_text(prior)}."


def _words(found: Found, why: Reasons) -> Sentence:
    """Whether anything may be read."""
    gap, near = found.get("faithfulness"), found.get("neighbours")
    if why.get("faithfulness"):
        return Sentence(text=f"Nothing of it is read as words: {why['faithfulness']}", views=("faithfulness",))
    if gap is not None:
        where = f" {lost}" if near is not None and (lost := _lost(near)) else ""
        return Sentence(text=f"{licence(gap).sentence}{where}", views=("faithfulness", "neighbours") if near is not None else ("faithfulness",))
    if near is not None:
        lost = _lost(near) or near.note.split(". ")[0].rstrip(".") + "."
        return Sentence(
            text=f"{lost} How much of its effect words keep has not been measured.", views=("neighbours",), badge="GEOMETRIC", known=False
        )
    return Sentence(text="Whether it can be read as words has not been measured.", views=("faithfulness", "neighbours"), known=False)


def _lost(near: Result) -> str:
    """A sentence where no vector can be read; empty where some can."""
    statuses = [row.get("status") for table in tables(near) for row in table.rows if row.get("status") != "header"]
    if statuses and all(status == "off-vocabulary" for status in statuses):
        return f"Nothing can be read: none of its {len(statuses)} vectors is nearer to a vocabulary entry than random vectors are."
    if statuses and all(status in ("unmoved", "shifted") for status in statuses):
        return "Every vector is still nearest to the word it started from, so the list of words restates your starting text."
    return ""


def _slots(found: Found, why: Reasons) -> Sentence:
    """Which slots carry it."""
    if why.get("ablation"):
        return Sentence(text=f"Which slots carry it cannot be told: {why['ablation']}", views=("ablation",))
    result = found.get("ablation")
    if result is None:
        return Sentence(text="Which slots carry it has not been measured.", views=("ablation",), known=False)
    rows = [row for table in tables(result) for row in table.rows if "finding" in row]
    ranked = sorted(rows, key=lambda row: -row["effect"])
    helps, hurts = ([row for row in ranked if row["finding"] == what] for what in ("helps", "hurts"))
    text = f"{_carried(helps, len(rows))}{_enough(result, len(rows))}"
    if hurts:
        who = ", ".join(_slot(row) for row in sorted(hurts, key=lambda row: row["slot"]))
        text += f" {_many('Slot', hurts)} {who} {'hurts' if len(hurts) == 1 else 'hurt'}: masking lowers the loss."
    return Sentence(text=text, views=("ablation",))


def _carried(helps: list[dict[str, Any]], total: int) -> str:
    if not helps:
        return f"None of its {total} slots is surely needed by itself."
    top = helps[:CARRIERS]
    who = _listed([_slot(row) for row in top])
    cost = nats(Estimate(value=top[0]["effect"], low=top[0]["low"], high=top[0]["high"]))
    more = f" {len(helps) - len(top)} more help surely." if len(helps) > len(top) else ""
    verb, first = ("carries", "it") if len(top) == 1 else ("carry", "the first")
    return f"{_many('Slot', top)} {who} {verb} most of it: masking {first} costs {cost}.{more}"


def _enough(result: Result, total: int) -> str:
    """How few slots keep the gain, as the curve shows it."""
    kept = [row for table in tables(result) for row in table.rows if "kept" in row and row.get("share") is not None]
    few = min((row["kept"] for row in kept if row["share"] >= 0.95), default=None)
    return f" {few} of {total} keep 95% of the gain." if few is not None else ""


def _slot(row: dict[str, Any]) -> str:
    return f"{row['slot']} ({row['init_token']})" if row.get("init_token") else str(row["slot"])


def _many(word: str, rows: Sequence[Any]) -> str:
    return word if len(rows) == 1 else f"{word}s"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _gain(result: Result) -> tuple[Bars, dict[str, Any]]:
    assert isinstance(result, Stack)
    bars = next(part for part in result.parts if isinstance(part, Bars))
    row = next(row for part in result.parts if isinstance(part, Table) for row in part.rows if "gain" in row)
    return bars, row


def _estimate(row: dict[str, Any], name: str) -> Estimate | None:
    value, low, high = (row.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    return None if value is None or low is None or high is None else Estimate(value=value, low=low, high=high)


def _scored(scores: Mapping[str, Any]) -> str:
    """What the card says of its own score, when it was saved."""
    n = f" of {scores['test_rows']}" if scores.get("test_rows") else " of the"
    if scores.get("accuracy") is not None:
        return f"When it was saved it answered {percent(scores['accuracy'])}{n} held-out rows rightly."
    if scores.get("chrf") is not None:
        return f"When it was saved it reached chrF {scores['chrf']:.0f}{n.replace(' of', ' on', 1)} held-out rows."
    return "What it reaches is not recorded."
