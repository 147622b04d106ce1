"""Starts, lengths, depth and reparametrisation: what they begin from, what they say of it, and that step 0 is the manual prompt where it can be."""

from dataclasses import replace

import pytest
import tiny
import torch

from steering.errors import ArtifactError, ModelError, NotFoundError, SpecError
from steering.knobs import describe
from steering.lm.encode import prompt_text
from steering.lm.forest import Branch, Tree
from steering.methods import LEARNED, METHODS, Saved, Setting, options
from steering.methods.depth import chosen_layers
from steering.methods.forms import KEYS, LAYERS, SOFT_PROMPT, VALUES, root_of
from steering.spec import Example, TaskSpec

TASK = TaskSpec(kind="classification", template="{text}\nLabel:", prompt="Is the film good or bad?", label_words={"pos": "good", "neg": "bad"})
ROWS = tuple(Example(row=i, values={"text": f"film {i}"}, target=("pos", "neg")[i % 2], key=f"{i:04}") for i in range(20))
BRANCHES = (Branch((5, 6, 7), 1), Branch((8, 9), 2))
STARTABLE = [name for name, method in LEARNED.items() if any(item.name == "start" for item in describe(method.Options))]
SOFT = ("prompt_tuning", "p_tuning")


@pytest.fixture(scope="module")
def with_bos():
    """A model whose tokenizer puts a token before every text: rows that never move."""
    from tokenizers.processors import TemplateProcessing

    lm = tiny.build("llama", scale=1.5)
    own = tiny.tokenizer.__wrapped__()
    own.backend_tokenizer.post_processor = TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 0)])
    lm.tokenizer = own
    assert lm.header == (0,)
    return lm


def _build(lm, name, task=TASK, saved=None, **values):
    return METHODS[name].build(lm, Setting(task, ROWS, 3, saved), options(name, values))


def _logits(lm, root):
    with torch.no_grad():
        return lm.logits([Tree(root, BRANCHES)])


def _reader(**kept):
    def read(name: str) -> Saved:
        if name not in kept:
            raise NotFoundError(f"there is no saved prompt {name!r}.", "")
        return kept[name]

    return read


@pytest.mark.parametrize("name", STARTABLE)
def test_every_start_on_offer_can_be_trained_from(lm, name):
    saved = _reader(mine=Saved(_build(lm, name).vectors(), 0))
    (knob,) = [item for item in describe(METHODS[name].Options) if item.name == "start"]
    for start in knob.choices:
        extra = {"start_from": "mine"} if start == "saved" else {}
        steering = _build(lm, name, saved=saved, start=start, **extra)
        assert (steering.note == "") == (start == "manual"), start
        assert float(steering.drift().detach()) == 0.0
        assert not steering.start_ids or len(steering.start_ids) == steering.root().length
        _, vectors = steering.root(), steering.vectors()
        assert torch.equal(_logits(lm, root_of(lm, vectors)), _logits(lm, steering.root().detach()))


@pytest.mark.parametrize("name", STARTABLE)
def test_label_words_come_first_and_the_prompts_end_fills_the_rest(lm, name):
    words = lm.encode(" good") + lm.encode(" bad")
    alone = _build(lm, name, start="labels")
    assert alone.start_ids == words
    assert alone.note == "The vectors start from the label words (good, bad), so step 0 is not your prompt."
    filled = _build(lm, name, start="labels", virtual_tokens=7)
    prompt = lm.encode(prompt_text(TASK.prompt))
    assert filled.start_ids == words + prompt[-(7 - len(words)) :]
    assert filled.note == "The vectors start from the label words (good, bad) followed by your prompt's end, so step 0 is not your prompt."
    assert _build(lm, name, start="labels", virtual_tokens=1).start_ids == words[:1]
    with pytest.raises(SpecError, match=r"start is 'labels' but this task has no label words. Start from the manual prompt"):
        _build(lm, name, TaskSpec(kind="generation", prompt="x"), start="labels")


