"""Station 2 as plain functions: the form and its efforts, the estimate, the run while it trains and after its end."""

import json
import re
from dataclasses import replace

import pytest

from steering.errors import SteeringError
from steering.knobs import to_json
from steering.methods import LEARNED
from steering.spec import EFFORTS, Recipe
from steering.ui import curves, ending, forecast, form, live, train, watching

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"
FIRST = next(iter(LEARNED))
FOUND = {"seconds": 41.2, "step_seconds": 0.4, "look_seconds": 0.1, "peak_mb": 1620.4, "available_mb": 7100.0, "budget": 2000}


def clean(page: str) -> None:
    """Nothing of the payload is markup, and no template can be made of it."""
    assert "<img" not in page and "</script" not in page and "${" not in page and "<|" not in page


def skipped(value) -> bool:
    return isinstance(value, dict) and set(value) == {"__type__"}


def defaults(**changed):
    """The form's values as they are drawn, some of them changed by the name of their field (METHOD__NAME for a method's own)."""
    values = []
    for owner, item in form.FIELDS:
        key = f"{owner}__{item.name}" if owner in LEARNED else item.name
        values.append(changed.pop(key, item.default))
    assert not changed, f"no such field: {changed}"
    return values


def given(written, method=FIRST, values=None, model="", inputs=""):
    upload = written.upload()
    task = json.dumps({"kind": "classification"})
    words = [["yes", "yes"], ["no", "no"]]
    return [upload.digest, task, "Yes or no?", "{text}\nLabel:", words, method, "", model, inputs, *(defaults() if values is None else values)]


def previewed(written, mark="", **more):
    """Error, card, start, settings, mark, estimate, timer, expert, effort, beside."""
    out = train.preview(written.studio, mark, *given(written, **more))
    assert len(out) == train.PREVIEW_PARTS
    return out


# The form.


@pytest.mark.parametrize("method", LEARNED)
def test_every_method_can_be_planned_from_the_form(written, method) -> None:
    error, card, button, *_ = previewed(written, method=method)
    assert error == "" and LEARNED[method].title in card and re.fullmatch(r"Train on \d+ rows", button.value) and button.interactive


def test_a_setting_out_of_range_is_a_sentence(written) -> None:
    with pytest.raises(SteeringError, match="steps is 0"):
        train.plan(written.studio, *given(written, values=defaults(steps=0)))
    error, _, button, settings, mark, *_ = previewed(written, values=defaults(seeds=99))
    assert "seeds is 99, expected 1 to 16 seeds" in error and button.interactive is False and settings == mark == ""


@pytest.mark.parametrize(("typed", "found"), [("0.05", 0.05), (0.05, 0.05), ("", None)])
def test_an_optional_setting_is_typed_as_text(typed, found) -> None:
    assert form.settings(FIRST, defaults(learning_rate=typed)).recipe.learning_rate == found


@pytest.mark.parametrize("typed", ["fast", "nan", "-1", "1e9"])
def test_a_setting_that_is_no_number_is_a_sentence(typed) -> None:
    with pytest.raises(SteeringError, match="learning_rate is"):
        form.settings(FIRST, defaults(learning_rate=typed))


def test_an_empty_field_keeps_its_default() -> None:
    assert form.settings(FIRST, [None for _ in defaults()]) == form.settings(FIRST, defaults())


def test_seeds_and_demonstrations_reach_the_run(written) -> None:
    spec = train.plan(written.studio, *given(written, values=defaults(seeds=3, few_shot=2)))
    assert (spec.seeds, spec.few_shot) == (3, 2)
    assert "3, trained together; the median is kept" in previewed(written, values=defaults(seeds=3))[1]


@pytest.mark.parametrize("name", EFFORTS)
def test_an_effort_fills_the_fields_it_sets_and_is_recognised_again(written, name) -> None:
    values = defaults()
    for at, value in zip(form.EFFORT_AT, form.effort_values(name), strict=True):
        values[at] = value
    found = form.settings(FIRST, values)
    assert found.recipe == Recipe(**EFFORTS[name].recipe) and found.run["seeds"] == EFFORTS[name].seeds
    assert previewed(written, values=values)[8].value == name
    changed = len(EFFORTS[name].recipe) + (EFFORTS[name].seeds != 1)
    assert previewed(written, values=values)[7].label == (f"Expert settings ({changed} changed)" if changed else "Expert settings")


