"""Noisy-channel scores equal a plain loop of concatenated texts, in training, judging and few-shot prompts."""

from dataclasses import replace

import pytest
import tiny
import torch

from steering.engine.judging import judge
from steering.engine.memory import scope_of
from steering.errors import SpecError, TemplateError
from steering.evaluate.results import Comparison
from steering.lm import channel
from steering.lm.encode import encode_examples, encode_labels, encode_text, prompt_text, scoring
from steering.lm.scoring import Labels, score_labels
from steering.methods import METHODS, Setting, options
from steering.methods.few_shot import demonstrations
from steering.spec import Example, Recipe, TaskSpec, check_task
from steering.train.objective import Explained, Measured, objective
from steering.train.trainer import Material, Member, Trainer

TASK = TaskSpec(
    kind="classification",
    template="message: {text}\nlabel:",
    prompt="the film",
    label_words={"pos": "good", "neg": "really bad"},
    scoring="channel",
)
TEXTS = ("the film was great", "my card is not a parcel", "a", "delivery was awful and the queue is long " * 6)


def rows(texts=TEXTS):
    return [Example(row=i, values={"text": text}, target=("pos", "neg")[i % 2], key=str(i)) for i, text in enumerate(texts)]


def by_hand(lm, before, text) -> torch.Tensor:
    """log p(text | before), token by token, by the model itself without any packing: two texts joined and run one by one."""
    ids = torch.tensor([[*before, *text]])
    with torch.no_grad():
        logits = lm.model(input_ids=ids).logits[0].float().log_softmax(-1)
    return sum(logits[len(before) + i - 1, token] for i, token in enumerate(text))


def expected(lm, task, text) -> torch.Tensor:
    """[K]: prompt, label line and ``message:`` are read, what follows is graded."""
    graded = lm.encode(f"message: {text}")[len(lm.encode("message:")) :]
    lines = [f"label: {word}\n" for word in task.label_words.values()]
    return torch.stack([by_hand(lm, lm.encode(prompt_text(task.prompt)) + lm.encode(line) + lm.encode("message:"), graded) for line in lines])


@pytest.fixture(scope="module")
def plain():
    """The same weights with the padded layout, for forwards of the model itself."""
    return tiny.build(layout="padded", scale=3.0)


@pytest.mark.parametrize("layout", ["forest", "padded"])
@pytest.mark.parametrize("budget", [10_000, 30])
def test_scores_equal_a_plain_loop_of_joined_texts(plain, layout, budget, monkeypatch):
    lm = tiny.build(layout=layout, scale=3.0)
    monkeypatch.setattr(lm, "tokens_per_slice", budget)
    data, root = encode_examples(lm, TASK, rows(), 20), lm.text_root(prompt_text(TASK.prompt))
    found = torch.cat([part for _, part in score_labels(lm, root, data.inputs, scoring(lm, TASK))])
    torch.testing.assert_close(found, torch.stack([expected(plain, TASK, text) for text in TEXTS]), atol=2e-4, rtol=1e-5)


def test_the_template_is_turned_round_at_its_last_column():
    assert channel.head("message: {text}\nlabel:") == "message: {text}"
    assert channel.label_line("message: {text}\nlabel:", "good") == "label: good\n"
    assert channel.label_line("{text}\n", "good") == "good\n"
    assert channel.opening("message: {text}\nlabel:") == "message:" and channel.opening("{text}\n") == ""
    assert channel.head('{"a": "{title}", "b": "{text}"}\nlabel:') == '{"a": "{title}", "b": "{text}'
    with pytest.raises(TemplateError, match="the template 'label:' has no column, so there is no input to score"):
        channel.head("label:")


def test_what_opens_the_text_is_read_and_not_graded(lm):
    scored = scoring(lm, TASK)
    assert isinstance(scored, channel.Channel)
    ids = encode_text(lm, TASK, {"text": "the film"}, 5)
    read, graded = scored.shown(ids, 1)
    assert lm.decode(read) == "label: really bad\nmessage:" and lm.decode(graded) == " the film"
    assert scored.graded(ids) == 2 * len(graded)
    empty = encode_text(lm, TASK, {"text": ""}, 5)
    assert len(scored.text(empty)) == 1, "an empty row still has a last token to grade"


def test_direct_scoring_is_what_it_was(lm):
    direct = replace(TASK, scoring="direct")
    assert isinstance(scoring(lm, direct), Labels) and scoring(lm, direct) == encode_labels(lm, direct)
    assert lm.decode(encode_text(lm, direct, {"text": "the film"}, 5)).endswith("\nlabel:")
    assert scope_of(lm, direct, "who") != scope_of(lm, TASK, "who"), "answers of one way are no answers of the other"


def test_long_rows_leave_room_for_the_longest_label_line(lm):
    wordy = replace(TASK, label_words={"pos": "good", "neg": "bad " * 40})
    data = encode_examples(lm, wordy, rows(["film " * 900]), 10)
    family = scoring(lm, wordy).family(data.inputs[0])
    assert data.cut == 1 and max(len(branch.ids) for branch in family.branches) <= lm.shape.context - 10


def test_few_shot_prompts_show_rows_in_the_order_they_are_scored():
    shown = demonstrations(TASK, rows(TEXTS[:2]))
    assert shown == ("the film\n\nlabel: good\nmessage: the film was great\n\nlabel: really bad\nmessage: my card is not a parcel\n\n")