@pytest.mark.parametrize("name", STARTABLE)
def test_sampled_vocabulary_is_seeded_and_has_no_repeats(lm, name):
    one = _build(lm, name, start="vocabulary", virtual_tokens=40)
    assert one.start_ids == _build(lm, name, start="vocabulary", virtual_tokens=40).start_ids
    assert len(set(one.start_ids)) == 40
    assert one.note == "The vectors start from sampled vocabulary entries, so step 0 is not your prompt."
    many = _build(lm, name, start="vocabulary", virtual_tokens=380)
    assert len(many.start_ids) == 380, "more than the tiny vocabulary has"


@pytest.mark.parametrize("name", STARTABLE)
@pytest.mark.parametrize("count", [3, 40])
def test_other_lengths_end_as_the_prompt_ends(lm, name, count):
    prompt = lm.encode(prompt_text(TASK.prompt))
    ids = _build(lm, name, virtual_tokens=count).start_ids
    keep = min(count, len(prompt))
    assert len(ids) == count and ids[-keep:] == prompt[-keep:]


@pytest.mark.parametrize("name", SOFT)
def test_random_draws_have_the_tables_size(lm, name):
    rows = _build(lm, name, start="random", virtual_tokens=200).root().embeds
    assert float(rows.pow(2).mean().sqrt().detach()) == pytest.approx(lm.rms, rel=0.1)


def test_zero_keys_are_not_the_same_as_no_prefix(lm):
    steering = _build(lm, "prefix_tuning", start="zero", virtual_tokens=4)
    assert all(float(t.abs().max()) == 0.0 for t in steering.vectors().values())
    assert "not the same as no prompt either" in steering.note
    bare = lm.text_root("")
    assert not torch.allclose(_logits(lm, steering.root()), _logits(lm, bare))


@pytest.mark.parametrize("name", STARTABLE)
def test_a_saved_prompt_is_carried_over(lm, name):
    first = _build(lm, name)
    with torch.no_grad():
        for parameter in first.parameters().values():
            parameter.add_(0.3)
    kept = Saved(first.vectors(), 0)
    again = _build(lm, name, saved=_reader(mine=kept), start="saved", start_from="mine")
    torch.testing.assert_close(_logits(lm, again.root()), _logits(lm, root_of(lm, kept.vectors)), atol=1e-6, rtol=1e-6)
    assert again.note == "The vectors start from the saved prompt 'mine', so step 0 is that prompt, not yours."
    with pytest.raises(NotFoundError):
        _build(lm, name, saved=_reader(), start="saved", start_from="mine")
    with pytest.raises(SpecError, match="saved prompts cannot be read here, so 'mine' is no start"):
        _build(lm, name, start="saved", start_from="mine")
    with pytest.raises(SpecError, match=r"start is 'saved' but start_from names no saved prompt. Set start_from to a name that `saved` lists"):
        options(name, {"start": "saved"})
    with pytest.raises(SpecError, match=r"start_from is 'mine' but start is 'manual'. Set start to 'saved', or leave start_from empty"):
        options(name, {"start_from": "mine"})


def test_a_saved_soft_prompt_keeps_its_end_at_another_length_and_can_start_a_prefix(lm):
    kept = Saved({SOFT_PROMPT: torch.randn(6, lm.shape.H)}, 0)
    reader = _reader(mine=kept)
    chosen = {"saved": reader, "start": "saved", "start_from": "mine"}
    for count in (4, 9):
        rows = _build(lm, "prompt_tuning", **chosen, virtual_tokens=count).vectors()[SOFT_PROMPT]
        assert rows.shape[0] == count and torch.equal(rows[-min(count, 6) :], kept.vectors[SOFT_PROMPT][-min(count, 6) :])
    cached = _build(lm, "prefix_tuning", **chosen)
    torch.testing.assert_close(_logits(lm, cached.root()), _logits(lm, root_of(lm, kept.vectors)), atol=1e-5, rtol=1e-5)
    prefix = _reader(mine=Saved(cached.vectors(), 0))
    with pytest.raises(ArtifactError, match=r"is a prefix of 6 positions; a soft prompt starts from embeddings"):
        _build(lm, "prompt_tuning", **(chosen | {"saved": prefix}))
    with pytest.raises(ArtifactError, match=r"'mine' is a prefix of 6 positions and 9 virtual tokens were asked for\. Leave virtual_tokens empty"):
        _build(lm, "prefix_tuning", **(chosen | {"saved": prefix}), virtual_tokens=9)
    partial = _reader(mine=Saved(_build(lm, "prefix_tuning", layers="last 1").vectors(), 0))
    with pytest.raises(ArtifactError, match="'mine' is a prefix in some layers only and cannot be a start"):
        _build(lm, "prefix_tuning", **(chosen | {"saved": partial}))