def test_going_back_to_standard_restores_what_an_effort_changed() -> None:
    at = [form.FIELDS[at][1] for at in form.EFFORT_AT]
    assert form.effort_values(form.STANDARD) == [item.default for item in at]
    with pytest.raises(SteeringError, match=r"effort 'x' is not known"):
        form.effort_values("x")


def test_a_field_changed_by_hand_is_no_effort_any_more(written) -> None:
    *_, expert, effort, _ = previewed(written, values=defaults(steps=41))
    assert effort.value is None and expert.label == "Expert settings (1 changed)"


def test_settings_of_other_methods_and_empty_fields_are_not_counted() -> None:
    other = list(LEARNED)[1]
    values = defaults(**{f"{other}__virtual_tokens": 7}, steps=None)
    assert form.expert_label(FIRST, "", values) == "Expert settings"
    assert form.expert_label(other, "some/model", values) == "Expert settings (2 changed)"


def test_the_card_says_where_step_0_is(written) -> None:
    assert "starts exactly at your prompt" in previewed(written)[1]
    assert "starts near your prompt" in previewed(written, values=defaults(**{f"{FIRST}__virtual_tokens": "5"}))[1]
    assert "does not start at your prompt" in previewed(written, values=defaults(**{f"{FIRST}__start": "labels"}))[1]
    card = previewed(written, values=defaults(**{f"{FIRST}__start": "saved", f"{FIRST}__start_from": EVIL}))[1]
    clean(card)
    assert "starts from the saved prompt" in card


# A start from what a run learned.


def test_a_run_can_begin_where_a_saved_prompt_ended(written) -> None:
    written.save()
    error, method, model, *filled = form.start_from(written.studio, "mine")
    assert (error, method, model) == ("", FIRST, "m")
    values = defaults(**{f"{FIRST}__fixed": "x", f"{FIRST}__virtual_tokens": 9})
    for at, value in zip(form.TRANSFER_AT, filled, strict=True):
        assert skipped(value) == (form.FIELDS[at][0] != FIRST)
        values[at] = values[at] if skipped(value) else value
    assert train.plan(written.studio, *given(written, values=values)).options == {"start": "saved", "start_from": "mine"}


def test_a_run_without_vectors_is_no_start(written) -> None:
    run = written.run("stopped")
    with pytest.raises(SteeringError, match="kept nothing to start from"):
        train.start_again(written.studio, run)
    written.save()
    written.studio.store.put_event(run, 4, "artifact", {"name": "mine"})
    assert train.start_again(written.studio, run)[1] == FIRST
    assert shown(written, run)["again"].visible


# The estimate.


def ready(written, model=None) -> None:
    from steering.spec import EMBEDDED_MODEL

    written.studio.store.set_engine(state="ready", model=model or EMBEDDED_MODEL)


def asked(written):
    """Settings that were left alone, and the mark after the page has asked for their estimate."""
    ready(written)
    _, _, _, settings, mark, *_ = previewed(written)
    rested = json.loads(mark) | {"since": 0.0}
    mark, card, *_ = forecast.tick(written.studio, settings, json.dumps(rested), "train")
    assert "Measuring two steps" in card
    return settings, mark


def answer(written, mark, **values) -> None:
    written.studio.store.update_request(json.loads(mark)["request"], **values)


def test_changing_settings_are_not_measured_until_they_rest(written) -> None:
    ready(written)
    _, _, _, settings, mark, shown, timer, *_ = previewed(written)
    assert shown == "" and timer.active is True
    assert all(map(skipped, forecast.tick(written.studio, settings, mark, "train")))
    assert written.studio.store.waiting_request() is None


