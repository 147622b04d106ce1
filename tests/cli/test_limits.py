"""How large a file may be is said by flags, and refused in words."""

import json

import pytest

from steering.cli import main
from steering.data import limits_of
from steering.errors import DataError, SpecError
from steering.studio import Studio

ROWS = "text,label\n" + "".join(f"row number {i},{'a' if i % 2 else 'b'}\n" for i in range(40))


def check(capsys, path, *flags) -> tuple[int, dict]:
    code = main(["check", str(path), "--json", *flags])
    return code, json.loads(capsys.readouterr().out)


def test_flags_bound_what_is_read(capsys, tmp_path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    assert check(capsys, path)[0] == 0
    code, said = check(capsys, path, "--max-rows", "10")
    assert code == 2 and "has more than 10 rows" in said["error"]["message"]
    code, said = check(capsys, path, "--max-mb", "0.0001")
    assert code == 2 and "MB, more than" in said["error"]["message"]
    code, said = check(capsys, path, "--max-rows", "-3")
    assert code == 2 and said["error"]["message"] == "--max-rows is -3, expected more than 0."


def test_the_studio_keeps_to_them(tmp_path) -> None:
    studio = Studio.open(tmp_path / "home", limits_of(rows=10))
    with pytest.raises(DataError, match="has more than 10 rows"):
        studio.data.upload("rows.csv", ROWS.encode())
    with pytest.raises(DataError, match="has more than 10 rows"):
        studio.labelling.begin("rows.csv", ROWS.encode())
    studio.store.close()


def test_larger_limits_grow_together() -> None:
    made = limits_of(500, 2_000_000)
    assert (made.bytes, made.rows) == (500_000_000, 2_000_000) and made.cells == 50_000_000
    with pytest.raises(SpecError, match=r"--max-mb is 0, expected more than 0\. Without it the limits are 50 MB and 200,000 rows\."):
        limits_of(0)
