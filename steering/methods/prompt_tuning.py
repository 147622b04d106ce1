"""Prompt tuning (Lester et al. 2021): P learned embedding vectors before the input, started from the manual prompt."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steering.knobs import knob
from steering.methods.contract import Setting, Steering

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTuningOptions:
    """Length of the soft prompt."""

    virtual_tokens: int | None = knob(
        None, "learned vectors; empty: as many as your prompt has tokens, so that step 0 is exactly your prompt", low=1, high=512, unit="vectors"
    )


class PromptTuning:
    """Steering by a soft prompt."""

    name = "prompt_tuning"
    title = "Soft prompt"
    summary = "Learns a few vectors in place of your prompt: readable against the vocabulary, a few kilobytes."
    learned = True
    rate = 0.05
    Options = PromptTuningOptions

    def build(self, lm: "FrozenLM", setting: Setting, options: PromptTuningOptions) -> Steering:
        import torch

        from steering.lm.encode import prompt_text
        from steering.methods.vectors import SOFT_PROMPT, Vectors, require_room, start_ids

        ids, note = start_ids(lm, prompt_text(setting.task.prompt), options.virtual_tokens, setting.seed)
        start = lm.header + ids
        scale = torch.tensor(lm.rms, device=lm.device)
        made = Vectors({SOFT_PROMPT: lm.embed(start)}, {SOFT_PROMPT: scale}, start_ids=start, header=len(lm.header), note=note)
        require_room(lm, made.root())
        return made
