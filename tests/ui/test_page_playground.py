"""The playground of station 3: who answers, strength and its zones, tinted tokens; handlers over a store written by hand."""

import pytest

from steering import artifact
from steering.errors import NotFoundError, SpecError, SteeringError
from steering.ui import live, verdict_play, verdict_tint
from steering.ui.verdict_play import reset

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"


def clean(page: str) -> None:
    assert "<img" not in page and "</script" not in page and "${" not in page and "<|" not in page


@pytest.fixture
def kept(written):
    """A studio with a run and the prompt that it left."""
    run = written.run("done", judged=True)
    written.save()
    written.studio.store.put_event(run, 4, "artifact", {"name": "mine"})
    return written.studio, run


def given(run: str, **changes):
    values = {"typed": "hello", "who": ["none", f"run:{run}"], "on": True, "strength": 1, "temperature": 0, "top_p": 1, "most": 32, "seed": 0}
    return [*(values | changes).values()]


def test_everybody_who_can_answer_at_once_is_offered(kept) -> None:
    studio, run = kept
    drawn = reset(studio, run)
    assert len(drawn) == verdict_play.PARTS
    assert [value.partition(":")[0] for _, value in drawn[0].choices] == ["none", "prompt", "few-shot", "run"]
    assert drawn[2]["visible"] and drawn[3]["visible"] and not drawn[4]["visible"]


def test_the_question_carries_text_contestants_and_decoding(kept) -> None:
    studio, run = kept
    asked, said, told = verdict_play.ask(studio, run, *given(run, temperature=0.7))
    payload = studio.store.request(asked).payload
    assert told == "" and payload["values"] == {"text": "hello"} and "Asking" in said
    assert payload["decoding"] == {"temperature": 0.7, "top_p": 1.0, "max_new_tokens": 32, "seed": 0}
    assert payload["contestants"] == ["none", f"run:{run}"]


