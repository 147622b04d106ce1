"""Known truths of gain and behaviour: a shift of the label prior is found to be one, and what changed is listed as it is."""

from dataclasses import replace

import measured
import numpy as np
import pytest
import torch

from steering.errors import SpecError
from steering.inspect import Preview, Progress, Subject, final, look
from steering.inspect.bench import Bench
from steering.inspect.subjects import of_text
from steering.lm.encode import prompt_text
from steering.spec import TaskSpec


def prior_only(lm, text, bias):
    """Rows whose truth is what the manual prompt answers once a bias is added: no prompt can gain more than the bias does."""
    root, out = lm.text_root(prompt_text(measured.TASK.prompt)), []
    for start in (0, 1000, 2000):
        rows = measured.examples(60, start)
        bench = Bench(lm, measured.TASK, rows, root.length)
        *_, scored = collect(bench.score(root, "m"))
        found = (scored.log_probs + np.array([bias, -bias])).argmax(1)
        out.append(tuple(replace(row, target=("pos", "neg")[k]) for row, k in zip(rows, found, strict=True)))
    return out


def collect(work):
    """What a generator yields, and last what it returns."""
    while True:
        try:
            yield next(work)
        except StopIteration as end:
            yield end.value
            return


def test_a_shift_of_the_prior_alone_has_all_of_its_gain_from_label_balance(loud, monkeypatch):
    """The learned prompt is planted as one that answers what the biased manual prompt answers."""
    rows, train, validation = prior_only(loud, measured.TEXT, 1.5)
    ids = loud.encode(measured.TEXT)
    subject = Subject(
        name="tried", vectors={"soft_prompt": loud.embed(ids)}, task=measured.TASK, rows=rows, train=train, validation=validation, start_ids=ids
    )
    learned, manual = loud.embed(ids), loud.text_root(prompt_text(measured.TASK.prompt)).embeds
    real = Bench.score

    def planted(self, root, message):
        if root.embeds is not None and torch.equal(root.embeds, learned):
            scored = yield from real(self, type(root)(embeds=manual), message)
            from steering.inspect.bench import scored as judged

            return judged(scored.log_probs + np.array([1.5, -1.5]), self.truth)
        return (yield from real(self, root, message))

    monkeypatch.setattr(Bench, "score", planted)
    result = final(look("gain", loud, subject))
    summary = result.parts[-1].rows[-1]
    assert summary["gain"] > 0.1 and summary["share_prior"] == pytest.approx(1.0, abs=0.25)
    assert "label balance" in result.note and result.note.startswith(("All", "About"))
    assert [bar.label for bar in result.parts[0].bars] == ["your prompt", "your prompt with fitted label biases", "learned prompt"]


def test_no_gain_has_no_share(loud):
    subject = of_text(loud, measured.TASK.prompt, task=measured.TASK, rows=measured.examples(30), train=measured.examples(30, 1000))
    result = final(look("gain", loud, subject))
    summary = result.parts[-1].rows[-1]
    assert summary["gain"] == 0 and summary["share_prior"] is None and summary["share_prior_nats"] is None
    assert "as it may be none, no share of it is given" in result.note


def test_gain_needs_training_rows_and_labels(loud):
    subject = of_text(loud, "the film", task=measured.TASK, rows=measured.examples(4))
    with pytest.raises(SpecError, match="fits label biases on training rows, and there are none"):
        final(look("gain", loud, subject))
    task = TaskSpec(kind="generation", prompt="the film")
    for name in ("gain", "manual_neighbours"):
        with pytest.raises(SpecError, match=f"view '{name}' compares answers between labels; this task is generation"):
            final(look(name, loud, replace(subject, task=task)))


def test_the_manual_prompt_changes_nothing_against_itself(loud):
    subject = of_text(loud, measured.TASK.prompt, task=measured.TASK, rows=measured.examples(30))
    result = final(look("behaviour", loud, subject))
    assert result.parts[0].bars == () and result.parts[-1].rows == ()
    assert result.note == "No token is surely likelier or less likely than under the reference. It answers all 30 rows as before."


def test_behaviour_lists_what_a_plain_loop_finds(loud):
    from steering.lm.encode import encode_examples
    from steering.lm.forest import Branch, Tree
    from steering.lm.root import Root

    ids = loud.encode(measured.TEXT)
    subject = measured.soft(loud, loud.embed(ids), ids, count=20)
    items = list(look("behaviour", loud, subject))
    result = items[-1]
    assert sum(isinstance(item, Preview) for item in items) == 1 and all(isinstance(i, (Preview, Progress)) for i in items[:-1])
    manual = loud.text_root(prompt_text(measured.TASK.prompt))
    inputs = encode_examples(loud, measured.TASK, subject.rows, manual.length).inputs
    with torch.no_grad():
        after, before = (
            torch.log_softmax(torch.cat([loud.logits([Tree(root, (Branch(one, 1),))]) for one in inputs]), -1)
            for root in (Root(embeds=loud.embed(ids)), manual)
        )
    moved = after - before
    contribution = (after.exp() * moved).mean(0)
    fits = (torch.maximum(before.exp().mean(0), after.exp().mean(0)) >= 1e-3) & (moved.mean(0) > 0)
    best = max(fits.nonzero().flatten().tolist(), key=lambda i: float(contribution[i]))
    top = result.parts[1].rows[0]
    assert top["id"] == best and top["contribution"] == pytest.approx(float(contribution[best]), abs=1e-4)
    assert top["shift"] == pytest.approx(float(moved[:, best].mean()), abs=1e-4)
    assert top["agree"] == pytest.approx(float((moved[:, best] > 0).float().mean()))
    flips = result.parts[-1].rows
    right = {row.values["text"]: row.target for row in subject.rows}
    assert flips and {row["kind"] for row in flips} == {"fixed"}, "the truth is what the learned prompt answers"
    assert all(row["after"] == row["right"] == right[row["text"]] != row["before"] for row in flips)
    assert all(sum(row["distribution_after"].values()) == pytest.approx(1, abs=1e-3) for row in flips)
    assert f"It answers {len(flips)} of 20 rows differently: {len(flips)} fixed, 0 broken." in result.note


def test_behaviour_of_generation_has_tokens_and_no_decisions(loud):
    task = TaskSpec(kind="generation", template="{text}", prompt="the film")
    ids = loud.encode(measured.TEXT)
    result = final(look("behaviour", loud, Subject(name="t", vectors={"soft_prompt": loud.embed(ids)}, task=task, rows=measured.examples(8))))
    assert [part.title for part in result.parts] == ["Change against your prompt, in nats", "Tokens in numbers"]
