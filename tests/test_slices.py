"""Generators whose value is what they were for: relayed in other words, or at one go."""

import pytest

from steering.slices import finished, relayed


def work(fails=False):
    yield 1
    yield 2
    if fails:
        raise ValueError("broken")
    return "made"


def test_what_is_yielded_is_told_in_other_words_and_the_value_stays():
    told = []

    def outer():
        made = yield from relayed(work(), lambda item: f"slice {item}")
        return made * 2

    running = outer()
    while True:
        try:
            told.append(next(running))
        except StopIteration as end:
            assert end.value == "mademade"
            break
    assert told == ["slice 1", "slice 2"]


def test_the_value_at_one_go():
    assert finished(work()) == "made"


def test_an_error_comes_through():
    with pytest.raises(ValueError, match="broken"):
        finished(relayed(work(fails=True), lambda item: item))
