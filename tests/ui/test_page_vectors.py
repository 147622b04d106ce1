"""Station 4 over a store that was written by hand: what it shows of views that are kept, missing, at work, failed or not for this prompt."""

import json
import re
from typing import Any

import pytest

from steering import artifact
from steering.errors import NotFoundError, SpecError
from steering.inspect.contract import question
from steering.inspect.results import Bar, Bars, Cloud, Column, Heatmap, Line, Lines, Mark, Scatter, Stack, Table, Text, result_to_json
from steering.studio.studio import SHIPPED
from steering.ui import live, vectors, vectors_make, vectors_panel, vectors_picks, vectors_slots, vectors_summary, vectors_table, verdict_chooser

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"
TOKENS = ("·hello", "\\u202e\\u05e9\\u05dc", "<0xE2>", "<|endoftext|>", "<script>alert(1)</script>", "\\n\\t", "مرحبا")

PARTS = [
    Table(
        title=EVIL,
        columns=(Column(name="t", title=EVIL, kind="tokens", help=EVIL), Column(name="n", title="n", kind="number"), Column(name="w", title="w")),
        rows=({"t": [{"token": EVIL, "cosine": 0.5}], "n": 1.5, "w": EVIL},),
    ),
    Scatter(title="s", clouds=(Cloud(name=EVIL, role="learned", x=(0.0,), y=(1.0,), size=(1.0,), labels=(EVIL,)),), arrows=((0.0, 0.0, 1.0, 1.0),)),
    Lines(title="l", lines=(Line(name=EVIL, x=(0.0, 1.0), y=(0.1, None), low=(0.0, None), high=(0.2, None)),), marks=(Mark(label=EVIL, value=0.5),)),
    Heatmap(title="h", rows=(EVIL,), columns=("a",), values=((None,),), centre=0.0),
    Bars(title="b", bars=(Bar(label=EVIL, value=1.0, low=0.5, high=1.5, detail=EVIL),), marks=(Mark(label="m", value=0.2),)),
    Text(title="t", paragraphs=(EVIL,), caption=EVIL, note=EVIL),
]


def clean(page: str) -> None:
    assert "<img" not in page and "</script" not in page and "${" not in page and "<|" not in page


def neighbours(status: str = "word-like", token: str = EVIL) -> dict[str, Any]:
    near = [{"token": token, "id": 3, "cosine": 0.5, "csls": 0.1, "csls_rank": 1, "mutual": True}]
    row = {"init_token": token, "nearest": near, "max_cosine": 0.5, "floor": 0.2, "p_value": 0.01, "drift": 2.0, "norm": 3.0, "status": status}
    row |= {"reading": EVIL, "added": near, "kept": near, "gained": near, "lost": [], "overlap": 0.3, "overlap_random": 0.4, "agreement": 2}
    columns = (Column(name="slot", title="Slot", kind="number"), Column(name="nearest", title="Closest", kind="tokens"))
    rows = tuple({"slot": slot, **row, "overlap": 0.1 * slot} for slot in (1, 2))
    return result_to_json(Table(title="Closest", columns=columns, rows=rows, note="One lies near another word. More."))


def ablation() -> dict[str, Any]:
    one = {"init_token": "a", "effect": 0.4, "low": 0.2, "high": 0.6, "right": 0.1, "finding": "helps"}
    rows = ({"slot": 1, **one}, {"slot": 2, **one, "effect": -0.1, "low": -0.2, "high": -0.05, "finding": "hurts"})
    bars = Bars(title="b", bars=(Bar(label="v1 a", value=0.4), Bar(label="v2 a", value=-0.1)))
    table = Table(title="In numbers", columns=(Column(name="slot", title="Slot", kind="number"),), rows=rows)
    return result_to_json(Stack(title="Worth", parts=(bars, table)))


def keep(written, view: str, result: dict[str, Any], name: str = "mine") -> None:
    made = artifact.read(artifact.find(written.studio.folders, name))
    written.studio.store.put_view(made.digest, view, result)


def keep_text(written, found: str, own: str = "mine already") -> None:
    rows = ({"name": "the text found", "prompt": found, "share": None, "found_on": ["a", "b"]}, {"name": "your prompt", "prompt": own})
    table = Table(title="In numbers", columns=(Column(name="name", title="Prompt"),), rows=rows)
    keep(written, "distil", result_to_json(Stack(title="As text", parts=(table,))))


