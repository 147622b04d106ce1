"""Settings as they are written on the command line: ``NAME=VALUE`` for a method's own options, ``RAW=WORD,...`` for label words."""

from typing import Any

from steering.errors import SpecError
from steering.methods import method
from steering.methods.written import written


def method_options(name: str, pairs: list[str]) -> dict[str, Any]:
    """``layers=last 4`` and the like as values of the method's own options; ranges are checked where the options are made.

    Raises:
        SpecError: not of the form NAME=VALUE, an option that the method does not have, or a value of another type.
    """
    return written(pairs, {"options": method(name).Options}, "--option", name)["options"]


def label_words(text: str) -> dict[str, str]:
    """``raw=word,...`` as label words.

    Raises:
        SpecError: not of that form.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(sep and raw.strip() for raw, sep, _ in pairs):
        raise SpecError(f"--label-words {text!r} is not a list of RAW=WORD.", "Write --label-words pos=positive,neg=negative.")
    return {raw.strip(): word.strip() for raw, _, word in pairs}
