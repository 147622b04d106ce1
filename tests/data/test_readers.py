"""Readers: content decides, oddities are named by line, refusals say what to do."""

import json

import pytest
from awkward import parquet, workbook, zipped

from steering.data import READERS, Limits, ReadOptions, prepare, read
from steering.data.limits import MAX_COLUMNS
from steering.data.readers.source import Source
from steering.errors import DataError

ROWS = "\n".join(f"message number {i} about things,{'good' if i % 2 else 'bad'}" for i in range(20))
CSV = f"text,label\n{ROWS}\n"


def kinds(table):
    return {problem.kind: problem for problem in table.problems}


def refusal(name, content):
    with pytest.raises(DataError) as caught:
        read(name, content)
    assert caught.value.hint
    return str(caught.value)


OWN = {
    "excel": workbook([["text", "label"], ["x", "y"]]),
    "folders": zipped({"a/1.txt": "x", "b/1.txt": "y"}),
    "parquet": parquet(text=["x"], label=["y"]),
    "jsonl": b'{"a": "x", "b": "y"}\n{"a": "z", "b": "y"}\n',
    "json": b'[{"a": "x", "b": "y"}]',
    "prefixed": b"LOC:city Where is it ?\nHUM:ind Who is it ?\n" * 3,
    "delimited": b"a,b\nx,y\n",
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_has_a_title_and_claims_its_own(name):
    source = Source(name="f", content=OWN[name])
    assert next(key for key, reader in READERS.items() if reader.claims(source)) == name
    assert READERS[name].title and READERS[name].read(source).rows


@pytest.mark.parametrize(("delimiter", "format"), [(",", "csv"), ("\t", "tsv"), (";", "csv"), ("|", "csv")])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter, format, newline):
    table = read("any.xlsx", CSV.replace(",", delimiter).replace("\n", newline).encode())
    assert (table.delimiter, table.format, table.columns, len(table.rows)) == (delimiter, format, ("text", "label"), 20)
    assert table.rows[0].line == 2 and table.rows[-1].line == 21
    assert table.problems == ()


def test_bom_and_excel_separator_line():
    table = read("a.csv", b"\xef\xbb\xbfsep=;\r\n" + CSV.replace(",", ";").encode())
    assert (table.encoding, table.delimiter, table.rows[0].line) == ("utf-8-sig", ";", 3)


def test_quoted_line_breaks_and_doubled_quotes_keep_line_numbers():
    table = read("a.csv", b'text,label\n"one\n\n""two"", x",good\nplain,bad\n')
    assert [(row.line, row.values["text"]) for row in table.rows] == [(2, 'one\n\n"two", x'), (5, "plain")]


def test_semicolons_win_over_decimal_commas():
    content = "nr;text;label;length\n" + "".join(f"{i};some words here;{'a' if i % 2 else 'b'};{i},5\n" for i in range(20))
    assert read("a.csv", content.encode()).columns == ("nr", "text", "label", "length")


def test_free_commas_in_a_tab_separated_text_do_not_mislead():
    content = "".join(f"one, two, three {'and, four' * (i % 3)}\tclass{i % 2}\n" for i in range(20))
    assert read("a.txt", content.encode()).delimiter == "\t"
    content = "".join(f"class{i % 2}\tmessage {i}, ok\n" for i in range(20))
    assert read("a.txt", content.encode()).delimiter == "\t"


def test_single_quotes_only_where_the_file_uses_them():
    table = read("a.csv", "".join(f"topic{i % 2};'it''s; text number {i}'\n" for i in range(20)).encode())
    assert table.rows[3].values["column_2"] == "it's; text number 3"
    assert kinds(table)["quoting"].message == "in this file single quotes enclose texts."
    table = read("a.csv", b"text,label\n'tis the season,x\n'twas 'nice',y\nplain,x\n")
    assert [row.values["text"] for row in table.rows] == ["'tis the season", "'twas 'nice'", "plain"]


