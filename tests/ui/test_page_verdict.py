"""Station 3: verdict, numbers, rows and the chooser of contestants, as plain functions over a store that was written by hand."""

import json
import time
from pathlib import Path

import gradio as gr
import pytest
from conftest import large

from steering.errors import SpecError, SteeringError
from steering.evaluate.browse import Wanted, matching
from steering.store import Vote, looked_at
from steering.ui import live, plots, verdict, verdict_chooser, verdict_metrics, verdict_names, verdict_rows
from steering.ui.verdict_table import PAGE, Place

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"
FIRST = ["2", "1", "all", "", "", Place().written()]


def clean(page: str) -> None:
    """Nothing of the payload is markup, and no template can be made of it."""
    assert "<img" not in page and "</script" not in page and "${" not in page and "<|" not in page


def clean_all(drawn) -> None:
    for one in drawn:
        if isinstance(one, str) and not one.startswith("{"):
            clean(one)


@pytest.fixture
def judged(written):
    """A run with a further judgement of 60 rows by 4 contestants."""
    run = written.run("done", judged=True)
    which = written.studio.store.add_judgement(run, large(60, 4))
    return written.studio, run, which


# What is shown.


def test_a_run_shows_its_own_judgement_without_markup_of_others(written) -> None:
    run = written.run("done", judged=True)
    drawn = verdict.show(written.studio, run)
    assert len(drawn) == verdict.PARTS == live.VERDICT_PARTS
    clean_all(drawn)
    headline, which, chart, table, *_ = drawn
    assert drawn[4].visible and drawn[5].visible
    assert "Better" in headline and which.visible is False and "Your prompt" in table
    assert json.loads(chart)["data"][0]["x"] == [0.0, 0.5, 0.7]


def test_every_part_has_its_component() -> None:
    with gr.Blocks():
        assert len(verdict.outputs(verdict.draw())) == verdict.PARTS


def test_the_newest_judgement_is_shown_and_older_ones_can_be_chosen(judged) -> None:
    studio, run, which = judged
    drawn = verdict.show(studio, run)
    clean_all(drawn)
    assert drawn[1].visible and [value for _, value in drawn[1].choices] == [which, "own"]
    assert "Look 2" in drawn[0] and "exploratory" in drawn[0] and "flag" in drawn[0]
    assert "Look 2" not in verdict.show(studio, run, "own")[0]
    with pytest.raises(SteeringError, match="not here any more"):
        verdict.show(studio, run, "other")


def test_a_run_that_was_not_judged_says_so(written) -> None:
    drawn = verdict.show(written.studio, written.run())
    assert len(drawn) == verdict.PARTS and "not been judged" in drawn[0]
    assert len(live.judged(written.studio, "")) == live.VERDICT_PARTS


def test_judgements_and_votes_go_with_their_run(judged) -> None:
    studio, run, which = judged
    studio.store.put_vote(run, which, Vote(rater="ann", row=3, choice="="))
    studio.store.delete_run(run)
    assert studio.store.judgements(run) == [] and studio.store.votes(which) == []


def test_a_title_too_long_for_a_phone_stands_in_lines() -> None:
    drawn = plots.dots(["a"], [0.5], [(0.4, 0.6)], learned=0, title="accuracy with 95 % interval", percent=True)
    assert json.loads(drawn)["layout"]["xaxis"]["title"]["text"] == "accuracy with 95 %<br>interval"


def test_numbers_are_escaped_and_complete(judged) -> None:
    studio, run, which = judged
    found = studio.contests.index(run, which).found
    page = verdict.numbers(found) + verdict_metrics.pairs(found, 2)
    clean(page)
    assert "declared beforehand" in page and "Paired bootstrap" in page and "ECE" in page
    cost = {"name": f"prompt:{EVIL}", "prompt_tokens": 3, "prefill_seconds": 0.01, "kv_bytes": 5000, "first_token_seconds": 0.02}
    measured = {"costs": [cost | {"cached_first_token_seconds": 0.01}], "sentences": [f"{EVIL} faster"], "device": "cpu", "dtype": "float32"}
    page = verdict_metrics.costs({"cost": measured | {"input_tokens": 9}})
    clean(page)
    assert "faster" in page and "20 ms" in page


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("few-shot:4@nearest", "4 nearest examples"),
        ("few-shot:@3,9", "2 chosen examples"),
        ("run:abc@40", "Step 40"),
        ("prompt:Sort it.", "“Sort it.”"),
        ("strength:0.5@x", "Learned prompt at 0.5"),
        ("majority", "Majority class (control)"),
        ("odd", "odd"),
        ("seeds:r", "All seeds together"),
    ],
)
def test_names_as_a_person_says_them(name, said) -> None:
    assert verdict_names.spoken(name) == said


