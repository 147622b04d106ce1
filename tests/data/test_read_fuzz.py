"""No bytes make a reader raise anything but an error written for people, and the numbers always add up."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from steering.data import prepare
from steering.errors import SteeringError

CELL = st.text(alphabet=st.sampled_from(list("ab ,;|\t\"'\\\n\r{}[]:0é\u200b\u2028😀\ufeff\ufffd")), max_size=12)
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
    try:
        made = prepare("fuzz", content)
    except SteeringError as error:
        assert error.message and error.hint
        return
    report = made.report
    assert report.rows_read == report.rows_usable + sum(report.left_out.values())
    assert all(set(row.values) == set(made.table.columns) for row in made.table.rows)
    lines = content.count(b"\n") + content.count(b"\r") + 1
    assert all(1 <= row.line <= lines for row in made.table.rows)
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
