"""Steer, edit or write? Advice for one task from a ladder of measured contestants, with its reasons. A pure function; every claim in it is a test.

The rungs, by how deep the signal reaches: no prompt, manual prompt, label biases, demonstrations, soft prompt, prefix on few layers, prefix on all
layers, LoRA. "Beats" means the verdict of a paired comparison is a win (interval above 0, exact p < 0.05).

    unknown     too few test rows to say
    calibrate   fitted label biases bring all that anything brings: balance or format only
    missing     nothing, not even changed weights, beats the commonest label: the labels do not follow from the text, or this model cannot tell
    write       your prompt or demonstrations are as good as anything that was trained
    steer       learned vectors beat what is written, and changed weights do not beat them: the capability is there
    edit        changed weights (LoRA) beat every steering: the capability is not reached from the input
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from steering.evaluate.decision import ALPHA, FEWEST_ROWS
from steering.evaluate.intervals import Interval, mde
from steering.evaluate.verdict import Verdict, classification_verdict

AdviceKind = Literal["unknown", "missing", "calibrate", "write", "steer", "edit"]

DEPTHS = ("majority", "none", "manual", "manual_bias", "few_shot", "soft", "few_layers", "all_layers", "weights")
"""Rungs from shallow to deep: what a rung's ``depth`` may be."""
WRITTEN = ("none", "manual", "few_shot")
STEERED = ("soft", "few_layers", "all_layers")
COARSE = 0.2
"""With a detectable difference above this nothing short of a landslide could be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One contestant of the ladder: its score on every test row [N] (right or wrong), and what it costs. None: not measured.

    ``seed_spread`` is highest minus lowest accuracy over seeds, ``drift`` the mean loss that it adds to neutral text (nats a token).
    ``improving``: its validation loss was lowest at its very last step, so that more steps may bring more.
    """

    name: str
    depth: str
    correct: tuple[float, ...]
    accuracy_ci: Interval
    trainable_parameters: int = 0
    file_bytes: int = 0
    training_seconds: float = 0.0
    prompt_tokens: int = 0
    first_token_seconds: float | None = None
    seed_spread: float | None = None
    drift: float | None = None
    improving: bool = False

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.correct))


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do, in one sentence, the rung that it points to (empty: none), and the measured reasons."""

    kind: AdviceKind
    sentence: str
    rung: str
    reasons: tuple[str, ...] = field(default=())


def advise(rungs: Sequence[Rung]) -> Advice:
    """See the module. Rungs of unmeasured depths may be missing; of several with one depth the best counts."""
    n = len(rungs[0].correct)
    best = {depth: max(found, key=lambda r: r.accuracy) for depth in DEPTHS if (found := [r for r in rungs if r.depth == depth])}
    seen = mde(n)
    if n < FEWEST_ROWS or seen > COARSE:
        reason = f"{n} test rows can only show differences of about {100 * seen:.0f} points or more."
        return Advice(kind="unknown", sentence="Too few test rows to say: label more rows, or cross-validate.", rung="", reasons=(reason,))
    written = _best(best, WRITTEN)
    trained = _best(best, (*STEERED, "weights"))
    for rule in (_calibrate, _missing, _edit, _steer, _write):
        advice = rule(best, written, trained)
        if advice is not None:
            return replace(advice, reasons=(*advice.reasons, *_open(advice, rungs)))
    raise AssertionError("the last rule always answers")


Best = dict[str, Rung]


def _calibrate(best: Best, written: Rung | None, trained: Rung | None) -> Advice | None:
    biased, manual = best.get("manual_bias"), best.get("manual")
    if biased is None or manual is None or not beats(biased, manual):
        return None
    if any(beats(rung, biased) for depth, rung in best.items() if depth not in ("manual_bias", "manual")):
        return None
    reasons = [_gap(biased, manual), f"Nothing that was measured beats it; the best other is {_said(_top(best, 'manual_bias'))}."]
    if "majority" in best and not beats(biased, best["majority"]):
        reasons.append(f"It does not beat the commonest label either ({_said(best['majority'])}): the text plays no part in the gain.")
    sentence = "Calibrate: fitted label biases bring all that anything brings here. Keep your prompt and add them; nothing needs to be trained."
    return Advice(kind="calibrate", sentence=sentence, rung=biased.name, reasons=tuple(reasons))


def _missing(best: Best, written: Rung | None, trained: Rung | None) -> Advice | None:
    """One of many rungs beats the commonest label by chance more often than one in twenty: whether any does is the first step of Holm (1979)."""
    majority, manual = best.get("majority"), best.get("manual")
    if majority is None:
        return None
    tried = [_against(rung, majority) for depth, rung in best.items() if depth != "majority"]
    if any(found.kind == "win" and found.p_value * len(tried) < ALPHA for found in tried):
        return None
    deepest = best.get("weights") or trained or written
    reasons = [f"The commonest label alone: {_said(majority)}. Nothing beats it, {len(tried)} tries allowed for (Holm)."]
    reasons += [f"Even the deepest change that was tried: {_said(deepest)}."] if deepest else []
    if manual is not None and beats(majority, manual):
        reasons.append(f"{_gap(majority, manual)} Any gain over your prompt up to that is label balance; the text plays no part in it.")
    sentence = "Neither steering nor editing finds a signal: check that the labels follow from the text, then try a larger model."
    return Advice(kind="missing", sentence=sentence, rung="", reasons=tuple(reasons))


def _edit(best: Best, written: Rung | None, trained: Rung | None) -> Advice | None:
    weights = best.get("weights")
    rivals = [rung for depth, rung in best.items() if depth not in ("weights", "majority")]
    if weights is None or not rivals or not all(beats(weights, rung) for rung in rivals):
        return None
    steered = _best(best, STEERED)
    reasons = [_gap(weights, max(rivals, key=lambda r: r.accuracy))]
    if steered is not None:
        where = "the capability was not reached from the input"
        reasons.append(f"The best steering reaches {_said(steered)}: {where}{' within its steps' if steered.improving else ''}.")
    sentence = "Edit: LoRA beats every prompt and every learned vector here; use it, or a larger model."
    return Advice(kind="edit", sentence=sentence, rung=weights.name, reasons=tuple(reasons))


def _steer(best: Best, written: Rung | None, trained: Rung | None) -> Advice | None:
    """The cheapest learned vectors that beat all that is written and are beaten by nothing deeper."""
    shallow = [rung for depth, rung in best.items() if depth in (*WRITTEN, "manual_bias")]
    if not shallow:
        return None
    for depth in STEERED:
        rung = best.get(depth)
        deeper = [best[d] for d in DEPTHS[DEPTHS.index(depth) + 1 :] if d in best]
        if rung is None or not all(beats(rung, other) for other in shallow) or any(beats(other, rung) for other in deeper):
            continue
        reasons = [_gap(rung, max(shallow, key=lambda r: r.accuracy))]
        if "weights" in best:
            reasons.append(f"Changed weights do not beat it: {_said(best['weights'])}. The capability was there all along.")
        sentence = f"Steer: {rung.name} is enough; it beats what is written, and nothing deeper beats it."
        return Advice(kind="steer", sentence=sentence, rung=rung.name, reasons=tuple(reasons))
    return None


def _write(best: Best, written: Rung | None, trained: Rung | None) -> Advice:
    if written is None:
        return Advice(kind="unknown", sentence="Nothing that is written was measured, so nothing can be advised.", rung="")
    reasons = [f"The best that is written: {_said(written)}."]
    if trained is not None:
        reasons.append(f"The best that was trained: {_said(trained)}; {_gap(trained, written)}")
    sentence = f"Write: no established gain comes from training here; {written.name} is as good as this test can tell."
    return Advice(kind="write", sentence=sentence, rung=written.name, reasons=tuple(reasons))


OPEN: dict[str, tuple[str, ...]] = {"missing": (*STEERED, "weights"), "write": (*STEERED, "weights"), "edit": STEERED}
"""Advice that would change if these depths came further, and so goes by their training having come to rest."""


def _open(advice: Advice, rungs: Sequence[Rung]) -> list[str]:
    early = [rung.name for rung in rungs if rung.improving and rung.depth in OPEN.get(advice.kind, ())]
    return [f"Still improving at the last step, so more steps may change this: {', '.join(early)}."] if early else []


def beats(one: Rung, other: Rung) -> bool:
    """Whether the verdict of the pair is a win."""
    return _against(one, other).kind == "win"


def _against(one: Rung, other: Rung) -> Verdict:
    return classification_verdict(one.correct, other.correct, learned_name=one.name, baseline_name=other.name)


def pareto(rungs: Sequence[Rung], cost: str) -> list[str]:
    """Names of the rungs that no other equals or betters in both accuracy and ``cost`` (a field), with one of the two better."""

    def worse(one: Rung, other: Rung) -> bool:
        mine, theirs = float(getattr(one, cost) or 0), float(getattr(other, cost) or 0)
        return other.accuracy >= one.accuracy and theirs <= mine and (other.accuracy > one.accuracy or theirs < mine)

    return [one.name for one in rungs if not any(worse(one, other) for other in rungs)]


def _best(best: Best, depths: Sequence[str]) -> Rung | None:
    return max((best[depth] for depth in depths if depth in best), key=lambda r: r.accuracy, default=None)


def _top(best: Best, *without: str) -> Rung:
    return max((rung for depth, rung in best.items() if depth not in without), key=lambda r: r.accuracy)


def _said(rung: Rung) -> str:
    low, high = rung.accuracy_ci
    return f"{rung.name} {100 * rung.accuracy:.1f} % (95% CI {100 * low:.0f} to {100 * high:.0f})"


def _gap(one: Rung, other: Rung) -> str:
    found = _against(one, other)
    low, high = (100 * end for end in found.ci)
    numbers = f"{100 * found.difference:+.1f} points (95% CI {low:.1f} to {high:.1f}, exact McNemar p = {found.p_value:.3g})"
    return f"{one.name} against {other.name}: {numbers}."