def test_settings_that_rest_are_measured_and_named_on_the_button(written) -> None:
    settings, mark = asked(written)
    request = written.studio.store.waiting_request()
    assert request.kind == "estimate" and request.payload["spec"] == json.loads(settings)
    assert all(map(skipped, forecast.tick(written.studio, settings, mark, "train")))
    answer(written, mark, state="done", result=FOUND)
    mark, card, button, timer = forecast.tick(written.studio, settings, mark, "train")
    assert "about 41 s, 1.6 GB at most" in card and "7.1 GB of memory are free" in card
    assert re.fullmatch(r"Train on \d+ rows, about 41 s", button.value) and skipped(timer)
    assert forecast.tick(written.studio, settings, mark, "train")[3].active is False
    _, _, button, _, again, card, timer, *_ = previewed(written, mark=mark)
    assert button.value.endswith("about 41 s") and skipped(again) and skipped(card) and timer.active is False


def test_an_estimate_goes_when_a_setting_changes(written) -> None:
    settings, mark = asked(written)
    answer(written, mark, state="done", result=FOUND)
    mark = forecast.tick(written.studio, settings, mark, "train")[0]
    _, _, button, settings, fresh, card, timer, *_ = previewed(written, mark=mark, values=defaults(steps=50))
    assert not button.value.endswith(" s") and card == "" and json.loads(fresh)["request"] == "" and timer.active


def test_an_answer_that_comes_late_never_stands_beside_other_settings(written) -> None:
    _, mark = asked(written)
    other = previewed(written, values=defaults(steps=50))[3]
    answer(written, mark, state="done", result=FOUND)
    fresh, card, button, _ = forecast.tick(written.studio, other, mark, "train")
    assert card == "" and json.loads(fresh)["request"] == "" and not button.value.endswith(" s")


def test_a_refusal_is_shown_with_its_remedy(written) -> None:
    settings, mark = asked(written)
    answer(written, mark, state="failed", error={"message": f"too large {EVIL}", "hint": f"Use shorter rows {EVIL}"})
    _, card, button, _ = forecast.tick(written.studio, settings, mark, "train")
    clean(card)
    assert "too large" in card and "Use shorter rows" in card and skipped(button)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_nothing_is_measured_while_a_run_trains(written, state) -> None:
    ready(written)
    written.run(state)
    settings = previewed(written)[3]
    for said, timer in (forecast.ask(written.studio, settings)[1:], forecast.tick(written.studio, settings, "", "train")[1:4:2]):
        assert "A run is training" in said or said == ""
        assert skipped(timer) or timer.active is False
    rested = json.dumps({"digest": forecast.Mark.of(previewed(written)[4]).digest, "request": "", "since": 0, "shown": False})
    _, said, _, timer = forecast.tick(written.studio, settings, rested, "train")
    assert "measured when it has ended" in said and timer.active is False
    assert written.studio.store.waiting_request() is None


@pytest.mark.parametrize(
    ("engine", "said", "later"),
    [
        ({"state": "loading", "model": "x"}, "follow when the model is loaded", True),
        ({"state": "no model", "model": "x"}, "The button tries again", False),
        ({"state": "ready", "model": EVIL}, "The button loads it and measures", False),
    ],
)
def test_the_page_loads_no_model_by_itself_but_the_button_does(written, engine, said, later) -> None:
    written.studio.store.set_engine(**engine)
    _, _, _, settings, mark, *_ = previewed(written)
    _, card, _, timer = forecast.tick(written.studio, settings, json.dumps(json.loads(mark) | {"since": 0}), "train")
    clean(card)
    assert said in card and timer.active is later and written.studio.store.waiting_request() is None
    assert "Measuring" in forecast.ask(written.studio, settings)[1] and written.studio.store.waiting_request().kind == "estimate"


def test_a_waiting_estimate_is_looked_at_again_when_the_engine_or_a_run_has_moved(written) -> None:
    run = written.run()
    seen, *_ = live.draw(written.studio, run, "", "train")
    written.studio.store.put_event(run, 4, "step", {"step": 4, "loss": 1.0})
    assert skipped(live.draw(written.studio, run, seen, "train")[3])
    written.studio.store.update_run(run, state="done")
    seen, _, _, timer, *_ = live.draw(written.studio, run, seen, "train")
    assert timer.active is True
    ready(written)
    assert live.draw(written.studio, run, seen, "train")[3].active is True


