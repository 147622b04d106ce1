"""The code beside a saved prompt compiles, whatever the file is and whatever it is called."""

from dataclasses import replace

import pytest

from steering.artifact import Card
from steering.spec import TaskSpec
from steering.ui.snippet import snippet

TASK = TaskSpec(kind="generation", template='{text} """ \n', prompt='It\'s "quoted" \\ here')
FORMS = {
    "soft": (("soft_prompt",), "inputs_embeds"),
    "prefix": (("prefix_keys", "prefix_values"), "DynamicCache"),
    "layers": (("prefix_keys", "prefix_values", "prefix_layers"), "python -m steering generate --contestant"),
    "lora": (("lora.model.layers.0.q.A", "lora.model.layers.0.q.B"), "PeftModel.from_pretrained"),
}


@pytest.mark.parametrize("form", FORMS)
def test_code_fits_the_form_and_compiles(form) -> None:
    card = Card(
        name="x",
        title="x",
        method="prompt_tuning",
        model="some/model",
        revision="",
        fingerprint="f",
        task=TASK,
        dataset="d",
        virtual_tokens=3,
        start_ids=(),
        header=0,
        created=0.0,
        run="",
        best_step=1,
        scores={},
    )
    tensors, words = FORMS[form]
    for file in ("mine.safetensors", "o\"dd\n'name.safetensors"):
        code = snippet(card, file, tensors)
        compile(code, "snippet", "exec")
        turned = snippet(replace(card, task=replace(TASK, kind="classification", scoring="channel")), file, tensors)
        compile(turned, "snippet", "exec")
        assert "It scores the input behind each label word" in turned and "generate(" not in turned
        assert words in code
