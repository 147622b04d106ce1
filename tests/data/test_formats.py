"""Awkward files of every format: what must come out of each, row by row."""

import datetime
import json

import pytest
from awkward import LABELS, PAIRS, TEXTS, csv_of, gzipped, jsonl_of, parquet, records_of, workbook, zipped

from steering.data import ReadOptions, prepare, read
from steering.errors import DataError

SHEET = [["text", "label"], *PAIRS]
HF = {"huggingface": json.dumps({"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}})}
MARKDOWN = "| text | label |\n| --- | :-: |\n" + "".join(f"| {text} | {label} |\n" for text, label in PAIRS)
COLUMNS = {"text": TEXTS, "label": LABELS}
NUMBERED = {str(i): record for i, record in enumerate(records_of())}
BY_COLUMN = {name: {str(i): cell for i, cell in enumerate(cells)} for name, cells in COLUMNS.items()}
LISTS = [["text", "label"], *map(list, PAIRS)]
COVER = "Tickets of May,\nfrom the help desk,\n\n"

PAIRED = {  # every one of these holds PAIRS in the columns text and label
    "csv": ("csv", csv_of()),
    "tsv": ("tsv", csv_of(delimiter="\t")),
    "semicolons": ("csv", csv_of(delimiter=";")),
    "bars": ("csv", csv_of(delimiter="|")),
    "CRLF": ("csv", csv_of(newline="\r\n")),
    "lone CR": ("csv", csv_of(newline="\r")),
    "padded header": ("csv", csv_of(header=("  text ", "\u200blabel"))),
    "sep line": ("csv", "sep=;\n" + csv_of(delimiter=";")),
    "quoted sep line": ("csv", '"sep=;"\r\n' + csv_of(delimiter=";", newline="\r\n")),
    "sep line with an unusual mark": ("csv", "sep=^\n" + csv_of(delimiter="^")),
    "three colons": ("csv", csv_of(delimiter=" ::: ")),
    "two bars": ("csv", csv_of(delimiter="||")),
    "tilde": ("csv", csv_of(delimiter="~")),
    "control A": ("csv", csv_of(delimiter="\x01")),
    "all quoted": ("csv", csv_of([(f'"{a}"', f'"{b}"') for a, b in PAIRS], header=('"text"', '"label"'))),
    "single quotes": ("csv", csv_of([(f"'{a}'", f"'{b}'") for a, b in PAIRS], header=("'text'", "'label'"))),
    "markdown": ("csv", MARKDOWN),
    "blank lines between": ("csv", csv_of().replace("\n", "\n\n")),
    "cells of nothing below": ("csv", csv_of() + ",\n,\n"),
    "cover rows": ("csv", COVER + csv_of()),
    "cover rows without commas": ("csv", "Tickets of May\n\n" + csv_of()),
    "totals": ("csv", csv_of() + "Total,20\n"),
    "totals in German with a blank line": ("csv", csv_of() + "\nSumme: 20,\n"),
    "unnamed index": ("csv", csv_of([(str(i), *pair) for i, pair in enumerate(PAIRS)], header=("", "text", "label"))),
    "pandas index": ("csv", csv_of([(str(i), *pair) for i, pair in enumerate(PAIRS)], header=("Unnamed: 0", "text", "label"))),
    "empty column inside": ("csv", csv_of([(a, "", b) for a, b in PAIRS], header=("text", "", "label"))),
    "empty columns behind": ("csv", csv_of([(a, b, "", "") for a, b in PAIRS], header=("text", "label", "", ""))),
    "repeated header": ("csv", csv_of() + csv_of([])),
    "jsonl": ("jsonl", jsonl_of()),
    "jsonl with blank lines": ("jsonl", jsonl_of().replace(b"\n", b"\r\n\r\n")),
    "jsonl of lists": ("jsonl", "".join(json.dumps(row) + "\n" for row in LISTS)),
    "json": ("json", json.dumps(records_of())),
    "json in lines": ("json", json.dumps(records_of(), indent=2)),
    "json under data": ("json", json.dumps({"version": "1", "data": records_of()})),
    "json under two keys": ("json", json.dumps({"meta": {}, "result": {"items": records_of()}}, indent=1)),
    "json of lists": ("json", json.dumps(LISTS)),
    "json columns": ("json", json.dumps(COLUMNS)),
    "json by column and index": ("json", json.dumps(BY_COLUMN)),
    "json by index": ("json", json.dumps(NUMBERED)),
    "json with BOM": ("json", "\ufeff" + json.dumps(records_of())),
    "excel": ("xlsx", workbook(SHEET)),
    "excel at C5": ("xlsx", workbook(SHEET, at=(5, 3))),
    "excel with a title": ("xlsx", workbook([["Tickets of May"], [], *SHEET])),
    "excel with totals": ("xlsx", workbook([*SHEET, ["Total", 20]])),
    "excel on the second sheet": ("xlsx", workbook([["Read me first"]], more=[("Data", SHEET)])),
    "excel beside a hidden sheet": ("xlsx", workbook(SHEET, more=[("Lists", [*SHEET, *SHEET])], hidden={"Lists"})),
    "excel with an index": ("xlsx", workbook([[None, "text", "label"], *([i, *pair] for i, pair in enumerate(PAIRS))])),
    "parquet": ("parquet", parquet(text=TEXTS, label=LABELS)),
    "parquet with class names": ("parquet", parquet(HF, text=TEXTS, label=[int(label == "good") for label in LABELS])),
    "parquet of pandas": ("parquet", parquet(text=TEXTS, label=LABELS, __index_level_0__=list(range(20)))),
    "gzip csv": ("csv", gzipped(csv_of())),
    "gzip jsonl": ("jsonl", gzipped(jsonl_of())),
    "gzip excel": ("xlsx", gzipped(workbook(SHEET))),
    "two gzip members": ("csv", gzipped(csv_of(PAIRS[:7])) + gzipped(csv_of(PAIRS[7:], header=None))),
    "zip csv": ("csv", zipped({"a/b/rows.txt": csv_of()})),
    "zip parquet": ("parquet", zipped({"rows.parquet": parquet(text=TEXTS, label=LABELS)})),
    "zip excel": ("xlsx", zipped({"rows.xlsx": workbook(SHEET)})),
    "zip with a read-me": ("csv", zipped({"README.md": "hello", "rows.csv": csv_of(), "__MACOSX/._rows.csv": b"\0", ".DS_Store": b"\0"})),
    "fastText": ("prefixed", "".join(f"__label__{b} {a}\n" for a, b in PAIRS)),
    "label and colon": ("prefixed", "".join(f"{b}: {a}\n" for a, b in PAIRS)),
}


def as_bytes(content):
    return content if isinstance(content, bytes) else content.encode()


def kinds(table):
    return {problem.kind: problem for problem in table.problems}


@pytest.mark.parametrize("name", PAIRED)
def test_the_same_rows_in_every_dress(name):
    format, content = PAIRED[name]
    table = read("upload.bin", as_bytes(content))
    assert (table.format, table.unreadable) == (format, 0)
    assert [(row.values["text"], row.values["label"]) for row in table.rows] == PAIRS
    assert set(table.columns) == {"text", "label"}
    made = prepare("upload.bin", as_bytes(content))
    assert (made.mapping.text, made.mapping.label, made.mapping.kind) == ("text", "label", "classification")
    assert made.report.labels == {"bad": 10, "good": 10} and made.report.blocking == ()
    assert table.digest == made.table.digest != ""


def rows_of(content, **options):
    table = read("f", as_bytes(content), ReadOptions(**options))
    return table, [(row.line, *row.values.values()) for row in table.rows]


NUMBERS = {  # first rows with the number that an editor or Excel shows
    "sep line": ("sep=;\ntext;label\na;x\nb;y\n", [(3, "a", "x"), (4, "b", "y")]),
    "cover rows": ("Title,\n\ntext,label\na,x\nb,y\n", [(4, "a", "x"), (5, "b", "y")]),
    "line breaks in cells": ('text,label\n"a\r\nb",x\nc,y\n', [(2, "a\r\nb", "x"), (4, "c", "y")]),
    "tabs and quotes in cells": ('text,label\n"a\t""b"", c",x\nc,y\n', [(2, 'a\t"b", c', "x"), (3, "c", "y")]),
    "line separators are letters": ("text,label\na\u2028b,x\nc\x0bd,y\n", [(2, "a\u2028b", "x"), (3, "c\x0bd", "y")]),
    "json over lines": ('[\n {"text": "a",\n  "label": "x"},\n\n {"text": "b", "label": "y"}\n]', [(2, "a", "x"), (5, "b", "y")]),
    "json under a key": ('{"n": [1],\n "rows":\n[{"text": "a", "label": "x"},\n{"text": "b", "label": "y"}]}', [(3, "a", "x"), (4, "b", "y")]),
    "json key twice": ('{"d": [{"text": "z", "label": "z"}],\n"d": [\n{"text": "a", "label": "x"}]}', [(3, "a", "x")]),
    "json NaN": ('[{"text": "a", "label": NaN}, {"text": "b", "label": 1.0}]', [(1, "a", None), (1, "b", "1.0")]),
    "jsonl": ('\n{"text": "a", "label": "x"}\n\n{"text": "b", "label": "y"}\n', [(2, "a", "x"), (4, "b", "y")]),
    "markdown": ("\n| text | label |\n|---|---|\n| a \\| b | x |\n| c | y |\n", [(4, "a | b", "x"), (5, "c", "y")]),
    "TREC": (
        "DESC:def What is it ?\nHUM:ind Who ?\n" * 2,
        [(i + 1, "DH"[i % 2] + ("ESC", "UM")[i % 2], ("def", "ind")[i % 2], t) for i, t in enumerate(("What is it ?", "Who ?") * 2)],
    ),
    "numbers in front": ("0 a dull film\n1 a fine film\n" * 4, [(i + 1, str(i % 2), f"a {('dull', 'fine')[i % 2]} film") for i in range(8)]),
    "several fastText labels": (
        "__label__a __label__b one two\n__label__c three\n" * 2,
        [(1, "a, b", "one two"), (2, "c", "three"), (3, "a, b", "one two"), (4, "c", "three")],
    ),
    "excel": (workbook([["Title"], [], ["text", "label"], ["a", "x"], [], ["b", "y"]], at=(2, 2)), [(5, "a", "x"), (7, "b", "y")]),
    "folders": (
        zipped({"set/neg/2.txt": "bad\n", "set/pos/1.txt": "good", "set/neg/10.txt": "\ufeffworse"}),
        [(1, "\ufeffworse".strip("\ufeff"), "neg", "set/neg/10.txt"), (2, "bad\n", "neg", "set/neg/2.txt"), (3, "good", "pos", "set/pos/1.txt")],
    ),
    "parquet lists": (parquet(text=["a", None], label=[["x", "y"], []]), [(1, "a", '["x", "y"]'), (2, None, "[]")]),
    "parquet kinds": (
        parquet(a=[1, None], b=[1.5, float("nan")], c=[True, False], d=[datetime.date(2024, 5, 1), None]),
        [(1, "1", "1.5", "true", "2024-05-01"), (2, None, None, "false", None)],
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_values_and_line_numbers(name):
    content, expected = NUMBERS[name]
    assert rows_of(content)[1] == expected


SAID = {  # kind of note, and its words
    "cover": ("Title,\n\n" + csv_of(), "cover_rows", "1 row above the table skipped (line 1), beginning with 'Title'."),
    "totals": (csv_of() + "Total,20\n", "totals", "1 row of totals below the table skipped (line 22)."),
    "index": (PAIRED["pandas index"][1], "index_column", "the first column (Unnamed: 0) only numbers the rows and was left out."),
    "empty": (PAIRED["empty column inside"][1], "empty_columns", "1 empty column left out: column_2."),
    "gzip": (gzipped(csv_of()), "unpacked", "unpacked from gzip."),
    "zip": (zipped({"b.csv": csv_of()}), "unpacked", "unpacked from the zip archive, in which it is called 'b.csv'."),
    "rest": (PAIRED["zip with a read-me"][1], "archive_rest", "of 2 files in the archive only 'rows.csv' was read."),
    "path": (json.dumps({"a": {"b": records_of()}}), "json_path", "the rows were taken from 'a.b' (20 elements)."),
    "lists": (json.dumps({"a": records_of(), "b": records_of()[:3]}), "json_path", "the rows were taken from 'a' (20 elements); not read: 'b' (3)."),
    "elements": (json.dumps([*records_of(), 7], indent=0), "broken_lines", "1 element that is no object left out (line 82)."),
    "hidden": (PAIRED["excel beside a hidden sheet"][1], "hidden_sheets", "1 hidden sheet not read: 'Lists'."),
    "sheets": (PAIRED["excel on the second sheet"][1], "other_sheets", "1 other sheet not read: 'Sheet'."),
    "errors": (workbook([*SHEET, ["a text", "#REF!"]]), "cell_errors", "1 cell holds an error such as #REF! instead of a value."),
    "classes": (PAIRED["parquet with class names"][1], "class_names", "the numbers in 'label' became the class names that the file carries."),
    "pictures": (parquet(text=TEXTS, label=LABELS, image=[b"\0"] * 20), "columns_left_out", "1 column without text left out: image."),
    "prefix": (PAIRED["label and colon"][1], "label_prefix", "every line begins with its label, as in 'bad'; the rest of the line is the text."),
    "odd line": ("LOC:a Where ?\n" * 30 + "HUM:b Who ?\n" * 9 + "none\n", "broken_lines", "1 line without a label in front left out (line 40)."),
    "folders": (
        zipped({"a/1.txt": "x", "b/1.txt": "y"}),
        "folders",
        "2 text files in 2 folders: a folder is a label, row numbers count the files by name.",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_was_decided_is_said(name):
    content, kind, message = SAID[name]
    assert kinds(read("f", as_bytes(content)))[kind].message == message


REFUSED = {
    "xls": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "'f' is an old Excel file (.xls) or one with a password, expected CSV, TSV, JSON, JSON Lines, Excel or Parquet."
        " Open it and save it as .xlsx without a password, or as 'CSV UTF-8'.",
    ),
    "damaged gzip": (b"\x1f\x8brest", "'f' is a damaged gzip archive"),
    "cut gzip": (gzipped(csv_of())[:-20], "'f' is a damaged gzip archive"),
    "damaged zip": (b"PK\x03\x04rest", "'f' is a damaged zip archive"),
    "damaged parquet": (b"PAR1rest", "'f' is a damaged Parquet file"),
    "cut parquet": (parquet(text=TEXTS, label=LABELS)[:-100], "'f' is a damaged Parquet file"),
    "damaged workbook": (zipped({"xl/workbook.xml": "<x"}), "'f' is a damaged Excel workbook"),
    "empty workbook": (workbook([]), "'f' has no sheet with a table of at least two columns (sheets: 'Sheet')."),
    "hidden table": (workbook([["x"]], more=[("Data", SHEET)], hidden={"Data"}), "Hidden sheets are not read: 'Data'."),
    "formulas without values": (workbook([["text", "label"], ["=A1", "=B1"]]), "open and save the workbook once, so that their values are stored"),
    "several files": (zipped({"a.csv": "a", "b.csv": "b"}), "'f' holds 2 data files ('a.csv', 'b.csv'), expected one. Upload them one by one."),
    "Word": (zipped({"word/document.xml": "", "x": ""}), "'f' is a Word document, expected a table."),
    "OpenDocument": (zipped({"content.xml": "", "mimetype": ""}), "'f' is an OpenDocument file, expected a table."),
    "xlsb": (zipped({"xl/workbook.bin": "", "x": ""}), "'f' is a binary Excel workbook (.xlsb), expected a table."),
    "pictures": (zipped({"a.png": "a", "b.png": "b"}), "'f' is a zip archive without a table in it"),
    "one folder": (zipped({"a/1.txt": "a", "a/2.txt": "b"}), "'f' is a zip archive without a table in it"),
    "tar.gz": (gzipped(b"\0" * 257 + b"ustar" + b"\0" * 250), "'f' holds a tar archive."),
    "gzip of nothing": (gzipped(b""), "'f' holds an empty file."),
    "gzip of blanks": (gzipped(b" \n"), "'f' is empty."),
    "json cut off": ('[{"text": "a",\n"label": "b"},\n{"text": ', "'f' is not valid JSON: Expecting value on line 3, character 10."),
    "json and more": ('[{"text": "a", "label": "b"}]\nmore', "'f' is not valid JSON: there is more after the end on line 2, character 1."),
    "json words": ('["a", "b"]', "'f' is JSON without a list of records; it holds a list of str values."),
    "json settings": ('{\n"a": {"b": 1}\n}', "'f' is JSON without a list of records; it holds an object with the keys 'a'."),
    "json nothing": ("[]", "'f' is JSON without a list of records; it holds an empty list."),
    "json one field": ('[{"text": "a"}, {"text": "b"}]', "'f' has the single field text, expected at least two."),
    "json half pair": ('[{"text": "\\ud800", "label": "b"}]', "'f' holds half of a surrogate pair."),
    "parquet one column": (parquet(text=TEXTS), "'f' has fewer than two columns that hold text (text)."),
    "prose": ("What a day it was.\nHe said nothing more.\nThen he left.\nNobody saw him again.\n", "'f' has a single column"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_fault_and_the_remedy(name):
    content, said = REFUSED[name]
    with pytest.raises(DataError) as caught:
        read("f", as_bytes(content))
    assert said in str(caught.value) and caught.value.hint


def test_what_a_person_decides_wins():
    content = csv_of(header=("foo", "bar"))
    assert len(read("f", content.encode(), ReadOptions(header=False)).rows) == 21
    headless = csv_of(header=None)
    table = read("f", headless.encode(), ReadOptions(header=True))
    assert table.columns == PAIRS[0] and len(table.rows) == 19
    assert read("f", b"a;b,c\nd;e,f\n", ReadOptions(delimiter=",")).rows[0].values["column_1"] == "a;b"
    assert read("f", b"a::b\nc::d\n", ReadOptions(delimiter="::")).delimiter == "::"


def test_the_sheet_can_be_chosen_even_if_it_is_hidden():
    content = workbook(SHEET, more=[("Lists", [["word", "class"], ["a", "x"], ["b", "y"]])], hidden={"Lists"})
    assert read("f", content, ReadOptions(sheet="Lists")).columns == ("word", "class")
    with pytest.raises(DataError, match=r"has no sheet 'lists' \(sheets: 'Sheet', 'Lists'\)\. Choose one of them"):
        read("f", content, ReadOptions(sheet="lists"))


def test_excel_cells_read_as_they_are_shown():
    values = [3.0, 2.5, True, datetime.datetime(2024, 5, 1), datetime.datetime(2024, 5, 1, 8, 30), "007"]
    table = read("f", workbook([["text", "label"], *(["some text", value] for value in values)]))
    assert table.column("label") == ["3", "2.5", "TRUE", "2024-05-01", "2024-05-01 08:30:00", "007"]


def test_a_first_row_with_an_empty_cell_is_no_cover_row():
    table = read("f", b"message one of many,\nmessage two of many,good\nmessage three of them,bad\nmessage four of them,good\n")
    assert len(table.rows) == 4


@pytest.mark.parametrize("last", ["total rubbish,bad", "Total,good", "sum of all fears,good"])
def test_texts_that_sound_like_totals_stay(last):
    assert read("f", (csv_of() + last + "\n").encode()).rows[-1].values["text"] == last.split(",")[0]


def test_ragged_rows_are_named_in_every_reader():
    table = read("f", workbook([*SHEET, ["a", "b", "too far right"]]))
    assert table.unreadable == 0 and "column_3" in table.columns
    table = read("f", json.dumps([*LISTS, ["a"], ["a", "b", "c"]], indent=None).replace("], [", "],\n[").encode())
    assert kinds(table)["short_rows"].rows == (22,) and kinds(table)["long_rows"].rows == (23,)
