"""Blind tests: which rows are shown in which order and on which side, and what the votes say. Pure.

order(ballot, "ann", rows)              # the rater's own order of rows
swapped(ballot, "ann", row)             # whether the second contestant stands first
tally(votes, a, b, scores)              # win rate with interval, once the names may be shown
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steering.evaluate.intervals import Interval, wilson
from steering.evaluate.paired import mcnemar

TIE, SKIP = "=", "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """``wins``, ``losses`` and ``ties`` count rows by the majority of their raters, for the first contestant. ``win_rate`` is of decided rows, with
    Wilson's 95 % interval; ``p_value``: two-sided sign test on them. ``agreeing`` of ``comparable`` decided rows are those where the metric prefers
    the same. ``same`` of ``shared``: pairs of raters on one row who said the same. All None or 0 where nothing was decided."""

    rows: int
    votes: int
    wins: int
    losses: int
    ties: int
    skipped: int
    win_rate: float | None
    interval: Interval | None
    p_value: float | None
    agreeing: int
    comparable: int
    same: int
    shared: int


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()[:8], "big")


def order(ballot: str, rater: str, rows: Sequence[int]) -> list[int]:
    """Rows in an order of the rater's own that stays the same, so that a vote can be resumed."""
    return sorted(rows, key=lambda row: (_number(ballot, rater, row, "order"), row))


def swapped(ballot: str, rater: str, row: int) -> bool:
    """Whether the second contestant is shown first here: as likely as not, and always the same."""
    return bool(_number(ballot, rater, row, "side") & 1)


def tally(votes: Mapping[tuple[str, int], str], a: str, b: str, scores: Mapping[int, tuple[float, float]]) -> Tally:
    """What the votes say.

    Args:
        votes: (rater, row) -> the preferred name, ``=`` or ``skip``.
        a, b: names of the contestants; wins are a's.
        scores: row -> the metric's score of a and of b.
    """
    by_row: dict[int, list[int]] = {}
    for (_, row), choice in votes.items():
        if choice in (a, b, TIE):
            by_row.setdefault(row, []).append({a: 1, b: -1}.get(choice, 0))
    net = {row: sum(said) for row, said in by_row.items()}
    wins, losses = sum(n > 0 for n in net.values()), sum(n < 0 for n in net.values())
    decided = wins + losses
    liked = {row: scores[row][0] - scores[row][1] for row, n in net.items() if n and row in scores and scores[row][0] != scores[row][1]}
    pairs = [(said[i], said[j]) for said in by_row.values() for i in range(len(said)) for j in range(i)]
    return Tally(
        rows=len(net),
        votes=sum(map(len, by_row.values())),
        wins=wins,
        losses=losses,
        ties=len(net) - decided,
        skipped=sum(choice == SKIP for choice in votes.values()),
        win_rate=wins / decided if decided else None,
        interval=wilson(wins, decided) if decided else None,
        p_value=mcnemar(wins, losses) if decided else None,
        agreeing=sum((gap > 0) == (net[row] > 0) for row, gap in liked.items()),
        comparable=len(liked),
        same=sum(one == other for one, other in pairs),
        shared=len(pairs),
    )
