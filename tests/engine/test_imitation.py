"""Learning to answer as a long prompt does, without labels."""

import pytest
import tiny
import torch

from steering.engine.worker import Worker
from steering.errors import SpecError
from steering.lm.encode import encode_examples, encode_labels
from steering.lm.scoring import score_labels
from steering.spec import Example, Recipe, TaskSpec
from steering.studio import Studio
from steering.train.imitation import Imitation, divergence, mass_divergence

MODEL = "tiny-llama"
TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})


def _drain(studio, scale=8.0):
    worker = Worker(studio.store, studio.folders, load=lambda name: tiny.build(scale=scale))
    while worker.turn():
        pass


def _start(studio, *, imitate="few-shot:4", inputs=b"", steps=16, method="prompt_tuning", **changes):
    upload = studio.data.upload("films.csv", tiny.rows())
    recipe = Recipe(steps=steps, batch_size=8, evaluate_every=4, learning_rate=0.2, patience=9)
    spec = studio.plan(
        upload.digest, upload.task, name="pupil", method_name=method, model=MODEL, recipe=recipe, imitate=imitate, inputs=inputs, **changes
    )
    return studio.start(spec)


def test_divergences_are_zero_for_equals_and_match_torch():
    generator = torch.Generator().manual_seed(0)
    theirs = torch.log_softmax(torch.randn(5, 9, generator=generator), -1)[:, :3]
    ours = torch.log_softmax(torch.randn(5, 9, generator=generator), -1)[:, :3]
    assert divergence(theirs, theirs).abs().max() < 1e-6 and mass_divergence(theirs, theirs).abs().max() < 1e-6
    expected = torch.nn.functional.kl_div(ours.log_softmax(-1), theirs.log_softmax(-1), reduction="none", log_target=True).sum(-1)
    torch.testing.assert_close(divergence(theirs, ours), expected)
    p, q = theirs.exp().sum(-1), ours.exp().sum(-1)
    two = torch.distributions.kl_divergence(torch.distributions.Bernoulli(probs=p), torch.distributions.Bernoulli(probs=q))
    torch.testing.assert_close(mass_divergence(theirs, ours), two, rtol=1e-4, atol=1e-5)
    assert torch.isfinite(mass_divergence(torch.zeros(1, 2), torch.full((1, 2), -40.0))).all()


def test_a_pupil_that_is_its_teacher_agrees_on_everything():
    lm = tiny.build()
    rows = [Example(row=i, values={"text": f"film {i}"}, target="pos", key=str(i)) for i in range(6)]
    data, labels = encode_examples(lm, TASK, rows, 9), encode_labels(lm, TASK)
    root = lm.text_root("the film is great")
    teacher = torch.cat([scores for _, scores in score_labels(lm, root, data.inputs, labels)])
    objective = Imitation(data=data, labels=labels, teacher=teacher, format_weight=0.2)
    measured = list(objective.measure(lm, root))[-1]
    assert measured.accuracy == 1.0 and measured.nll == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("method", ["prompt_tuning", "prefix_tuning"])
def test_a_run_imitates_a_few_shot_prompt_and_says_what_it_saves(home, method):
    studio = Studio.open(home)
    run = _start(studio, method=method)
    _drain(studio)
    view = studio.run(run)
    assert view.run.state == "done", view.run.error
    assert view.validations[-1]["nll"] <= view.validations[0]["nll"]
    found = view.imitation
    assert found["teacher"] == "few-shot:4" and found["n"] == view.comparison["n"] == 18
    assert found["teacher_tokens"] > found["tokens"]
    low, high = found["agreement_ci"]
    assert low <= found["agreement"] <= high
    assert f"It answers as 4-shot on {round(18 * found['agreement'])} of 18 held-out inputs" in found["sentence"]
    primary = next(pair for pair in view.comparison["pairs"] if pair["primary"])
    assert (primary["a"], primary["b"]) == ("learned", "few-shot:4")


def test_inputs_without_labels_are_enough(home):
    studio = Studio.open(home)
    texts = "text\n" + "".join(f"film number {i} was seen\n" for i in range(40))
    run = _start(studio, inputs=texts.encode(), imitate="prompt:the film is good or bad")
    _drain(studio)
    view = studio.run(run)
    assert view.run.state == "done", view.run.error
    assert view.started["validation_rows"] == 8
    content = studio.store.run(run).spec.inputs
    assert studio.store.content(content)
    studio.store.delete_run(run)
    with pytest.raises(Exception, match="no longer here"):
        studio.store.content(content)


def test_too_few_inputs_are_refused(home):
    studio = Studio.open(home)
    run = _start(studio, inputs=b"text\nfilm one was good\nfilm two was bad\n")
    _drain(studio)
    error = studio.run(run).run.error
    assert error["message"] == "there are 2 inputs to learn from, expected at least 16."
    assert error["hint"] == "Give more texts; they need no labels."


def test_generation_learns_the_teachers_texts(home):
    studio = Studio.open(home)
    rows = "text,answer\n" + "".join(f"film {i} was good,great film {i}\n" for i in range(60))
    upload = studio.data.upload("texts.csv", rows.encode())
    assert upload.task.kind == "generation"
    recipe = Recipe(steps=4, batch_size=4, evaluate_every=2)
    run = studio.start(studio.plan(upload.digest, upload.task, name="writer", model=MODEL, recipe=recipe, imitate="few-shot:2"))
    _drain(studio)
    view = studio.run(run)
    assert view.run.state == "done", view.run.error
    assert 0.0 <= view.imitation["agreement"] <= 1.0 and view.imitation["teacher"] == "few-shot:2"


def test_only_prompts_can_be_imitated(home):
    studio = Studio.open(home)
    with pytest.raises(SpecError, match="'lora' cannot be imitated") as caught:
        _start(studio, imitate="lora")
    assert caught.value.hint == "Use few-shot:K or prompt:TEXT."
    with pytest.raises(SpecError, match="there are inputs without labels, and no prompt to imitate on them"):
        _start(studio, imitate="", inputs=b"text\none\n")