def test_an_even_comma_inside_quotes_is_no_third_column():
    table = read("a.csv", "".join(f'"first part {i}, second part",topic{i % 2}\n' for i in range(20)).encode())
    assert table.columns == ("column_1", "column_2") and table.rows[0].values["column_1"] == "first part 0, second part"


def test_backslash_escapes_are_understood_when_they_explain_the_file():
    table = read("a.csv", b"text,label\n" + b'"he said \\"hi, you\\"",x\n' * 4)
    assert table.rows[0].values["text"] == 'he said "hi, you"'


def test_literal_quotes_in_a_tab_separated_file():
    table = read("a.tsv", b'text\tlabel\n"5 inch pipe\tx\nplain\ty\n')
    assert [row.values["text"] for row in table.rows] == ['"5 inch pipe', "plain"]
    assert kinds(table)["quoting"].message == "in this file double quotes are taken as ordinary characters."


def test_open_quote_is_refused_with_its_line():
    message = refusal("a.csv", b'text,label\nfine,x\n"open, no end,y\nmore,z\nmore, and,z\n')
    assert message.startswith("'a.csv': a quote opened in the record that begins on line 3 is never closed.")


def test_cell_longer_than_the_parser_allows_is_no_traceback():
    message = refusal("a.csv", b'text,label\n"' + b"x," * 100_000 + b"\n")
    assert message.startswith("'a.csv' has a cell of more than 131,072 characters in the record that begins on line 2.")
    assert "if a quote is opened there and never closed, close it" in message


def test_header_names_are_trimmed_unique_and_idle_columns_go():
    body = "".join(f"{i};text {i};good;;same\n" for i in range(5))
    table = read("a.csv", f"; Text ;Label;;Label\n{body}".encode())
    assert table.columns == ("Text", "Label", "Label_2")
    assert kinds(table)["index_column"].message == "the first column (column_1) only numbers the rows and was left out."
    assert kinds(table)["empty_columns"].message == "1 empty column left out: column_4."


@pytest.mark.parametrize(
    ("first", "named"),
    [
        ("text,label", True),
        ("Ticket,Dept", True),
        ("number 3 of the messages,good", False),  # its label recurs below
        ("foo,bar", True),  # much shorter than the texts below, and a label that none of the rows has
        ("an unusually long first line that can hardly name any column at all,other", False),
    ],
)
def test_header_by_evidence(first, named):
    table = read("a.csv", f"{first}\n{ROWS}\n".encode())
    assert (len(table.rows) == 20) is named
    assert ("no_header" in kinds(table)) is not named
    assert table.columns == (tuple(first.split(",")) if named else ("column_1", "column_2"))


def test_blank_ragged_and_repeated_lines_are_counted():
    content = "text,label\na b c,x\n\n,\nd, e, f,y\nonly text\ntext,label\ng h i,y\nj k l,x,,\nm n,y\no p,x\n"
    table = read("a.csv", content.encode())
    found = kinds(table)
    assert [row.line for row in table.rows] == [2, 6, 8, 9, 10, 11]
    assert (found["blank_lines"].rows, found["repeated_header"].rows) == ((3, 4), (7,))
    assert found["long_rows"].message == "1 row left out with more than 2 fields (line 5)."
    assert found["long_rows"].hint == "A text that holds ',' must be put in double quotes."
    assert found["short_rows"].message == "1 row with fewer than 2 fields (line 6); the missing cells count as empty."
    assert table.unreadable == 1


