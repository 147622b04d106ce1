"""Known truths of the search for text: what it says is what the text scores, gradients are right, and it never does worse where it chooses."""

from dataclasses import replace

import measured
import pytest
import torch

from steering.errors import ArtifactError, DataError
from steering.inspect import final, look, result_from_json, result_to_json
from steering.inspect.bench import Bench
from steering.inspect.distil import CHOOSE, FIT, found_text
from steering.inspect.hard import Search, beginning, gradient, projected_steps, swaps
from steering.inspect.vocabulary import vocabulary
from steering.lm.encode import SEPARATOR, prompt_text
from steering.lm.forest import Tree
from steering.lm.root import Root
from steering.slices import finished
from steering.spec import TaskSpec


@pytest.fixture
def search(loud):
    rows = measured.answered(loud, loud.text_root(prompt_text("good film queue")), measured.examples(24))
    benches = [Bench(loud, measured.TASK, part, 20) for part in (rows[:12], rows[12:])]
    return Search(loud, finished(vocabulary(loud)), *benches)


def test_gradient_is_that_of_the_loss(loud, search):
    ids = list(loud.encode("my card"))
    slope = finished(gradient(search, ids, [0, 1, 2]))
    body = loud.embed(ids).requires_grad_(True)
    tail = loud.embed(loud.encode(SEPARATOR))
    loss = torch.zeros(())
    for i in range(3):
        logits = loud.logits([Tree(Root(embeds=torch.cat([body, tail])), (search.train.labels.branch(search.train.inputs[i]),))])
        loss = loss - torch.log_softmax(search.train.labels.log_probs(logits), -1)[0, int(search.train.truth[i])] / 3
    loss.backward()
    torch.testing.assert_close(slope, body.grad, atol=1e-5, rtol=1e-4)
    assert all(parameter.grad is None for parameter in loud.model.parameters())


def test_a_search_only_ever_gets_better_where_it_chooses(loud, search):
    finished(search.note("my card"))
    before = search.tried["my card"]
    finished(projected_steps(search, loud.embed(loud.encode("my card"))))
    finished(swaps(search))
    assert search.tried[search.best] <= before and len(search.tried) > 1
    scored = finished(search.choose.score(search.root(search.best), "m"))
    assert float(scored.loss.mean()) == pytest.approx(search.tried[search.best])


def test_the_score_is_that_of_the_text_as_a_manual_prompt(loud):
    ids = loud.encode("good film queue")
    subject = measured.soft(loud, loud.embed(ids), ids, count=24)
    result = final(look("distil", loud, subject))
    rows = {row["name"]: row for row in result.parts[-1].rows}
    text = rows["the text found"]["prompt"]
    assert result.parts[0].paragraphs == (text,) and text
    kept = found_text(result_from_json(result_to_json(result)))
    assert kept is not None and kept.text == text
    assert kept.rows == {row.key for row in (*subject.train[:FIT], *subject.validation[:CHOOSE])}, "the rows that it was made from"
    bench = Bench(loud, measured.TASK, subject.rows, 40)
    scored = finished(bench.score(loud.text_root(prompt_text(text)), "m"))
    assert rows["the text found"]["loss"] == pytest.approx(float(scored.loss.mean()), abs=1e-4)
    assert rows["the text found"]["accuracy"] == pytest.approx(float(scored.correct.mean()), abs=1e-4)
    assert "how it reads tells nothing about why it works" in result.note


def test_generation_is_searched_by_the_loss_of_its_targets(loud):
    task = TaskSpec(kind="generation", template="{text}", prompt="the film")
    ids = loud.encode("the film" + SEPARATOR)
    rows = measured.examples(8, target="good")
    subject = measured.Subject(name="t", vectors={"soft_prompt": loud.embed(ids)}, start_ids=ids, task=task, rows=rows, train=rows)
    result = final(look("distil", loud, subject))
    assert [part.title for part in result.parts] == ["The text", "Loss", "In numbers"]


def test_the_separator_is_no_part_of_the_text(loud):
    ids = loud.encode("the film" + SEPARATOR)
    subject = measured.soft(loud, loud.embed(ids), ids, count=2)
    vectors, start = beginning(loud, subject)
    assert loud.decode(start) == "the film" and vectors.shape[0] == len(start)


def test_what_cannot_be_searched(loud):
    ids = loud.encode("the film")
    with torch.no_grad():
        kv = loud.to_kv(loud.text_root("the film")).kv
    vectors = {"prefix_keys": torch.stack([k for k, _ in kv]), "prefix_values": torch.stack([v for _, v in kv])}
    subject = measured.soft(loud, loud.embed(ids), ids, count=2)
    with pytest.raises(ArtifactError, match="is a prefix whose start is not recorded: there is no text to begin from"):
        beginning(loud, replace(subject, vectors=vectors, start_ids=()))
    with pytest.raises(DataError, match="searched for on training rows, and there are none"):
        final(look("distil", loud, replace(subject, train=(), validation=subject.rows)))
