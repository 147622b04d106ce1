"""Composing two learned prompts on the page: who is offered, what is asked, and the effect in words and numbers, all text escaped."""

from dataclasses import replace

import pytest

from steering import artifact
from steering.errors import SpecError
from steering.evaluate.composition import BIAS
from steering.ui import verdict_chooser, verdict_compose

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"


@pytest.fixture
def two(written):
    """A run with its own prompt, and another of the same model."""
    run = written.run("done", judged=True)
    studio = written.studio
    for name in ("own", "other"):
        path = written.save(name)
        made = artifact.read(path)
        artifact.write(path.parent, artifact.Artifact(replace(made.card, model=studio.store.run(run).spec.model), made.tensors))
    studio.store.put_event(run, 4, "artifact", {"name": "own"})
    return studio, run


PLAY = ["hello", ["none"], True, 1, 0, 1, 32, 0]


def test_without_a_second_prompt_there_is_nothing_to_compose(written) -> None:
    drawn = verdict_compose.reset(written.studio, written.run("done", judged=True))
    assert len(drawn) == verdict_compose.PARTS and not drawn[0].visible


def test_own_and_another_are_offered_and_asked(two) -> None:
    studio, run = two
    panel, first, second, said = verdict_compose.reset(studio, run)
    assert panel.visible and first.value == "own" and second.value != "own" and said == ""
    drawn = verdict_compose.ask(studio, run, *PLAY, "own", "other", "joined")
    (request,) = studio.store.pending("composition")
    assert request.payload | {"run": "", "rows": "", "model": ""} == {
        **{"run": "", "rows": "", "model": "", "first": "own", "second": "other", "how": "joined"}
    }
    assert studio.store.request(drawn[0]).payload["contestants"] == ["none", "saved:own", "saved:other", "joined:own+other"]
    assert "Measuring" in drawn[3] and drawn[4].active
    with pytest.raises(SpecError, match="is being measured already"):
        verdict_compose.ask(studio, run, *PLAY, "own", "other", "joined")


def test_without_a_text_it_is_measured_only(two) -> None:
    studio, run = two
    verdict_compose.ask(studio, run, "", *PLAY[1:], "own", "other", "averaged")
    assert studio.store.pending("composition") and not studio.store.pending("generate")


@pytest.mark.parametrize(("first", "second", "how"), [("own", "own", "joined"), ("own", EVIL, "joined"), ("own", "other", "odd"), (None, None, None)])
def test_what_is_no_pair_is_a_sentence(two, first, second, how) -> None:
    studio, run = two
    with pytest.raises(SpecError, match=r"two different saved prompts|no way to compose"):
        verdict_compose.ask(studio, run, *PLAY, first, second, how)


def test_the_effect_is_shown_with_its_intervals_and_can_then_be_judged(two) -> None:
    studio, run = two
    verdict_compose.ask(studio, run, "", *PLAY[1:], "own", "other", "joined")
    (request,) = studio.store.pending("composition")
    scores = [{"name": f"saved:{EVIL}", "score": 0.7, "low": 0.5, "high": 0.8}, {"name": "joined:own+other", "score": 0.5, "low": 0.3, "high": 0.7}]
    against = [{"name": f"saved:{EVIL}", "difference": -0.2, "low": -0.4, "high": 0.0, "p": 0.04}]
    found = {"rows": 30, "metric": "accuracy", "scores": scores, "against": against, "sentence": f"Worse {EVIL}", "note": BIAS}
    studio.store.keep_finding("composition", request.payload, found)
    studio.store.update_request(request.id, state="done", result=found)
    page, timer = verdict_compose.tick(studio, run)
    assert "<img" not in page and "${" not in page and not timer.active
    assert "50.0 % (30.0 to 70.0)" in page and "-20.0 (-40.0 to +0.0)" in page and "0.040" in page and "Held-out rows were not looked at" in page
    offered = verdict_chooser.reset(studio, run)[2].choices
    assert ("own, then other", "joined:own+other") in offered


def test_a_failed_measurement_says_why(two) -> None:
    studio, run = two
    verdict_compose.ask(studio, run, "", *PLAY[1:], "own", "other", "joined")
    (request,) = studio.store.pending("composition")
    studio.store.update_request(request.id, state="failed", error={"message": EVIL, "hint": EVIL})
    page = verdict_compose.tick(studio, run)[0]
    assert "Problem" in page and "<img" not in page
