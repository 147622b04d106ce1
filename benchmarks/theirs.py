"""PEFT's training step, as its documentation writes it: a padded batch with labels, AdamW, the same clipping and the same start vectors."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from steering.lm import embedded
from steering.lm.frozen import FrozenLM
from steering.lm.scoring import Ids
from steering.methods.forms import KEYS, SOFT_PROMPT, VALUES
from steering.spec import EMBEDDED_MODEL

Vectors = dict[str, Tensor]


def load(name: str, dtype: torch.dtype) -> Any:
    """The base model as transformers loads it by default, its own attention included."""
    from transformers import AutoModelForCausalLM

    source = str(embedded.fetch()) if name == EMBEDDED_MODEL else name
    return AutoModelForCausalLM.from_pretrained(source, dtype=dtype)


def flat_soft_prompt(vectors: Vectors) -> Tensor:
    """[P, H], as PEFT's prompt tuning keeps it."""
    return vectors[SOFT_PROMPT]


def flat_prefix(vectors: Vectors) -> Tensor:
    """[P, L * 2 * K * D], as PEFT's prefix tuning keeps it: layer by layer, keys before values (the tests of the PEFT door check the order)."""
    both = torch.stack([vectors[KEYS], vectors[VALUES]], dim=1)  # [L, 2, K, P, D]
    return both.permute(3, 0, 1, 2, 4).flatten(1)


FLAT = {"prompt_tuning": ("PromptTuningConfig", flat_soft_prompt), "prefix_tuning": ("PrefixTuningConfig", flat_prefix)}
"""A method's configuration in PEFT, and how our vectors look there."""


class PeftStep:
    """A call is one step on the whole batch. ``inputs`` [B] and ``answers`` [B] are token ids; the base is wrapped, so it serves one step only."""

    def __init__(self, base: Any, name: str, vectors: Vectors, inputs: Sequence[Ids], answers: Sequence[Ids], lm: FrozenLM) -> None:
        import peft

        config, flatten = FLAT[name]
        start = flatten(vectors)
        made = getattr(peft, config)(task_type="CAUSAL_LM", num_virtual_tokens=start.shape[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers for a name that is on its way out
            self.model = peft.get_peft_model(base, made).train()
        self.weight: Any = next(p for p in self.model.parameters() if p.requires_grad)
        with torch.no_grad():
            self.weight.copy_(start)
        self.batch = padded(inputs, answers, lm)
        self.optimizer = torch.optim.AdamW([self.weight], lr=1e-5, betas=(0.9, 0.99), weight_decay=0.0)

    def gradient(self) -> Tensor:
        """Backward of the mean loss of an answer token; the gradient in PEFT's layout."""
        self.optimizer.zero_grad(set_to_none=True)
        self._loss().backward()
        found: Tensor = self.weight.grad
        return found

    def _loss(self) -> Tensor:
        # Without a cache of its own, which would be kept for nothing; a prefix comes as a cache and brings it back.
        loss: Tensor = self.model(**self.batch, use_cache=False).loss
        return loss

    def __call__(self) -> float:
        """The training loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loss()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([self.weight], 1.0)
        self.optimizer.step()
        return float(loss.detach())


def padded(inputs: Sequence[Ids], answers: Sequence[Ids], lm: FrozenLM) -> dict[str, Tensor]:
    """Inputs with their answers, padded on the right; labels on the answers only."""
    width = max(len(i) + len(a) for i, a in zip(inputs, answers, strict=True))
    shape = (len(inputs), width)
    ids, real, labels = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long), torch.full(shape, -100)
    for row, (left, right) in enumerate(zip(inputs, answers, strict=True)):
        whole = torch.tensor(left + right)
        ids[row, : len(whole)], real[row, : len(whole)] = whole, 1
        labels[row, len(left) : len(whole)] = whole[len(left) :]
    return {name: t.to(lm.device) for name, t in (("input_ids", ids), ("attention_mask", real), ("labels", labels))}