def test_jsonl_values_become_text_and_broken_lines_are_named():
    lines = ['{"text": "a", "label": 1}', '{"text": "b", "label": true, "meta": {"k": [1]}}', "", "# no", '{"text": "c", "label": NaN}']
    lines += ['{"text": "d", "label": null}', '{"text": "\\ud800", "label": "x"}', "[1]", "[" * 50_000, '{"text": "e", "label": ["x"]}']
    lines += ['{"text": "f", "label": ' + "9" * 5000 + "}", '{"other": 1.50}']
    table = read("a.csv", b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert (table.format, table.encoding, table.delimiter) == ("jsonl", "utf-8-sig", None)
    assert [(row.line, row.values["text"], row.values["label"]) for row in table.rows] == [
        (1, "a", "1"),
        (2, "b", "true"),
        (6, "d", None),
        (10, "e", None),
        (12, None, None),
    ]
    assert table.rows[1].values["meta"] == '{"k": [1]}'
    assert table.rows[-1].values["other"] == "1.5"
    assert table.unreadable == 6 and kinds(table)["broken_lines"].rows == (4, 5, 7, 8, 9, 11)
    assert kinds(table)["broken_lines"].message == (
        "6 lines could not be read as JSON (lines 4, 5, 7, 8, 9, ...); line 4: Expecting value at character 1."
    )
    assert kinds(table)["nested_values"].rows == (10,)


def test_nested_values_stay_where_they_are_the_rule():
    table = read("a", b'{"input": "x", "references": ["a", "b"]}\n{"input": "y", "references": ["\xc3\xa9"]}\n')
    assert [json.loads(row.values["references"]) for row in table.rows] == [["a", "b"], ["é"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "'f' is empty."),
        (b"\xef\xbb\xbf \r\n", "'f' is empty."),
        (b"text,label\n", "'f' holds one line only"),
        (b"text\nhello\nyou there\n", "'f' has a single column: no comma, tab, semicolon or bar divides its 3 lines evenly."),
        (b"text,label\na,\nb,\n", "'f' has a single column that holds anything"),
        (b"text,label\na, b,x\nc, d,y\n", "'f' holds no row that fits its header (text, label): every row has more than 2 fields."),
        (b"text,label\na\x00b,c\n", "'f' is not a text file: there is a NUL byte on line 2."),
        (b"\x01\x02\x03\x04,\x05", "'f' is not a text file: it is full of control characters."),
        (b"<!DOCTYPE html><html>a,b", "'f' is a web page or XML"),
        (b'{"text": "a"}\n{"text": "b"}', "'f' has the single field text, expected at least two."),
    ],
)
def test_refusals_name_the_fault_and_the_remedy(content, said):
    assert said in refusal("f", content)


@pytest.mark.parametrize("line", ["a,b\n", '{"a": "x", "b": "y"}\n'])
def test_limits(line):
    head = "text,label\n" if line.startswith("a") else ""
    content = (head + line * 130).encode()
    with pytest.raises(DataError, match=r"'f' has more than 29 rows\."):
        read("f", content, ReadOptions(limits=Limits(rows=29)))
    with pytest.raises(DataError, match="more than 0 MB"):
        read("f", content, ReadOptions(limits=Limits(bytes=10)))
    with pytest.raises(DataError, match=r"cells, more than 30\."):
        read("f", content, ReadOptions(limits=Limits(cells=30)))
    assert len(read("f", content, ReadOptions(limits=Limits(rows=130))).rows) == 130


def test_too_many_columns():
    wide = ",".join(f"c{i}" for i in range(MAX_COLUMNS + 1))
    assert refusal("f", f"{wide}\n{wide}1\n".encode()).startswith("'f' has 501 columns, more than 500.")


def test_lost_characters_are_reported():
    found = kinds(read("f", "text,label\nf\ufffdr dich,x\nb c d,y\n".encode()))
    assert found["lost_characters"].message == "1 row with the character U+FFFD (line 2): letters were lost in an earlier conversion."


def test_the_digest_is_of_the_content_and_the_name_does_not_matter():
    a, b = read("a.csv", CSV.encode()), read("b.jsonl", CSV.encode())
    assert a == b and len(a.digest) == 16
    assert read("a.csv", CSV.encode() + b"one more,good\n").digest != a.digest
    assert prepare("a", CSV.encode()).table == a
