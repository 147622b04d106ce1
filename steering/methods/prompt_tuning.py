"""Prompt tuning (Lester et al. 2021): P learned embedding vectors before the input."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steering.methods.contract import Setting, Steering
from steering.methods.options import StartOptions

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTuningOptions(StartOptions):
    """Length and start of the soft prompt."""


class PromptTuning:
    """Steering by a soft prompt."""

    name = "prompt_tuning"
    title = "Soft prompt"
    summary = "Learns a few vectors in place of your prompt: readable against the vocabulary, a few kilobytes."
    learned = True
    rate = 0.05
    Options = PromptTuningOptions

    def build(self, lm: "FrozenLM", setting: Setting, options: PromptTuningOptions) -> Steering:
        from steering.methods.starts import begin, embeddings
        from steering.methods.vectors import soft_prompt

        return soft_prompt(lm, embeddings(begin(lm, setting, options)))
