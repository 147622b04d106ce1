"""Several tasks at once on the page: who is offered, what is asked, answers and times, all text escaped."""

from dataclasses import replace

import pytest

from steering import artifact
from steering.errors import DataError, NotFoundError, SpecError
from steering.ui import verdict_tasks

EVIL = "<img src=x onerror=alert(1)>${alert(2)}`</script><|im_end|>"


@pytest.fixture
def several(written):
    """A run, and two saved prompts of its model for different tasks."""
    run = written.run("done", judged=True)
    studio = written.studio
    for name, template in (("sort", "{text}\nLabel:"), ("write", "{message}\n")):
        path = written.save(name)
        made = artifact.read(path)
        card = replace(made.card, model=studio.store.run(run).spec.model, task=replace(made.card.task, template=template))
        artifact.write(path.parent, artifact.Artifact(card, made.tensors))
    return studio, run


def test_prompts_of_the_model_are_offered_one_of_each_task_chosen(several) -> None:
    studio, run = several
    panel, who, said = verdict_tasks.reset(studio, run)
    assert panel.visible and {"sort", "write"} <= set(who.value) and said == ""


def test_without_saved_prompts_there_is_nothing(written) -> None:
    run = written.run("done", judged=True)
    written.studio.folders[:] = written.studio.folders[:1]
    assert not verdict_tasks.reset(written.studio, run)[0].visible


def test_each_is_asked_with_its_own_template(several) -> None:
    studio, run = several
    said, timer = verdict_tasks.ask(studio, run, "hello", ["sort", "write"])
    (request,) = studio.store.pending("together")
    assert [one["values"] for one in request.payload["asks"]] == [{"text": "hello"}, {"message": "hello"}] and timer.active and "Asking" in said
    with pytest.raises(SpecError, match="are being asked already"):
        verdict_tasks.ask(studio, run, "hello", ["sort"])


@pytest.mark.parametrize(
    ("typed", "who", "error", "words"),
    [
        ("hello", [], SpecError, "0 prompts were chosen, expected 1 to 12"),
        ("hello", None, SpecError, "0 prompts"),
        ("hello", [f"x{i}" for i in range(13)], SpecError, "13 prompts"),
        ("hello", [EVIL], NotFoundError, "there is no saved prompt"),
        (" ", ["sort"], DataError, "no text to answer"),
        (None, ["sort"], DataError, "no text to answer"),
    ],
)
def test_what_does_not_fit_is_a_sentence(several, typed, who, error, words) -> None:
    studio, run = several
    with pytest.raises(error, match=words):
        verdict_tasks.ask(studio, run, typed, who)


def test_answers_come_first_and_times_after_them(several) -> None:
    studio, run = several
    verdict_tasks.ask(studio, run, "hello", ["sort", "write"])
    (request,) = studio.store.pending("together")
    cost = {"task": "classification", "prompt_tokens": 3, "tokens": 1}
    outs = [cost | {"name": f"saved:{EVIL}", "text": EVIL, "labels": {EVIL: 0.9, "no": 0.1}}, cost | {"name": "saved:write", "text": "x"}]
    studio.store.update_request(request.id, state="running", result={"outputs": outs})
    page, timer = verdict_tasks.tick(studio, run)
    assert "<img" not in page and "${" not in page and "90 %" in page and "Measuring what this takes" in page and timer.active
    lora = {"seconds": 0.3, "attach_seconds": 0.001, "adapters": 2, "fresh": 2, "rank": 8}
    result = {"outputs": outs, "together_seconds": 0.1, "apart_seconds": 0.15, "lora": lora, "sentence": f"said {EVIL}"}
    studio.store.update_request(request.id, state="done", result=result)
    page, timer = verdict_tasks.tick(studio, run)
    assert "<img" not in page and not timer.active
    assert all(cell in page for cell in ("One batch", ">100.0<", ">150.0<", ">1.50<", "Switching LoRA adapters", ">3.00<"))
    assert "LoRA" not in verdict_tasks.times(result | {"lora": None, "sentence": ""})


def test_a_failed_question_says_why(several) -> None:
    studio, run = several
    verdict_tasks.ask(studio, run, "hello", ["sort"])
    studio.store.update_request(studio.store.pending("together")[0].id, state="failed", error={"message": EVIL, "hint": EVIL})
    page = verdict_tasks.tick(studio, run)[0]
    assert "Problem" in page and "<img" not in page
