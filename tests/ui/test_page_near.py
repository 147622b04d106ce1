"""The page while near-duplicates of a large file are looked for."""

import json
import time

import gradio as gr

from steering.studio import desk
from steering.ui import filling, near, report

ROWS = "text,label\n" + "".join(f"a customer wrote these words about parcel {i} and waits,{'ab'[i % 2]}\n" for i in range(40))


def loaded(written, tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "AT_ONCE", 10)
    (tmp_path / "large.csv").write_text(ROWS)
    return dict(zip(filling.CONTROLS, filling.load_file(written.studio, str(tmp_path / "large.csv")), strict=True))


def polled(studio, dataset):
    for _ in range(400):
        line, timer, found = near.poll(studio, dataset)
        if isinstance(found, str):
            return line, timer, found
        assert "Looking for near-duplicates: " in line
        time.sleep(0.02)
    raise AssertionError("not found")


def test_they_stream_in_after_the_first_look(written, tmp_path, monkeypatch) -> None:
    first = loaded(written, tmp_path, monkeypatch)
    assert near.NEAR not in first["report"] and "nearly the same" not in first["report"]
    line, timer = near.begin(written.studio, first["dataset"])
    assert "You can go on meanwhile" in line and timer.active
    _, _, found = polled(written.studio, first["dataset"])
    line, timer, dataset, shown = near.take(written.studio, found, first["dataset"])
    assert line == "" and not timer.active and "nearly the same" in shown
    assert written.studio.store.dataset(dataset).report["near_looked"]
    assert near.begin(written.studio, dataset)[0] == "" and not near.poll(written.studio, dataset)[1].active


def test_another_reading_that_was_asked_for_meanwhile_stays(written, tmp_path, monkeypatch) -> None:
    first = loaded(written, tmp_path, monkeypatch)
    _, _, found = polled(written.studio, first["dataset"])
    assert near.take(written.studio, found, "another") == [gr.skip()] * 4
    assert json.loads(found)[0] == first["dataset"]


def test_above_the_limit_there_is_a_button_with_its_reason(written, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(desk, "BY_ITSELF", 10)
    monkeypatch.setattr(report, "BY_ITSELF", 10)
    first = loaded(written, tmp_path, monkeypatch)
    assert f'data-pick="{near.NEAR}"' in first["report"] and "takes minutes and much memory" in first["report"]
    assert near.begin(written.studio, first["dataset"])[0] == ""
    line, timer = near.picked(written.studio, near.NEAR, first["dataset"])
    assert "Looking for" in line and timer.active
    assert near.picked(written.studio, "fix:0:0", first["dataset"]) == [gr.skip()] * 2
    polled(written.studio, first["dataset"])


def test_nothing_is_looked_for_without_a_dataset_or_one_that_is_gone(written) -> None:
    assert near.begin(written.studio, "")[0] == "" and near.poll(written.studio, "")[0] == ""
    assert "there is no dataset" in near.begin(written.studio, "gone")[0] and "there is no dataset" in near.poll(written.studio, "gone")[0]