@pytest.mark.parametrize(("on", "strength", "last"), [(True, 0.5, "strength:0.5@mine"), (False, 1, "none"), (False, 0.5, "none")])
def test_strength_and_switch_change_who_answers(kept, on, strength, last) -> None:
    studio, run = kept
    assert verdict_play.contestants(studio, run, ["none", f"run:{run}"], on, strength)[-1] == last


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"typed": " "}, "no text to answer"),
        ({"typed": None}, "no text"),
        ({"who": []}, "nobody was chosen"),
        ({"who": ["lora"]}, "takes too long"),
        ({"who": ["odd:x"]}, "is not known"),
        ({"strength": 9}, "the strength is 9"),
        ({"strength": None}, "the strength is None"),
        ({"most": 0}, "longest answer is 0"),
        ({"temperature": "x"}, "temperature is 'x'"),
        ({"top_p": 0}, "top p is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_does_not_fit_is_a_sentence(kept, changes, said) -> None:
    studio, run = kept
    with pytest.raises(SteeringError, match=said):
        verdict_play.ask(studio, run, *given(run, **changes))


@pytest.mark.parametrize("run", ["", "none such"])
def test_asking_nobody_is_a_sentence(kept, run) -> None:
    with pytest.raises(NotFoundError):
        verdict_play.ask(kept[0], run, *given(run))


def answered(studio, run: str) -> str:
    asked = verdict_play.ask(studio, run, *given(run, typed=EVIL, who=["none", f"prompt:{EVIL}", f"run:{run}"]))[0]
    cost = {"fingerprint": EVIL, "prompt_tokens": 3, "kind": "manual"}
    outs = [cost | {"name": name, "labels": {EVIL: 0.9, "no": 0.1}, "text": EVIL} for name in ("none", f"prompt:{EVIL}", "saved:mine")]
    studio.store.update_request(asked, state="done", result={"outputs": outs})
    return asked


def test_answers_are_shown_as_text(kept) -> None:
    studio, run = kept
    asked = answered(studio, run)
    shown, over = verdict_play.answers(studio, asked)
    clean(shown)
    assert over and "90 %" in shown and "Learned prompt" in shown
    assert live.answers(studio, asked, "")[:2] == [shown, asked]


def test_an_answer_that_arrives_after_the_next_question_is_drawn_over(kept) -> None:
    """The page waits until what it shows is of the question that was put last; what is over, and what is shown, are told apart."""
    studio, run = kept
    first = answered(studio, run)
    second = verdict_play.ask(studio, run, *given(run))[0]
    late = live.answers(studio, first, "")[1]
    assert late == first and live.awaited(second, late, "", "", "")
    before = live.waiting(studio, second, "", "", "", "")[0]
    assert live.waiting(studio, second, late, "", "", "")[0] != before, "the mark changes, so the answers are drawn again"
    studio.store.update_request(second, state="done", result={"outputs": []})
    told = live.answers(studio, second, "")[1]
    assert told == second and not live.awaited(second, told, "", "", "")


def test_a_failed_answer_is_a_notice(kept) -> None:
    studio, run = kept
    asked = verdict_play.ask(studio, run, *given(run))[0]
    studio.store.update_request(asked, state="failed", error={"message": EVIL, "hint": EVIL})
    shown, over = verdict_play.answers(studio, asked)
    clean(shown)
    assert over and "Problem" in shown


def test_zones_are_said_once_they_were_measured(kept) -> None:
    studio, run = kept
    assert verdict_play.zone_line(studio, run, 1) == ""
    waiting = verdict_tint.ask_zones(studio, run)[0]
    digest = artifact.read(artifact.find(studio.folders, "mine")).digest
    studio.store.put_view(digest, "zones", {"normal": [-0.2, 1.1], "caution": [-0.5, 1.3], "factors": []})
    studio.store.update_request(waiting.split()[1], state="done", result={})
    ended = verdict_tint.tick(studio, run, waiting, 1.2)
    assert "caution" in ended[2] and not ended[3]["visible"]
    for strength, zone in ((1, "normal"), (1.2, "caution"), (1.5, "extreme")):
        assert f'class="zone {zone}"' in verdict_play.zone_line(studio, run, strength)
    assert not reset(studio, run)[2]["visible"]


def test_a_strength_is_saved_and_said(kept) -> None:
    studio, run = kept
    waiting = verdict_tint.ask_save(studio, run, 0.5)[0]
    request = studio.store.request(waiting.split()[1])
    assert request.kind == "strength" and request.payload["strength"] == 0.5
    studio.store.update_request(request.id, state="done", result={"artifact": EVIL, "sentence": EVIL})
    note = verdict_tint.tick(studio, run, waiting, 0.5)[4]
    clean(note)
    assert "Saved as" in note


def test_tokens_are_tinted_against_no_prompt_with_their_numbers(kept) -> None:
    studio, run = kept
    waiting = verdict_tint.ask_tint(studio, run, answered(studio, run))[0]
    payload = studio.store.request(waiting.split()[1]).payload
    assert payload["contestants"] == [f"run:{run}", f"prompt:{EVIL}"] and payload["answer"] == EVIL
    columns = [{"name": "none", "log_probs": [-2.0, -1.0]}, {"name": "saved:mine", "log_probs": [-0.5, -3.0]}]
    told = {"tokens": [EVIL, " x"], "columns": [*columns, {"name": f"prompt:{EVIL}", "log_probs": [-1.0, -1.0]}]}
    studio.store.update_request(waiting.split()[1], state="done", result=told)
    page = verdict_tint.tick(studio, run, waiting, 1)[5]
    clean(page)
    assert "+1.50 nats: log p -0.50, without a prompt -2.00" in page and "tint down" in page and "-0.50 nats in all" in page


def test_looking_into_nothing_is_a_sentence(kept) -> None:
    studio, run = kept
    with pytest.raises(NotFoundError, match="no answer yet"):
        verdict_tint.ask_tint(studio, run, "")
    with pytest.raises(SpecError, match="not finished"):
        verdict_tint.ask_tint(studio, run, verdict_play.ask(studio, run, *given(run))[0])
    assert "no longer kept" in verdict_tint.tick(studio, run, "tint gone", 1)[4]
