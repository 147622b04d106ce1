"""The labelling drawer's handlers."""

import pytest

from steering.errors import DataError
from steering.ui import filling, labelling

EVIL = "<img src=x> ${y}"


@pytest.fixture
def begun(written, tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("note\n" + "".join(f'"a note {EVIL} about thing {i}"\n' for i in range(20)))
    return labelling.begin(written.studio, str(path), f"good, {EVIL}")


def act(written, begun, choice, names="good, bad", prompt="", request=""):
    return labelling.act(written.studio, choice, begun[1], "note", names, prompt, request)


def test_rows_and_labels_are_shown_literally_with_their_keys(begun) -> None:
    assert "<img" not in begun[2] and "${" not in begun[2] and 'data-key="2"' in begun[2]
    assert begun[4].visible and begun[6].value == "note" and begun[5].interactive is False


def test_empty_fields_are_no_names_and_no_prompt(written, begun, tmp_path) -> None:
    assert "Name at least two labels" in labelling.begin(written.studio, str(tmp_path / "notes.csv"), None)[2]
    assert "Name at least two labels" in act(written, begun, "", names=None, prompt=None)[2]


def test_a_file_that_only_lacks_labels_is_refused_with_the_way_out(written, begun, tmp_path) -> None:
    with pytest.raises(DataError, match=r"Or label the texts here: open 'Label rows here'"):
        filling.load_file(written.studio, str(tmp_path / "notes.csv"))


def test_label_skip_undo(written, begun) -> None:
    first = begun[2].partition('data-pick="label:')[2].partition(":")[0]
    after = act(written, begun, f"label:{first}:1")
    assert "1 labelled" in after[2] and "bad 1" in after[2] and f'data-pick="label:{first}:' not in after[2]
    assert "1 labelled, 1 skipped" in act(written, begun, f"skip:{after[2].partition('skip:')[2].partition(chr(34))[0]}")[2]
    act(written, begun, "undo")
    assert f'data-pick="label:{first}:' in act(written, begun, "undo")[2]
    with pytest.raises(DataError, match=r"no longer among the names"):
        act(written, begun, f"label:{first}:7")


def test_the_model_is_asked_once_there_is_a_prompt(written, begun) -> None:
    assert act(written, begun, "", prompt=" ")[3] == ""
    request = act(written, begun, "", prompt="Good or bad?")[3]
    assert written.studio.store.request(request).payload["contestant"] == "prompt:Good or bad?"
    written.studio.store.update_request(request, state="done", result={"order": [9, 4]})
    out = act(written, begun, "skip:2", prompt="Good or bad?", request=request)
    assert out[3] == request and "line 9" in out[2] and "least certain first" in out[2]


def test_enough_labels_make_a_dataset_and_the_file_can_go(written, begun) -> None:
    for line in range(2, 18):
        out = act(written, begun, f"label:{line}:{line % 2}")
    assert out[5].interactive and out[5].value == "Use these 16 labels"
    shown = dict(zip(filling.CONTROLS, labelling.finish(written.studio, begun[1], "note"), strict=True))
    assert "16" in shown["report"]
    assert "were deleted" in labelling.forget(written.studio, begun[1])[0]
    with pytest.raises(DataError, match=r"there is no file to label\. Choose one in the drawer\."):
        labelling.finish(written.studio, "", "note")