@pytest.mark.parametrize("name", STARTABLE)
def test_the_models_own_header_never_moves(with_bos, name):
    lm = with_bos
    steering = _build(lm, name, start="vocabulary", virtual_tokens=5)
    assert steering.header == 1 and steering.root().length == 6
    before = steering.vectors()
    with torch.no_grad():
        for parameter in steering.parameters().values():
            parameter.add_(0.5)
    for key, tensor in steering.vectors().items():
        assert torch.equal(tensor.narrow(-2, 0, 1), before[key].narrow(-2, 0, 1))
        assert not torch.equal(tensor.narrow(-2, 1, 5), before[key].narrow(-2, 1, 5))


@pytest.mark.parametrize("name", STARTABLE)
def test_a_fixed_beginning_stays_and_step_zero_is_still_the_prompt(with_bos, name):
    lm = with_bos
    task = replace(TASK, prompt="<|end|>system\nIs the film good or bad?")
    kept = lm.header + lm.encode("<|end|>system\n")
    steering = _build(lm, name, task, fixed="<|end|>system\n")
    assert steering.header == len(kept) and steering.start_ids[: len(kept)] == kept and steering.note == ""
    manual = _logits(lm, lm.text_root(prompt_text(task.prompt)))
    torch.testing.assert_close(_logits(lm, steering.root()), manual, atol=1e-5, rtol=1e-5)
    (knob,) = [item for item in describe(METHODS[name].Options) if item.name == "start"]
    for start in set(knob.choices) - {"saved"}:
        made = _build(lm, name, task, fixed="<|end|>system\n", start=start, virtual_tokens=5)
        assert (made.header, made.root().length) == (len(kept), len(kept) + 5)
        for key, tensor in made.vectors().items():
            assert torch.allclose(tensor.narrow(-2, 0, len(kept)), steering.vectors()[key].narrow(-2, 0, len(kept)), atol=1e-6)
    with pytest.raises(SpecError, match=r"fixed is 'You', but your prompt does not begin with its tokens\. Copy the beginning of the prompt"):
        _build(lm, name, task, fixed="You")
    with pytest.raises(SpecError, match=r"fixed is 'a' but start is 'saved', which has its own beginning\. Leave fixed empty"):
        options(name, {"fixed": "a", "start": "saved", "start_from": "mine"})


# Depth.


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("all", (0, 1, 2, 3, 4)),
        (" ALL ", (0, 1, 2, 3, 4)),
        ("last 2", (3, 4)),
        ("first 1", (0,)),
        ("2", (1,)),
        ("5, 1-2", (0, 1, 4)),
        ("", (0, 1, 2, 3, 4)),
    ],
)
def test_layers_are_named_in_words_or_numbers(text, layers):
    assert chosen_layers(text, 5) == layers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("last 6", "layers is 'last 6', but this model's layers are 1 to 5. Leave out 6."),
        ("0", "layers is '0', but this model's layers are 1 to 5. Leave out 0."),
        ("2-9", "layers is '2-9', but this model's layers are 1 to 5. Leave out 9."),
        ("4-2", "layers is '4-2', which names no layer. Write the smaller number first: 8-12."),
        ("deep", "layers is 'deep', expected all, first K, last K, or numbers. Write all, last 4, first 4, or 1,3,8-12."),
        ("1,,2", "layers is '1,,2', expected all, first K, last K, or numbers. Write all, last 4, first 4, or 1,3,8-12."),
    ],
)
def test_layers_that_make_no_sense_are_refused(text, message):
    with pytest.raises(SpecError) as caught:
        chosen_layers(text, 5)
    assert str(caught.value) == message


