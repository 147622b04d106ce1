"""The measuring script measures what it says: a file of known size, read to the last row."""

import csv
import io

from benchmarks import reading


def test_the_file_is_the_same_every_time_and_reads_back(tmp_path):
    content = reading.rows_of_csv(60)
    assert content == reading.rows_of_csv(60) != reading.rows_of_csv(60, seed=3)
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert len(rows) == 60 and {row["label"] for row in rows} == set(reading.LABELS)
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    found = reading.measure(path)
    assert found["rows"] == 60 and found["parsed_s"] < found["page_s"] < 5 and found["memory"] >= 0


def test_medians_are_printed(capsys):
    reading.main(["--rows", "50", "--repeat", "1"])
    said = capsys.readouterr().out
    assert said.startswith("50 rows, 0.0 MB, median of 1\n") and all(name in said for name in ("bytes to table", "file to page", "memory / file"))
