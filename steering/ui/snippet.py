"""The Python lines that load a saved prompt elsewhere, with plain safetensors and transformers."""

from collections.abc import Collection

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

PEFT = """# First, in a terminal:  python -m steering export {name!r} --to peft {folder!r}
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

name = {model!r}
tokenizer = AutoTokenizer.from_pretrained(name)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32), {folder!r})
ids = tokenizer({text!r}, return_tensors="pt").input_ids
out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens={new}, do_sample=False)
print(tokenizer.decode(out[0, ids.shape[1]:], skip_special_tokens=True))
"""

OWN = """# {why}; with this project, in a terminal:
#   python -m steering generate --contestant {spec!r} --input "your text"
"""


def snippet(card: Card, file: str, tensors: Collection[str]) -> str:
    """Code for this card, by the names of the tensors in its file."""
    name = file.removesuffix(".safetensors")
    if card.task.scoring != "direct":
        return OWN.format(why="It scores the input behind each label word, which no generation does", spec=f"saved:{name}")
    if any(tensor.startswith("lora.") for tensor in tensors):
        return _peft(card, name)
    if "prefix_layers" in tensors:
        return OWN.format(why="No other library knows a prefix in some layers only", spec=f"saved:{name}")
    return _plain(card, file, soft="soft_prompt" in tensors)


def _peft(card: Card, name: str) -> str:
    """A trained model is asked as it was trained: the prompt in front, as text."""
    values = {field: "your text" if i == 0 else "" for i, field in enumerate(fields(card.task.template))}
    prompt = card.task.prompt.rstrip() + "\n\n" if card.task.prompt.strip() else ""
    new = 8 if card.task.kind == "classification" else card.task.max_new_tokens
    model = HUB if card.model == EMBEDDED_MODEL else card.model
    return PEFT.format(name=name, folder=f"{name}-peft", model=model, text=prompt + render(card.task.template, values), new=new)


def _plain(card: Card, file: str, *, soft: bool) -> str:
    example = render(card.task.template, {name: "your text" if i == 0 else "" for i, name in enumerate(fields(card.task.template))})
    model = HUB if card.model == EMBEDDED_MODEL else card.model
    head = HEAD.format(more="" if soft else ", DynamicCache", model=model, file=file, text=example)
    new = 8 if card.task.kind == "classification" else card.task.max_new_tokens
    return head + (SOFT if soft else PREFIX).format(length=card.virtual_tokens, new=new)
