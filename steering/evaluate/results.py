"""The result of judging as values: contestants, pairs and rows, and their JSON (the ``compare`` object of the command line)."""

from dataclasses import dataclass, field
from typing import Any

from steering.evaluate.classification import ClassScores
from steering.evaluate.decision import VerdictKind
from steering.evaluate.intervals import Interval
from steering.evaluate.prior import SharePrior
from steering.evaluate.resample import Gap
from steering.evaluate.verdict import Verdict
from steering.knobs import to_json
from steering.spec import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestantResult:
    """What one contestant scored. The metrics of the other kind of task are None.

    ``label_probs`` [N][K]: how sure it was of every label, row by row (rounded). ``empty``: answers without any text. ``flags``: sentences that
    weaken its score. ``front``: what stands before every input, in words ("12 vectors"). ``made``: how it came about, where it was searched for or
    fitted (plain JSON values).
    """

    name: str
    kind: str
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    mcc: float | None = None
    nll: float | None = None
    brier: float | None = None
    ece: float | None = None
    ece_band: Interval | None = None
    per_class: tuple[ClassScores, ...] | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    label_probs: tuple[tuple[float, ...], ...] | None = None
    exact_match: float | None = None
    exact_match_ci: Interval | None = None
    chrf: float | None = None
    rouge_l: float | None = None
    bleu: float | None = None
    json_valid: float | None = None
    json_field_f1: float | None = None
    mean_length: float | None = None
    mean_target_length: float | None = None
    empty: int | None = None
    prompt_tokens: int
    seconds_per_example: float
    fingerprint: str
    predictions: tuple[str, ...]
    front: str = ""
    flags: tuple[str, ...] = ()
    made: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """``a`` against ``b``; ``difference`` is a minus b. ``p_value`` is Holm-adjusted unless this is the primary pair.

    ``ci`` is the 95 % interval, ``narrow`` the 90 % one (inside a margin: equivalent; above minus the margin: not worse, each at 5 %).
    ``metrics``: every metric of the two with its paired bootstrap.
    """

    a: str
    b: str
    primary: bool
    a_only: int
    b_only: int
    both: int
    neither: int
    metric: str
    difference: float
    ci: Interval
    p_value: float
    verdict: VerdictKind
    sentence: str
    detail: str
    detectable: float
    settle_n: int | None
    narrow: Interval = (-1.0, 1.0)
    seeds: int = 0
    seeds_agree: int = 0
    metrics: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One held-out row: its target, and the score of every contestant in their order (1 or 0 for right or wrong)."""

    target: str
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The whole result of judging. ``metric`` is what pairs are compared by; ``notes`` are sentences about the rows as a whole."""

    task: Kind
    n: int
    contestants: tuple[ContestantResult, ...]
    pairs: tuple[Pair, ...] = field(default=())
    rows: tuple[Row, ...] = field(default=())
    metric: str = "accuracy"
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    share_prior: SharePrior | None = None

    @property
    def primary(self) -> Pair | None:
        """The pair that was declared beforehand."""
        return next((pair for pair in self.pairs if pair.primary), None)


METRICS_OF: dict[str, tuple[str, ...]] = {
    "classification": (
        *("accuracy", "accuracy_ci", "balanced_accuracy", "macro_f1", "mcc", "nll", "brier", "ece", "ece_band"),
        *("per_class", "confusion", "label_probs"),
    ),
    "generation": (
        *("exact_match", "exact_match_ci", "chrf", "rouge_l", "bleu", "json_valid", "json_field_f1"),
        *("mean_length", "mean_target_length", "empty"),
    ),
}
"""Which fields of :class:`ContestantResult` belong to which task."""


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Plain JSON values, without the metrics of the other kind of task; :func:`~steering.knobs.from_json` reads it back."""
    value = to_json(comparison)
    absent = {name for task, names in METRICS_OF.items() if task != comparison.task for name in names}
    value["contestants"] = [{key: item for key, item in one.items() if key not in absent} for one in value["contestants"]]
    return value


def pair(a: str, b: str, primary: bool, verdict: Verdict, metrics: tuple[Gap, ...] = ()) -> Pair:
    """A verdict as one line of the table of pairs."""
    return Pair(
        a=a,
        b=b,
        primary=primary,
        a_only=verdict.fixed,
        b_only=verdict.broken,
        both=verdict.both_right,
        neither=verdict.both_wrong,
        metric=verdict.metric,
        difference=verdict.difference,
        ci=verdict.ci,
        p_value=verdict.p_value,
        verdict=verdict.kind,
        sentence=verdict.sentence,
        detail=verdict.detail,
        detectable=verdict.detectable,
        settle_n=verdict.settle_n,
        narrow=verdict.narrow,
        seeds=verdict.seeds,
        seeds_agree=verdict.seeds_agree,
        metrics=metrics,
    )
