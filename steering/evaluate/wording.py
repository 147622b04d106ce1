"""The verdict in English. Every number comes with its interval or its count; "equal" is never said, and "significant" neither.

Differences are printed in points: hundredths of the metric's best value.
"""

import math

from steering.evaluate.decision import ALPHA, FEWEST_ROWS, Evidence, VerdictKind
from steering.evaluate.front import having, sized
from steering.evaluate.intervals import USUAL_DISCORDANCE, Estimate, mde

NO_PROMPT = "no prompt"
"""How a sentence calls the contestant without any steering text; names that begin with "your " are the person's own prompts."""


def sentence(kind: VerdictKind, evidence: Evidence, learned: str, baseline: str) -> str:
    """What the page prints in its largest type."""
    return _capital(_SENTENCES[kind](evidence, _inside(learned), _inside(baseline)))


def detail(kind: VerdictKind, evidence: Evidence, learned: str, baseline: str, share_prior: float | None, reveal: int) -> str:
    """What stands under it: advice, the other counts, and what weakens the claim."""
    ours, theirs = _inside(learned), _inside(baseline)
    said: list[str] = []
    if kind == "win" and share_prior is not None:
        said.append(_prior(share_prior))
    if kind in ("tie", "small", "unstable", "equivalent"):
        said.append(_advice(evidence, ours, theirs))
    if kind in ("tie", "small", "unstable"):
        said.append(f"Measured difference {_gap(evidence)}; {ours} {_counts(evidence)}.")
    said.append(_ties(evidence))
    if evidence.margin is not None and kind not in ("equivalent", "win") and evidence.narrow.low > -evidence.margin:
        said.append(_not_worse(evidence, ours, theirs))
    if evidence.groups:
        said.append(f"Rows that belong together were resampled together: {evidence.groups} groups of {evidence.n} rows.")
    if evidence.seed_differences and kind != "unstable":
        said.append(_seed_spread(evidence))
    if evidence.adjusted:
        said.append("One of several comparisons: p is adjusted for that (Holm), the interval is not.")
    if reveal > 1:
        said.append(f"These held-out rows have been looked at {reveal} times: treat p as exploratory.")
    return " ".join(part for part in said if part)


def resolution_sentence(n: int, q: float = USUAL_DISCORDANCE) -> str:
    """What ``n`` test rows can show, for the moment before anything is trained."""
    if n == 0:
        return "Without test examples no difference can be confirmed."
    return f"With {n} test examples only differences of about {_plural(max(1, math.floor(100 * mde(n, q) + 0.5)))} or more can be confirmed."


def _win(e: Evidence, learned: str, baseline: str) -> str:
    return f"{learned} beats {baseline} by {_size(e)} ({_interval(e)}; {_p(e)}; it {_counts(e)}{_seeds(e)})."


def _loss(e: Evidence, learned: str, baseline: str) -> str:
    verb = "is better than" if e.p_value < ALPHA else "came out ahead of"
    flipped = Estimate(value=-e.difference.value, low=-e.difference.high, high=-e.difference.low)
    numbers = f"{_interval(e, flipped)}; {_p(e)}; {learned} {_counts(e)}"
    return f"{_keep(baseline)}: it {verb} {learned} by {_size(e)} ({numbers})."


def _lean(e: Evidence, learned: str, baseline: str) -> str:
    why = ""
    if e.difference.low > 0:
        why = f": {_p(e)}" if e.p_value >= ALPHA else f": only {e.seeds_agree} of {len(e.seed_differences)} training seeds agree"
    said = f"{learned} is probably better than {baseline} ({_gap(e)}; it {_counts(e)}), but that is not established{why}."
    if e.settle_n is not None and e.settle_n > e.n:
        said += f" About {_rough(e.settle_n)} test examples would settle a gap this size."
    return said


def _tie(e: Evidence, learned: str, baseline: str) -> str:
    seen = _plural(math.ceil(round(_points(e, e.detectable), 6)), e.metric.noun)
    return f"No difference detected between {learned} and {baseline}. This test could only see gaps of {seen} or more."


def _small(e: Evidence, learned: str, baseline: str) -> str:
    if e.n >= FEWEST_ROWS:
        return f"Too few decisive examples ({e.decisive} of {e.n}) for a verdict on {learned} against {baseline}: read the examples instead."
    return f"Too few held-out examples ({e.n}) for a verdict on {learned} against {baseline}: read the examples instead."


def _unstable(e: Evidence, learned: str, baseline: str) -> str:
    low, high = min(e.seed_differences), max(e.seed_differences)
    spread = f"from {_signed(_points(e, low))} to {_signed(_points(e, high))} {e.metric.noun}points"
    return f"No verdict: {len(e.seed_differences)} training seeds put {learned} {spread} against {baseline}, too wide a spread to judge."


def _equivalent(e: Evidence, learned: str, baseline: str) -> str:
    margin = f"{_points(e, e.margin or 0.0):g} {e.metric.noun}points"
    low, high = _number(_points(e, e.narrow.low)), _number(_points(e, e.narrow.high))
    apart = f"difference {_signed(_points(e, e.difference.value))}, 90% CI {low} to {high}; it {_counts(e)}"
    return f"{learned} stays within {margin} of {sized(baseline, e.fronts[1])}{having(e.fronts[0])} ({apart})."


