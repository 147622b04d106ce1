"""Learning curve and ladder of station 3: the price before, growth while at work, what is kept, and drawing without markup of others."""

import json

import pytest

from steering.errors import SpecError
from steering.ui import verdict_deeper as deeper
from steering.ui.verdict_measured import depth_ladder

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"


def clean(page: str) -> None:
    assert "<img" not in page and "</script" not in page and "${" not in page and "<|" not in page


def curve(done: int = 24):
    shared = {"seeds": 3, "low": 0.4, "high": 0.8, "lowest": 0.5, "highest": 0.7}
    forms = ("tune:prompt_tuning", f"prompt:{EVIL}")
    bands = [{"contestant": name, "share": s, "rows": int(100 * s), "score": 0.6, **shared} for name in forms for s in (0.1, 1.0)]
    flat = [{"name": "none", "kind": "none", "score": 0.5}, {"name": f"prompt:{EVIL}", "kind": "manual", "score": 0.55}]
    return {"metric": "accuracy", "n": 40, "points": [], "bands": bands, "flat": flat, "sentences": {EVIL: EVIL}, "done": done, "of": 24}


def ladder():
    rung = {"accuracy": 0.8, "accuracy_ci": [0.7, 0.9], "file_bytes": 9000, "training_seconds": 20.0, "prompt_tokens": 12}
    rung |= {"first_token_seconds": 0.02, "seed_spread": 0.05, "drift": 0.1}
    rungs = [rung | {"name": "none", "depth": "none", "trainable_parameters": 0}, rung | {"name": EVIL, "depth": EVIL, "trainable_parameters": 6912}]
    advice = {"kind": "steer", "sentence": EVIL, "rung": EVIL, "reasons": [EVIL]}
    return {"rungs": rungs, "left_out": {"manual_bias": EVIL}, "n": 40, "advice": advice, "pareto": {"prompt_tokens": [EVIL]}, "done": 9, "of": 9}


@pytest.mark.parametrize(("kind", "result"), [("curve", curve()), ("ladder", ladder())])
def test_results_are_drawn_without_markup_of_others(kind, result) -> None:
    body, chart = deeper.MEASUREMENTS[kind].draw(result)
    clean(body)
    assert "<table" in body and json.loads(chart)["data"] and "<img" not in chart


def test_the_advice_and_the_front_are_said() -> None:
    body, _ = depth_ladder(ladder())
    assert 'class="big"' in body and "prompt tokens" in body and "80 % (70 to 90)" in body and "5 points" in body


@pytest.mark.parametrize("kind", list(deeper.MEASUREMENTS))
def test_a_measurement_says_its_price_grows_and_is_kept(written, kind) -> None:
    run = written.run("done", judged=True)
    store, result = written.studio.store, {"curve": curve(), "ladder": ladder()}[kind]
    assert len(deeper.reset(written.studio, run)) == deeper.PARTS == len(deeper.nothing())
    before = deeper.now(written.studio, run, kind, 3)
    assert f"{3 * deeper.MEASUREMENTS[kind].trainings} trainings" in before[0].value and before[2] == ""
    asked = deeper.ask(written.studio, run, kind, 1)
    request = store.pending(kind)[0]
    assert asked[0].interactive is False and request.payload["seeds"] == 1 and "Waiting" in asked[1]
    with pytest.raises(SpecError, match="measured already"):
        deeper.ask(written.studio, run, kind, 1)
    store.update_request(request.id, state="running", result=result | {"done": 2})
    grown = deeper.tick(written.studio, run)
    at = 4 * list(deeper.MEASUREMENTS).index(kind)
    assert "2 of" in grown[at + 1] and "<table" in grown[at + 2] and grown[-1].active
    store.keep_finding(kind, request.payload, result)
    store.update_request(request.id, state="done", result=result)
    ended = deeper.now(written.studio, run, kind, 3)
    assert ended[0].interactive and ended[1] == "" and "<table" in ended[2]
    assert deeper.attach(written.studio, run).active is False


@pytest.mark.parametrize("seeds", [0, 2, "3", None])
def test_odd_seeds_are_a_sentence(written, seeds) -> None:
    run = written.run("done", judged=True)
    with pytest.raises(SpecError, match="expected 1, 3 or 5"):
        deeper.ask(written.studio, run, "curve", seeds)


def test_a_failure_is_a_notice(written) -> None:
    run = written.run("done", judged=True)
    deeper.ask(written.studio, run, "ladder", 1)
    request = written.studio.store.pending("ladder")[0]
    written.studio.store.update_request(request.id, state="failed", error={"message": EVIL, "hint": EVIL})
    status = deeper.now(written.studio, run, "ladder", 3)[1]
    clean(status)
    assert "Problem" in status
