"""The command line called in this process, with its JSON object."""

import contextlib
import io
import json
from typing import Any

from steering.cli import main


def call(*words: object) -> tuple[int, dict[str, Any]]:
    """Exit code and the object on the last line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*map(str, words), "--json"])
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return code, json.loads(out.getvalue().splitlines()[-1])


def good(*words: object) -> dict[str, Any]:
    """The object of a call that succeeds."""
    code, result = call(*words)
    assert code == 0, result
    return result


def refused(*words: object) -> str:
    """The sentence of a call that is at fault."""
    code, result = call(*words)
    assert code == 2, result
    return f"{result['error']['type']}: {result['error']['message']} {result['error']['hint']}"
