"""Settings as they are written on the command line: ``NAME=VALUE`` for a method's own options, ``RAW=WORD,...`` for label words."""

from typing import Any

from steering.errors import SpecError
from steering.knobs import Knob, describe
from steering.methods import method
from steering.spec import Recipe

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def method_options(name: str, pairs: list[str]) -> dict[str, Any]:
    """``layers=last 4`` and the like as values of the method's own options; ranges are checked where the options are made.

    Raises:
        SpecError: not of the form NAME=VALUE, an option that the method does not have, or a value of another type.
    """
    known = {item.name: item for item in describe(method(name).Options)}
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sep, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not sep or key not in known:
            raise SpecError(f"--option {pair!r} is no setting of {name}.", f"Write NAME=VALUE with one of: {', '.join(known) or 'none'}.")
        found[key] = _value(known[key], value.strip())
    return found


def variant(name: str, text: str) -> dict[str, Any]:
    """``layers=last 4;learning_rate=0.05`` as a further setting that is trained beside a run's own; ``method=...`` may be one of them.

    Raises:
        SpecError: not of that form, or a setting that the method does not have.
    """
    pairs = [part.strip() for part in text.split(";") if part.strip()]
    found: dict[str, Any] = {}
    rest = []
    for pair in pairs:
        key, _, value = (part.strip() for part in pair.partition("="))
        if key == "method":
            found["method"] = method(value).name
        elif key.replace("-", "_") == "learning_rate":
            found["learning_rate"] = _value(next(item for item in describe(Recipe) if item.name == "learning_rate"), value)
        else:
            rest.append(pair)
    if not pairs:
        raise SpecError("--try names no setting.", "Write --try learning_rate=0.1, or --try 'layers=last 4'; several parts with ';' between them.")
    return found | method_options(str(found.get("method", name)), rest)


def _value(item: Knob, text: str) -> Any:
    """``text`` as the knob's type."""
    try:
        if item.type is bool:
            return _TRUTH[text.lower()]
        return item.type(text)
    except (KeyError, ValueError):
        raise SpecError(f"{item.name} is {text!r}, expected {item.type.__name__}.", f"{item.name}: {item.help} (default {item.default!r}).") from None


def label_words(text: str) -> dict[str, str]:
    """``raw=word,...`` as label words.

    Raises:
        SpecError: not of that form.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(sep and raw.strip() for raw, sep, _ in pairs):
        raise SpecError(f"--label-words {text!r} is not a list of RAW=WORD.", "Write --label-words pos=positive,neg=negative.")
    return {raw.strip(): word.strip() for raw, _, word in pairs}
