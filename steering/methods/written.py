"""Settings as a person writes them, ``NAME=VALUE``, as values of a method's own options or of the recipe."""

from collections.abc import Mapping, Sequence
from typing import Any

from steering.errors import SpecError
from steering.knobs import Knob, describe

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def written(pairs: Sequence[str], settings: Mapping[str, type], flag: str, owner: str) -> dict[str, dict[str, Any]]:
    """``layers=last 4`` and the like, by the group of settings that they belong to; ranges are checked where the settings are made.

    Args:
        settings: dataclasses with knobs by the name of their group; the first that knows a setting gets it.
        flag, owner: how an error calls what was written and whose setting it should be.

    Raises:
        SpecError: not of the form NAME=VALUE, a setting that nobody has, or a value of another type.
    """
    known = {group: {item.name: item for item in describe(cls)} for group, cls in settings.items()}
    found: dict[str, dict[str, Any]] = {group: {} for group in settings}
    for pair in pairs:
        key, sep, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        group = next((group for group, items in known.items() if key in items), None)
        if not sep or group is None:
            names = [name for items in known.values() for name in items]
            raise SpecError(f"{flag} {pair!r} is no setting of {owner}.", f"Write NAME=VALUE with one of: {', '.join(names) or 'none'}.")
        found[group][key] = _value(known[group][key], value.strip())
    return found


def _value(item: Knob, text: str) -> Any:
    """``text`` as the knob's type."""
    try:
        if item.type is bool:
            return _TRUTH[text.lower()]
        return item.type(text)
    except (KeyError, ValueError):
        raise SpecError(f"{item.name} is {text!r}, expected {item.type.__name__}.", f"{item.name}: {item.help} (default {item.default!r}).") from None
