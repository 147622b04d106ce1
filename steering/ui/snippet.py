"""The Python lines that load a saved prompt elsewhere, with plain safetensors and transformers."""

from steering.artifact import Card
from steering.data import render
from steering.data.template import fields
from steering.spec import EMBEDDED_MODEL

HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Where the embedded model's weights live on the Hub."""

HEAD = """import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer{more}

name = {model!r}
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
tensors = load_file({file!r})
ids = tokenizer({text!r}, add_special_tokens=False, return_tensors="pt").input_ids
"""

SOFT = """prompt = tensors["soft_prompt"]  # [{length}, hidden size]
embeds = torch.cat([prompt[None], model.get_input_embeddings()(ids)], dim=1)
mask = torch.ones(embeds.shape[:2], dtype=torch.long)
out = model.generate(inputs_embeds=embeds, attention_mask=mask, max_new_tokens={new}, do_sample=False)
print(tokenizer.decode(out[0], skip_special_tokens=True))
"""

PREFIX = """cache = DynamicCache(config=model.config)
for layer, (keys, values) in enumerate(zip(tensors["prefix_keys"], tensors["prefix_values"])):
    cache.update(keys[None], values[None], layer)  # [1, key/value heads, {length}, head size]
new = []
with torch.no_grad():
    for _ in range({new}):
        logits = model(ids, past_key_values=cache, use_cache=True).logits
        ids = logits[:, -1:].argmax(-1)
        if ids.item() in (tokenizer.eos_token_id,) or (new and "\\n" in tokenizer.decode(ids[0])):
            break
        new.append(ids.item())
print(tokenizer.decode(new))
"""


def snippet(card: Card, file: str, *, soft: bool) -> str:
    """Code for this card; ``soft``: the file holds a soft prompt, not keys and values."""
    example = render(card.task.template, {name: "your text" if i == 0 else "" for i, name in enumerate(fields(card.task.template))})
    model = HUB if card.model == EMBEDDED_MODEL else card.model
    head = HEAD.format(more="" if soft else ", DynamicCache", model=model, file=file, text=example)
    new = 8 if card.task.kind == "classification" else card.task.max_new_tokens
    return head + (SOFT if soft else PREFIX).format(length=card.virtual_tokens, new=new)
