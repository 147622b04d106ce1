"""From a name to a :class:`FrozenLM`: the embedded model, a Hub id, or a folder. Refuses clearly, before anything starts."""

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from steering.errors import ModelError
from steering.lm import embedded
from steering.lm.attention import NAME
from steering.lm.frozen import FrozenLM
from steering.lm.quantised import quantisation, require_gradient, split
from steering.lm.selfcheck import agrees
from steering.spec import EMBEDDED_MODEL

logger = logging.getLogger(__name__)


def load(name: str = EMBEDDED_MODEL, *, device: str | None = None, dtype: torch.dtype | None = None) -> FrozenLM:
    """Load a causal LM, choose its precision for this machine, and check that it can be steered. ``NAME#8bit`` and ``NAME#4bit`` keep the body
    in that many bits (steering/lm/quantised.py).

    Raises:
        ModelError: unknown id, no network, not a causal LM, an architecture that cannot be steered, or no bitsandbytes for fewer bits.
        StorageError: the cache cannot be written (embedded model only).
    """
    where = torch.device(device or best_device())
    plain, bits = split(name)
    source, revision = (str(embedded.fetch()), embedded.REVISION) if plain == EMBEDDED_MODEL else (plain, "")
    precision = dtype or fast_dtype(where)
    _quiet()
    tokenizer = _from_hub(plain, lambda: _auto("AutoTokenizer").from_pretrained(source))
    read = partial(_model, source, precision, where, quantisation(bits, precision))
    made = _try_forest(name, read, tokenizer, revision)
    return made or _padded(name, read, tokenizer, revision)


def best_device() -> str:
    """cuda, else mps, else cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def fast_dtype(device: torch.device) -> torch.dtype:
    """bf16 where this machine multiplies it faster than fp32, measured, because CPU flags do not tell; fp16 on GPUs without bf16."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type != "cpu":
        return torch.float32
    return torch.bfloat16 if _seconds(torch.bfloat16) * 1.3 < _seconds(torch.float32) else torch.float32


def _seconds(dtype: torch.dtype) -> float:
    """Fastest of five multiplications of a size that models use."""
    left, right = torch.ones(256, 576, dtype=dtype), torch.ones(1536, 576, dtype=dtype)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        torch.nn.functional.linear(left, right)
        times.append(time.perf_counter() - start)
    return min(times)


def _auto(cls: str) -> Any:
    import transformers

    return getattr(transformers, cls)


def _quiet() -> None:
    from transformers.utils import logging as hf_logging

    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()


Read = Callable[[str | None], Any]
"""The model with this attention; None: its own."""


def _model(source: str, dtype: torch.dtype, device: torch.device, bits: Any, attention: str | None) -> Any:
    extra: dict[str, Any] = {"attn_implementation": attention} if attention else {}
    load = _auto("AutoModelForCausalLM").from_pretrained
    if bits is None:
        return load(source, dtype=dtype, **extra).to(device)
    made = load(source, dtype=dtype, quantization_config=bits, device_map={"": str(device)}, **extra)
    require_gradient(source, made, 8 if bits.load_in_8bit else 4)
    return made


def _from_hub(name: str, get: Callable[[], Any]) -> Any:
    """Run a transformers loader; turn the many ways in which it fails into one clear refusal."""
    try:
        return get()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise _refusal(name, error) from None


def _refusal(name: str, error: Exception) -> ModelError:
    text = str(error).strip().splitlines()
    first = text[0] if text else type(error).__name__
    if Path(name).exists():
        return ModelError(
            f"the folder {name!r} does not hold a causal language model that transformers can load: {first}",
            "Expected config.json, tokenizer files and safetensors weights of a decoder-only model.",
        )
    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    reason = "HF_HUB_OFFLINE is set" if offline else first
    return ModelError(
        f"model {name!r} is neither a folder here nor reachable on the model hub ({reason}).",
        f"Check the spelling (owner/name) and the network, name a local folder, or use the embedded model {EMBEDDED_MODEL!r}.",
    )


def _try_forest(name: str, read: Read, tokenizer: Any, revision: str) -> FrozenLM | None:
    """The model with our attention, if the probe agrees with plain concatenation; otherwise None."""
    try:
        model = read(NAME)
    except (ValueError, KeyError) as error:  # the architecture does not take another attention, or there is no such model
        if isinstance(error, ValueError) and "attn" not in str(error):
            raise _refusal(name, error) from None
        return None
    except (OSError, ImportError, RuntimeError) as error:
        raise _refusal(name, error) from None
    try:
        lm = FrozenLM(model, tokenizer, id=name, revision=revision)
        right, error_size = agrees(lm)
    except Exception as error:  # whatever a foreign forward raises when it is packed: the padded layout decides next
        logger.info("%s cannot be packed: %s", name, error)
        return None
    if not right:
        logger.info("%s: packed logits differ by %.2g, padded layout used", name, error_size)
        return None
    return lm


def _padded(name: str, read: Read, tokenizer: Any, revision: str) -> FrozenLM:
    """The model with its own attention, in the plain layout.

    Raises:
        ModelError: even that does not agree with running each sequence alone.
    """
    model = _from_hub(split(name)[0], lambda: read(None))
    remedy = "Choose a decoder-only transformer (Llama, Qwen, Gemma, Mistral, GPT-2, ... all work)."
    try:
        lm = FrozenLM(model, tokenizer, id=name, revision=revision, layout="padded")
        right, error_size = agrees(lm)
    except Exception as error:  # no input embeddings, no cache, encoder-decoder, state space models, ...
        raise ModelError(f"model {name!r} ({type(model).__name__}) cannot be steered: {error}.", remedy) from None
    if not right:
        raise ModelError(f"model {name!r} ({type(model).__name__}) cannot be steered: batched and single answers differ by {error_size:.2g}.", remedy)
    return lm