def shown(written, *given: str) -> dict[str, Any]:
    names = ("request", "note", "view", "slot", "summary", "strip", "card", "views", "panel", "made", "distilled", "judge_text", "use_text")
    found = vectors.show(written.studio, *(given or ("mine",)))
    assert len(found) == vectors.PARTS == len(names)
    return dict(zip(names, found, strict=True))


def panel(found: dict[str, Any]) -> list[dict[str, Any]]:
    return json.loads(found["panel"])["columns"]


def asked(written, view: str) -> list[Any]:
    return [request for request in written.studio.store.requests("inspect") if request.payload["view"] == view]


# Results by their type.


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_every_type_of_result_is_drawn_with_its_numbers_and_csv(part) -> None:
    (drawn,) = vectors_panel.parts(part, "map")
    clean(drawn["html"] + drawn["table"] + drawn["alt"].replace(EVIL, ""))
    assert drawn["csv"].startswith("\ufeff") and drawn["file"] == "map-1"
    if drawn["figure"]:
        json.loads(drawn["figure"])
        assert not re.search(r"<(?!extra>|/extra>|br>)", drawn["figure"]), "Plotly reads tags in its texts"
        assert drawn["table"], "a chart has its numbers beside it"


def test_a_stack_is_drawn_whole() -> None:
    drawn = vectors_panel.parts(Stack(title="all", parts=tuple(PARTS) * 3), "map")
    assert len(drawn) == 18 and drawn[-1]["file"] == "map-18"


def test_a_csv_runs_nothing_in_a_spreadsheet_and_keeps_numbers() -> None:
    table = Table(
        title="t",
        columns=(Column(name="a", title="=A1"), Column(name="n", title="n", kind="number"), Column(name="t", title="t", kind="tokens")),
        rows=({"a": "=cmd()", "n": -0.5, "t": [{"token": "@SUM", "cosine": 0.1}]},),
    )
    assert vectors_table.csv(table).splitlines() == ["\ufeff'=A1,n,t", "'=cmd(),-0.5,'@SUM 0.1000"]


def test_points_bars_and_cells_know_their_slot() -> None:
    bars = Bars(title="b", bars=(Bar(label="v2 ·the", value=1.0), Bar(label="v10 v3", value=0.5)))
    heat = Heatmap(title="h", rows=("v1", "v2"), columns=("v1", "label word: v9"), values=((1.0, 0.0), (0.0, 1.0)))
    drawn = [json.loads(vectors_panel.parts(part, "map")[0]["figure"])["data"][0]["meta"] for part in (bars, heat)]
    assert drawn == [{"slots": [2, 10]}, {"rows": [1, 2], "columns": []}]
    assert 'data-slot="10"' in vectors_panel.parts(bars, "map")[0]["table"]


def test_tokens_stand_literally_each_in_its_own_direction() -> None:
    for written in TOKENS:
        page = vectors_table.token(written)
        assert page.count("<") == 2 and page.startswith("<bdi") and "script>" not in page.replace("&gt;", "")


def test_a_course_gets_a_slider_only_where_all_rows_have_all_steps() -> None:
    moments = [{"token": EVIL, "step": step, "cosine": 0.5} for step in (0, 10)]
    whole = Table(title="t", columns=(Column(name="slot", title="Slot"),), rows=({"slot": 2, "moments": moments},))
    assert vectors_panel.parts(whole, "trajectory")[0]["course"] == {"steps": [0, 10], "rows": [{"slot": 2, "moments": [[EVIL, 0.5], [EVIL, 0.5]]}]}
    short = Table(title="t", columns=whole.columns, rows=(*whole.rows, {"slot": 3, "moments": moments[:1]}))
    assert vectors_panel.parts(short, "trajectory")[0]["course"] is None


# Where views stand.


def test_the_first_look_is_asked_for_once_and_drawn_when_kept(written) -> None:
    written.save()
    found = shown(written)
    (request,) = asked(written, "neighbours")
    assert found["view"] == "neighbours" and found["request"] == request.id == shown(written)["request"]
    assert "Waiting" in panel(found)[0]["head"]
    keep(written, "neighbours", neighbours())
    written.studio.store.update_request(request.id, state="done")
    found = dict(zip(("request", "note"), vectors.poll(written.studio, request.id, "mine"), strict=False))
    assert found == {"request": "", "note": ""}
    (column,) = panel(shown(written))
    clean(column["head"] + column["parts"][0]["html"] + column["parts"][0]["table"])
    assert "geometric" in column["head"]


