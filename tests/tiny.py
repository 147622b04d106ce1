"""Tiny random models with a real tokenizer, built in the process: no network, milliseconds a forward."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from steering.lm.attention import NAME
from steering.lm.frozen import FrozenLM

WORDS = (
    "good", "bad", "film", "queue", "billing", "delivery", "label", "text", "message", "answer", "great", "awful", "the", "a", "is", "was",
    "not", "my", "card", "parcel",
)  # fmt: skip


@cache
def tokenizer(words: tuple[str, ...] = WORDS, *, whole: bool = False) -> Any:
    """Byte-level: every text can be encoded; common words are one token, with or without a leading space (``whole``: all of them for certain)."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: i for i, symbol in enumerate(["<|end|>", *alphabet])}
    merges: list[tuple[str, str]] = []
    for word in [spelling for bare in words for spelling in (bare, "Ġ" + bare)]:
        have = word[0]
        for letter in word[1:]:
            if (have, letter) not in merges:
                merges.append((have, letter))
                vocabulary.setdefault(have + letter, len(vocabulary))
            have += letter
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=whole))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return hf.PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|end|>", pad_token="<|end|>")


def _common() -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer()),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "eos_token_id": 0,
        "bos_token_id": None,
    }


def config(name: str) -> Any:
    """Llama with grouped queries, GPT-2, Qwen3 with head size 16, Gemma-3 with a window of 4."""
    windows = {"head_dim": 8, "sliding_window": 4, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
    size = len(tokenizer())
    made = {
        "llama": lambda: hf.LlamaConfig(**_common()),
        "gpt2": lambda: hf.GPT2Config(vocab_size=size, n_embd=32, n_layer=3, n_head=4, n_positions=512, bos_token_id=None, eos_token_id=0),
        "qwen3": lambda: hf.Qwen3Config(**_common(), head_dim=16),
        "gemma3": lambda: hf.Gemma3TextConfig(**_common(), **windows),
    }
    return made[name]()


ARCHITECTURES = ("llama", "gpt2", "qwen3", "gemma3")


def build(name: str = "llama", *, layout: str = "forest", scale: float = 1.0) -> FrozenLM:
    """A tiny random model, fp32, the same for the same arguments."""
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(config(name), attn_implementation=NAME if layout == "forest" else "eager").float()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    return FrozenLM(model, tokenizer(), id=f"tiny-{name}", layout=layout)


def save(folder: Path, name: str = "llama") -> Path:
    """A tiny model as a folder that ``load`` takes: for child processes and the command line."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    hf.AutoModelForCausalLM.from_config(config(name)).float().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def rows(count: int = 60, start: int = 0) -> bytes:
    """A small labelled CSV that a model can learn: two classes, told by one word. Another ``start`` gives other rows."""
    kinds = (("good", "pos"), ("bad", "neg"))
    lines = ["text,label"]
    for i in range(start, start + count):
        word, label = kinds[i % 2]
        lines.append(f'"the film {i} was {word} {"great" if label == "pos" else "awful"} {i * 7 % 13}",{label}')
    return ("\n".join(lines) + "\n").encode()
