"""Prefix tuning (Li & Liang 2021; P-tuning v2): learned keys and values in every attention layer, started from the manual prompt's own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steering.knobs import knob
from steering.methods.contract import Setting, Steering

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixTuningOptions:
    """Length of the prefix."""

    virtual_tokens: int | None = knob(
        None, "learned positions; empty: as many as your prompt has tokens, so that step 0 is exactly your prompt", low=1, high=512, unit="positions"
    )


class PrefixTuning:
    """Steering by a prefix."""

    name = "prefix_tuning"
    title = "Prefix"
    summary = "Learns keys and values in every layer: reaches deeper, stronger for structured output, some hundred kilobytes."
    learned = True
    rate = 0.03
    Options = PrefixTuningOptions

    def build(self, lm: "FrozenLM", setting: Setting, options: PrefixTuningOptions) -> Steering:
        import torch

        from steering.lm.encode import prompt_text
        from steering.lm.root import Root
        from steering.methods.vectors import KEYS, VALUES, Vectors, require_room, start_ids

        ids, note = start_ids(lm, prompt_text(setting.task.prompt), options.virtual_tokens, setting.seed)
        text = require_room(lm, Root(embeds=lm.embed(lm.header + ids)))
        with torch.no_grad():
            kv = lm.to_kv(text).kv
        assert kv is not None
        starts = {KEYS: torch.stack([k for k, _ in kv]).float(), VALUES: torch.stack([v for _, v in kv]).float()}
        # Each layer's own RMS: keys of one layer can be ten times as long as another's.
        scales = {name: t.pow(2).mean(dim=(1, 2, 3), keepdim=True).sqrt() for name, t in starts.items()}
        return Vectors(starts, scales, start_ids=lm.header + ids, header=len(lm.header), note=note)