@pytest.mark.parametrize("settings", ["", "no json", "[]", '{"name": "x"}', '{"seeds": -1}'])
def test_odd_settings_are_asked_nothing(written, settings) -> None:
    assert forecast.tick(written.studio, settings, "", "train")[3].active is False
    assert "nothing to estimate yet" in forecast.ask(written.studio, settings)[1]


def test_nothing_is_measured_for_a_station_that_nobody_looks_at(written) -> None:
    ready(written)
    settings = previewed(written)[3]
    assert forecast.tick(written.studio, settings, "", "data")[3].active is False


@pytest.mark.parametrize("written_mark", ["", "null", "[1]", '{"digest": "x"}', '{"digest": 1, "request": 2, "since": "x", "shown": 0}'])
def test_an_odd_mark_counts_as_nothing_asked(written_mark) -> None:
    assert forecast.Mark.of(written_mark) == forecast.Mark()


# A run.

NAMES = ("status", "chart", "stop", "resume", "verdict", "more", "again", "watch")


def shown(written, run):
    out = train.show(written.studio.run(run))
    assert len(out) == live.TRAIN_PARTS == len(NAMES)
    return dict(zip(NAMES, out, strict=True))


def test_a_running_run_is_drawn(written) -> None:
    found = shown(written, written.run())
    clean(found["status"])
    assert "Running: training" in found["status"] and found["stop"].visible
    assert not any(found[name].visible for name in ("resume", "verdict", "more", "again"))
    names = [trace["name"] for trace in json.loads(found["chart"])["data"]]
    assert "your prompt (step 0)" in names and "best so far: step 3" in names


def test_a_failed_run_shows_message_and_hint(written) -> None:
    run = written.run("failed")
    written.studio.store.update_run(run, error={"type": "TrainingError", "message": f"m {EVIL}", "hint": f"h {EVIL}"})
    found = shown(written, run)
    clean(found["status"])
    assert "m &lt;img" in found["status"] and "h &lt;img" in found["status"] and found["resume"].visible and not found["stop"].visible


def test_a_waiting_run_says_its_place(written) -> None:
    written.run("queued")
    second = written.run("queued")
    assert "number 2" in train.status(written.studio.run(second))


def test_measuring_and_alarms_are_said_in_words(written) -> None:
    run = written.run()
    written.studio.store.update_run(run, phase="measuring")
    written.studio.store.put_event(run, 3, "alarm.flat", {"step": 3, "kind": "flat", "message": f"flat {EVIL}", "hint": f"raise {EVIL}"})
    page = shown(written, run)["status"]
    clean(page)
    assert "Running: measuring two steps" in page and "Warning:" in page and "flat" in page and "raise" in page


def ended(written, *, state="done", members=1, best=3, member=0):
    """A run that has ended, with an estimate and the time it took."""
    run = written.run(state)
    store = written.studio.store
    store.put_event(run, 0, "estimate", FOUND)
    for other in range(1, members):
        for step in (0, 3):
            data = {"step": step, "member": other, "nll": 1.5 - 0.1 * other * (step > 0), "accuracy": 0.6, "best": True}
            store.put_event(run, step, f"validation.{other}", data)
    ends = [{"seed": other, "best_step": 3, "nll": 1.2 + other, "accuracy": 0.7} for other in range(members)]
    said = {"step": 3, "best_step": best, "reason": "all steps done", "member": member, "members": ends}
    store.put_event(run, 3, "finished", said)
    return run


def test_the_end_compares_the_best_step_with_step_0_and_the_estimate_with_what_happened(written) -> None:
    run = ended(written)
    page = shown(written, run)["status"]
    assert "Step 3 is kept: validation loss 1.20, 1.50 at step 0; accuracy 70 %, 50 % at step 0." in page
    assert re.search(r"Training took 0 s; estimated before the start: 1 s \(41 s for all 100 steps\)\.", page)
    assert "Seed" not in page


@pytest.mark.parametrize(("change", "said"), [({"best": 0}, "Step 0 is kept: no later step was better"), ({"best": 2}, "the last one")])
def test_the_end_says_so_where_nothing_was_better_or_nothing_decided(written, change, said) -> None:
    assert said in ending.summary(written.studio.run(ended(written, **change)))


