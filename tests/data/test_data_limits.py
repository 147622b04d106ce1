"""Files made to hurt: refused or harmless, in bounded time and memory. And exports that cannot hurt."""

import io
import json
import struct
import time
import tracemalloc
import zipfile

import pytest
from awkward import PAIRS, csv_of, gzipped, jsonl_of, parquet, workbook, zipped

from steering.data import Limits, ReadOptions, export_csv, read
from steering.errors import DataError

MANY = 1_000_000
SECONDS = 20  # on a busy machine; every one of these takes well under two on a quiet one
MEGABYTES = 500


def lying_zip(content, claimed):
    """A zip whose file says that it unpacks to ``claimed`` bytes."""
    honest = bytearray(zipped({"rows.csv": content}))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", honest, honest.find(mark) + offset, claimed)
    return bytes(honest)


def sheet_xml(rows):
    """A workbook whose only sheet holds the XML ``rows``."""
    with zipfile.ZipFile(io.BytesIO(workbook([["text", "label"], ["a", "b"]]))) as book:
        files = {name: book.read(name) for name in book.namelist()}
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>'
    return zipped(files | {"xl/worksheets/sheet1.xml": f"{head}{rows}</sheetData></worksheet>"})


def cell(at, text="x"):
    return f'<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>'


def laughs():
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    with zipfile.ZipFile(io.BytesIO(sheet_xml(""))) as book:
        files = {name: book.read(name) for name in book.namelist()}
    files["xl/worksheets/sheet1.xml"] = f'<!DOCTYPE x [<!ENTITY l0 "ha">{entities}]><worksheet><sheetData>&l11;</sheetData></worksheet>'.encode()
    return zipped(files)


