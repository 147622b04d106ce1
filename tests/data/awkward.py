"""Small files of every format, made in memory for the tests of this room."""

import gzip
import io
import json
import zipfile

TEXTS = [f"message number {i} about things" for i in range(20)]
LABELS = ["good" if i % 2 else "bad" for i in range(20)]
PAIRS = list(zip(TEXTS, LABELS, strict=True))


def csv_of(pairs=PAIRS, delimiter=",", header=("text", "label"), newline="\n"):
    return newline.join(delimiter.join(row) for row in [*([header] if header else []), *pairs, ()])


def jsonl_of(pairs=PAIRS):
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in pairs).encode()


def records_of(pairs=PAIRS):
    return [{"text": text, "label": label} for text, label in pairs]


def workbook(rows, title="Sheet", more=(), at=(1, 1), hidden=()):
    """An Excel file: ``rows`` on the first sheet with the upper left cell ``at``, then further sheets as (title, rows)."""
    import openpyxl

    book = openpyxl.Workbook()
    for number, (name, content) in enumerate([(title, rows), *more]):
        sheet = book.active if number == 0 else book.create_sheet()
        sheet.title = name
        for i, row in enumerate(content):
            for j, value in enumerate(row):
                if value is not None:
                    sheet.cell(row=at[0] + i, column=at[1] + j, value=value)
        if name in hidden:
            sheet.sheet_state = "hidden"
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def parquet(metadata=None, **columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(columns)
    target = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, target)
    return target.getvalue()


def zipped(files, method=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return target.getvalue()


def gzipped(content):
    return gzip.compress(content if isinstance(content, bytes) else content.encode(), mtime=0)
