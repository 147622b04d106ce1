"""The handlers of every station, as plain functions over a store that was written by hand."""

import json

import pytest

from steering.errors import SteeringError
from steering.ui import curves, filling, handlers, live, plots, reading, runs, saved, text

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"
DRAWN = 4 + 1 + live.TRAIN_PARTS + 1 + 2


def clean(page: str) -> None:
    """Nothing of the payload is markup, and no template can be made of it."""
    assert "<img" not in page and "</script" not in page and "${" not in page and "<|" not in page


def skipped(value) -> bool:
    return isinstance(value, dict) and set(value) == {"__type__"}


def tick(written, run="", seen="", station="train"):
    out = live.draw(written.studio, run, seen, station)
    assert len(out) == DRAWN
    return out


# Text.


def test_safe_text_is_no_markup() -> None:
    clean(text.safe(EVIL))
    assert "onerror" in text.safe(EVIL)


def test_pieces_escape_what_they_are_given() -> None:
    pieces = [text.notice(EVIL, EVIL), text.facts([(EVIL, EVIL)]), text.table([EVIL], [[EVIL]], caption=EVIL), text.pick("Open", EVIL, EVIL)]
    for piece in [*pieces, text.bar(0.5, EVIL), text.empty(EVIL), text.heading(EVIL, EVIL)]:
        clean(piece)


@pytest.mark.parametrize(("seconds", "said"), [(12, "12 s"), (600, "10 min"), (7200, "2.0 h"), (None, "")])
def test_durations(seconds, said) -> None:
    assert text.duration(seconds) == said


# Data.


def test_an_upload_fills_every_control(written, tmp_path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f'"{EVIL} {i}",{"a" if i % 2 else "b"}\n' for i in range(80)))
    out = filling.load_file(written.studio, str(path))
    assert len(out) == filling.PARTS and out[0] == "" and out[1]
    for page in (out[4], out[12], out[14]):
        clean(page)
    assert "80" in out[4] and "can be confirmed" in out[4]
    assert out[15].interactive is True


