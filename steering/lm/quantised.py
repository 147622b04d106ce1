"""Bodies in 8 or 4 bits through bitsandbytes, where it is installed: a 7B model then fits into 8 or 5 GB. Learned vectors stay fp32.

``NAME#8bit``: LLM.int8() (Dettmers et al. 2022, https://arxiv.org/abs/2208.07339); ``NAME#4bit``: NF4 (Dettmers et al. 2023, QLoRA,
https://arxiv.org/abs/2305.14314). Vectors are tied to the body they were trained on only as far as its embedding table goes, which stays as it was.
"""

import importlib.util
import warnings
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


def require_gradient(name: str, model: Any, bits: int | None) -> None:
    """Refuse a body through which nothing can be learned: bitsandbytes' 4-bit product has no gradient on some CPUs, and is silent about it.

    A layer is linear, so along its own input the gradient must give the output back: <grad, x> = <r, layer(x)>. Rounding in 8 bits moves that by
    some percent.

    Raises:
        ModelError: the first layer in fewer bits has no gradient, or another one.
    """
    if bits is None:
        return
    found = [m for m in model.modules() if type(m).__name__ in ("Linear8bitLt", "Linear4bit")]
    for layer in found:
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False  # it repacks the weights for inference at the first look without gradient, and for good
    if not found:
        raise ModelError(f"nothing of model {name!r} could be put into {bits} bits.", "Leave the mark out: the body is loaded as it is.")
    layer, draw = found[0], torch.Generator().manual_seed(0)
    device = model.get_input_embeddings().weight.device
    given = torch.randn(1, 8, layer.in_features, generator=draw, device="cpu").to(device, model.dtype).requires_grad_(True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of casts, and of what is checked here
        with torch.no_grad():
            layer(given.detach())  # what an inference leaves behind must not take the gradient away
        out = layer(given).float() - (layer.bias.float() if layer.bias is not None else 0.0)
        weight = torch.randn(out.shape, generator=draw, device="cpu").to(device)
        along = (weight * out).sum(-1)  # [1, 8]: of every row
        grad = torch.autograd.grad(along.sum(), given, allow_unused=True)[0] if out.requires_grad else None
    back = (grad.float() * given.detach().float()).sum(-1) if grad is not None else torch.zeros_like(along)
    if float((back - along).detach().abs().sum()) > 0.2 * float(along.detach().abs().sum()):
        raise ModelError(
            f"a body in {bits} bits gives no usable gradient on {device.type}, so nothing could be learned through it.",
            "Use #8bit, a GPU, or the body as it is.",
        )
