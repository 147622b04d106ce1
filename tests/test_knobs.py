"""Settings: what is refused and in which words, and that JSON gives back what it was given."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steering.errors import SpecError
from steering.knobs import check, describe, from_json, knob, to_json
from steering.methods import METHODS
from steering.spec import Example, Recipe, RunSpec, TaskSpec

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
names = st.dictionaries(texts, texts, max_size=3)
tasks = st.builds(
    TaskSpec,
    kind=st.sampled_from(["classification", "generation"]),
    template=texts,
    prompt=texts,
    label_words=names,
    stop=st.sampled_from(["newline", "end"]),
    max_new_tokens=st.integers(1, 1024),
)
recipes = st.builds(
    Recipe,
    steps=st.integers(1, 5000),
    batch_size=st.integers(1, 256),
    learning_rate=st.none() | st.floats(1e-5, 2.0),
    warmup=st.floats(0.0, 0.9),
    anchor=st.floats(0.0, 10.0),
    seed=st.integers(0, 2**31 - 1),
)
specs = st.builds(
    RunSpec, name=texts, dataset=texts, task=tasks, method=texts, recipe=recipes, model=texts, options=st.dictionaries(texts, st.integers() | texts)
)
json_leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
json_values = json_leaves | st.lists(json_leaves, max_size=2) | st.dictionaries(texts, json_leaves | st.lists(json_leaves, max_size=2), max_size=2)


@dataclass(frozen=True, kw_only=True)
class Oven:
    """One of everything."""

    degrees: float = knob(180.0, "heat", low=50.0, high=250.0, unit="degrees", expert=False)
    minutes: int = knob(10, "time", low=1)
    fan: bool = knob(False, "moving air")
    mode: str = knob("top", "where from", choices=("top", "bottom"))
    shelf: int | None = knob(None, "which one; empty: any", high=4)
    gain: float = knob(1.0, "anything at all")
    plain: str = ""
    kind: Literal["gas", "electric"] = "gas"
    marks: tuple[float, ...] = ()
    parts: dict[str, int] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"degrees": 20.0}, "degrees is 20.0, expected 50 to 250 degrees. degrees: heat (default 180.0)."),
        ({"degrees": "hot"}, "degrees is 'hot', expected float. degrees: heat (default 180.0)."),
        ({"degrees": math.nan}, "degrees is nan, expected 50 to 250 degrees."),
        ({"degrees": None}, "degrees is None, expected float."),
        ({"minutes": 0}, "minutes is 0, expected at least 1."),
        ({"minutes": 2.5}, "minutes is 2.5, expected int."),
        ({"minutes": True}, "minutes is True, expected int."),
        ({"fan": 1}, "fan is 1, expected bool."),
        ({"mode": "side"}, "mode is 'side', expected one of top, bottom. mode: where from (default 'top')."),
        ({"shelf": 5}, "shelf is 5, expected at most 4."),
        ({"gain": math.inf}, "gain is inf, expected a finite number."),
    ],
)
def test_a_wrong_setting_is_refused_in_words(values: dict[str, Any], text: str) -> None:
    for attempt in (lambda: check(Oven(**values)), lambda: from_json(Oven, values)):
        with pytest.raises(SpecError) as caught:
            attempt()
        assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"plain": 5}, "plain is 5, expected str."),
        ({"plain": None}, "plain is None, expected str."),
        ({"kind": "coal"}, "kind is 'coal', expected one of 'gas', 'electric'."),
        ({"marks": "12"}, "marks is '12', expected list."),
        ({"marks": [1, "2"]}, "marks is '2', expected float."),
        ({"parts": ["a"]}, "parts is ['a'], expected dict."),
        ({"parts": {"a": True}}, "parts is True, expected int."),
    ],
)
def test_fields_that_are_no_knobs_keep_their_type_too(values: dict[str, Any], text: str) -> None:
    with pytest.raises(SpecError) as caught:
        from_json(Oven, values)
    assert str(caught.value) == text


@pytest.mark.parametrize("values", [{}, {"shelf": 4, "degrees": 250, "minutes": 10**9}, {"marks": [1, 2.5], "parts": {"a": 1}, "kind": "electric"}])
def test_what_fits_is_taken(values: dict[str, Any]) -> None:
    made = from_json(Oven, values)
    assert all(isinstance(mark, float) for mark in made.marks) and isinstance(made.degrees, float)
    assert from_json(Oven, to_json(made)) == made


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("step", "Did you mean 'steps'?"),
        ("learning-rate", "Did you mean 'learning_rate'?"),
        ("zzz", "Known settings: steps, batch_size, learning_rate,"),
    ],
)
def test_an_unknown_setting_gets_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        from_json(Recipe, {name: 1})
    assert str(caught.value).startswith(f"{name!r} is not a setting of Recipe. {hint}")


def test_missing_and_shapeless_values_are_refused() -> None:
    with pytest.raises(
        SpecError, match=r"RunSpec cannot be made from \['name'\]: .*missing 3 required keyword-only arguments: 'dataset', 'task', and 'method'"
    ):
        from_json(RunSpec, {"name": "a"})
    with pytest.raises(SpecError, match=r"^Recipe is list, expected an object with named fields\.$"):
        from_json(Recipe, [1])
    with pytest.raises(SpecError, match=r"^TaskSpec is NoneType, expected an object"):
        from_json(RunSpec, {"name": "a", "dataset": "d", "method": "m", "task": None})
    with pytest.raises(SpecError, match=r"^learning_rate is inf, expected 1e-05 to 2\."):
        from_json(Recipe, {"learning_rate": 10**400})


@settings(max_examples=50, deadline=None)
@given(tasks | recipes | specs)
def test_json_gives_back_what_it_was_given(value: TaskSpec | Recipe | RunSpec) -> None:
    assert from_json(type(value), json.loads(json.dumps(to_json(value)))) == value


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([TaskSpec, Recipe, RunSpec, Example]), st.data())
def test_any_json_is_taken_or_refused_and_nothing_else(cls: type, data: st.DataObject) -> None:
    """Fields of the right name with any value: a setting comes out whole, or a SpecError does."""
    known = [item.name for item in dataclasses.fields(cls)]
    value = {name: data.draw(json_values) for name in data.draw(st.sets(st.sampled_from(known), max_size=3))}
    try:
        made = from_json(cls, value)
    except SpecError as error:
        assert error.message
    else:
        assert check(made) is made


@settings(max_examples=25, deadline=None)
@given(specs, texts)
def test_the_digest_ignores_the_name_and_nothing_else(spec: RunSpec, name: str) -> None:
    assert dataclasses.replace(spec, name=name).digest == spec.digest
    assert dataclasses.replace(spec, few_shot=spec.few_shot + 1).digest != spec.digest
    assert dataclasses.replace(spec, model=spec.model + "x").digest != spec.digest


def test_describe_covers_every_field_of_the_recipe() -> None:
    fields = [item.name for item in dataclasses.fields(Recipe)]
    assert [item.name for item in describe(Recipe)] == [name for name in fields if name != "more"]  # what is added after the end is no setting


@pytest.mark.parametrize("cls", [Recipe, TaskSpec, RunSpec, *(method.Options for method in METHODS.values())], ids=lambda cls: cls.__qualname__)
def test_every_knob_can_be_drawn_and_its_default_fits(cls: type) -> None:
    knobs = describe(cls)
    assert {item.name for item in knobs} == {f.name for f in dataclasses.fields(cls) if f.metadata}
    for item in knobs:
        assert item.help and item.type in (int, float, str, bool, tuple)
        assert item.type is bool or item.choices or item.type in (str, tuple) or item.low is not None or item.high is not None, (
            f"{item.name} has no range"
        )
        assert item.default is not None or item.optional
    if all(f.default is not dataclasses.MISSING for f in dataclasses.fields(cls)):
        check(cls())


def test_describe_reads_types_and_metadata() -> None:
    found = {item.name: item for item in describe(Oven)}
    assert list(found) == ["degrees", "minutes", "fan", "mode", "shelf", "gain"]
    assert (found["shelf"].type, found["shelf"].optional, found["shelf"].default) == (int, True, None)
    assert (found["degrees"].unit, found["degrees"].low, found["degrees"].high, found["degrees"].expert) == ("degrees", 50.0, 250.0, False)
    assert found["mode"].choices == ("top", "bottom") and found["minutes"].expert
