"""What a model is: its numbers, and a fingerprint that tells it from others of the same shape."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The model's numbers in the field's letters: H hidden, L layers, K key/value heads, D head size, V vocabulary; ``context`` in tokens."""

    H: int
    L: int
    K: int
    D: int
    V: int
    context: int


def shape_of(config: Any, embedding: Any) -> Shape:
    """The numbers of a transformers config; H and V are the embedding table's own."""
    text = config.get_text_config()
    heads = text.num_attention_heads
    size = getattr(text, "head_dim", None) or text.hidden_size // heads
    kv_heads = getattr(text, "num_key_value_heads", None) or heads
    context = getattr(text, "max_position_embeddings", None) or 2048
    vocabulary, hidden = embedding.weight.shape
    return Shape(H=hidden, L=text.num_hidden_layers, K=kv_heads, D=size, V=vocabulary, context=int(context))


def fingerprint(table: Tensor) -> str:
    """Sixteen hex digits over 1,024 evenly spaced rows of the embedding table, rounded to bf16 so that the loading precision does not matter."""
    stride = max(1, math.ceil(table.shape[0] / 1024))
    sample = table[::stride].to(torch.bfloat16).cpu().contiguous()
    seen = hashlib.sha256(f"{tuple(table.shape)}".encode())
    seen.update(sample.view(torch.uint8).numpy().tobytes())
    return seen.hexdigest()[:16]