def test_names_are_told_apart() -> None:
    many = [{"name": name} for name in ("none", "saved:mine", "prompt:same", "prompt:same ")]
    assert verdict_names.all_spoken(many) == ["No prompt", "Learned prompt", "“same” (1)", "“same” (2)"]


def test_the_report_is_one_escaped_file_and_its_json(judged) -> None:
    studio, run, which = judged
    page = Path(verdict.report(studio, run, "", "html")).read_text("utf-8")
    assert "<img" not in page and "</script" not in page and "Content-Security-Policy" in page and "never looked at" not in page
    made = json.loads(Path(verdict.report(studio, run, which, "json")).read_text("utf-8"))
    assert made["result"]["n"] == 60 and made["data"]["dataset"] == studio.store.run(run).spec.dataset and made["versions"]["python"]
    with pytest.raises(SteeringError, match="not been judged"):
        verdict.report(studio, studio.start(studio.store.run(run).spec), "", "html")


# Rows.


def shown(page: str) -> int:
    return page.count('data-pick="open:')


def test_a_page_of_rows_travels_and_no_more(judged) -> None:
    studio, run, _ = judged
    page = verdict_rows.reset(studio, run, studio.contests.index(run))[7]
    clean(page)
    assert shown(page) == PAGE and "Page 1 of 3" in page and "60 of 60" in page


@pytest.mark.parametrize("sort", ["fixed", "broken", "both right", "both wrong", "disagree", "unsure"])
def test_filters_follow_scores_and_answers(judged, sort) -> None:
    studio, run, _ = judged
    index = studio.contests.index(run)
    rows = matching(index, Wanted(a=2, b=1, sort=sort))
    for i in rows:
        mine, other = index.found["rows"][i]["scores"][2], index.found["rows"][i]["scores"][1]
        expected = {"fixed": mine > other, "broken": mine < other, "both right": mine == other == 1, "both wrong": mine == other == 0}
        assert expected.get(sort, True)
    page = verdict_rows.changed(studio, run, "", "2", "1", sort, "", "", Place(page=2).written())[3]
    assert shown(page) == min(PAGE, len(rows)) and f"{len(rows)} of 60" in page


def test_text_class_and_cell_narrow_the_rows(judged) -> None:
    studio, run, _ = judged
    index = studio.contests.index(run)
    label = index.found["labels"][1]
    page = verdict_rows.changed(studio, run, "", "2", "1", "all", label, "NUMBER 13", Place().written())[3]
    assert shown(page) == 1
    clean(page)
    count = index.found["contestants"][2]["confusion"][1][2]
    drawn = verdict_rows.picked(studio, run, "", *FIRST, "cell:2:1:2")
    assert f"{count} of 60" in drawn[4]
    again = verdict_rows.picked(studio, run, "", *FIRST[:5], drawn[3], "cell:2:1:2")
    assert "60 of 60" in again[4]


def test_a_row_opens_and_closes_with_everybodys_labels(judged) -> None:
    studio, run, _ = judged
    drawn = verdict_rows.picked(studio, run, "", *FIRST, "open:3")
    clean(drawn[4])
    assert drawn[4].count("<h4>") == 4 and "truth" in drawn[4]
    assert "<h4>" not in verdict_rows.picked(studio, run, "", *FIRST[:5], drawn[3], "open:3")[4]