def test_a_view_that_failed_says_why_and_can_be_tried_again(written) -> None:
    written.save()
    shown(written)
    (request,) = asked(written, "neighbours")
    written.studio.store.update_request(request.id, state="failed", error={"message": EVIL, "hint": EVIL})
    found = shown(written)
    (column,) = panel(found)
    clean(column["head"])
    assert "Problem" in column["head"] and 'data-pick="run:0:neighbours"' in column["head"] and found["request"] == ""
    assert len(asked(written, "neighbours")) == 1, "a failure is not asked again by itself"
    vectors_picks.pick(written.studio, "run:0:neighbours", "mine")
    assert len(asked(written, "neighbours")) == 2


def test_a_kept_view_is_measured_again_once_and_shown_meanwhile(written) -> None:
    written.save()
    keep(written, "ablation", ablation())
    (column,) = panel(shown(written, "mine", "ablation"))
    assert 'data-pick="again:0:ablation"' in column["head"] and "Cost: " in column["head"]
    assert not asked(written, "ablation")
    for _ in range(2):
        out = dict(zip(("prompt", "request"), vectors_picks.pick(written.studio, "again:0:ablation", "mine"), strict=False))
    (request,) = asked(written, "ablation")
    assert request.payload["again"] is True and request.id in out["request"]
    (column,) = panel(shown(written, "mine", "ablation"))
    assert "Waiting" in column["head"] and "again:" not in column["head"] and len(column["parts"]) == 2
    vectors_picks.pick(written.studio, "again:0:gain", "mine")
    assert not asked(written, "gain"), "what is not kept is measured, not measured again"
    with pytest.raises(NotFoundError, match="beside this prompt"):
        vectors_picks.pick(written.studio, "again:1:ablation", "mine")


def test_what_comes_by_itself_is_said_and_can_be_asked_for_at_once(written) -> None:
    written.save()
    request = written.studio.store.add_request("inspect", question("mine", "gain", "m"), idle=True)
    found = shown(written, "mine", "gain")
    assert "measured without asking, once nothing is training" in found["summary"] and request in found["request"]
    assert 'data-pick="run:0:gain"' in panel(found)[0]["head"]
    written.run(state="running")
    assert request not in shown(written, "mine", "gain")["request"], "it waits for the end of the run"
    vectors_picks.pick(written.studio, "run:0:gain", "mine")
    assert [one.state for one in asked(written, "gain")] == ["waiting", "idle"]


def test_what_a_view_costs_is_said_before_it_runs(written) -> None:
    written.save()
    found = shown(written, "mine", "gain")
    (column,) = panel(found)
    assert "Cost: 4 passes" in column["head"] and "Measure it" in column["head"] and not asked(written, "gain")
    assert "Rows: held-out rows" in column["head"]
    assert "What it costs" in found["summary"]


def test_progress_and_a_preview_are_shown_while_a_view_runs(written) -> None:
    written.save()
    vectors_picks.pick(written.studio, "run:0:ablation", "mine")
    (request,) = asked(written, "ablation")
    said = {"progress": {"done": 1, "total": 4, "message": EVIL}, "preview": ablation()}
    written.studio.store.update_request(request.id, state="running", result=said)
    found = shown(written, "mine", "ablation")
    (column,) = panel(found)
    clean(column["head"])
    assert "1 of 4" in column["head"] and "preview" in column["head"] and len(column["parts"]) == 2
    assert request.id in found["request"].split()
    assert "to go" in found["summary"]


def test_a_view_that_does_not_apply_is_greyed_with_its_reason(written) -> None:
    written.save()
    found = shown(written, "mine", "seeds")
    assert 'aria-disabled="true"' in found["views"] and "run that made this prompt is not here" in found["views"]
    assert "says nothing of this prompt" in panel(found)[0]["head"] and not panel(found)[0]["parts"]
    with pytest.raises(SpecError, match="not known"):
        vectors_picks.pick(written.studio, "run:0:nonsense", "mine")


def test_measuring_all_asks_for_what_is_missing_once(written) -> None:
    written.save()
    keep(written, "neighbours", neighbours())
    out = vectors_picks.pick(written.studio, "measure:summary", "mine")
    assert len(out) == 1 + vectors.PARTS
    views = [request.payload["view"] for request in written.studio.store.requests("inspect")]
    assert sorted(views) == ["ablation", "faithfulness", "gain"]
    vectors_picks.pick(written.studio, "measure:summary", "mine")
    assert len(written.studio.store.requests("inspect")) == 3
    vectors_picks.pick(written.studio, "measure:all", "mine")
    views = [request.payload["view"] for request in written.studio.store.requests("inspect")]
    assert "distil" not in views and "seeds" not in views and "map" in views and len(views) == len(set(views))
    waiting = live.waiting(written.studio, "", "", "", "", out[1])[1]
    assert isinstance(waiting, str)


