"""The whole way of a file, the report, and the shipped samples."""

import json
import time
import tracemalloc
from collections import Counter

import pytest

from steering.data import detectable_gap_points, prepare, samples
from steering.data.table import Rows
from steering.errors import DataError, SpecError

CONTENT = ("text,label\n" + "".join(f"message number {i} of many,{'good' if i % 2 else 'bad'}\n" for i in range(100))).encode()


def test_one_call_from_bytes_to_sides():
    made = prepare("f.csv", CONTENT)
    assert {side: len(made.on(side)) for side in ("train", "validation", "test")} == made.report.sides == {"train": 50, "validation": 20, "test": 30}
    assert made.report.blocking == () and made.report.problems == ()


def test_stored_sides_survive_new_rows_and_another_file_never_leaks():
    first = prepare("f", CONTENT)
    more = prepare("f", CONTENT + b"a new message,good\nanother new message,bad\n", stored=first.sides)
    assert all(more.sides[key] == side for key, side in first.sides.items()) and len(more.sides) == 102
    test_file = prepare("t", CONTENT[:1000] + b"\na new message,good\n", stored=first.sides, fixed="test", kind="classification")
    assert Counter(test_file.sides.values())["test"] < len(test_file.examples)


def test_the_report_has_the_keys_of_the_command_line():
    report = prepare("f", CONTENT).report.as_dict()
    wanted = "format encoding delimiter rows_read rows_usable columns task labels problems detectable_gap_points"
    assert set(wanted.split()) <= set(report)
    assert report["mapping"]["text"] == "text" and report["mapping"]["label"] == "label"
    assert report["labels"] == {"bad": 50, "good": 50} and report["task"] == "classification"
    assert report["detectable_gap_points"] == 22.9
    json.dumps(report)


def test_detectable_gap():
    assert (detectable_gap_points(200), detectable_gap_points(0)) == (8.9, None)


def test_blocking_problems_are_reported_not_raised():
    made = prepare("f", b"text,label\na b c,x\nd e f,x\ng h i,x\n")
    assert [problem.kind for problem in made.report.blocking] == ["too_few_rows", "one_class"]


def test_shares_can_be_chosen():
    assert prepare("f", CONTENT, test=0.0, validation=0.2).report.sides == {"train": 80, "validation": 20, "test": 0}
    assert prepare("f", CONTENT, test=0.0).report.detectable_gap_points is None


def sample(folder, **changes):
    value = {
        "title": "T",
        "sentence": "S.",
        "file": "rows.csv",
        "kind": "classification",
        "template": "{text}\n",
        "prompt": "P",
        "method": "prompt_tuning",
    }
    folder.mkdir()
    (folder / "rows.csv").write_bytes(CONTENT)
    (folder / "sample.json").write_text(json.dumps(value | {"order": 1, "label_words": {"good": "yes"}} | changes))


def test_samples_come_in_order_with_their_rows(tmp_path):
    sample(tmp_path / "one", order=2)
    sample(tmp_path / "two", order=1)
    found = samples(tmp_path)
    assert [item.name for item in found] == ["two", "one"]
    assert found[0].content() == CONTENT and found[0].label_words == {"good": "yes"}
    assert samples(tmp_path / "nowhere") == ()


def test_a_broken_sample_is_named(tmp_path):
    sample(tmp_path / "one", colour="red")
    with pytest.raises(SpecError, match="'colour' is not a setting of Sample"):
        samples(tmp_path)
    (tmp_path / "one" / "sample.json").write_text("{")
    with pytest.raises(DataError, match=r"one/sample.json is not JSON"):
        samples(tmp_path)


@pytest.mark.parametrize("item", samples(), ids=lambda item: item.name)
def test_shipped_samples_are_clean(item):
    made = prepare(item.file.name, item.content())
    assert made.mapping.kind == item.kind
    assert [problem for problem in made.report.problems if problem.severity != "note"] == []


def large(count):
    words = [f"word{i * 7919 % 997}" for i in range(997)]
    rows = (f"{' '.join(words[(i * k) % 997] for k in range(2, 15))},topic {i % 12}" for i in range(count))
    return ("text,label\n" + "\n".join(rows)).encode()


def test_a_large_file_costs_less_than_ten_times_its_size():
    content = large(15_000)
    prepare("f", content[:50_000])
    tracemalloc.start()
    try:
        prepare("f", content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 9 * len(content)


def test_a_large_file_is_read_quickly():
    content = large(50_000)
    start = time.process_time()
    assert prepare("f", content).report.rows_read == 50_000
    assert time.process_time() - start < 5  # 100,000 rows take 2.2 s of one quiet core


def test_rows_are_made_from_columns_when_they_are_asked_for():
    table = prepare("f", CONTENT).table
    assert table.rows[-1] == table.rows[99] == list(table.rows)[99] == table.rows[98:][1] and table.rows[:0] == []
    assert Rows.of(list(table.rows), table.columns) == table.rows != list(table.rows)
    with pytest.raises(IndexError):
        table.rows[100]
