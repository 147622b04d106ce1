"""Bodies in 8 or 4 bits through bitsandbytes, where it is installed: a 7B model then fits into 8 or 5 GB. Learned vectors stay fp32.

``NAME#8bit``: LLM.int8() (Dettmers et al. 2022, https://arxiv.org/abs/2208.07339); ``NAME#4bit``: NF4 (Dettmers et al. 2023, QLoRA,
https://arxiv.org/abs/2305.14314). Vectors are tied to the body they were trained on only as far as its embedding table goes, which stays as it was.
"""

import importlib.util
from typing import Any

import torch

from steering.errors import ModelError

BITS = {"8bit": 8, "4bit": 4}


def split(name: str) -> tuple[str, int | None]:
    """``owner/model#8bit`` is ("owner/model", 8); without a mark the body stays as it is.

    Raises:
        ModelError: a mark that is not known.
    """
    plain, hash_, mark = name.rpartition("#")
    if not hash_:
        return name, None
    if mark not in BITS:
        raise ModelError(f"model {name!r} asks for {mark!r}, expected one of: {', '.join(BITS)}.", f"Write {plain}#8bit, {plain}#4bit or {plain}.")
    return plain, BITS[mark]


def quantisation(bits: int | None, dtype: torch.dtype) -> Any:
    """transformers' configuration for that many bits; None for none.

    Raises:
        ModelError: bitsandbytes is not installed.
    """
    if bits is None:
        return None
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"a body in {bits} bits needs bitsandbytes, which is not installed.", f"pip install bitsandbytes, or leave '#{bits}bit' out."
        )
    from transformers import BitsAndBytesConfig

    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