def test_a_run_that_went_on_later_is_not_compared_with_its_estimate(written) -> None:
    run = ended(written)
    written.studio.store.put_event(run, 0, "started", {"virtual_tokens": 5})
    view = written.studio.run(run)
    assert view.train_seconds is None and ending.seconds(view) == ""


@pytest.mark.parametrize(("members", "why"), [(3, "the median of 3 by validation loss"), (2, "the better of the middle two of 2")])
def test_seeds_are_a_table_that_says_which_is_kept_and_why(written, members, why) -> None:
    page = ending.summary(written.studio.run(ended(written, members=members, member=1)))
    clean(page)
    assert f"Kept: seed 1, {why}" in page and "1, kept" in page and page.count("<tr") == members + 1


def test_few_rows_are_said_to_have_been_cross_validated(written) -> None:
    run = ended(written)
    written.studio.store.put_event(run, 0, "started", {"folds": 5, "watched": [{"values": {"text": "a"}, "target": "no"}]})
    written.studio.store.put_event(run, 0, "watched", {"step": 0, "answers": [{"row": 0, "label": 0, "shares": [0.6, 0.4], "text": ""}]})
    view = written.studio.run(run)
    assert "chosen by 5-fold cross-validation" in ending.summary(view)
    assert "by the first of 5 folds, which never learns from them" in json.loads(watching.value(view))["note"]


def test_a_run_at_work_has_no_end_yet(written) -> None:
    assert ending.summary(written.studio.run(written.run())) == "" == ending.summary(written.studio.run(ended(written, state="queued")))


def test_steps_are_added_only_to_a_run_that_is_done(written) -> None:
    run = ended(written)
    assert shown(written, run)["more"].visible
    assert not shown(written, ended(written, state="stopped"))["more"].visible
    assert train.train_on(written.studio, run) == ""
    found = written.studio.store.run(run)
    assert found.state == "queued" and found.spec.recipe.more == (50,)
    with pytest.raises(SteeringError, match="is queued"):
        train.train_on(written.studio, run)


# The chart.


def traces(figure: str) -> dict[str, dict]:
    return {trace["name"]: trace for trace in json.loads(figure)["data"] if trace.get("yaxis") != "y2"}


def looks(count: int, every: int = 1, nll: float = 2.0) -> list[dict]:
    return [{"step": every * i, "nll": nll - i / (2 * count), "accuracy": 0.5} for i in range(count)]


def test_other_seeds_are_thin_lines_with_their_names(written) -> None:
    found = traces(shown(written, ended(written, members=3, member=1))["chart"])
    assert found["seed 0, validation"]["line"]["width"] == 1 == found["seed 2, validation"]["line"]["width"]
    assert found["seed 1, validation"]["line"]["width"] == 2 and "best step: 3" in found


def test_many_steps_and_seeds_are_few_points() -> None:
    steps = [{"step": i + 1, "loss": 1.0} for i in range(5000)]
    figure = curves.training(steps, looks(5001), 5000, others={i: looks(5001) for i in range(1, 16)}, best=4321)
    found = traces(figure)
    assert len(figure) < 400_000 and all(len(trace["x"]) <= curves.MOST_POINTS + 1 for trace in found.values())
    assert found["validation loss" if "validation loss" in found else "seed 0, validation"]["x"][-1] == 5000
    assert found["best step: 4321"]["x"] == [4321]
    named = [name for name, trace in found.items() if trace.get("showlegend", True) and "seed" in name]
    assert named == ["15 other seeds, validation", "seed 0, validation"]


def test_a_value_that_is_no_number_is_a_gap() -> None:
    found = traces(curves.training([], [{"step": 0, "nll": 1.0, "accuracy": None}, {"step": 1, "nll": float("nan"), "accuracy": None}], 10))
    assert found["validation loss"]["y"] == [1.0, None] and "best so far: step 0" in found


# Watch it learn.


