"""Fixes: offered by a check, applied by reading the file with them, undone by reading it without; and what was dropped, to the row."""

import csv
import io
import json
import time

import pytest

from steering.data import CHECKS, FIXES, REASONS, dropped_csv, dropped_rows, prepare, toggled
from steering.data.texts import is_constant, is_long, personal_data, script_of, without_control, without_personal_data
from steering.errors import SpecError
from steering.knobs import from_json, to_json
from steering.spec import Fix

GOOD = [(f"message number {i}", "good" if i % 2 else "bad") for i in range(40)]


def file(*more, rows=GOOD):
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in [*rows, *more]).encode()


def found(made, kind):
    return next((problem for problem in made.report.problems if problem.kind == kind), None)


NEARLY = "the parcel that I was waiting for since the beginning of last week has not been delivered"
FIXABLE = {
    "label_spellings": (file(("a", "Good"), ("b", "GOOD")), {"good": 22, "bad": 20}),
    "similar_labels": (file(("a", "goood"), ("b", "goood")), {"good": 22, "bad": 20}),
    "small_classes": (file(("a", "odd"), ("b", "odd")), {"good": 20, "bad": 20}),
    "too_long": (file(("long " * 1500, "good")), {"good": 20, "bad": 20}),
    "constant_texts": (file(("!!!!!", "good")), {"good": 20, "bad": 20}),
    "control_characters": (file(("a\u202eb\x0bc", "good"), ("d", "bad\u2069")), {"good": 21, "bad": 21}),
    "personal_data": (file(("mail me: a.b@c.org", "good")), {"good": 21, "bad": 20}),
    "scripts": (file(("Где посылка", "good")), {"good": 20, "bad": 20}),
    "near_duplicates": (file((NEARLY, "good"), (f"{NEARLY}!", "good")), {"good": 21, "bad": 20}),
    "conflicts": (file(("twice", "good"), ("twice", "good"), ("twice", "bad")), {"good": 21, "bad": 20}),
    "numeric_labels": (
        "".join(json.dumps({"text": f"words {i} here", "label": i % 2, "label_text": ["bad", "good"][i % 2]}) + "\n" for i in range(40)).encode(),
        {"good": 20, "bad": 20},
    ),
}


@pytest.mark.parametrize("kind", FIXABLE)
def test_a_fix_mends_what_was_found_and_can_be_undone(kind):
    content, labels = FIXABLE[kind]
    options = {"near": True, "label_column": "label", "text_column": "text"}
    before = prepare("f", content, **options)
    problem = found(before, kind)
    (fix,) = problem.fixes
    assert fix.name in FIXES and fix.sentence and FIXES[fix.name].about
    fixes = toggled((), from_json(Fix, json.loads(json.dumps(to_json(fix)))))
    after = prepare("f", content, fixes=fixes, **options)
    assert found(after, kind) is None
    assert after.report.labels == labels and after.report.fixes == fixes
    assert after.report.rows_read == before.report.rows_read == after.report.rows_usable + len(dropped_rows(after))
    assert after == prepare("f", content, fixes=fixes, **options)
    undone = prepare("f", content, fixes=toggled(fixes, fix), **options)
    assert undone == before and undone.digest == before.digest != after.digest


def test_every_fix_is_offered_by_some_check():
    offered = {
        fix.name for kind, (content, _) in FIXABLE.items() for fix in found(prepare("f", content, near=True, label_column="label"), kind).fixes
    }
    assert offered == set(FIXES)
    assert {action.reason for action in FIXES.values() if action.reason} <= set(REASONS)
    assert set(FIXABLE) - {"near_duplicates"} <= set(CHECKS)


def test_fixes_add_up_in_their_order():
    content = file(("a", "Good"), ("b", "goood"), ("c\x07", "odd"))
    merge = Fix(name="rename_labels", sentence="", arguments={"Good": "good"})
    slip = Fix(name="rename_labels", sentence="", arguments={"goood": "Good"})
    drop = Fix(name="leave_out_labels", sentence="", arguments={"odd": ""})
    assert prepare("f", content, fixes=(slip, merge, drop)).report.labels == {"good": 22, "bad": 20}
    assert prepare("f", content, fixes=(merge, slip)).report.labels == {"bad": 20, "good": 21, "Good": 1, "odd": 1}
    made = prepare("f", content, fixes=(Fix(name="remove_characters", sentence=""), merge, drop))
    assert made.report.changed == {"remove_characters": 1} and made.report.left_out["unwanted"] == 1


def test_toggling_looks_at_what_a_fix_does():
    fix = Fix(name="leave_out_long", sentence="Leave out 3 rows")
    assert toggled(toggled((), fix), Fix(name="leave_out_long", sentence="Leave out 4 rows")) == ()
    other = Fix(name="leave_out_labels", sentence="", arguments={"a": ""})
    assert toggled((fix, other), Fix(name="leave_out_labels", sentence="", arguments={"b": ""})) == (
        fix,
        other,
        Fix(name="leave_out_labels", sentence="", arguments={"b": ""}),
    )


def test_an_unknown_fix_is_named():
    with pytest.raises(SpecError, match=r"fix 'leave_out_lng' is not known. Did you mean 'leave_out_long'\?"):
        prepare("f", file(), fixes=(Fix(name="leave_out_lng", sentence=""),))
    with pytest.raises(SpecError, match=r"fix '\?' is not known. Fixes: rename_labels, "):
        prepare("f", file(), fixes=(Fix(name="?", sentence=""),))


