"""Results as JSON: every picture comes back equal, and what is no picture is refused."""

import json

import pytest

from steering.errors import SpecError
from steering.inspect import VIEWS, contract, result_from_json, result_to_json, view
from steering.inspect.results import PARTS, Bar, Bars, Cloud, Column, Heatmap, Line, Lines, Mark, Scatter, Stack, Table, Text

WORDS = {"title": "T", "caption": "how to read it", "note": "what may be said"}
CASES = [
    Table(columns=(Column(name="a", title="A", kind="tokens", help="h"),), rows=({"a": [{"token": "<b>", "cosine": 0.5}], "more": None},), **WORDS),
    Scatter(clouds=(Cloud(name="n", role="learned", x=(1.0,), y=(2.5,), size=(0.0,), labels=("v1",)),), arrows=((0.0, 0.0, 1.0, 2.5),), **WORDS),
    Heatmap(rows=("1",), columns=("v1", "v2"), values=((0.5, None),), centre=0.0, **WORDS),
    Bars(bars=(Bar(label="x", value=1.0, low=0.5, role="accent"),), marks=(Mark(label="floor", value=0.2),), unit="points", **WORDS),
    Lines(lines=(Line(name="n", x=(1.0, 2.0), y=(0.5, None), low=(0.1, None)),), x_title="layer", **WORDS),
    Text(paragraphs=("<script>", "two"), **WORDS),
]


def test_every_picture_is_tried():
    assert {type(case) for case in CASES} == set(PARTS.values())


@pytest.mark.parametrize("result", [*CASES, Stack(parts=tuple(CASES), **WORDS)], ids=lambda r: type(r).__name__)
def test_round_trip(result):
    value = json.loads(json.dumps(result_to_json(result), allow_nan=False))
    assert {name: value[name] for name in WORDS} == WORDS
    assert result_from_json(value) == result


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "a result is list"),
        ({"type": "pie", "title": "T"}, "result type 'pie' is not known"),
        ({"title": "T"}, "result type None is not known"),
        ({"type": "text", "title": "T", "paragraphs": [], "colour": "red"}, "'colour' is not a setting of Text"),
        ({"type": "stack", "title": "T", "parts": [], "colour": "red"}, "a stack cannot be made"),
        ({"type": "stack", "title": "T", "parts": [{"type": "stack"}]}, "result type 'stack' is not known"),
    ],
)
def test_what_is_no_result_is_refused(value, said):
    with pytest.raises(SpecError, match=said):
        result_from_json(value)


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_view_says_what_it_is(name):
    one = VIEWS[name]
    assert one.name == name and one.title and one.summary.endswith(".") and one.cost
    assert one.badge in ("MEASURED", "GEOMETRIC", "SELF-REPORT") and one.needs in ("soft_prompt", "prefix", "any")
    fits = {form: not one.applies(keys) for form, keys in contract.FORMS.items()}
    assert fits == {form: one.needs in (form, "any") for form in contract.FORMS}
    assert "no learned vectors" in one.applies({})


def test_forms_are_those_that_methods_save():
    from steering.methods.forms import KEYS, SOFT_PROMPT, VALUES

    assert {"soft_prompt": {SOFT_PROMPT}, "prefix": {KEYS, VALUES}} == contract.FORMS


def test_an_unknown_view():
    with pytest.raises(SpecError, match="view 'tea leaves' is not known"):
        view("tea leaves")