def watched(written, *, kind="classification", steps=(0, 3), state="running"):
    run = written.run(state)
    store = written.studio.store
    store.put_event(
        run, 0, "started", {"watched": [{"values": {"text": f"text {EVIL}"}, "target": "no"}, {"values": {"text": "b"}, "target": "yes"}]}
    )
    names = list(store.run(run).spec.task.label_words)
    for step in steps:
        share = step / max(steps)
        shares = [share if name == "no" else 1 - share for name in names]
        both = [{"row": i, "label": shares.index(max(shares)), "shares": shares, "text": ""} for i in range(2)]
        texts = [{"row": i, "label": None, "shares": [], "text": f" no{EVIL if step else ''}"} for i in range(2)]
        store.put_event(run, step, "watched", {"step": step, "answers": both if kind == "classification" else texts})
    return run


def test_watched_rows_are_answered_at_every_look(written) -> None:
    found = json.loads(shown(written, watched(written))["watch"])
    first, second = found["rows"]
    assert found["steps"] == [0, 3] and found["best"] == 3
    assert first["target"] == first["labels"][first["truth"]] == "no" and EVIL in first["input"]
    assert first["said"] == ["yes", "no"] and first["right"] == [0, 1] and second["right"] == [1, 0]
    assert [step[first["truth"]] for step in first["shares"]] == [0.0, 1.0]


def test_watched_texts_are_compared_with_the_target(written) -> None:
    found = json.loads(watching.value(written.studio.run(watched(written, kind="generation"))))
    assert found["rows"][0]["labels"] == [] and found["rows"][0]["right"] == [1, 0] and found["rows"][1]["right"] == [0, 0]


def test_there_is_nothing_to_watch_before_the_first_look(written) -> None:
    assert shown(written, written.run())["watch"] == ""


def test_the_slider_has_few_steps_and_keeps_first_best_and_last() -> None:
    many = [{"step": step} for step in range(5001)]
    few = [look["step"] for look in watching.thinned(many, 777)]
    assert len(few) <= watching.MOST_STEPS + 2 and few[0] == 0 and few[-1] == 5000 and 777 in few
    before = {look["step"] for look in watching.thinned(many[:4000], None)}
    assert len(before & set(few)) >= len(before) // 2, "most steps that were shown stay"


def test_many_labels_are_few_bars_with_the_true_one_among_them(written) -> None:
    view = written.studio.run(watched(written))
    names = [f"label {i}" for i in range(150)]
    row = {"values": {"text": "a"}, "target": "label 149"}
    answer = {"label": 0, "shares": [1.0] + [0.0] * 149, "text": ""}
    task = replace(view.run.spec.task, label_words={name: name for name in names})
    found = watching._row(row, [answer], task)
    assert len(found["labels"]) == watching.MOST_LABELS and found["labels"][found["truth"]] == "label 149"


def test_what_is_watched_never_becomes_markup() -> None:
    """The card's template holds no value, and its script writes text only."""
    assert "{" not in watching.TEMPLATE and "innerHTML" not in watching.WATCH and "insertAdjacent" not in watching.WATCH


def test_the_settings_that_travel_are_the_run(written) -> None:
    assert json.loads(previewed(written)[3]) == to_json(train.plan(written.studio, *given(written)))


# Scoring.


def test_scoring_by_channel_reaches_the_task(written) -> None:
    values = defaults(scoring="channel")
    assert train.plan(written.studio, *given(written, values=values)).task.scoring == "channel"
    _, card, *_, expert, _, _ = previewed(written, values=values)
    assert "by channel: how likely each label makes the input" in card and expert.label == "Expert settings (1 changed)"
    assert train.plan(written.studio, *given(written)).task.scoring == "direct"


# A prompt to imitate, texts without labels, and further settings.


def texts(count: int, folder) -> str:
    path = folder / "texts.csv"
    path.write_text("text\n" + "".join(f"film number {i} was seen\n" for i in range(count)))
    return str(path)


def test_a_prompt_is_imitated_on_texts_without_labels(written, tmp_path) -> None:
    note, kept = train.take_inputs(written.studio, texts(20, tmp_path))
    assert "20 texts; every fifth decides when to stop." in note and written.studio.store.content(kept)
    values = defaults(imitate="few-shot:8")
    spec = train.plan(written.studio, *given(written, values=values, inputs=kept))
    assert (spec.imitate, spec.inputs) == ("few-shot:8", kept)
    _, card, *_, expert, _, beside = previewed(written, values=values, inputs=kept)
    assert "8-shot, on texts without labels" in card and expert.label == "Expert settings (1 changed)" and beside == ""
    assert "on the training rows, their labels unused" in previewed(written, values=values)[1]
    clean(previewed(written, values=defaults(imitate=f"prompt:{EVIL}"))[1])
    assert train.take_inputs(written.studio, None) == ["", ""]


