"""Every fault in every format: a table with something wrong in it gives the same rows, counts and problems, however it is dressed."""

import csv
import io
import json

import pytest
from awkward import gzipped, parquet, workbook, zipped

from steering.data import dropped_rows, prepare

GOOD = [(f"message number {i} about parcels and other things", "good" if i % 2 else "bad") for i in range(24)]
COLUMNS = ("text", "label")


def delimited(rows, columns, delimiter=",", quoting=csv.QUOTE_MINIMAL, newline="\r\n", encoding="utf-8"):
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, quoting=quoting, lineterminator=newline)
    writer.writerows([columns, *(["" if cell is None else cell for cell in row] for row in rows)])
    return target.getvalue().encode(encoding)


def lines_of(rows, columns):
    return "".join(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=len(row[0] or "") % 2 == 0) + "\n" for row in rows).encode()


def objects(rows, columns):
    return [dict(zip(columns, row, strict=True)) for row in rows]


FORMATS = {
    "csv": delimited,
    "csv all quoted with BOM": lambda rows, columns: b"\xef\xbb\xbf" + delimited(rows, columns, quoting=csv.QUOTE_ALL, newline="\n"),
    "semicolons": lambda rows, columns: delimited(rows, columns, ";"),
    "tsv utf-16": lambda rows, columns: delimited(rows, columns, "\t", encoding="utf-16"),
    "bars gzipped": lambda rows, columns: gzipped(delimited(rows, columns, "|")),
    "jsonl": lines_of,
    "json": lambda rows, columns: json.dumps(objects(rows, columns), indent=1).encode(),
    "json under a key": lambda rows, columns: json.dumps({"version": 2, "data": {"items": objects(rows, columns)}}).encode(),
    "excel": lambda rows, columns: workbook([columns, *rows]),
    "excel with a cover, zipped": lambda rows, columns: zipped({"t.xlsx": workbook([["Tickets"], [], columns, *rows], at=(2, 2))}),
    "parquet": lambda rows, columns: parquet(**{name: [row[index] for row in rows] for index, name in enumerate(columns)}),
}