# The first screen, strip and card.


def test_the_sentences_say_what_is_not_measured(written) -> None:
    written.save()
    assert shown(written)["summary"].count("has not been measured") == 3


def test_the_strip_has_a_box_for_every_slot_with_status_by_word_and_shape(written) -> None:
    written.save()
    for view, result in (("neighbours", neighbours("shifted")), ("ablation", ablation())):
        keep(written, view, result)
    strip = shown(written)["strip"]
    clean(strip)
    assert strip.count("slotbox") == 2 and strip.count(">shifted<") >= 2 and "<svg" in strip and "hurts" in strip
    assert 'data-worth="0.4"' in strip and 'data-changed="0.902"' in strip and "disabled" not in strip


def test_orders_that_need_a_view_are_off_until_it_is_measured(written) -> None:
    written.save()
    assert shown(written)["strip"].count("disabled") == 2


def test_a_slot_opens_its_card(written) -> None:
    written.save()
    for view, result in (("neighbours", neighbours()), ("ablation", ablation())):
        keep(written, view, result)
    out = vectors_picks.pick(written.studio, "slot:2", "mine")
    slot, card = out[4], out[7]
    clean(card)
    assert slot == "2" and "Slot 2" in card and "-0.100 nats (-0.200 to -0.050)" in card and "random vectors stay below, 0.20" in card
    assert "20 % of the start" in card and "Gained" in card
    assert shown(written, "mine", "", "2")["card"] == card


@pytest.mark.parametrize("slot", ["0", "3", "-1", "x", "99999999999999999999", EVIL])
def test_odd_slots_are_no_slot(written, slot) -> None:
    written.save()
    assert vectors_picks.pick(written.studio, f"slot:{slot}", "mine")[4] == ""
    assert "Choose a slot" in shown(written, "mine", "", slot)["card"]


def test_what_is_not_measured_is_said_on_the_card(written) -> None:
    written.save()
    card = shown(written, "mine", "", "1")["card"]
    assert "not measured" in card and "have not been measured" in card


# Two side by side.


def test_two_prompts_stand_side_by_side(written) -> None:
    written.save()
    written.save("other", method="p")
    keep(written, "neighbours", neighbours())
    keep(written, "neighbours", neighbours("unclear"), "other")
    found = shown(written, "mine", "neighbours", "1", "saved:other")
    first, second = panel(found)
    assert "mine" in first["head"] and "other" in second["head"] and second["parts"]
    assert "Slot 1 of other" in found["card"] and "1 of 1 closest entries are the same" in found["card"]


def test_a_manual_prompt_is_measured_as_the_control_beside_it(written) -> None:
    written.save()
    given = ("mine", "neighbours", "", "text", f" my {EVIL} ")
    (_, column) = panel(shown(written, *given))
    assert 'data-pick="run:1:neighbours"' in column["head"]
    vectors_picks.pick(written.studio, "run:1:neighbours", *given)
    request = asked(written, "neighbours")[0]
    assert request.payload["text"] == f"my {EVIL}"
    assert request.id in shown(written, *given)["request"].split()


def test_a_view_of_two_prompts_is_given_the_second(written) -> None:
    written.save()
    written.save("other", method="p")
    vectors_picks.pick(written.studio, "run:0:strength", "mine", "strength", "", "saved:other")
    assert asked(written, "strength")[0].payload["other"] == "other"


def test_nothing_beside_it_cannot_be_measured(written) -> None:
    written.save()
    with pytest.raises(NotFoundError, match="nothing stands beside"):
        vectors_picks.pick(written.studio, "run:1:gain", "mine")


def test_other_rows_are_asked_for_and_named(written) -> None:
    written.save()
    rows = written.upload("more.csv", 60).digest
    given = ("mine", "gain", "", "", "", rows)
    assert "all of more.csv, less what training saw" in panel(shown(written, *given))[0]["head"]
    vectors_picks.pick(written.studio, "run:0:gain", *given)
    assert asked(written, "gain")[0].payload["rows"] == rows
    beside, prompt, listed = vectors.arrange(written.studio, "mine")
    assert len(vectors.open_prompt(written.studio, "mine", "", "")) == 3 + vectors.PARTS
    assert prompt == written.studio.views.card("mine").task.prompt
    assert rows in [digest for _, digest in listed.choices] and ("A manual prompt, as the control", "text") in beside.choices