_SENTENCES = {
    "win": _win,
    "lean": _lean,
    "tie": _tie,
    "loss": _loss,
    "small": _small,
    "unstable": _unstable,
    "equivalent": _equivalent,
}


def _prior(share: float) -> str:
    if share >= 0.95:
        return "All of that gain is label balance that you could get without training."
    if share < 0.05:
        return "Next to none of that gain is label balance."
    return f"About {round(100 * share, -1):.0f}% of that gain is label balance you could get without training."


def _advice(e: Evidence, learned: str, baseline: str) -> str:
    """What to do without an established gain; between two contestants that both cost something there is nothing to advise."""
    lower = f"{_capital(learned)} scored {_size(e)} lower" if e.difference.value < 0 else ""
    if not _is_free(baseline):
        return f"{lower}." if lower else ""
    if lower:
        return f"{lower}, so {_keep(baseline)}: it is cheaper and needs no training."
    return f"No gain is established: {_keep(baseline)}, which needs no training, unless more rows show one."


def _not_worse(e: Evidence, learned: str, baseline: str) -> str:
    margin = f"{_points(e, e.margin or 0.0):g} {e.metric.noun}points"
    known = f"90% CI from {_number(_points(e, e.narrow.low))}, one-sided 5 %"
    return f"{_capital(learned)} is not worse than {sized(baseline, e.fronts[1])} by {margin}{having(e.fronts[0])} ({known})."


def _ties(e: Evidence) -> str:
    if e.metric.name in ("accuracy", "exact_match"):
        return f"Both were right on {e.both_right} and both wrong on {e.both_wrong}."
    return f"The two scored the same on {e.both_right + e.both_wrong} of {e.n}."


def _seed_spread(e: Evidence) -> str:
    low, high = min(e.seed_differences), max(e.seed_differences)
    return f"Over {len(e.seed_differences)} training seeds the difference went from {_signed(_points(e, low))} to {_signed(_points(e, high))}."


def _counts(e: Evidence) -> str:
    if e.metric.name in ("accuracy", "exact_match"):
        return f"fixed {e.fixed} and broke {e.broken} of {e.n} held-out examples"
    return f"scored higher on {e.fixed} and lower on {e.broken} of {e.n} held-out examples"


def _seeds(e: Evidence) -> str:
    return f"; {e.seeds_agree}/{len(e.seed_differences)} seeds agree" if e.seed_differences else ""


def _is_free(baseline: str) -> bool:
    return baseline.startswith("your ") or baseline == NO_PROMPT


def _keep(baseline: str) -> str:
    if baseline == NO_PROMPT:
        return f"keep using {NO_PROMPT}"
    return f"keep {baseline}" if _is_free(baseline) else f"prefer {baseline}"


def _gap(e: Evidence) -> str:
    return f"{_signed(_points(e, e.difference.value))} {e.metric.noun}points, {_interval(e)}"


def _interval(e: Evidence, estimate: Estimate | None = None) -> str:
    shown = estimate or e.difference
    return f"95% CI {_number(_points(e, shown.low))} to {_number(_points(e, shown.high))}"


def _size(e: Evidence) -> str:
    return f"{_number(abs(_points(e, e.difference.value)))} {e.metric.noun}points"


def _points(e: Evidence, value: float) -> float:
    return 100 * value / e.metric.top


def _number(points: float) -> str:
    """One decimal; more only where a bound would otherwise look like 0 and hide on which side it lies."""
    for digits in (1, 2, 3):
        text = f"{points:.{digits}f}"
        if float(text) != 0:
            return text
    return "0.0"


def _signed(points: float) -> str:
    text = _number(points)
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def _p(e: Evidence) -> str:
    name = f"Holm-adjusted {e.test}" if e.adjusted else e.test
    if e.p_value < 0.001:
        return f"{name} p < 0.001"
    if e.p_value >= 0.1:
        return f"{name} p = {e.p_value:.2f}"
    text = f"{e.p_value:.3f}"
    return f"{name} p = {e.p_value:.5f}" if text == "0.050" else f"{name} p = {text}"


def _plural(whole: int, noun: str = "") -> str:
    return f"{whole} {noun}point" if whole == 1 else f"{whole} {noun}points"


def _rough(count: int) -> str:
    """Two leading digits, rounded up: 785 is "790"."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return f"{-(-count // unit) * unit:,}"


def _inside(name: str) -> str:
    """A name as it stands within a sentence."""
    return "the learned prompt" if name == "Learned prompt" else name


def _capital(text: str) -> str:
    """A capital at the start, but not in a name that someone gave."""
    if text.startswith("the learned prompt"):
        return text.replace("the learned prompt", "Learned prompt", 1)
    return text[:1].upper() + text[1:] if text.startswith(("your ", NO_PROMPT, "keep ", "prefer ")) else text
