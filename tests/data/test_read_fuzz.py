"""No bytes make a reader raise anything but an error written for people, and the numbers always add up."""

import io
import json
import os
import time
import zipfile

import pytest
from awkward import LABELS, TEXTS, csv_of, gzipped, jsonl_of, parquet, records_of, workbook, zipped
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steering.data import READERS, dropped_csv, dropped_rows, prepare
from steering.errors import SteeringError

CELL = st.text(alphabet=st.sampled_from(list("ab ,;|\t\"'\\\n\r{}[]:0é\u200b\u2028😀\ufeff\ufffd")), max_size=12)
TEXT_FORMATS = {"csv", "tsv", "jsonl", "json", "prefixed"}
CSV_LINES = [b"text,label", b'"a, b",x', b"'a;b';y", b"", b"sep=;", b",,,", b'"open', b'a"b,c', b"1,2,3", b"\\", b"nan,?", b"text\tlabel"]
JSON_LINES = [
    b'{"text": "a b", "label": "x"}',
    b'{"text": 1, "label": [1]}',
    b"{",
    b"[]",
    b"[{",
    b'{"a": NaN}',
    b'{"\\ud800": "\\udfff", "b": 1}',
    b'{"": null}',
]


def survives(content):
    start = time.process_time()
    try:
        made = prepare("fuzz", content, near=True)
    except SteeringError as error:
        assert error.message and error.hint
        return
    finally:
        assert time.process_time() - start < SLOWEST_S
    report = made.report
    assert report.rows_read == report.rows_usable + sum(report.left_out.values())
    assert report.rows_read == report.rows_usable + len(dropped_rows(made))
    dropped_csv(made)
    assert all(set(row.values) == set(made.table.columns) for row in made.table.rows)
    lines = content.count(b"\n") + content.count(b"\r") + 1
    assert all(1 <= row.line <= lines for row in made.table.rows) or report.format not in TEXT_FORMATS or b"\x00" in content
    json.dumps(report.as_dict(), allow_nan=False, ensure_ascii=False).encode()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
@example(b"\x80")
def test_any_bytes(content):
    survives(content)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(CELL, max_size=4), max_size=8), st.sampled_from([",", ";", "\t", "|"]), st.booleans())
def test_any_cells(rows, delimiter, headed):
    lines = ["text" + delimiter + "label"] if headed else []
    survives("\n".join(lines + [delimiter.join(row) for row in rows]).encode())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(CSV_LINES + JSON_LINES), max_size=25), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.data())
def test_mutated_files(lines, newline, data):
    content = bytearray(newline.join(lines))
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(content))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=4), st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.lists(st.integers()), max_size=4)
    )
)
def test_any_objects(objects):
    survives("\n".join(json.dumps(item) for item in objects).encode())


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
"""How many mutated files of each format; the variable asks for a longer look: ``FUZZ_EXAMPLES=2000 pytest tests/data/test_read_fuzz.py``."""
SLOWEST_S = 5.0

SEEDS = {
    "excel": [workbook([["text", "label"], *zip(TEXTS, LABELS, strict=True)]), workbook([["a"]], more=[("b", [["x", 1.5]] * 9)], hidden={"b"})],
    "folders": [zipped({"a/1.txt": "one", "b/1.txt": "für".encode("cp1252"), "b/2.txt": "two"})],
    "parquet": [parquet(text=TEXTS, label=LABELS), parquet(a=[["x"], None], b=[{"c": 1}, {"c": None}])],
    "jsonl": [jsonl_of(), b'["text", "label"]\n["a", "b"]\n["c", "d"]\n'],
    "json": [json.dumps(records_of(), indent=1).encode(), json.dumps({"a": {"b": records_of()[:4]}}).encode()],
    "prefixed": [b"LOC:city Where is it ?\nHUM:ind Who is it ?\n" * 5, b"__label__a x y\n__label__b z\n" * 5],
    "delimited": [csv_of().encode(), csv_of(delimiter=";").encode("utf-16"), gzipped(csv_of()), b"| text | label |\n|--|--|\n| a | b |\n" * 3],
}
INSERTED = [
    b"",
    b"\x00",
    b"\xff",
    b'"',
    b"'",
    b"{",
    b"[",
    b"\n",
    b"\r",
    b",",
    b"&",
    b"<",
    b"999999999999",
    b"-1",
    b"\\",
    b"\xc3",
    b"=",
    b"PK\x03\x04",
]


def mutated(content, data):
    """A few bytes replaced, put in, or cut out."""
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.sampled_from([0, 0, 1, 1, 2, 20]))
        content = content[:start] + data.draw(st.sampled_from(INSERTED) | st.binary(max_size=3)) + content[end:]
    return content


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_mutated_files_of_every_format(name, data):
    content = data.draw(st.sampled_from(SEEDS[name]))
    if content.startswith(b"PK") and data.draw(st.booleans()):
        # Archives check their sums, so that a mutation outside rarely gets far: change a file inside.
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {path: archive.read(path) for path in archive.namelist()}
        path = data.draw(st.sampled_from(sorted(files)))
        content = zipped(files | {path: mutated(files[path], data)})
    else:
        content = mutated(content, data)
    survives(content)


def test_a_file_without_a_name_in_an_archive():
    """Found by the test above."""
    survives(SEEDS["folders"][0].replace(b"a/1.txt", b"\x00/1.txt"))