# Made of it.


def test_a_pruned_prompt_is_announced_and_can_be_opened(written) -> None:
    written.save()
    vectors_make.ask_prune(written.studio, "mine")
    (request,) = written.studio.store.requests("prune")
    assert "waiting for its turn" in shown(written)["made"] and request.id in shown(written)["request"].split()
    written.studio.store.update_request(request.id, state="done", result={"artifact": EVIL, "sentence": EVIL})
    made = shown(written)["made"]
    clean(made)
    assert "Saved as" in made and "data-pick" in made
    written.studio.store.update_request(request.id, state="done", result={"artifact": "", "sentence": "No slot was taken out."})
    assert "Nothing was saved" in shown(written)["made"]


def test_a_strength_is_a_number_in_range(written) -> None:
    written.save()
    vectors_make.ask_strength(written.studio, "mine", 0.5)
    assert written.studio.store.requests("strength")[0].payload["strength"] == 0.5
    for wrong in (None, 11.0, -10.5):
        with pytest.raises(SpecError, match="from -10 to 10"):
            vectors_make.ask_strength(written.studio, "mine", wrong)
    with pytest.raises(SpecError, match="no saved prompt"):
        vectors_make.ask_prune(written.studio, "")


def test_a_text_that_was_found_is_offered_as_a_contestant(written) -> None:
    written.save()
    assert shown(written)["use_text"].visible is False
    keep_text(written, EVIL)
    found = shown(written)
    clean(found["distilled"])
    assert "distilled:mine" in found["distilled"] and "No judged run" in found["distilled"]
    assert found["use_text"].visible is True and found["judge_text"].visible is False


def test_a_text_that_is_the_manual_prompt_again_is_not_offered(written) -> None:
    written.save()
    keep_text(written, "mine already", own="mine already")
    assert shown(written)["use_text"].visible is False and not written.studio.views.found_text("mine")


def test_one_press_makes_a_found_text_a_contestant_of_a_run_of_the_task(written) -> None:
    run = written.run(state="done", judged=True)
    spec = written.studio.store.run(run).spec
    written.save(model=spec.model, task=spec.task)
    with pytest.raises(SpecError, match="no saved prompt is chosen"):
        vectors_make.to_contest(written.studio, "", "")
    keep_text(written, EVIL)
    assert shown(written)["judge_text"].visible is True
    assert vectors_make.to_contest(written.studio, "mine", "") == run
    drawn = verdict_chooser.reset(written.studio, run, opened=True)
    assert drawn[0].open is True and "distilled:mine" in drawn[1].value
    verdict_chooser.ask(written.studio, run, drawn[1].value, "", "best", [], [], 4, 1000, None, None, "", "chrf", False)
    (request,) = written.studio.store.requests("contest")
    assert "distilled:mine" in request.payload["contestants"]


# Bad input.


def test_odd_picks_and_names_are_refused(written) -> None:
    written.save()
    with pytest.raises(SpecError, match="button"):
        vectors_picks.pick(written.studio, EVIL, "mine")
    with pytest.raises(NotFoundError):
        vectors.show(written.studio, "../x")
    assert shown(written, "")["panel"] == "" and vectors_slots.strip((), 0) == ""
    assert shown(written, "mine", EVIL)["view"] == "neighbours"


def test_a_damaged_result_is_a_notice(written) -> None:
    written.save()
    keep(written, "map", {"type": "no such"})
    assert "Problem" in panel(shown(written, "mine", "map"))[0]["head"] and shown(written)["strip"]


def test_every_state_of_a_view_has_its_words(written) -> None:
    written.save()
    looked = written.studio.views.look("mine")
    assert {one.state for one in looked.views.values()} <= set(vectors_summary.STATES)


def test_a_shipped_prefix_is_shown_without_views_of_words(written) -> None:
    written.studio.folders.append(SHIPPED)
    found = shown(written, "turn-messages-into-json")
    assert found["view"] == "trajectory" and found["strip"].count("slotbox") == 35
    assert "Nothing of it is read as words: this view reads a soft prompt" in found["summary"]
    assert "cannot be told: it compares answers between labels; this task is generation" in found["summary"]
    assert "reached chrF 89 on 75 held-out rows" in found["summary"]
    greyed = [one.view for one in written.studio.views.look("turn-messages-into-json").views.values() if one.state == "unfit"]
    assert {"neighbours", "map", "ask", "gain", "manual_neighbours"} <= set(greyed) and not {"prefix", "attention"} & set(greyed)
