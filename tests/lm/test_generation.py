"""A queue of requests through one batch: every answer is what it would be alone, finished rows cost nothing, and nobody waits for the slowest."""

from itertools import pairwise

import pytest
import tiny
import torch

import steering.lm.generate as generating
from steering.lm.forest import Branch, Tree
from steering.lm.generate import Decoding, generate
from steering.lm.root import Root

LONG = 24


@pytest.fixture(scope="module", params=[*tiny.ARCHITECTURES, "padded"])
def model(request):
    """Every fifth token ends an answer, so that answers are of all lengths."""
    name, layout = ("llama", "padded") if request.param == "padded" else (request.param, "forest")
    return ending(tiny.build(name, layout=layout, scale=3.0))


def ending(lm, every=5):
    lm.model.generation_config.eos_token_id = list(range(0, lm.shape.V, every))
    return lm


def asked(lm, count=14):
    """Requests under three roots, of lengths 1 to 7."""
    roots = [Root(embeds=lm.embed(range(40, 47))), Root(embeds=torch.zeros(0, lm.shape.H)), lm.text_root("the film")]
    return [(roots[i % 3], tuple((i * 37 + k * 11) % lm.shape.V for k in range(1 + i % 7))) for i in range(count)]


def alone(lm, row, request, decoding):
    """The simple way: one request, the whole sequence again for every token."""
    root, ids = request
    pick, made, total, seen = generating._Picker(decoding), [], 0.0, list(ids)
    while len(made) < decoding.max_new_tokens:
        with torch.no_grad():
            logits = lm.logits([Tree(root, (Branch(tuple(seen), 1),))])
        (token,), (log_prob,) = pick(logits, [row])
        if token in lm.end_ids:
            break
        made.append(token)
        seen.append(token)
        total += log_prob
    return made, total / max(1, len(made))


GREEDY = Decoding(max_new_tokens=LONG, stop_newline=False)
DRAWN = Decoding(max_new_tokens=LONG, temperature=1.3, top_p=0.95, seed=3)


@pytest.mark.parametrize("how", [GREEDY, DRAWN])
@pytest.mark.parametrize("at_once", [1, 4, None])
def test_answers_are_those_of_the_simple_way(model, how, at_once):
    requests = asked(model)
    *_, found = generate(model, requests, how, at_once)
    lengths = set()
    for row, (request, answer) in enumerate(zip(requests, found, strict=True)):
        ids, mean = alone(model, row, request, how)
        text = model.decode(ids).rstrip("\ufffd")
        if how.stop_newline and "\n" in text.lstrip():
            assert answer.text == text.lstrip().split("\n", 1)[0].strip()
            continue
        assert (answer.text, answer.tokens, answer.done) == (text.strip(), len(ids), True)
        assert answer.log_prob == pytest.approx(mean, abs=1e-4)
        lengths.add(len(ids))
    assert len(lengths) > 3, "answers of different lengths, or this shows nothing"


def test_rows_that_have_finished_are_not_computed_any_more(monkeypatch):
    lm = ending(tiny.build(scale=3.0), every=9)
    requests = asked(lm, 40)
    how = Decoding(max_new_tokens=LONG, stop_newline=False)

    def work(at_once, leaving):
        steps = []
        forward = lm.forward
        monkeypatch.setattr(lm, "forward", lambda rows, *rest: (steps.append(len(rows)), forward(rows, *rest))[1])
        monkeypatch.setattr(generating, "LEAVING", leaving)
        *_, found = generate(lm, requests, how, at_once)
        monkeypatch.undo()
        return [answer.text for answer in found], [answer.tokens for answer in found], steps

    simple, lengths, before = work(None, 1.0)
    queued, _, after = work(40, 0.25)
    assert queued == simple
    assert sum(after) < 0.7 * sum(before), (sum(after), sum(before), sorted(lengths))
    assert len(after) == len(before), "no forward more"


def test_a_full_context_ends_its_own_row_only():
    lm = tiny.build(scale=3.0)
    lm.model.generation_config.eos_token_id = None
    long, short = tuple(range(9, 9 + lm.shape.context - 6)), (5, 6)
    lm.tokenizer.eos_token_id, kept = None, lm.tokenizer.eos_token_id
    try:
        requests = [(lm.text_root(""), ids) for ids in (tuple(i % lm.shape.V for i in long), short)]
        *_, found = generate(lm, requests, Decoding(max_new_tokens=20, stop_newline=False))
    finally:
        lm.tokenizer.eos_token_id = kept
    assert found[0].tokens < 8 and found[1].tokens == 20 and all(answer.done for answer in found)


def test_answers_grow_and_a_caller_may_stop_asking(lm):
    requests = asked(lm, 6)
    how = Decoding(max_new_tokens=6, stop_newline=False)
    seen = list(generate(lm, requests, how, 2))
    assert all(len(step) == 6 for step in seen) and all(answer.done for answer in seen[-1])
    for before, after in pairwise(seen):
        assert all(b.tokens >= a.tokens and (not a.done or a == b) for a, b in zip(before, after, strict=True))
    stopped = generate(lm, requests, how, 2)
    next(stopped)
    stopped.close()
    assert [a.text for a in list(generate(lm, requests, how))[-1]] == [a.text for a in seen[-1]], "and the model is as it was"


def test_nothing_asked_is_nothing_answered(lm):
    assert list(generate(lm, [], Decoding())) == [[]]