def test_what_is_dropped_is_listed_to_the_row():
    content = file(("", "good"), ("x", ""), ("message number 1", "good"), ("=1+1", ""), ("same", "good"), ("same", "bad")) + b"{broken\n"
    made = prepare("f", content)
    assert [(line, reason) for line, reason, _ in dropped_rows(made)] == [
        (41, "missing_text"),
        (42, "missing_label"),
        (43, "duplicates"),
        (44, "missing_label"),
        (45, "conflicts"),
        (46, "conflicts"),
        (47, "unreadable"),
    ]
    assert made.report.rows_read == made.report.rows_usable + 7
    lines = list(csv.reader(io.StringIO(dropped_csv(made).decode("utf-8-sig"))))
    assert lines[0] == ["line", "reason", "text", "label", "as it stands"] and len(lines) == 8
    assert lines[4] == ["44", "no label", "'=1+1", "", ""]  # harmless in a spreadsheet program
    assert lines[7] == ["47", "could not be read", "", "", "{broken"]


@pytest.mark.parametrize(
    ("content", "stands"),
    [
        (b"text;label\n" + b"word;a\nother words;b\n" * 9 + b'=1+1;"x ""y""";c\n', [(20, '\'=1+1;"x ""y""";c')]),
        (b"text:::label\n" + b"word:::a\nother:::b\n" * 9, []),
        (
            json.dumps([*[{"text": f"t {i}", "label": "ab"[i % 2]} for i in range(20)], "x", None], indent=0).encode(),
            [(82, "x"), (83, "null")],
        ),
        (b"LOC:city Where is it ?\nHUM:ind Who is it ?\n" * 20 + b"@no label\n", [(41, "'@no label")]),
        (file() + b"[1, 2]\n" + b"{" + b"x" * 5000 + b"\n", [(41, "[1, 2]"), (42, "{" + "x" * 1998 + "…")]),
        (b"text\tlabel\n" + b"a b\tx\nc d\ty\n" * 9 + b"a\tb\tc\n", [(20, "a\tb\tc")]),
    ],
)
def test_what_could_not_be_read_is_listed_as_it_stands(content, stands):
    rows = list(csv.DictReader(io.StringIO(dropped_csv(prepare("f", content)).decode("utf-8-sig"))))
    assert [(int(row["line"]), row["as it stands"]) for row in rows if row.get("as it stands")] == stands
    assert bool(stands) == any("as it stands" in row for row in rows)


def test_the_majority_label_is_kept_where_there_is_one():
    votes = [("twice", "good"), ("Twice", "bad"), ("twice", "Good"), ("even", "good"), ("even", "bad"), ("three", "a"), ("three", "b")]
    before = prepare("f", file(*votes))
    (fix,) = found(before, "conflicts").fixes
    assert fix.sentence == "Keep the label of most rows for 1 text" and before.report.left_out["conflicts"] == 7
    after = prepare("f", file(*votes), fixes=(fix,))
    assert after.report.changed == {"keep_majority": 1} and after.report.rows_usable == before.report.rows_usable + 1
    assert [(line, reason) for line, reason, _ in dropped_rows(after)] == [
        (42, "outvoted"),
        (43, "duplicates"),
        *((line, "conflicts") for line in range(44, 48)),
    ]
    assert found(after, "conflicts").fixes == () and next(e.target for e in after.examples if e.row == 41) == "good"
    assert prepare("f", file(*votes), fixes=toggled((fix,), fix)) == before


def test_a_column_called_line_keeps_its_cells():
    made = prepare("f", b"line,text,label\n" + b"".join(f"{i},words {i},{'ab'[i % 2]}\n".encode() for i in range(20)) + b"7,,a\n")
    assert dropped_csv(made).decode("utf-8-sig") == "line,reason,line_2,text,label\r\n22,no text,7,,a\r\n"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to Ann.B+c@mail.example.co.uk", ("e-mail address",)),
        ("a @ b, user@host, 5@6", ()),
        ("4111-1111-1111-1111", ("card number",)),
        ("4111-1111-1111-1112", ()),
        ("0000 0000 0000 0000", ()),
        ("ring 0151 23456789", ("phone number",)),
        ("ring +1 (555) 123-4567", ("phone number",)),
        ("ring 555-123-4567 now", ("phone number",)),
        ("on 2024-05-01 at 12:30, 2024-05-02", ()),
        ("order 20240501123", ()),
        ("0.1234567890 and 3.14159265358979", ()),
    ],
)
def test_personal_data(text, kinds):
    assert personal_data(text) == kinds
    masked = without_personal_data(text)
    assert personal_data(masked) == () and (masked == text) == (kinds == ())


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("hello", "Latin"),
        ("123 !", ""),
        ("Привет you", "Cyrillic"),
        ("ひらがなと漢字", "Han or Kana"),
        ("ＡＢＣ", "Latin"),
        ("한국어", "Hangul"),
        ("مرحبا", "Arabic"),
        ("😀é", "Latin"),
    ],
)
def test_scripts(text, script):
    assert script_of(text) == script


def test_lengths_repetition_and_characters():
    assert [is_long("a" * 6000), is_long("a" * 6001), is_long("字" * 1500), is_long("字" * 1501)] == [False, True, False, True]
    assert [is_constant(text) for text in ("---", "no no no", "no no", "ok", "哈哈哈", "no no No")] == [True, True, False, False, True, False]
    assert without_control("a\x0bb\u202dc\td\n\x85e") == "a bc\td\n e"
    assert without_control("\u200fשלום\u200e") == "\u200fשלום\u200e"  # plain direction marks belong into such texts


@pytest.mark.parametrize("text", ["0" * 50_000, "1 " * 30_000, "a@" * 30_000, "+1 " * 20_000, "a.b@" + "c." * 30_000, "(030)" * 20_000])
def test_personal_data_takes_no_longer_than_the_text_is_long(text):
    start = time.perf_counter()
    personal_data(text)
    without_personal_data(text)
    assert time.perf_counter() - start < 2