def test_too_few_texts_are_said_at_the_file(written, tmp_path) -> None:
    with pytest.raises(SteeringError, match="there are 3 inputs to learn from, expected at least 16"):
        train.take_inputs(written.studio, texts(3, tmp_path))


@pytest.mark.parametrize(
    ("changes", "inputs", "said"),
    [
        ({"imitate": "lora"}, "", "cannot be imitated"),
        ({"imitate": "few-shot:"}, "", "cannot be imitated"),
        ({"variants": "speed=3"}, "", "is no setting of prompt_tuning"),
        ({"variants": "learning_rate=9"}, "", "learning_rate is 9.0, expected"),
        ({"variants": ";"}, "", "variants names no setting"),
        ({}, "d", "no prompt to imitate on them"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_above_the_button(written, changes, inputs, said) -> None:
    error, _, button, *_, beside = previewed(written, values=defaults(**changes), inputs=inputs)
    assert said in error and said in beside and not button.interactive


def test_further_settings_are_one_a_line_and_change_the_estimate(written) -> None:
    values = defaults(variants="learning_rate=0.1\n\nmethod=prefix_tuning; layers=last 1\n")
    spec = train.plan(written.studio, *given(written, values=values))
    assert spec.variants == ({"learning_rate": 0.1}, {"method": "prefix_tuning", "layers": "last 1"})
    card, *_ = previewed(written, values=values)[1:]
    assert "3 side by side; the best by validation is kept" in card
    assert spec.digest != train.plan(written.studio, *given(written)).digest, "an estimate never stands beside other settings"


def test_the_end_of_a_pupil_says_agreement_tokens_and_prefill(written) -> None:
    found = {"teacher": "few-shot:8", "agreement": 0.9, "agreement_ci": [0.7, 0.97], "n": 20, "teacher_tokens": 300, "tokens": 12}
    found |= {"teacher_prefill_seconds": 0.2, "prefill_seconds": 0.05, "sentence": f"It answers {EVIL}"}
    said = ending.imitation(found)
    clean(said)
    assert "90 %" in said and "(70 to 97, 20 rows)" in said and "12 in place of 300, 288 saved" in said
    assert "50 ms in place of 200 ms, 75% saved" in said


def test_settings_stand_beside_their_seeds_at_the_end(written) -> None:
    run = written.run("done")
    members = [{"seed": 0, "setting": name, "best_step": 3, "nll": nll, "accuracy": 0.7} for name, nll in (("as set", 0.5), (f"x={EVIL}", 0.4))]
    written.studio.store.put_event(run, 4, "finished", {"step": 3, "best_step": 3, "member": 1, "members": members, "note": "Best of 2 settings."})
    view = written.studio.run(run)
    said = ending.summary(view)
    clean(said)
    assert "the best by its median seed; seed 0." in said and "as set" in said and "Best of 2 settings." in said and "Setting" in said


def test_an_alarm_that_has_passed_says_since_when(written) -> None:
    run = written.run("running")
    alarm = {"step": 10, "kind": "collapse", "message": f"One label {EVIL}.", "hint": "Lower it."}
    written.studio.store.put_event(run, 10, "alarm.collapse", alarm)
    said = train.status(written.studio.run(run))
    assert "Lower it." in said and "Passed at step" not in said
    written.studio.store.put_event(run, 20, "passed.collapse", {"step": 20, "kind": "collapse"})
    said = train.status(written.studio.run(run))
    clean(said)
    assert "Passed at step 20." in said and "Lower it." not in said
    written.studio.store.put_event(run, 30, "alarm.collapse", alarm | {"step": 30})
    assert "Lower it." in train.status(written.studio.run(run)) and written.studio.run(run).alarms[0]["passed"] is None
