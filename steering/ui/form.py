"""The form of a run: one field a knob, and from the fields' values back to settings. An effort is a set of values for some of the same fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from steering import artifact
from steering.errors import SpecError, SteeringError
from steering.knobs import Knob, describe, from_json
from steering.methods import LEARNED
from steering.spec import EFFORTS, EMBEDDED_MODEL, Recipe, RunSpec, TaskSpec, effort
from steering.studio import Studio
from steering.studio.beside import require_teacher, require_variant, written_variants

RUN, TASK, RECIPE = "run", "task", "recipe"
VARIANTS = "variants"
SHARED = (RUN, TASK, RECIPE)
"""Owners of fields that every method has."""
EXPERT = "Expert settings"
STANDARD = next(name for name, one in EFFORTS.items() if not one.recipe and one.seeds == 1)
"""The effort that is the defaults themselves."""

FIELDS: tuple[tuple[str, Knob], ...] = (
    *((RUN, item) for item in describe(RunSpec)),
    *((TASK, item) for item in describe(TaskSpec) if item.name == "scoring"),  # the longest answer is read off the file
    *((RECIPE, item) for item in describe(Recipe)),
    *((name, item) for name, method in LEARNED.items() for item in describe(method.Options)),
)
"""Every field with whose it is (the run, its task, the recipe, or a method by its name), in the order of the form and of all lists of its values."""

EFFORT_NAMES = {"seeds", *(name for one in EFFORTS.values() for name in one.recipe)}
EFFORT_AT = tuple(at for at, (owner, item) in enumerate(FIELDS) if owner in (RUN, RECIPE) and item.name in EFFORT_NAMES)
"""Places of the fields that an effort fills."""

TRANSFER_NAMES = ("start", "start_from", "fixed", "virtual_tokens")
TRANSFER_AT = tuple(at for at, (owner, item) in enumerate(FIELDS) if owner in LEARNED and item.name in TRANSFER_NAMES)
"""Places of the fields that a start from a saved prompt fills; that prompt brings its own beginning and its own length."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the form says, by whose it is: ``run`` and ``task`` whole, of the method's ``options`` those that differ from their defaults."""

    recipe: Recipe
    options: dict[str, Any]
    run: dict[str, Any]
    task: dict[str, Any]


def control(item: Knob, prefix: str) -> Any:
    """The form field of one knob."""
    label = item.name.replace("_", " ") + (f" ({item.unit})" if item.unit not in ("", item.name) else "")
    plain: dict[str, Any] = {"label": label, "info": item.help, "elem_id": f"{prefix}-{item.name.replace('_', '-')}", "min_width": 180}
    if item.choices:
        return gr.Dropdown(list(item.choices), value=item.default, **plain)
    if item.type is bool:
        return gr.Checkbox(item.default, **plain)
    if item.optional:  # a number field would show an empty one as 0
        return gr.Textbox("", placeholder="automatic", max_lines=1, **plain)
    if item.type in (str, tuple):
        return gr.Textbox(item.default or "", **plain | {"lines": 2 if item.type is tuple else 1, "max_lines": 8})
    # No minimum or maximum here: the range is checked in one place, and said in words beside the form.
    return gr.Number(item.default, precision=0 if item.type is int else None, **plain)


def settings(method: str, values: Sequence[Any]) -> Settings:
    """What the fields' values say; an empty field keeps its default.

    Raises:
        SpecError: a value is out of range, or there is no such method.
    """
    if method not in LEARNED:
        raise SpecError(f"method {method!r} is not known.", f"Choose one of: {', '.join(LEARNED)}.")
    found: dict[str, dict[str, Any]] = {**{owner: {} for owner in SHARED}, method: {}}
    for (owner, item), value in zip(FIELDS, values, strict=True):
        if owner in found and _is_set(item, value):
            found[owner][item.name] = _typed(item, value, method)
    whole = {whose: {item.name: item.default for owner, item in FIELDS if owner == whose} | found[whose] for whose in (RUN, TASK)}
    return Settings(from_json(Recipe, found[RECIPE]), found[method], whole[RUN], whole[TASK])


def _is_set(item: Knob, value: Any) -> bool:
    empty = (
        value in (None, "", ()) or (isinstance(value, str) and not value.strip()) or (item.optional and value == 0)
    )  # Gradio sends 0 for an empty number
    return not empty and value != item.default


def _typed(item: Knob, value: Any, method: str) -> Any:
    """A form's value as the knob's type; the knob itself checks the range."""
    if item.type is tuple:
        return tuple(written_variants(method, str(value).splitlines(), VARIANTS))
    if item.type not in (int, float):
        return value
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise SpecError(f"{item.name} is {value!r}, expected a number.", "Leave it empty for the default.") from None
    return int(found) if item.type is int and found.is_integer() else found


def beside(method: str, values: Sequence[Any], inputs: str) -> SteeringError | None:
    """What is wrong with the prompt to imitate, its texts, or the further settings; None where nothing is. These are said at their fields too."""
    given = {item.name: value for (owner, item), value in zip(FIELDS, values, strict=True) if owner == RUN}
    try:
        require_teacher(given["imitate"] or "", bool(inputs))
        for variant in written_variants(method, str(given["variants"] or "").splitlines(), VARIANTS):
            require_variant(method, settings(method, values).options, variant)
    except SteeringError as error:
        return error
    return None


def expert_label(method: str, model: str | None, values: Sequence[Any]) -> str:
    """What the folded settings are called, with how many of those that count for this method are not as they were."""
    count = sum(_is_set(item, value) for (owner, item), value in zip(FIELDS, values, strict=True) if owner in (*SHARED, method))
    count += (model or "").strip() not in ("", EMBEDDED_MODEL)
    return f"{EXPERT} ({count} changed)" if count else EXPERT


def effort_values(name: str) -> list[Any]:
    """Values of the fields that an effort sets, in the order of ``EFFORT_AT``.

    Raises:
        SpecError: no such effort.
    """
    chosen = effort(name)
    given = chosen.recipe | {"seeds": chosen.seeds}
    return [given.get(FIELDS[at][1].name, FIELDS[at][1].default) for at in EFFORT_AT]


def effort_of(values: Sequence[Any]) -> str | None:
    """The effort whose fields stand as it sets them; None after one of them was changed by hand."""
    now = [values[at] for at in EFFORT_AT]
    return next((name for name in EFFORTS if effort_values(name) == now), None)


def start_from(studio: Studio, name: str) -> list[Any]:
    """Method, model and start of a run that begins at a saved prompt: error, method, model, the fields of ``TRANSFER_AT``.

    Raises:
        NotFoundError, ArtifactError: no such prompt; SpecError: its method cannot start from a saved one.
    """
    card = artifact.read(artifact.find(studio.folders, name)).card
    fitting = {owner: LEARNED[owner].title for owner, item in FIELDS if item.name == "start_from"}
    if card.method not in fitting:
        raise SpecError(f"{name!r} was learned by a method that cannot start from a saved prompt.", f"Those that can: {', '.join(fitting.values())}.")
    given = {"start": "saved", "start_from": name, "fixed": "", "virtual_tokens": ""}
    filled = [given[item.name] if owner == card.method else gr.skip() for owner, item in (FIELDS[at] for at in TRANSFER_AT)]
    return ["", card.method, card.model, *filled]
