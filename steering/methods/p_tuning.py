"""P-tuning (Liu et al. 2021) in its residual form (Razdaibiedina et al. 2023): a soft prompt whose vectors move through a network they share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steering.knobs import knob
from steering.methods.contract import Setting, Steering
from steering.methods.options import StartOptions

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM


@dataclass(frozen=True, slots=True, kw_only=True)
class PTuningOptions(StartOptions):
    """Start of the soft prompt, and the network."""

    width: int = knob(128, "units of the network's hidden layer", low=4, high=2048, unit="units")
    direct: bool = knob(True, "vectors also move by themselves (residual prompts); off: only through the network")


class PTuning:
    """Steering by a soft prompt that is trained through a network and saved without it."""

    name = "p_tuning"
    title = "Soft prompt through a network"
    summary = "The same few vectors, moved by a small network they share while training: less sensitive to the learning rate."
    learned = True
    rate = 0.03
    Options = PTuningOptions

    def build(self, lm: "FrozenLM", setting: Setting, options: PTuningOptions) -> Steering:
        from steering.methods.starts import begin, embeddings
        from steering.methods.vectors import Reparametrisation, soft_prompt

        through = Reparametrisation(width=options.width, seed=setting.seed, direct=options.direct)
        return soft_prompt(lm, embeddings(begin(lm, setting, options)), through=through)