BOTH = {"bad": 12, "good": 12}
FAULTS = {  # further rows, labels of what is usable, rows left out by reason, kinds of problems that must be named
    "an empty text": ([("", "good"), (None, "bad")], BOTH, {"missing_text": 2}, {"missing_text"}),
    "a text that is not there": ([("NaN", "good"), (" \u200b ", "bad"), ("#N/A", "bad")], BOTH, {"missing_text": 3}, {"missing_text"}),
    "an empty label": ([("one more", ""), ("and another", None), ("a third", "  ")], BOTH, {"missing_label": 3}, {"missing_label"}),
    "a label that says nothing": ([("one more", "n/a"), ("and another", "?")], BOTH, {"missing_label": 2}, {"missing_label"}),
    "repeated rows": ([GOOD[1], (f"  {GOOD[1][0].upper()} ", "good")], BOTH, {"duplicates": 2}, {"duplicates"}),
    "contradictions": ([("twice", "good"), ("twice", "bad"), ("Twice", "bad")], BOTH, {"conflicts": 3}, {"conflicts"}),
    "spellings": ([("a b", "Good"), ("c d", " good "), ("e f", "GOOD")], {"bad": 12, "good": 13, "GOOD": 1, "Good": 1}, {}, {"label_spellings"}),
    "a slip": ([("a b", "goood"), ("c d", "goood")], {"bad": 12, "good": 12, "goood": 2}, {}, {"similar_labels", "small_classes"}),
    "delimiters and quotes in cells": ([('a, "b"; c | d', "good"), ("it's; 'so', |x|", "bad"), ('"', "good")], {"bad": 13, "good": 14}, {}, set()),
    "line breaks in cells": ([("first\nsecond\n\nthird", "good"), ("\nfourth", "bad")], {"bad": 13, "good": 13}, {}, set()),
    "emojis, formulas and letters of all kinds": (
        [("+1+1 😀👩‍👩‍👧", "good"), ("@sum ñ ß é ﬁ", "bad"), ("-2 ½", "bad")],
        {"bad": 14, "good": 13},
        {},
        set(),
    ),
    "characters that turn the direction": (
        [("read \u202ethis", "good"), ("or \u2066that", "bad")],
        {"bad": 13, "good": 13},
        {},
        {"control_characters"},
    ),
    "another script": ([("где моя посылка", "good")], {"bad": 12, "good": 13}, {}, {"scripts"}),
    "a very long text": ([("so long " * 1000, "good")], {"bad": 12, "good": 13}, {}, {"too_long"}),
    "one thing over and over": ([("?????", "good")], {"bad": 12, "good": 13}, {}, {"constant_texts"}),
    "personal data": ([("I am ann@example.org", "good")], {"bad": 12, "good": 13}, {}, {"personal_data"}),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("format", FORMATS)
def test_a_fault_is_the_same_in_every_dress(format, fault):
    more, labels, gone, kinds = FAULTS[fault]
    made = prepare("upload", FORMATS[format]([*GOOD, *more], COLUMNS))
    report = made.report
    assert (made.mapping.text, made.mapping.label, made.mapping.kind) == ("text", "label", "classification")
    assert report.labels == labels
    assert {reason: count for reason, count in report.left_out.items() if count} == gone
    assert report.rows_read == len(GOOD) + len(more) == report.rows_usable + len(dropped_rows(made))
    assert kinds <= {problem.kind for problem in report.problems}
    wanted = {" ".join(text.split()) for text, _ in [*GOOD, *more] if text}
    assert {" ".join(example.values["text"].split()) for example in made.examples} <= wanted
    if not gone:
        assert [example.values["text"].strip() for example in made.examples] == [text.strip() for text, _ in [*GOOD, *more]]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("label", ["numbers", "many words"])
def test_the_kind_of_task_is_the_same_in_every_dress(format, label):
    rows = [(text, str(i % 3) if label == "numbers" else f"an answer of its own to question {i}") for i, (text, _) in enumerate(GOOD)]
    made = prepare("upload", FORMATS[format](rows, COLUMNS))
    assert made.mapping.kind == ("classification" if label == "numbers" else "generation") and made.report.rows_usable == 24
    assert ("numeric_labels" in {problem.kind for problem in made.report.problems}) == (label == "numbers")


@pytest.mark.parametrize("format", FORMATS)
def test_other_columns_come_along_in_every_dress(format):
    rows = [(str(100 + i), text, label, "" if i % 5 else "x", ["train", "test"][i % 4 == 0]) for i, (text, label) in enumerate(GOOD)]
    made = prepare("upload", FORMATS[format](rows, ("id", "text", "label", "note", "split")))
    assert (made.mapping.text, made.mapping.label, made.report.split_column) == ("text", "label", "split")
    assert made.report.sides["test"] == 6 and made.examples[3].values == {"id": "103", "text": GOOD[3][0], "note": "", "split": "train"}


def prepared(content):
    made = prepare("upload", content if isinstance(content, bytes) else content.encode())
    return made, {problem.kind: problem for problem in made.report.problems}


# Files as people really have them, after the collection of awkward ones that the data desk is judged by.


def test_semicolons_single_quotes_and_no_header():
    made, problems = prepared("".join(f"{'Web' if i % 2 else 'Sport'};'Text Nr. {i}, mit ''Zitat''; und Komma'\n" for i in range(40)))
    assert (made.report.delimiter, made.report.rows_usable, made.report.labels) == (";", 40, {"Sport": 20, "Web": 20})
    assert made.examples[0].values["column_2"] == "Text Nr. 0, mit 'Zitat'; und Komma" and {"no_header", "quoting"} <= problems.keys()


def test_everything_quoted_numbers_as_labels_and_the_text_in_two_columns():
    made, problems = prepared("".join(f'"{i % 4 + 1}","Title {i} of it","Body {i} \\\\ with #36;broken entities and more"\n' for i in range(200)))
    assert made.report.rows_usable == 200 and made.report.labels == {str(i): 50 for i in range(1, 5)}
    assert made.report.suggestions.join == ("column_2", "column_3") and problems["numeric_labels"].severity == "warning"


def test_labels_in_front_of_latin_1_lines():
    content = "".join(f"{['DESC:manner', 'LOC:city'][i % 2]} What is number {i} ?\n" for i in range(149)) + "HUM:ind Who is Andr\xe9 ?\n"
    made, problems = prepared(content.encode("latin-1"))
    assert made.report.rows_usable == 150 and made.examples[-1].values["text"] == "Who is Andr\xe9 ?"
    assert made.report.encoding == "cp1252" and problems["encoding_guessed"].rows == (150,)


def test_a_workbook_with_a_cover_sheet_an_offset_and_totals():
    rows = [
        ["Ticket text", None, "Category"],
        *([f"the light number {i} is on", None, "PLAY " if i == 5 else "play" if i % 2 else "iot"] for i in range(30)),
    ]
    rows[8][2] = None
    content = workbook(
        [["Read me"]], more=[("Data", [[], [], *([None, *row] for row in rows), [None, "Total", None, 30]]), ("old", rows)], hidden={"old"}
    )
    made, problems = prepared(content)
    assert (made.mapping.text, made.mapping.label, made.report.rows_read, made.report.left_out["missing_label"]) == ("Ticket text", "Category", 30, 1)
    assert {"totals", "hidden_sheets", "other_sheets", "label_spellings", "empty_columns"} <= problems.keys()


def test_a_windows_file_with_decimal_commas():
    rows = "".join(f"Können Sie das für {i} € prüfen?;{['förmlich', 'informell'][i % 2]};{i},5\r\n" for i in range(120))
    made, problems = prepared(f"Text;Kategorie;Länge\r\n{rows};;\r\n;;\r\n".encode("cp1252"))
    assert made.report.labels == {"förmlich": 60, "informell": 60} and made.report.encoding == "cp1252"
    assert made.table.columns == ("Text", "Kategorie", "Länge") and "€" in made.examples[0].values["Text"] and problems["blank_lines"].count == 2


def test_broken_and_odd_json_lines_are_all_named():
    lines = [json.dumps({"text": f"play song number {i}", "label": ["play music", "get weather"][i % 2]}) for i in range(60)]
    odd = {3: '{"text": "a b"}', 5: '{"text": "a b c", "label": null}', 9: '{"text": "x y", "label": ["a"]}', 11: '{"sentence": "x", "class": "y"}'}
    odd |= {
        13: '{"text": {"a": "b"}, "label": "play music"}',
        15: '{"text": "", "label": "play music"}',
        21: '{"text": "cut of',
        23: lines[23][:-1] + ",}",
    }
    odd |= {25: "{'text': 'a', 'label': 'b'}", 27: "// a comment", 29: '{"text": "a", "label": NaN}', 31: lines[31] + " " + lines[30]}
    content = "\ufeff" + "\r\n".join(odd.get(i, line) for i, line in enumerate(lines)) + "\r\n\r\n\r\n"
    made, _ = prepared(content)
    assert (made.report.rows_read, made.report.rows_usable, made.report.encoding) == (60, 48, "utf-8-sig")
    assert [line for line, _, _ in dropped_rows(made)] == sorted(i + 1 for i in odd)


def test_records_over_many_lines_are_counted_as_records():
    rows = [(f'line one of {i},\n"line" two; and\ttabs 😀', ["joy", "anger"][i % 2]) for i in range(70)] + [("=1+1", "joy")]
    made, _ = prepared(delimited(rows, COLUMNS, newline="\n"))
    assert (made.report.rows_usable, made.table.rows[-1].line) == (71, 142) and made.examples[0].values["text"] == rows[0][0]


def test_a_separator_line_an_index_and_labels_in_every_spelling():
    labels = ["positive", "negative"] * 40 + ["Positive ", "POSITIVE", "pos", "positve", "neg", "negativ", "NEGATIVE"]
    labels += ["", "-", "?", "N/A", "None", "nan", "null"]
    rows = [f"{i};great or bad thing number {i};{label};" for i, label in enumerate(labels)] + [
        f"{94 + i};great or bad thing number 0;positive;" for i in range(5)
    ]
    made, problems = prepared("\ufeffsep=;\n; Text;LABEL ;\n" + "\n".join(rows) + "\n")
    assert (made.report.rows_read, made.report.left_out["missing_label"], made.report.left_out["duplicates"]) == (99, 7, 5)
    assert {"index_column", "empty_columns", "label_spellings", "similar_labels"} <= problems.keys()
    assert {next(iter(fix.arguments.items())) for fix in problems["similar_labels"].fixes} >= {("positve", "positive"), ("negativ", "negative")}
    assert made.table.columns == ("Text", "LABEL")