def test_a_file_of_one_class_says_so_on_the_button(written, tmp_path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("text,label\n" + "".join(f"row number {i},same\n" for i in range(40)))
    out = filling.load_file(written.studio, str(path))
    out = filling.read_again(written.studio, out[1], {"text_column": "text", "kind": "classification"}, out[2], "", "", "", [])
    assert out[15].interactive is False and "Must be fixed" in out[4]


def test_a_file_that_is_gone_is_a_sentence(written) -> None:
    with pytest.raises(SteeringError, match="no longer here"):
        filling.load_file(written.studio, "/nowhere/at/all.csv")


def test_a_sample_fills_every_control(written) -> None:
    first = written.studio.data.samples()[0]
    out = filling.load_sample(written.studio, first.name)
    assert out[9] == first.prompt and out[3] == first.name


def test_an_opened_run_brings_its_data_back(written) -> None:
    run = written.run()
    out = filling.restore(written.studio, run)
    spec = written.studio.run(run).run.spec
    assert out[1] == spec.dataset and out[9] == spec.task.prompt and out[15].interactive
    clean(out[14])
    assert all(map(skipped, filling.restore(written.studio, "")))


def test_the_preview_shows_prompt_row_and_answer(written) -> None:
    upload = written.upload()
    task = json.dumps({"kind": "classification"})
    page = reading.ask(written.studio, upload.digest, task, f"P {EVIL}", "Say {text} now", [["yes", "JA"], ["no", "NEIN"]], "")[2]
    clean(page)
    assert "Say " in page and ("JA" in page or "NEIN" in page)


@pytest.mark.parametrize("base", ["", "[]", '"x"', '{"kind": "classification", "odd": 1}'])
def test_an_odd_task_is_refused(base) -> None:
    handler = handlers.guarded(lambda: filling.current_task(base, "", "", []), 1)
    assert "notice" in handler()


# The timer.


def test_nothing_new_draws_nothing(written) -> None:
    run = written.run()
    seen = tick(written, run)[0]
    assert all(map(skipped, tick(written, run, seen)))
    assert skipped(live.pulse(written.studio, run, seen, "train")) and all(map(skipped, live.waiting(written.studio, "", "", "", "", "")))


def test_the_pulse_marks_only_what_changed(written) -> None:
    run = written.run()
    seen = tick(written, run)[0]
    request, _ = written.studio.ask(["none"], written.studio.run(run).run.spec.task, {"text": "hello"}), ""
    marks = live.waiting(written.studio, request, "", "", "", "")
    assert not skipped(marks[0]) and skipped(marks[1]) and live.waiting(written.studio, request, "", "", "", "")[0] == marks[0]
    written.studio.store.update_request(request, state="running", result={"outputs": []})
    assert live.waiting(written.studio, request, "", "", "", "")[0] != marks[0]
    assert live.waiting(written.studio, "gone", "", "", "", "gone") != marks
    assert skipped(live.pulse(written.studio, run, seen, "train"))
    written.studio.store.update_run(run, step=3)
    assert not skipped(live.pulse(written.studio, run, seen, "train"))


def test_an_odd_memory_counts_as_nothing_seen(written) -> None:
    run = written.run()
    for seen in ("", "null", "[1]", "{", '{"run": 1}'):
        assert not skipped(tick(written, run, seen)[4])


def test_an_unknown_run_draws_nothing_of_a_run(written) -> None:
    assert skipped(tick(written, "no such run")[4])


@pytest.mark.parametrize(("station", "jumps"), [("train", True), ("data", False), ("vectors", False)])
def test_the_verdict_opens_once_and_only_from_train(written, station, jumps) -> None:
    run = written.run(judged=True)
    seen = tick(written, run, station=station)[0]
    written.studio.store.update_run(run, state="done")
    out = tick(written, run, seen, station=station)
    moved = out[6 + live.TRAIN_PARTS :]
    assert (moved[1] == "verdict") is jumps
    again = tick(written, run, out[0], station=station)
    assert all(map(skipped, again))


def test_a_run_that_was_done_before_does_not_take_the_page_away(written) -> None:
    run = written.run("done", judged=True)
    out = tick(written, run)
    assert skipped(out[6 + live.TRAIN_PARTS])


def test_the_engine_is_said_apart_from_the_run(written) -> None:
    written.studio.store.set_engine(state="no model", model=EVIL, note=EVIL)
    clean(tick(written)[1])


# Saved and runs.


def test_saved_prompts_are_cards_with_reasons(written) -> None:
    written.save()
    (written.studio.folders[0] / "broken.safetensors").write_bytes(b"no")
    written.studio.store.set_engine(fingerprint="other", model=EVIL)
    page = saved.cards(written.studio)
    clean(page)
    assert "Does not fit" in page and "Damaged" in page


def test_a_saved_prompt_is_chosen_downloaded_and_deleted(written) -> None:
    path = written.save()
    name, error, _, details, download, code, *_ = saved.choose(written.studio, "mine")
    clean(details)
    assert (name, error) == ("mine", "") and download != str(path) and download.endswith("mine.safetensors")
    compile(code, "snippet", "exec")
    assert "deleted" in saved.delete(written.studio, "mine")[0] and not path.exists()


@pytest.mark.parametrize("name", ["", "../x", "/etc/passwd", EVIL])
def test_odd_names_are_refused(written, name) -> None:
    with pytest.raises(SteeringError):
        saved.choose(written.studio, name)


def test_a_saved_prompt_can_be_asked(written) -> None:
    written.save()
    request, _, _ = saved.use(written.studio, "mine", "hello")
    assert written.studio.store.request(request).payload["contestants"][-1] == "saved:mine"


def test_runs_are_cards(written) -> None:
    written.run()
    written.run("done", judged=True)
    page = runs.cards(written.studio)
    clean(page)
    assert "70 %" in page and "<polyline" in page


# Plots.


def test_smoothing_begins_at_the_first_value_and_keeps_a_level() -> None:
    assert plots.smoothed([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])


def test_plots_of_nothing_are_still_figures() -> None:
    for figure in (curves.training([], [], 10), plots.classes({})):
        assert "data" in json.loads(figure)
