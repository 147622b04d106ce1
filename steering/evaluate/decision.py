"""What a paired comparison shows, as numbers, and which kind of verdict these numbers allow. No words here (see wording.py).

Order of precedence: small, unstable, win, loss, equivalent, lean, tie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from steering.evaluate.front import Front
from steering.evaluate.intervals import Estimate

VerdictKind = Literal["win", "lean", "tie", "loss", "small", "unstable", "equivalent"]
KINDS: tuple[VerdictKind, ...] = ("win", "lean", "tie", "loss", "small", "unstable", "equivalent")

ALPHA = 0.05
FEWEST_ROWS = 30
FEWEST_DECISIVE = 6
"""Fewer coin throws than this cannot give p < 0.05 in the exact McNemar test, however they fall (5 to 0: 0.0625)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How a per-row score is called and printed. ``top`` is its best value: 1 for a share, 100 for chrF."""

    name: str
    noun: str
    top: float


METRICS: dict[str, Metric] = {
    "accuracy": Metric(name="accuracy", noun="", top=1.0),
    "exact_match": Metric(name="exact_match", noun="exact-match ", top=1.0),
    "chrf": Metric(name="chrf", noun="chrF ", top=100.0),
    "rouge_l": Metric(name="rouge_l", noun="ROUGE-L ", top=1.0),
    "json_field_f1": Metric(name="json_field_f1", noun="JSON-field F1 ", top=1.0),
}
"""Metrics that have a score for every single row, which is what pairing needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything a verdict may rest on. Differences are learned minus baseline, in the metric's own unit."""

    metric: Metric
    test: str
    difference: Estimate
    narrow: Estimate
    """The 90 % interval, for margins: inside one both one-sided tests pass at 5 % (TOST, Schuirmann 1987)."""
    p_value: float
    adjusted: bool
    fixed: int
    broken: int
    both_right: int
    both_wrong: int
    detectable: float
    settle_n: int | None
    seed_differences: tuple[float, ...] = ()
    margin: float | None = None
    groups: int = 0
    """Groups of rows that were resampled together; 0: every row by itself."""
    fronts: tuple[Front | None, Front | None] = (None, None)
    """What the two put in front of an input: a claim within a margin is said with what it saves. None: not known, or not the same for all rows."""

    @property
    def n(self) -> int:
        return self.fixed + self.broken + self.both_right + self.both_wrong

    @property
    def decisive(self) -> int:
        return self.fixed + self.broken

    @property
    def seeds_agree(self) -> int:
        """Seeds whose difference points the same way as the verdict's."""
        return sum(gap * self.difference.value > 0 for gap in self.seed_differences)

    @property
    def seeds_unanimous(self) -> bool:
        return self.seeds_agree == len(self.seed_differences)

    @property
    def seed_range(self) -> float:
        return max(self.seed_differences) - min(self.seed_differences) if self.seed_differences else 0.0

    @property
    def unstable(self) -> bool:
        return self.seed_range > 2 * abs(self.difference.value) + 1e-12

    @property
    def within_margin(self) -> bool:
        return self.margin is not None and -self.margin < self.narrow.low and self.narrow.high < self.margin

    @property
    def within_detectable(self) -> bool:
        return -self.detectable < self.difference.low and self.difference.high < self.detectable


def decide(evidence: Evidence) -> VerdictKind:
    """The strongest kind of verdict that the evidence carries.

    A positive difference whose interval covers 0 is a lean only where the interval also reaches beyond what the test could see: otherwise
    "probably better" would be said of a +0.1 that is as likely to be nothing (the lean begins at about 0.84 standard errors, one-sided p 0.2).
    """
    if evidence.n < FEWEST_ROWS:
        return "small"
    if evidence.decisive < FEWEST_DECISIVE:
        return "equivalent" if evidence.within_margin and not evidence.unstable else "small"
    if evidence.unstable:
        return "unstable"
    if evidence.difference.low > 0 and evidence.p_value < ALPHA and evidence.seeds_unanimous:
        return "win"
    if evidence.difference.high < 0:
        return "loss"
    if evidence.within_margin:
        return "equivalent"
    if evidence.difference.low > 0 or (evidence.difference.value > 0 and not evidence.within_detectable):
        return "lean"
    return "tie"


def seed_gaps(seeds: Sequence[float], baseline: float) -> tuple[float, ...]:
    """Each seed's score minus the baseline's."""
    return tuple(float(seed - baseline) for seed in seeds)
