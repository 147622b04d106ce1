"""Every picture as a table, and what all views say of one slot."""

import pytest

from steering.inspect.dossier import dossiers, named_slots
from steering.inspect.numbers import _WAYS, numbers
from steering.inspect.results import PARTS, Bar, Bars, Cloud, Column, Heatmap, Line, Lines, Mark, Scatter, Stack, Table, Text


def names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def test_bars_with_their_marks_and_without_empty_columns() -> None:
    table = numbers(Bars(title="b", bars=(Bar(label="v3 ·a", value=1.0, low=0.5, high=1.5),), unit="nats", marks=(Mark(label="floor", value=0.0),)))
    assert names(table) == ["label", "value", "low", "high"] and table.columns[1].title == "nats"
    assert table.rows == ({"label": "v3 ·a", "value": 1.0, "low": 0.5, "high": 1.5, "detail": None, "slot": 3}, {"label": "floor", "value": 0.0})


def test_lines_one_row_a_point() -> None:
    table = numbers(Lines(title="l", lines=(Line(name="a", x=(0.0, 1.0), y=(0.5, None)),), x_title="step", y_title="loss"))
    assert names(table) == ["line", "x", "y"] and [row["y"] for row in table.rows] == [0.5, None]


def test_points_and_cells() -> None:
    cloud = Cloud(name="learned", role="learned", x=(1.0, 2.0), y=(3.0, 4.0), size=(), labels=("v1, started from a", "v2, started from b"))
    table = numbers(Scatter(title="s", clouds=(cloud,)))
    assert names(table) == ["cloud", "label", "x", "y"] and [row["slot"] for row in table.rows] == [1, 2]
    table = numbers(Heatmap(title="h", rows=("1", "2"), columns=("v1", "v1"), values=((1.0, None), (0.0, 2.0)), row_title="layer"))
    assert names(table) == ["row", "c0", "c1"] and table.rows[0] == {"row": "1", "c0": 1.0, "c1": None}


def test_tables_and_texts_stay_what_they_are() -> None:
    table = Table(title="t", columns=(Column(name="a", title="A"),), rows=({"a": 1},), caption="c", note="n")
    assert numbers(table) == table
    assert numbers(Text(title="t", paragraphs=("one", "two"))).rows == ({"text": "one"}, {"text": "two"})


def test_every_type_of_picture_has_its_way() -> None:
    assert set(_WAYS) == set(PARTS.values())


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (["v1", "v2 ·the", "v30, started from a\nb"], [1, 2, 30]),
        (["v1", "the"], []),
        (["v0"], []),
        (["v1x"], []),
        (["v123456"], []),
        ([], []),
    ],
)
def test_a_name_is_a_slot_only_where_all_are(labels, found) -> None:
    assert named_slots(labels) == found


def test_a_dossier_collects_what_views_say_of_a_slot() -> None:
    table = Table(title="t", columns=(), rows=({"slot": 2, "init_token": "b", "status": "shifted", "drift": 1.5}, {"slot": 9, "drift": 3.0}))
    layers = Table(title="t", columns=(), rows=({"slot": 2, "layer": 1}, {"slot": 2, "layer": 2}, {"slot": "3"}))
    first, second, third = dossiers({"neighbours": table, "prefix": Stack(title="s", parts=(layers,))}, 3, header=1)
    assert (first.status, first.word, first.value("neighbours", "drift")) == ("header", None, None)
    assert (second.status, second.word, second.value("neighbours", "drift"), len(second.rows["prefix"])) == ("shifted", "b", 1.5, 2)
    assert third.rows == {} and third.status == ""