def test_a_prefix_in_some_layers_is_saved_without_the_others(with_bos):
    lm = with_bos
    steering = _build(lm, "prefix_tuning", layers="2-3")
    assert steering.note == "The prefix is in 2 of 3 layers, so step 0 is not your whole prompt."
    vectors = steering.vectors()
    whole = _build(lm, "prefix_tuning").vectors()
    assert vectors[LAYERS].tolist() == [0.0, 1.0, 1.0]
    assert torch.equal(vectors[KEYS], whole[KEYS][1:]) and torch.equal(vectors[VALUES], whole[VALUES][1:])
    root = steering.root()
    assert [k.shape[1] for k, _ in root.kv] == [1, root.length, root.length], "every layer keeps the model's own header"
    _logits(lm, root).sum()
    with pytest.raises(ArtifactError, match=r"'prefix_layers' has shape \[2\], expected \[3\]"):
        root_of(lm, vectors | {LAYERS: torch.ones(2)})
    with pytest.raises(ArtifactError, match=r"'prefix_keys' has shape \[2, 2, \d+, 8\], expected \[1, 2, P, 8\]"):
        root_of(lm, vectors | {LAYERS: torch.tensor([0.0, 1.0, 0.0])})


def test_depth_needs_attention_of_our_own():
    with pytest.raises(ModelError, match="sees a prefix in every layer or in none"):
        _build(tiny.build("llama", layout="padded"), "prefix_tuning", layers="last 1")


# How vectors move.


def test_keys_and_values_move_at_their_own_rates(lm):
    steering = _build(lm, "prefix_tuning", key_rate=0.0, value_rate=2.0)
    before = steering.vectors()
    with torch.no_grad():
        for parameter in steering.parameters().values():
            parameter.fill_(0.01)
    after = steering.vectors()
    assert torch.equal(after[KEYS], before[KEYS])
    size = before[VALUES].pow(2).mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close((after[VALUES] - before[VALUES]).mean(dim=(1, 2, 3)), 0.02 * size, atol=1e-6, rtol=1e-3)
    assert float(steering.drift().detach()) == pytest.approx(0.02**2 / 2)


@pytest.mark.parametrize(("name", "values"), [("p_tuning", {}), ("p_tuning", {"direct": False}), ("prefix_tuning", {"reparametrisation": "mlp"})])
@pytest.mark.parametrize("width", [16, 256])
def test_a_step_through_the_network_is_of_the_rates_size_at_any_width(lm, name, values, width):
    steering = _build(lm, name, width=width, **values)
    assert set(steering.parameters()) >= {"network.codes", "network.hidden", "network.bias", "network.out"}
    optimizer = torch.optim.AdamW(steering.parameters().values(), lr=0.03, weight_decay=0.0)
    lm.logits([Tree(steering.root(), BRANCHES)]).logsumexp(-1).sum().backward()
    optimizer.step()
    assert 0.2 < float(steering.drift().detach()) ** 0.5 / 0.03 < 4
    assert steering.vectors().keys() == {SOFT_PROMPT} if name != "prefix_tuning" else {KEYS, VALUES}


def test_the_network_is_seeded_and_leaves_the_global_state_alone(lm):
    state = torch.random.get_rng_state()
    one, two = _build(lm, "p_tuning").parameters(), _build(lm, "p_tuning").parameters()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert torch.equal(torch.random.get_rng_state(), state)
    other = METHODS["p_tuning"].build(lm, Setting(replace(TASK), ROWS, 4), options("p_tuning", {}))
    assert not torch.equal(other.parameters()["network.codes"], one["network.codes"])