# -- training and judging ---------------------------------------------------------------------------------------------------------------------------
def test_the_loss_is_that_of_a_plain_loop_and_its_gradient_reaches_the_prompt(plain):
    lm = tiny.build(scale=3.0)
    data = encode_examples(lm, TASK, rows(), 20)
    asked = objective(lm, TASK, data, 0.2)
    assert isinstance(asked, Explained)
    member = Member(
        lm, METHODS["prompt_tuning"].build(lm, Setting(TASK, rows()), options("prompt_tuning", {})), Material(asked, asked), Recipe(), rate=0.1
    )
    trees = [member.steering.root()]
    from steering.lm.forest import Tree

    logits = lm.logits([Tree(trees[0], tuple(b for row in range(len(TEXTS)) for b in asked.family(row).branches))])
    loss = asked.loss(logits, range(len(TEXTS)))
    for i, text in enumerate(TEXTS):
        scores = expected(plain, TASK, text)
        tokens = len(scoring(lm, TASK).text(data.inputs[i]))
        wanted = -scores.log_softmax(-1)[i % 2] - 0.2 * scores[i % 2] / tokens
        torch.testing.assert_close(loss[i].detach(), wanted, atol=2e-4, rtol=1e-4)
    loss.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in member.parameters.values())


def test_training_by_channel_learns_and_reports_no_mass():
    lm = tiny.build(scale=8.0)
    texts = [f"film {i} {('great', 'awful')[i % 2]}" for i in range(24)]
    task = replace(TASK, label_words={"pos": "good", "neg": "bad"})
    sides = (objective(lm, task, encode_examples(lm, task, rows(part), 9), 0.2) for part in (texts, texts[:8]))
    recipe = Recipe(steps=20, batch_size=4, evaluate_every=5, learning_rate=0.2)
    steering = METHODS["prompt_tuning"].build(lm, Setting(task, rows(texts)), options("prompt_tuning", {}))
    trainer = Trainer(lm, [Member(lm, steering, Material(*sides), recipe, rate=0.1)], recipe)
    list(trainer.events())
    looks = trainer.looks[0]
    assert trainer.best_nll < looks[0].nll - 0.05
    assert all(look.mass is None for look in looks), "likelihoods of an input are no shares of one distribution"


def test_judging_by_channel_takes_the_likeliest_cause(plain):
    from steering.engine.contestants import Context, build

    lm = tiny.build(scale=3.0)
    over = rows()
    context = Context(TASK, rows([f"film {i}" for i in range(8)]), [])
    entered = [build(lm, spec, context) for spec in ("prompt:the film", "few-shot:2", "few-shot:1@nearest", "manual+bias")]
    *_, result = judge(lm, TASK, entered, over)
    assert isinstance(result, Comparison)
    manual = next(one for one in result.contestants if one.name == "manual")
    names = list(TASK.label_words)
    assert [int(expected(plain, TASK, text).argmax()) for text in TEXTS] == [
        names.index(str(p)) if p in names else int(p) for p in manual.predictions
    ]


def test_measured_shares_are_the_posterior(plain):
    lm = tiny.build(scale=3.0)
    asked = objective(lm, TASK, encode_examples(lm, TASK, rows(), 20), 0.2)
    found = list(asked.measure(lm, lm.text_root(prompt_text(TASK.prompt))))[-1]
    assert isinstance(found, Measured)
    wanted = -sum(float(expected(plain, TASK, text).log_softmax(-1)[i % 2]) for i, text in enumerate(TEXTS)) / len(TEXTS)
    assert found.nll == pytest.approx(wanted, abs=2e-4)


def test_texts_cannot_be_scored_by_channel():
    with pytest.raises(SpecError, match="scoring is 'channel', but there are no label words: this task writes texts") as caught:
        check_task(TaskSpec(kind="generation", scoring="channel"))
    assert caught.value.hint == "Leave scoring at 'direct'."
    with pytest.raises(SpecError, match="scoring is 'sideways', expected one of direct, channel"):
        check_task(TaskSpec(kind="classification", scoring="sideways"))


def test_views_of_the_answers_first_token_say_that_there_is_none(lm):
    from steering.inspect.bench import Bench
    from steering.inspect.contract import unlabelled

    why = "looks at where the answer begins; this task scores the input behind each label instead."
    assert unlabelled("behaviour", TASK) == unlabelled("label_effect", TASK) == f"it {why}"
    assert unlabelled("behaviour", replace(TASK, scoring="direct")) == unlabelled("gain", TASK) == ""
    bench = Bench(lm, TASK, rows(), 20)
    with pytest.raises(SpecError, match=f"this view {why}"):
        _ = bench.labels
    *_, _ = bench.score(lm.text_root("the film"), "scoring")


def test_a_text_that_is_searched_for_follows_the_channels_gradient():
    from steering.inspect.bench import Bench
    from steering.inspect.hard import Search, gradient
    from steering.inspect.vocabulary import vocabulary

    lm = tiny.build(scale=3.0)
    bench = Bench(lm, TASK, rows(), 20)
    search, ids = Search(lm, ended(vocabulary(lm)), bench, bench), list(lm.encode("the film"))
    found = ended(gradient(search, ids, [0, 1, 2, 3]))
    assert found.shape == (len(ids), lm.shape.H) and found.abs().sum() > 0


def ended(work):
    """What a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
