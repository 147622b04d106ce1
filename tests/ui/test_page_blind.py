"""The blind test of station 3: no names while voting, resumable, several raters, numbers at the end."""

import re

import pytest
from conftest import large

from steering.errors import SpecError
from steering.ui import verdict_blind as blind

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"


def clean(page: str) -> None:
    assert "<img" not in page and "</script" not in page and "${" not in page and "<|" not in page


@pytest.fixture
def judged(written):
    run = written.run("done", judged=True)
    written.studio.store.add_judgement(run, large(20, 3))
    return written.studio, run


def press(studio, run, page, key, rater="ann"):
    row = re.search(r'data-pick="(\d+):', page).group(1)
    return blind.vote(studio, run, "", "2", "1", rater, f"{row}:{key}")


def test_rows_where_they_differ_are_shown_without_names(judged) -> None:
    studio, run = judged
    page, result = blind.begin(studio, run, "", "2", "1", f" {EVIL[:20]} ")
    clean(page)
    assert "Learned" not in page and "Your prompt" not in page and result == ""
    assert re.findall(r'data-key="(.)"', page) == ["1", "2", "=", "s"]


def test_votes_are_resumed_taken_back_and_counted(judged) -> None:
    studio, run = judged
    page, _ = blind.begin(studio, run, "", "2", "1", "ann")
    total = int(re.search(r"Row 1 of (\d+)", page).group(1))
    after, _ = press(studio, run, page, "1")
    assert "Row 2 of" in after and blind.begin(studio, run, "", "1", "2", "ann")[0] == after
    assert blind.vote(studio, run, "", "2", "1", "ann", re.search(r'data-pick="(\d+:1)"', page).group(1))[0] == after  # pressed twice
    assert blind.undo(studio, run, "", "2", "1", "ann")[0] == page
    for number in range(total):
        page, result = press(studio, run, page, "12=s"[number % 4])
    assert "every row" in page and "preferred on" in result and "Agrees with the metric" in result
    clean(result)
    assert "Row 1 of" in blind.begin(studio, run, "", "2", "1", "bob")[0]


def test_the_side_is_followed_to_the_name(judged) -> None:
    """Whoever always prefers the learned prompt's answers is counted so, wherever they stood."""
    studio, run = judged
    found = studio.contests.index(run).found
    page, result = blind.begin(studio, run, "", "2", "1", "ann")
    while "data-pick" in page:
        row = int(re.search(r'data-pick="(\d+):', page).group(1))
        ballot = blind.Ballot(studio, run, "", "2", "1", "ann")
        page, result = press(studio, run, page, "1" if ballot.shown(row)[0] == 2 else "2")
    assert "Learned prompt was preferred on 100 %" in result
    right = [row["scores"][2] > row["scores"][1] for row in found["rows"] if row["scores"][2] != row["scores"][1]]
    assert f"{sum(right)} of {len(right)}" in result
    assert blind.end(studio, run, "", "2", "1", "bob")[1] == result


def test_without_decisions_nothing_is_claimed(judged) -> None:
    studio, run = judged
    assert "Nothing is decided yet" in blind.end(studio, run, "", "2", "1", "ann")[1]


@pytest.mark.parametrize(("a", "b", "rater", "said"), [("2", "2", "ann", "between two"), ("9", "1", "ann", "between two"), ("2", "1", " ", "name")])
def test_what_cannot_be_voted_on_is_a_sentence(judged, a, b, rater, said) -> None:
    studio, run = judged
    with pytest.raises(SpecError, match=said):
        blind.begin(studio, run, "", a, b, rater)
