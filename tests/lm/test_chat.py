"""The chat format as text around prompt and template."""

import copy

import pytest
import tiny

from steering.errors import TemplateError
from steering.lm.chat import chat_parts
from steering.lm.frozen import FrozenLM

TURNS = "{% for m in messages %}<|end|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
TEMPLATE = TURNS + "{% if add_generation_prompt %}<|end|>assistant\n{% endif %}"


def lm(template: str | None) -> FrozenLM:
    made = tiny.build()
    made.tokenizer = copy.deepcopy(made.tokenizer)
    made.tokenizer.chat_template = template
    return made


def test_the_parts_make_the_chat_format_and_special_tokens_are_tokens() -> None:
    model = lm(TEMPLATE)
    before, after = chat_parts(model)
    assert (before, after) == ("<|end|>user\n", "<|end|>\n<|end|>assistant\n")
    whole = model.tokenizer.apply_chat_template([{"role": "user", "content": "the film"}], tokenize=True, add_generation_prompt=True)
    ids = whole["input_ids"] if not isinstance(whole, list) else whole
    assert model.encode(before + "the film" + after) == tuple(ids)
    assert model.encode(before)[0] == model.tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("template", "words"),
    [(None, "has no chat template"), ("{{ raise_exception('no') }}", "cannot be used: no"), ("nothing", "does not show a message once")],
)
def test_a_model_without_a_usable_template_is_refused_in_words(template, words) -> None:
    with pytest.raises(TemplateError, match=words):
        chat_parts(lm(template))
