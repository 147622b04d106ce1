"""Settings as dataclass fields: one field gives validation, JSON, the form and the docs.

A field made by :func:`knob` carries its help, range, unit and choices as metadata::

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Recipe:
        steps: int = knob(100, "optimiser steps", low=1, high=2000)

``check(Recipe(steps=0))`` raises :class:`SpecError` naming the field, the value and the range; ``describe(Recipe)`` lists the fields for a
form, a ``--help`` text or a docs table. Nobody keeps a second list of options.
"""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from steering.errors import SpecError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """What a form needs to know of one setting."""

    name: str
    type: type
    default: Any
    help: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    unit: str
    expert: bool
    optional: bool


def knob(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
    expert: bool = True,
) -> Any:
    """A dataclass field with its help, inclusive range, choices and unit."""
    metadata = {"help": help, "low": low, "high": high, "choices": choices, "unit": unit, "expert": expert}
    return dataclasses.field(default=default, metadata=metadata)


def describe(cls: type) -> list[Knob]:
    """The knobs of a dataclass, in order of definition; fields without ``knob`` are left out."""
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        if "help" not in field.metadata:
            continue
        kind, optional = _plain_type(hints[field.name])
        found.append(Knob(name=field.name, type=kind, default=field.default, optional=optional, **field.metadata))
    return found


def _plain_type(hint: Any) -> tuple[type, bool]:
    """``int | None`` is (int, True); ``Literal["a"]`` is (str, False); a tuple of anything is (tuple, False)."""
    if isinstance(hint, types.UnionType):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return inner[0], True
    if typing.get_origin(hint) is typing.Literal:
        return str, False
    if typing.get_origin(hint) is tuple:
        return tuple, False
    return hint, False


def check(value: T) -> T:
    """Return ``value`` if every knob holds a value of its type in its range.

    Raises:
        SpecError: naming the field, what was given and what was expected.
    """
    for item in describe(type(value)):
        given = getattr(value, item.name)
        if given is None and item.optional:
            continue
        _check_one(item, given)
    return value


def _check_one(item: Knob, given: Any) -> None:
    wanted = (int, float) if item.type is float else (item.type,)
    if not isinstance(given, wanted) or (isinstance(given, bool) and item.type is not bool):
        raise SpecError(f"{item.name} is {given!r}, expected {item.type.__name__}.", _remedy(item))
    if item.choices and given not in item.choices:
        raise SpecError(f"{item.name} is {given!r}, expected one of {', '.join(item.choices)}.", _remedy(item))
    if isinstance(given, (int, float)):
        too_low = item.low is not None and given < item.low
        too_high = item.high is not None and given > item.high
        if not math.isfinite(given) or too_low or too_high:
            raise SpecError(f"{item.name} is {given!r}, expected {_range(item)}.", _remedy(item))


def _range(item: Knob) -> str:
    unit = f" {item.unit}" if item.unit else ""
    if item.low is not None and item.high is not None:
        return f"{item.low:g} to {item.high:g}{unit}"
    if item.low is not None:
        return f"at least {item.low:g}{unit}"
    return f"at most {item.high:g}{unit}" if item.high is not None else f"a finite number{unit}"


def _remedy(item: Knob) -> str:
    return f"{item.name}: {item.help} (default {item.default!r})."


def to_json(value: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values (tuples become lists)."""
    plain: dict[str, Any] = _jsonable(dataclasses.asdict(value))
    return plain


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return value


def from_json(cls: type[T], value: dict[str, Any]) -> T:
    """Rebuild a dataclass, nested ones and tuples included; knobs are checked.

    Raises:
        SpecError: an unknown or missing field, or a value out of range.
    """
    if not isinstance(value, dict):
        raise SpecError(f"{cls.__name__} is {type(value).__name__}, expected an object with named fields.")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in value:
        if name not in fields:
            near = get_close_matches(name, fields, n=1)
            meant = f"Did you mean {near[0]!r}?" if near else f"Known settings: {', '.join(fields)}."
            raise SpecError(f"{name!r} is not a setting of {cls.__name__}.", meant)
    try:
        made = cls(**{name: _typed(name, hints[name], item, "help" in fields[name].metadata) for name, item in value.items()})
    except TypeError as error:
        raise SpecError(f"{cls.__name__} cannot be made from {sorted(value)}: {error}.") from None
    return check(made)


def _typed(name: str, hint: Any, item: Any, is_knob: bool = False) -> Any:
    """``item`` (from JSON) as the type that the field declares; what a knob holds is left to :func:`check`."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return None if item is None else _typed(name, next(arg for arg in inner if arg is not type(None)), item, is_knob)
    if dataclasses.is_dataclass(hint):
        return from_json(hint, item)  # type: ignore[arg-type]
    if hint is float and isinstance(item, int) and not isinstance(item, bool):
        return float(item) if abs(item) < 1e300 else math.inf
    if hint is Any or (is_knob and origin is not tuple):
        return item
    if origin is typing.Literal:
        if item not in inner:
            raise SpecError(f"{name} is {item!r}, expected one of {', '.join(map(repr, inner))}.")
        return item
    kind = list if origin is tuple else origin or hint
    if kind not in (str, int, float, bool, list, dict):
        return item  # a path, for example: its owner knows how to read it
    fits = isinstance(item, (list, tuple) if kind is list else kind) and (kind is bool or not isinstance(item, bool))
    if not fits:
        raise SpecError(f"{name} is {item!r}, expected {kind.__name__}.")
    if isinstance(item, (list, tuple)):
        return tuple(_typed(name, inner[0], part) for part in item)
    return {key: _typed(name, inner[1], part) for key, part in item.items()} if isinstance(item, dict) else item