def test_pinned_rows_stand_first(judged) -> None:
    studio, run, _ = judged
    line = studio.store.dataset(studio.store.run(run).spec.dataset).examples[30].row
    page = verdict_rows.picked(studio, run, "", *FIRST, f"pin:{line}")[4]
    assert "class=pinned" in page and page.index(f"Unpin row {line}") < page.index('Pin row 2"')
    assert "class=pinned" not in verdict_rows.picked(studio, run, "", *FIRST, f"pin:{line}")[4]


@pytest.mark.parametrize("event", ["sort:fixed", "label:", "page:1", "page:-4", "page:9999", "open:99999", "cell:9:9", "cell:a:b:c", "", EVIL])
def test_odd_presses_are_harmless(judged, event) -> None:
    studio, run, _ = judged
    drawn = verdict_rows.picked(studio, run, "", *FIRST, event)
    clean(drawn[4])
    assert shown(drawn[4]) > 0 or "No row" in drawn[4]


@pytest.mark.parametrize("values", [["9", "1", "all"], ["2", "x", "all"], ["2", "1", EVIL], [None, None, None]])
def test_filters_that_do_not_fit_are_a_sentence(judged, values) -> None:
    studio, run, _ = judged
    with pytest.raises(SpecError, match="does not fit the comparison"):
        verdict_rows.changed(studio, run, "", *values, "", "", "")


@pytest.mark.parametrize("event", ["cell:9:0:0", "cell:0:9:9"])
def test_a_cell_that_is_not_there_is_a_sentence(judged, event) -> None:
    studio, run, _ = judged
    with pytest.raises(SpecError, match="not in the confusion matrix"):
        verdict_rows.picked(studio, run, "", *FIRST, event)


@pytest.mark.parametrize("written_place", ["", "null", "[]", '{"page": "x"}', '{"page": 1, "open": 0, "cell": [1, 2]}', EVIL])
def test_an_odd_place_is_the_beginning(written_place) -> None:
    assert Place.of(written_place).cell is None


def test_rows_are_exported_neutralised_and_as_jsonl(judged, tmp_path) -> None:
    studio, run, _ = judged
    content = Path(verdict_rows.exported(studio, run, "", "csv", *FIRST)).read_text("utf-8-sig")
    assert len(content.splitlines()) == 61 and content.startswith("line,input.text,target,none.answer")
    lines = Path(verdict_rows.exported(studio, run, "", "jsonl", *FIRST[:2], "fixed", *FIRST[3:])).read_text("utf-8").splitlines()
    assert len(lines) == len(matching(studio.contests.index(run), Wanted(a=2, b=1, sort="fixed")))
    assert set(json.loads(lines[0])["none.shares"]) == set(studio.contests.index(run).found["labels"])


def test_formulas_in_an_export_are_text(judged) -> None:
    studio, run, _ = judged
    index = studio.contests.index(run)
    index.found["inputs"][0]["text"] = "=HYPERLINK(1)"
    assert b"'=HYPERLINK(1)" in studio.contests.exported(index, [0], "csv")


def test_ten_thousand_rows_stay_fluid(written) -> None:
    """1,000 rows by 8 contestants open within 1 s and filter within 0.3 s; ten times as many filter within 1 s here, whatever else runs."""
    run = written.run("done", judged=True)
    for rows, opens, filters in ((1000, 1.0, 0.3), (10_000, 6.0, 1.0)):
        which = written.studio.store.add_judgement(run, large(rows, 8))
        start = time.process_time()
        verdict.show(written.studio, run, which)
        assert time.process_time() - start < opens
        start = time.process_time()
        page = verdict_rows.changed(written.studio, run, which, "2", "1", "fixed", "", "number 9", Place().written())[3]
        assert time.process_time() - start < filters and len(page) < 300_000


# More contestants.


def chosen(run: str, **changes):
    values = {"basic": ["none", f"run:{run}"], "prompts": "", "how": "best", "saved": [], "steps": [], "shots": 4, "budget": 1000}
    values |= {"first": None, "second": None, "margin": "", "metric": "chrf", "cost": True}
    return [*(values | changes).values()]