HARMFUL = {
    "gzip bomb": lambda: (gzipped(b"a,b\n" * 20 * MANY), "'f' is larger than 50 MB when unpacked."),
    "zip bomb": lambda: (zipped({"a.csv": b"\n" * 60 * MANY}), "'f' unpacks to "),
    "zip of more than the limit": lambda: (zipped({f"{i}.csv": b"\0" * 60 * MANY for i in range(4)}), "'f' is larger than 200 MB when unpacked."),
    "zip that claims too much": lambda: (lying_zip(csv_of(), 3_000_000_000), "'f' is larger than 200 MB when unpacked."),
    "zip that claims too little": lambda: (lying_zip(b"a,b\n" * MANY, 100), "'f' is a damaged zip archive"),
    "zip in a zip": lambda: (zipped({"b.zip": zipped({"c.csv": csv_of()})}), "'f' holds an archive inside an archive. Unpack it once"),
    "gzip in a gzip": lambda: (gzipped(gzipped(csv_of())), "'f' holds an archive inside an archive."),
    "zip in a gzip": lambda: (gzipped(zipped({"c.csv": csv_of()})), "'f' holds an archive inside an archive."),
    "gzip in a zip": lambda: (zipped({"c.csv.gz": gzipped(csv_of())}), "'f' holds an archive inside an archive."),
    "packed without a bound": lambda: (zipped({"a.csv": csv_of()}, zipfile.ZIP_BZIP2), "'f' is packed in a way that is not supported."),
    "path upwards": lambda: (zipped({"../../a.csv": csv_of()}), "'f' holds a file whose path leads out of the archive: '../../a.csv'."),
    "path upwards, Windows": lambda: (zipped({"x\\..\\..\\a.csv": csv_of()}), "whose path leads out of the archive"),
    "path from the root": lambda: (zipped({"/etc/a.csv": csv_of()}), "whose path leads out of the archive: '/etc/a.csv'."),
    "path of a drive": lambda: (zipped({"C:/a.csv": csv_of()}), "whose path leads out of the archive"),
    "folder upwards": lambda: (zipped({"../1.txt": "a", "b/1.txt": "b"}), "whose path leads out of the archive"),
    "a million columns": lambda: (b"a," * MANY + b"\n" + b"b," * MANY, "'f' has 501 columns, more than 500."),
    "a million keys": lambda: (json.dumps([{str(i): 1 for i in range(MANY // 4)}]).encode(), "'f' has 501 columns, more than 500."),
    "a column for every line": lambda: (b"".join(b'{"%d": 1}\n' % i for i in range(50_000)), "'f' has 501 columns, more than 500."),
    "a cell of 40 MB": lambda: (b"text,label\n" + b"x" * 40 * MANY + b",y\n", "has a cell of more than 131,072 characters"),
    "a quote without end": lambda: (b'text,label\n"' + b"x\n" * 150_000 + b",y\n", "has a cell of more than 131,072 characters"),
    "a JSON cell of 40 MB": lambda: (b'{"text": "' + b"x" * 40 * MANY + b'", "label": "y"}\n' + jsonl_of(), "in the record that begins on line 1."),
    "a JSON list of one long cell": lambda: (json.dumps([{"text": "x" * 10 * MANY, "label": "y"}]).encode(), "in the record that begins on line 1."),
    "an Excel cell too long": lambda: (sheet_xml(f"<row>{cell('A1', 'x' * 200_000)}{cell('B1')}</row>" * 2), "in the record"),
    "a Parquet cell for all": lambda: (parquet(text=["x" * 100_000] * 5000, label=["a", "b"] * 2500), "'f' holds 500 million characters"),
    "nested JSON": lambda: (b"[" * MANY + b"]" * MANY, "'f' is nested too deeply. A flat list is expected."),
    "nested JSON objects": lambda: (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "'f' is nested too deeply."),
    "fifty million line ends": lambda: (b"a,b\n" + b"\n" * 49 * MANY, "'f' has 49,000,001 line ends, too many for 200,000 rows."),
    "too many rows": lambda: (b"a,b\n" * 200_051, "'f' has more than 200,000 rows."),
    "too many JSON lines": lambda: (b'{"a":1,"b":2}\n' * 200_001, "'f' has more than 200,000 rows."),
    "Excel rows without end": lambda: (sheet_xml(f'<row r="1">{cell("A1")}</row><row r="999999999999">{cell("A9")}</row>'), "'f' has no sheet"),
    "Excel columns without end": lambda: (sheet_xml("".join(f'<row r="{i}">{cell(f"XFD{i}")}</row>' for i in range(1, 999))), "16,384 columns"),
    "a billion laughs": lambda: (laughs(), "'f' is a damaged Excel workbook"),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMFUL)
def test_files_made_to_hurt(name):
    content, said = HARMFUL[name]()
    started = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            read("f", content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert said in str(caught.value) and caught.value.hint
    assert time.process_time() - started < SECONDS and peak < MEGABYTES * 1_000_000


def test_limits_can_be_raised_and_lowered():
    tight = ReadOptions(limits=Limits(bytes=1000, unpacked=1000, ratio=2))
    with pytest.raises(DataError, match="larger than 0 MB when unpacked"):
        read("f", gzipped(csv_of(PAIRS * 3)), tight)
    wide = ",".join(f"c{i}" for i in range(501))
    generous = ReadOptions(limits=Limits(columns=501))
    assert len(read("f", f"{wide}\n{','.join('v' * 501)}\n".encode(), generous).columns) == 501


def test_folder_names_are_labels_and_nothing_else():
    assert sorted(read("f", zipped({"<b>/1.txt": "a", "$(rm)/1.txt": "b"})).column("label")) == ["$(rm)", "<b>"]


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t", "\r"])
def test_exported_cells_are_no_formulas(mark):
    content = export_csv([{"text": f"{mark}1+1", "label": f"a{mark}"}], ["text", "label"])
    back = read("f", content + b"x,y\r\n")
    assert [list(row.values.values()) for row in back.rows] == [[f"'{mark}1+1", f"a{mark}"], ["x", "y"]]


def test_export_writes_what_it_is_given():
    rows = [{"text": 'a "b",\nc', "label": "ä", "other": "x"}, {"text": None}]
    content = export_csv(rows, ["text", "label", "=evil"])
    assert content == '\ufefftext,label,\'=evil\r\n"a ""b"",\nc",ä,\r\n,,\r\n'.encode()
    assert export_csv([], ["a"]) == b"\xef\xbb\xbfa\r\n"
    assert b"?" in export_csv([{"a": "\ud800"}], ["a"])
