"""Blind tests: order and sides are the rater's own and stay; win rates against a published formula; raters and the metric."""

import pytest
from statsmodels.stats.proportion import proportion_confint

from steering.evaluate.blind import SKIP, TIE, order, swapped, tally


def test_order_and_sides_stay_and_differ_between_raters():
    rows = list(range(200))
    assert order("b", "ann", rows) == order("b", "ann", rows[::-1]) and sorted(order("b", "ann", rows)) == rows
    assert order("b", "ann", rows) != order("b", "bob", rows) != rows
    share = sum(swapped("b", "ann", row) for row in range(2000)) / 2000
    assert 0.45 < share < 0.55 and swapped("b", "ann", 3) == swapped("b", "ann", 3)


def test_the_win_rate_has_wilsons_interval_and_a_sign_test():
    votes = {("ann", row): "x" if row < 14 else "y" for row in range(20)} | {("ann", 20): TIE, ("ann", 21): SKIP}
    found = tally(votes, "x", "y", {})
    assert (found.wins, found.losses, found.ties, found.skipped, found.rows, found.votes) == (14, 6, 1, 1, 21, 21)
    assert found.win_rate == 0.7 and found.interval == pytest.approx(proportion_confint(14, 20, method="wilson"))
    assert found.p_value == pytest.approx(0.115318, abs=1e-6)


def test_the_majority_of_raters_decides_a_row():
    votes = {("ann", 1): "x", ("bob", 1): "x", ("cat", 1): "y", ("ann", 2): "x", ("bob", 2): "y", ("ann", 3): TIE, ("bob", 3): "y"}
    found = tally(votes, "x", "y", {1: (1.0, 0.0), 2: (1.0, 0.0), 3: (1.0, 0.0)})
    assert (found.wins, found.losses, found.ties) == (1, 1, 1)
    assert (found.agreeing, found.comparable) == (1, 2) and (found.same, found.shared) == (1, 5)


def test_nothing_decided_is_nothing_said():
    found = tally({("ann", 1): TIE, ("ann", 2): SKIP, ("ann", 3): "somebody else"}, "x", "y", {1: (1.0, 0.0)})
    assert (found.win_rate, found.interval, found.p_value, found.comparable) == (None, None, None, 0)