def test_all_forms_are_offered(judged) -> None:
    studio, run, _ = judged
    found = dict(verdict_chooser.offers(studio, run, studio.store.run(run).spec))
    forms = {value.partition(":")[0] for value in found.values()}
    assert forms == {"none", "prompt", "run", "few-shot", "lora", "probe", "manual+bias", "search", "majority", "random"}


def test_what_is_chosen_becomes_contestants() -> None:
    basic = ["none", "few-shot:4", "few-shot:4@nearest", "search:1000", "lora", "run:r"]
    made = verdict_chooser.specs("r", basic, "Sort it.\n\n Say the queue. \nSort it.", "best", ["saved:x"], ["run:r@20"], 8, 500)
    assert made == [
        *("none", "few-shot:8", "few-shot:8@nearest", "search:500", "lora", "prompts:Sort it.\nSay the queue.", "saved:x", "run:r@20", "run:r"),
    ]
    assert verdict_chooser.specs("r", ["run:r"], "A b.\nC d.", "every", [], [], 4, 1000) == ["prompt:A b.", "prompt:C d.", "run:r"]
    assert verdict_chooser.specs("r", [], "Only one.", "best", None, None, 4, 1000) == ["prompt:Only one."]


def test_the_preview_counts_rows_and_looks(judged) -> None:
    studio, run, _ = judged
    first, second, said, button = verdict_chooser.previewed(studio, run, *chosen(run))
    assert (first.value, second.value) == (f"run:{run}", "none") and button.interactive
    assert "2 contestants on" in said and "looked at" not in said
    rows = verdict_chooser.held_out(studio, run)
    studio.store.reveal(looked_at(rows), "q")
    assert "looked at 1 time before" in verdict_chooser.previewed(studio, run, *chosen(run))[2]
    assert verdict_chooser.previewed(studio, run, *chosen(run, basic=["none"]))[3].interactive is False


def test_judging_is_enqueued_once_and_followed_to_its_end(judged) -> None:
    studio, run, _ = judged
    asked = verdict_chooser.ask(studio, run, *chosen(run, margin="3", prompts=f"{EVIL}\nSort it."))
    request = studio.store.request(asked[1])
    assert (
        request.kind == "contest" and request.payload["margin"] == 3.0 and request.payload["primary"] == [f"run:{run}", f"prompts:{EVIL}\nSort it."]
    )
    with pytest.raises(SpecError, match="at work already"):
        verdict_chooser.ask(studio, run, *chosen(run))
    told = {"judging": {"contestant": f"prompt:{EVIL}", "done": 5, "rows": 10}}
    studio.store.update_request(request.id, state="running", result=told)
    said = verdict_chooser.status(studio, run)
    clean(said)
    assert "5 of 10" in said and verdict_chooser.attach(studio, run)[0] == request.id
    studio.store.update_request(request.id, state="failed", error={"message": EVIL, "hint": EVIL})
    status, kept, _, mark = verdict_chooser.tick(studio, run, request.id)
    clean(status)
    assert "Problem" in status and kept == "" and request.id in mark


@pytest.mark.parametrize("margin", ["x", "0", "-3", "101", "nan"])
def test_a_margin_that_is_none_is_a_sentence(judged, margin) -> None:
    studio, run, _ = judged
    with pytest.raises(SpecError, match="smallest difference that matters"):
        verdict_chooser.ask(studio, run, *chosen(run, margin=margin))


@pytest.mark.parametrize(("changes", "said"), [({"shots": 0}, "examples is 0"), ({"budget": 3}, "search budget is 3"), ({"shots": None}, "examples")])
def test_numbers_out_of_range_are_a_sentence(judged, changes, said) -> None:
    studio, run, _ = judged
    with pytest.raises(SpecError, match=said):
        verdict_chooser.ask(studio, run, *chosen(run, **changes))


def test_too_many_prompts_are_a_sentence(judged) -> None:
    studio, run, _ = judged
    with pytest.raises(SpecError, match="41 prompts were pasted, expected 40 at most"):
        verdict_chooser.ask(studio, run, *chosen(run, prompts="\n".join(f"prompt {i}" for i in range(41))))
