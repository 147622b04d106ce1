"""The door to PEFT: a saved prompt as an adapter folder. Written without torch and without PEFT; formats as in peft.py, and

LORA    base_model.model.<module>.lora_A.weight [r, in], base_model.model.<module>.lora_B.weight [out, r]
"""

import json
from typing import Any

import numpy as np
from safetensors.numpy import save

from steering.artifact.file import LORA, Artifact, Card, lora_names
from steering.artifact.peft import CONFIG, OURS, TENSOR, WEIGHTS
from steering.errors import ArtifactError
from steering.knobs import to_json


def files(made: Artifact) -> dict[str, bytes]:
    """A saved prompt as the files of a PEFT folder.

    Raises:
        ArtifactError: a prefix in some layers only, which PEFT cannot express.
    """
    card, tensors = made.card, made.tensors
    if "prefix_layers" in tensors:
        raise ArtifactError(
            f"{card.name!r} is a prefix in some layers only; PEFT puts a prefix into every layer.",
            "Export it --to safetensors, or train with layers=all.",
        )
    if lora_names(tensors):
        return _lora_files(made)
    if "soft_prompt" in tensors:
        rows = tensors["soft_prompt"]
        kind: dict[str, Any] = {"peft_type": "PROMPT_TUNING", "prompt_tuning_init": "RANDOM", "token_dim": rows.shape[1]}
    else:
        keys, values = tensors["prefix_keys"], tensors["prefix_values"]
        layers, heads, count, size = keys.shape
        rows = np.stack([keys, values], axis=1).transpose(3, 0, 1, 2, 4).reshape(count, -1)  # [L, 2, K, P, D] -> [P, L * 2 * K * D]
        kind = {"peft_type": "PREFIX_TUNING", "prefix_projection": False, "encoder_hidden_size": heads * size}
        kind |= {"num_layers": layers, "num_attention_heads": heads, "token_dim": heads * size}
    config = kind | {
        "task_type": "CAUSAL_LM",  # without it PEFT loads the folder and then ignores the prompt, without a word
        "base_model_name_or_path": card.model,
        "revision": card.revision or None,
        "inference_mode": True,
        "num_virtual_tokens": rows.shape[0],
        "num_transformer_submodules": 1,
    }
    return {
        WEIGHTS: save({TENSOR: np.ascontiguousarray(rows, dtype=np.float32)}, metadata={"format": "pt"}),
        OURS: _text({"card": to_json(card)}),
        "README.md": _readme(card, kind["peft_type"]).encode(),
        CONFIG: _text(config),
    }


def _lora_files(made: Artifact) -> dict[str, bytes]:
    """LoRA as PEFT names it; the scale is in B already, so alpha is r."""
    names = sorted(name[len(LORA) : -2] for name in lora_names(made.tensors) if name.endswith(".A"))
    halves = {f"base_model.model.{name}.lora_{half}.weight": made.tensors[f"{LORA}{name}.{half}"] for name in names for half in "AB"}
    rank = made.tensors[f"{LORA}{names[0]}.A"].shape[0]
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": made.card.model,
        "revision": made.card.revision or None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": names,
    }
    front = f"It was trained under this prompt, which goes before every input:\n\n    {made.card.task.prompt!r}\n"
    return {
        WEIGHTS: save({name: np.ascontiguousarray(t) for name, t in halves.items()}, metadata={"format": "pt"}),
        OURS: _text({"card": to_json(made.card)}),
        "README.md": (_readme(made.card, "LORA") + "\n" + front).encode(),
        CONFIG: _text(config),
    }


def _text(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _readme(card: Card, kind: str) -> str:
    fixed = "Tokenise inputs with `add_special_tokens=False`: the first virtual tokens are the model's own start token or other fixed text.\n"
    fixed = fixed if card.header else ""
    return (
        f"# {card.title or card.name}\n\n"
        f"A {kind} adapter for `{card.model}` (embedding fingerprint {card.fingerprint}), made by Prompt Steering Studio.\n\n"
        f"    from peft import PeftModel\n    model = PeftModel.from_pretrained(base_model, folder)\n\n"
        f"{fixed}Inputs follow this template:\n\n    {card.task.template!r}\n\n"
        f"Pad on the right, or give one input at a time: PEFT's left padding moves the prompt.\n"
    )
