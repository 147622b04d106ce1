"""docs/views.md names every view, with the badge that it wears."""

from pathlib import Path

import pytest

from steering.inspect import VIEWS

TEXT = (Path(__file__).parent.parent / "docs" / "views.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_view_is_described(name):
    assert f"| `{name}` | {VIEWS[name].badge} |" in TEXT
