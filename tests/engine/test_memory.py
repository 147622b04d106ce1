"""No row is scored twice for the same fingerprint: not in one comparison, not in the next, not as a member of something else."""

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

from steering.engine.contestants import Context, build
from steering.engine.judging import answers, judge
from steering.evaluate.results import Comparison
from steering.spec import Example, TaskSpec
from steering.store import Kept, Store

TASK = TaskSpec(kind="classification", template="{text} label", prompt="the film", label_words={"pos": "good", "neg": "bad"})


@pytest.fixture
def lm():
    torch.set_num_threads(1)
    return tiny.build(scale=8.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def rows(start, count):
    return [Example(row=i, values={"text": f"film {i}"}, target=("pos", "neg")[i % 2], key=f"{i:04}") for i in range(start, start + count)]


def counted(lm, monkeypatch):
    """Inputs that reach the model, by forward."""
    seen = []
    plain = lm.logits

    def logits(trees):
        seen.extend(branch.ids for tree in trees for branch in tree.branches)
        return plain(trees)

    monkeypatch.setattr(lm, "logits", logits)
    return seen


def compare(lm, store, specs, over, task=TASK):
    place = Context(task, rows(500, 12), [], store=store)
    *_, result = judge(lm, task, [build(lm, spec, place) for spec in specs], over, memory=store)
    assert isinstance(result, Comparison)
    return result


def test_a_row_is_scored_once_for_a_fingerprint(lm, store, monkeypatch):
    seen = counted(lm, monkeypatch)
    first = compare(lm, store, ["none", "prompt:Say it."], rows(0, 20))
    assert len(seen) == 40
    again = compare(lm, store, ["none", "prompt:Say it."], rows(0, 20))
    assert len(seen) == 40 and again == first, "times included: they are those of the scoring"
    compare(lm, store, ["none", "prompt:Say it.", "prompt:Say so."], rows(0, 25))
    assert len(seen) == 40 + 5 + 5 + 25, "only what is new: five rows of two, all rows of one"


def test_another_model_with_the_same_embeddings_is_asked_itself(lm, store, monkeypatch):
    compare(lm, store, ["none", "prompt:Say it."], rows(0, 8))
    lm.id = "made from the other one"
    seen = counted(lm, monkeypatch)
    compare(lm, store, ["none", "prompt:Say it."], rows(0, 8))
    assert len(seen) == 16


def test_equal_rows_and_shared_members_are_scored_once(lm, store, monkeypatch):
    place = Context(TASK, rows(500, 12), [], store=store)
    entered = [build(lm, spec, place) for spec in ("prompt:the film", "manual+bias")]
    seen = counted(lm, monkeypatch)
    over = [*rows(0, 10), *[replace(row, row=row.row + 100) for row in rows(0, 10)]]
    *_, result = judge(lm, TASK, entered, over, memory=store)
    assert len(seen) == 10, "the biases stand on the manual prompt's own scores"
    assert [row.scores for row in result.rows[:10]] == [row.scores for row in result.rows[10:]]


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "another"},
        {"template": "{text} so"},
        {"label_words": {"pos": "great", "neg": "awful"}},
        {"label_words": {"neg": "bad", "pos": "good"}},
    ],
)
def test_whatever_an_answer_depends_on_is_part_of_what_it_is_kept_under(lm, store, monkeypatch, change):
    task = replace(TASK, **change)
    wanted = compare(lm, Store(store.home / "empty"), ["prompt:" + task.prompt], rows(0, 6), task)
    compare(lm, store, ["prompt:the film"], rows(0, 6))
    found = compare(lm, store, ["prompt:" + task.prompt], rows(0, 6), task)
    assert [c.label_probs for c in found.contestants] == [c.label_probs for c in wanted.contestants]


def test_texts_are_remembered_under_their_decoding(lm, store, monkeypatch):
    import steering.engine.judging as judging

    task = replace(TASK, kind="generation", label_words={}, max_new_tokens=3)
    first = compare(lm, store, ["none"], rows(0, 5), task)
    asked = []
    plain = judging.generate
    monkeypatch.setattr(judging, "generate", lambda lm, requests, *how: asked.append(len(requests)) or plain(lm, requests, *how))
    assert compare(lm, store, ["none"], rows(0, 5), task).contestants == first.contestants and asked == []
    compare(lm, store, ["none"], rows(0, 5), replace(task, max_new_tokens=4))
    assert asked == [5]


def test_texts_that_were_finished_are_kept_when_the_judging_is_cut_off(store, tmp_path, monkeypatch):
    import steering.engine.judging as judging

    lm = tiny.build(scale=3.0)
    lm.model.generation_config.eos_token_id = list(range(0, lm.shape.V, 6))
    monkeypatch.setattr(judging, "ROWS_AT_ONCE", 3)
    task, over = replace(TASK, kind="generation", label_words={}, max_new_tokens=12), rows(0, 12)
    one = build(lm, "none", Context(task, (), []))
    working = answers(lm, task, [one], over, store)
    done = next(item.done for item in working if item.done)
    working.close()
    assert 0 < done < 12
    asked, plain = [], judging.generate
    monkeypatch.setattr(judging, "generate", lambda lm, requests, *how: asked.append(len(requests)) or plain(lm, requests, *how))
    whole = compare(lm, store, ["none"], over, task).contestants[0]
    assert asked == [12 - done], "the others only"
    monkeypatch.setattr(judging, "ROWS_AT_ONCE", 32)
    assert compare(lm, Store(tmp_path / "other"), ["none"], over, task).contestants[0].predictions == whole.predictions


def test_without_a_memory_everything_is_scored_and_what_is_no_number_is_never_kept(lm, store):
    made = build(lm, "none", Context(TASK, (), []))

    def broken(lm, root, inputs, labels):
        yield range(len(inputs)), torch.full((len(inputs), 2), float("nan"))

    *_, last = answers(lm, TASK, [replace(made, scorer=broken)], rows(0, 4), store)
    assert last.done == 4
    store.keep("scope", {"a": Kept([1.0, float("-inf")], 0.1), "b": Kept("text", 0.1)})
    assert store.recall("scope", ["a", "b", "c"]) == {"b": Kept("text", 0.1)}
    assert compare(lm, store, ["none"], rows(0, 4)).contestants[0].nll > 0


def test_the_oldest_answers_go_and_a_dataset_takes_all_of_them_along(store):
    for i in range(10):
        store.keep(f"s{i}", {"a": Kept([0.5], 0.1)})
    store.forget_scores(most=4)
    assert [bool(store.recall(f"s{i}", ["a"])) for i in range(10)] == [False] * 6 + [True] * 4
    store.add_dataset("films", "d1", {"problems": []}, ())
    store.pin("films", "k1")
    store.pin("films", "k2")
    store.pin("films", "k1", pinned=False)
    assert store.pins("films") == ["k2"]
    store.delete_dataset("d1")
    assert store.recall("s9", ["a"]) == {} and store.pins("films") == []


def test_looks_are_counted_by_question(store):
    assert [store.reveal("rows", question) for question in ("a", "b", "a", "c", "b")] == [1, 2, 1, 3, 2]
    assert store.reveals("rows") == 3 and store.reveals("others") == 0 and store.reveal("others", "a") == 1
