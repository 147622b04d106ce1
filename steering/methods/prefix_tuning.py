"""Prefix tuning (Li & Liang 2021; P-tuning v2): learned keys and values in every attention layer, or in some of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steering.knobs import knob
from steering.methods.contract import Setting, Steering
from steering.methods.options import PrefixStartOptions

if TYPE_CHECKING:
    from steering.lm.frozen import FrozenLM


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixTuningOptions(PrefixStartOptions):
    """Length, start and depth of the prefix, and how it moves."""

    layers: str = knob("all", "layers that have the prefix: all, last 4, first 4, or numbers such as 1,3,8-12")
    reparametrisation: str = knob("flat", "keys and values move by themselves, or through a network they share", choices=("flat", "mlp"))
    width: int = knob(128, "units of that network's hidden layer", low=4, high=2048, unit="units")
    key_rate: float = knob(1.0, "how fast keys move, as a share of the learning rate", low=0.0, high=100.0)
    value_rate: float = knob(1.0, "how fast values move, as a share of the learning rate", low=0.0, high=100.0)


class PrefixTuning:
    """Steering by a prefix."""

    name = "prefix_tuning"
    title = "Prefix"
    summary = "Learns keys and values in every layer: reaches deeper, stronger for structured output, some hundred kilobytes."
    learned = True
    rate = 0.03
    Options = PrefixTuningOptions

    def build(self, lm: "FrozenLM", setting: Setting, options: PrefixTuningOptions) -> Steering:
        from steering.methods.depth import chosen_layers
        from steering.methods.starts import begin
        from steering.methods.vectors import Reparametrisation, prefix

        layers = chosen_layers(options.layers, lm.shape.L)
        through = Reparametrisation(width=options.width, seed=setting.seed) if options.reparametrisation == "mlp" else None
        start = begin(lm, setting, options)
        return prefix(lm, start, layers=layers, key_rate=options.key_rate, value_rate=options.value_rate, through=through)
