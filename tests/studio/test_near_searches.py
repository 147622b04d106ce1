"""Near-duplicates of a large file come in after the first look, in a thread that ends by itself."""

import random
import threading
import time

import pytest

from steering.data import NearDuplicates, near_duplicates, prepare
from steering.errors import DataError
from steering.studio import Reading, Studio, desk
from steering.studio.near import PATIENCE_S, NearSearches

CHANCE = random.Random(0)
TEXTS = [" ".join("".join(CHANCE.choices("abcdefghijklmnop", k=6)) for _ in range(12)) for _ in range(20)]
ROWS = b"text,label\n" + b"".join(f"{text},a\n{text}s,{'ab'[i % 2]}\n".encode() for i, text in enumerate(TEXTS))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def studio(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "AT_ONCE", 10)
    made = Studio.open(tmp_path / "home")
    yield made
    made.store.close()


def kinds(upload) -> list[str]:
    return [problem.kind for problem in upload.prepared.report.problems]


def quiet() -> bool:
    return not any(thread.name == "near-duplicates" for thread in threading.enumerate())


def test_they_come_in_after_the_first_look_and_change_nothing_else(studio) -> None:
    first = studio.data.upload("rows.csv", ROWS)
    assert not first.prepared.report.near_looked
    until(lambda: studio.data.look_for_near(first.digest) == 1.0)
    later = studio.data.read_again(first.digest)
    assert later.prepared.report.near_looked and studio.data.look_for_near(later.digest) is None
    at_once = prepare("rows.csv", ROWS, near=True)
    assert later.prepared.report == at_once.report and later.prepared.sides == at_once.sides
    assert "near_duplicates" in kinds(later) and "near_duplicates" not in kinds(first)
    until(quiet)


def test_what_was_found_is_known_to_every_reading_with_the_same_texts(studio) -> None:
    first = studio.data.upload("rows.csv", ROWS)
    until(lambda: studio.data.look_for_near(first.digest) == 1.0)
    assert studio.data.read_again(first.digest, group_column="label").prepared.report.near_looked
    assert not studio.data.read_again(first.digest, text_column="label", label_column="text").prepared.report.near_looked
    assert studio.data.look_for_near(studio.data.upload("rows.csv", ROWS, Reading(near=False)).digest) is None


def test_own_files_are_searched_with_the_rest(studio) -> None:
    own = b"text,label\n" + f"{TEXTS[3]} x,a\nsomething else,b\n".encode()
    first = studio.data.upload("rows.csv", ROWS, extra={"test": own})
    assert "near_own" not in kinds(first)
    until(lambda: studio.data.look_for_near(first.digest) == 1.0)
    assert "near_own" in kinds(studio.data.read_again(first.digest))


def test_above_the_limit_they_wait_to_be_asked_for(studio, monkeypatch) -> None:
    monkeypatch.setattr(desk, "BY_ITSELF", 10)
    first = studio.data.upload("rows.csv", ROWS)
    assert studio.data.look_for_near(first.digest) is None
    until(lambda: studio.data.look_for_near(first.digest, asked=True) == 1.0)


def test_a_search_that_nobody_asks_about_is_given_up() -> None:
    clock, slices = Clock(), []

    def endless():
        while True:
            slices.append(1)
            time.sleep(0.001)
            yield NearDuplicates(done=0.5)

    searches = NearSearches(clock)
    searches.ask("a", endless)
    until(lambda: searches.ask("a", endless) == 0.5)
    clock.now += PATIENCE_S + 1
    until(quiet)
    count = len(slices)
    time.sleep(0.05)
    assert len(slices) == count and searches.found("a") is None


def test_the_search_asked_about_last_goes_first() -> None:
    clock, searches = Clock(), NearSearches()
    searches = NearSearches(clock)
    release = threading.Event()

    def slow():
        release.wait(10)
        yield NearDuplicates(done=0.1)
        while True:
            time.sleep(0.001)
            yield NearDuplicates(done=0.2)

    searches.ask("slow", slow)
    clock.now += 1
    searches.ask("quick", lambda: near_duplicates(["k", "l"], ["one text of some length", "one text of some lengths"]))
    release.set()
    until(lambda: searches.found("quick") is not None)
    assert searches.found("slow") is None
    clock.now += PATIENCE_S + 1
    until(quiet)


def test_a_search_that_breaks_says_so_once_and_can_be_begun_again(caplog) -> None:
    def breaks():
        raise MemoryError
        yield

    searches = NearSearches()
    searches.ask("a", breaks)
    until(quiet)
    with pytest.raises(DataError, match=r"was broken off\. The file can be used without it"):
        searches.ask("a", breaks)
    assert "looking for near-duplicates failed" in caplog.text
    searches.ask("a", lambda: iter([NearDuplicates(done=1.0)]))
    until(lambda: searches.found("a") is not None)
