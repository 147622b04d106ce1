"""Settings as they are written on the command line: ``NAME=VALUE`` for a method's own options, ``RAW=WORD,...`` for label words."""

from typing import Any

from steering.errors import SpecError
from steering.methods import method
from steering.methods.written import written
from steering.spec import Recipe


def method_options(name: str, pairs: list[str]) -> dict[str, Any]:
    """``layers=last 4`` and the like as values of the method's own options; ranges are checked where the options are made.

    Raises:
        SpecError: not of the form NAME=VALUE, an option that the method does not have, or a value of another type.
    """
    return written(pairs, {"options": method(name).Options}, "--option", name)["options"]


def variant(name: str, text: str) -> dict[str, Any]:
    """``layers=last 4;learning_rate=0.05`` as a further setting that is trained beside a run's own; ``method=...`` may be one of them.

    Raises:
        SpecError: not of that form, or a setting that neither the method nor the learning rate is.
    """
    pairs = [part.strip() for part in text.split(";") if part.strip()]
    if not pairs:
        raise SpecError("--try names no setting.", "Write --try learning_rate=0.1, or --try 'layers=last 4'; several parts with ';' between them.")
    named = [pair.partition("=")[2].strip() for pair in pairs if pair.startswith("method=")]
    rates = [pair for pair in pairs if pair.replace("-", "_").startswith("learning_rate")]
    rest = [pair for pair in pairs if pair not in rates and not pair.startswith("method=")]
    chosen = method(named[-1]).name if named else name
    rate = written(rates, {"recipe": Recipe}, "--try", chosen)["recipe"]
    return ({"method": chosen} if named else {}) | method_options(chosen, rest) | rate


def label_words(text: str) -> dict[str, str]:
    """``raw=word,...`` as label words.

    Raises:
        SpecError: not of that form.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(sep and raw.strip() for raw, sep, _ in pairs):
        raise SpecError(f"--label-words {text!r} is not a list of RAW=WORD.", "Write --label-words pos=positive,neg=negative.")
    return {raw.strip(): word.strip() for raw, _, word in pairs}
