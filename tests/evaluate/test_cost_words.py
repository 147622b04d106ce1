import pytest

from steering.evaluate.cost import Cost, cost_sentences, times_sentence

LEARNED = ("prompt_tuning", "prefix_tuning")


def cost(name, kind, tokens, seconds):
    return Cost(
        name=name,
        kind=kind,
        prompt_tokens=tokens,
        prefill_seconds=0.1,
        kv_bytes=1,
        first_token_seconds=seconds,
        cached_first_token_seconds=0.1,
        repeats=5,
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.6, "6.0x faster to first token."), (1.23, "12x faster to first token."), (0.1, "as fast to first token.")]
)
def test_vectors_are_set_against_the_longest_text_they_can_stand_in_for(seconds, said):
    costs = [cost("none", "none", 0, 0.05), cost("m", "manual", 40, 0.2), cost("f", "few_shot", 412, seconds), cost("x", "prompt_tuning", 11, 0.1)]
    assert cost_sentences(costs, LEARNED) == [f"11 vectors replace a 412-token few-shot prompt: {said}"]


def test_nothing_is_said_where_no_text_is_longer():
    costs = [cost("m", "manual", 11, 0.2), cost("x", "prompt_tuning", 11, 0.1), cost("p", "probe", 40, 0.1)]
    assert cost_sentences(costs, LEARNED) == []


def test_one_batch_is_set_against_the_other_ways():
    found = {"outputs": [{}, {}], "together_seconds": 0.1, "apart_seconds": 0.16, "lora_why": ""}
    lora = {"seconds": 0.25, "attach_seconds": 0.0021, "adapters": 2, "fresh": 2, "rank": 8}
    assert times_sentence(found | {"lora": lora}) == (
        "2 answers in one batch: 100 ms. One after the other: 160 ms, 1.6 times as long. Switching LoRA adapters (2 of 2 freshly made with rank 8): "
        "250 ms, 2.5 times as long; attaching and detaching each once takes 2.1 ms of that."
    )
    assert "(all of them trained): 50 ms, 2.0 times faster;" in times_sentence(found | {"lora": lora | {"fresh": 0, "seconds": 0.05}})
    assert times_sentence(found | {"lora": None, "outputs": [{}]}).startswith("1 answer in one batch")
    assert times_sentence(found | {"lora": None, "lora_why": "no module."}).endswith("LoRA adapters could not be measured here: no module.")
