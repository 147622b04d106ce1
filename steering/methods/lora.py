"""LoRA (Hu et al. 2021) through PEFT: the reference that changes weights, entered like any other contestant.

The manual prompt stays in front; beside every target module W runs B A, of rank r. PEFT builds the modules; they stand in the model only while
a forward of their own root runs, and the base modules are put back after it: the base weights are never touched, so nothing has to be undone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from steering.errors import ArtifactError, SpecError
from steering.knobs import knob
from steering.methods.contract import Setting, Steering

if TYPE_CHECKING:
    from torch import Tensor

    from steering.lm.frozen import FrozenLM
    from steering.lm.root import Root

PREFIX = "lora."
"""Tensors are ``lora.<module>.A`` [r, in] and ``lora.<module>.B`` [out, r], fp32, alpha / r already in B."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraOptions:
    """Size and place of the change."""

    rank: int = knob(8, "rank of the change in every target module", low=1, high=256)
    alpha: float = knob(16.0, "scale of the change: it is multiplied by alpha / rank", low=0.01, high=1024.0)
    targets: str = knob("default", "modules that change: default (PEFT's choice for the model), all-linear, or names such as q_proj,v_proj")


class Lora:
    """Steering by changed weights, under the manual prompt."""

    name = "lora"
    title = "LoRA (reference)"
    summary = "Adds a small trainable change to the weights themselves: what the field compares with; thousands of times more numbers."
    learned = True
    rate = 0.04
    Options = LoraOptions

    def build(self, lm: "FrozenLM", setting: Setting, options: LoraOptions) -> Steering:
        from steering.lm.encode import prompt_text
        from steering.methods.vectors import require_room

        text = prompt_text(setting.task.prompt)
        root = require_room(lm, lm.text_root(text))
        return _Lora(lm, root, lm.header + lm.encode(text), inject(lm, options.rank, options.targets), options, setting.seed)


class _Lora:
    """A starts from draws, B from zero (Hu et al. 2021, section 4.1), both moved in units of A's own RMS, so that the relative rate of the
    recipe means here what it means elsewhere: 0.04 is about 1e-3 for a hidden size of 576."""

    def __init__(self, lm: "FrozenLM", prompt: "Root", ids: tuple[int, ...], sites: dict[str, "Site"], options: LoraOptions, seed: int) -> None:
        import torch

        assert prompt.embeds is not None
        self.note, self.start_ids, self.header = "", ids, len(lm.header)
        self._prompt, self._sites, self._scale = prompt, sites, options.alpha / options.rank
        draw = torch.Generator().manual_seed(seed)
        self._start: dict[str, Tensor] = {}
        self._moves: dict[str, Tensor] = {}
        for name, site in sites.items():
            width, height = site.shapes
            bound = 1.0 / width**0.5  # PEFT's kaiming_uniform_(a=sqrt(5))
            start = (torch.rand(options.rank, width, generator=draw, device="cpu") * 2.0 - 1.0) * bound
            self._start[name] = start.to(lm.device)
            self._moves[f"{PREFIX}{name}.A"] = torch.zeros(options.rank, width, device=lm.device, requires_grad=True)
            self._moves[f"{PREFIX}{name}.B"] = torch.zeros(height, options.rank, device=lm.device, requires_grad=True)

    def _weights(self) -> "dict[str, Tensor]":
        made = {}
        for name, start in self._start.items():
            unit = start.pow(2).mean().sqrt()
            made[f"{PREFIX}{name}.A"] = start + unit * self._moves[f"{PREFIX}{name}.A"]
            made[f"{PREFIX}{name}.B"] = self._scale * unit * self._moves[f"{PREFIX}{name}.B"]
        return made

    def root(self) -> "Root":
        return replace(self._prompt, adapter=Changed(self._sites, self._weights()))

    def parameters(self) -> "dict[str, Tensor]":
        return self._moves

    def drift(self) -> "Tensor":
        import torch

        return torch.stack([move.pow(2).mean() for move in self._moves.values()]).mean()

    def vectors(self) -> "dict[str, Tensor]":
        from steering.methods.forms import SOFT_PROMPT

        assert self._prompt.embeds is not None
        front = {SOFT_PROMPT: self._prompt.embeds.clone()} if self._prompt.length else {}
        return front | {name: t.detach().clone() for name, t in self._weights().items()}


@dataclass(frozen=True, slots=True)
class Site:
    """One place in the model: PEFT's ``module``, and where its base module stands."""

    module: Any
    parent: Any
    attribute: str

    def enter(self, a: "Tensor", b: "Tensor") -> None:
        """Let the module stand in for its base, with these weights."""
        self.module.lora_A[ADAPTER].weight = a
        self.module.lora_B[ADAPTER].weight = b
        setattr(self.parent, self.attribute, self.module)

    def leave(self) -> None:
        """Put the base module back, and let go of the weights: the module may live on, their graph need not."""
        setattr(self.parent, self.attribute, self.module.base_layer)
        self.module.lora_A[ADAPTER].weight = self.module.lora_B[ADAPTER].weight = None

    @property
    def shapes(self) -> tuple[int, int]:
        """Inputs and outputs."""
        return self.module.in_features, self.module.out_features


class Changed:
    """An adapter (:class:`steering.lm.root.Adapter`): the places that change, by their module's name, and the weights they run with."""

    def __init__(self, sites: dict[str, Site], weights: "dict[str, Tensor]") -> None:
        self.sites, self.weights = sites, weights

    @contextmanager
    def active(self) -> Iterator[None]:
        """Change the model; change it back whatever happens."""
        try:
            for name, site in self.sites.items():
                site.enter(self.weights[f"{PREFIX}{name}.A"], self.weights[f"{PREFIX}{name}.B"])
            yield
        finally:
            for site in self.sites.values():
                site.leave()

    def detach(self) -> "Changed":
        return Changed(self.sites, {name: t.detach() for name, t in self.weights.items()})


ADAPTER = "steering"


def inject(lm: "FrozenLM", rank: int, targets: str) -> dict[str, Site]:
    """The places that ``targets`` name, with PEFT's modules for them, which do not stand in the model yet; by name of the base module.

    Raises:
        SpecError: the model has no such modules, or PEFT knows no default for it.
    """
    import peft
    import torch
    from peft.tuners.lora import LoraLayer
    from transformers.pytorch_utils import Conv1D

    wanted: Any = None if targets.strip() in ("", "default") else targets.strip()
    if wanted not in (None, "all-linear"):
        wanted = [part.strip() for part in wanted.split(",") if part.strip()]
    turned = any(isinstance(module, Conv1D) for module in lm.model.modules())  # GPT-2 stores its weights the other way round
    config = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=wanted, fan_in_fan_out=turned)
    devices = [lm.device] if lm.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):  # PEFT draws from the global state; ours is drawn from the run's seed
            peft.inject_adapter_in_model(config, lm.model, adapter_name=ADAPTER)
    except ValueError as error:
        raise SpecError(
            f"targets is {targets!r}: {str(error).splitlines()[0]}", f"Modules of this model: {', '.join(_names(lm))}; or all-linear."
        ) from None
    finally:  # also where PEFT gave up halfway: the model is always left as it was
        found = {}
        for name, module in list(lm.model.named_modules()):
            if isinstance(module, LoraLayer):
                parent, _, attribute = name.rpartition(".")
                found[name] = Site(module, lm.model.get_submodule(parent), attribute)
                setattr(found[name].parent, attribute, module.base_layer)
        if hasattr(lm.model, "peft_config"):
            del lm.model.peft_config
    other = [name for name, site in found.items() if ADAPTER not in site.module.lora_A]
    if other:
        raise SpecError(
            f"targets is {targets!r}: {other[0]!r} is no linear module.", f"Modules of this model: {', '.join(_names(lm))}; or all-linear."
        )
    for site in found.values():
        site.module.eval()
        for part in (site.module.lora_A[ADAPTER], site.module.lora_B[ADAPTER]):
            del part.weight  # the weights of a forward are its root's, not parameters of the module
            part.weight = None
    return found


def _names(lm: "FrozenLM") -> list[str]:
    """Last parts of the names of modules that can change."""
    import torch
    from transformers.pytorch_utils import Conv1D

    return sorted({name.rpartition(".")[2] for name, module in lm.model.named_modules() if isinstance(module, (torch.nn.Linear, Conv1D))})


# Looking for the places takes a quarter of a second, and training asks at every look. Their modules hold no weights, so roots share them.
_KNOWN: "WeakKeyDictionary[FrozenLM, dict[tuple[Any, ...], dict[str, Site]]]" = WeakKeyDictionary()


def changed(lm: "FrozenLM", weights: "dict[str, Tensor]") -> Changed:
    """The adapter that saved tensors stand for.

    Raises:
        ArtifactError: modules that the model does not have, a half of a pair missing, or shapes that do not fit.
    """
    names = sorted({name.removeprefix(PREFIX).rpartition(".")[0] for name in weights})
    if set(weights) != {f"{PREFIX}{name}.{half}" for name in names for half in "AB"}:
        raise ArtifactError(f"LoRA tensors do not come in pairs A and B ({len(weights)} tensors, {len(names)} modules).", "The file is damaged.")
    have = {name for name, _ in lm.model.named_modules()}
    missing = [name for name in names if name not in have]
    if missing:
        raise ArtifactError(f"{lm.id!r} has no module {missing[0]!r}.", "Load the model that it was trained on.")
    rank = weights[f"{PREFIX}{names[0]}.A"].shape[0]
    known, place = _KNOWN.setdefault(lm, {}), (rank, *names)
    if place not in known:
        known[place] = inject(lm, rank, ",".join(names))
    sites = known[place]
    for name in names:
        width, height = sites[name].shapes if name in sites else (0, 0)
        wanted = (rank, width), (height, rank)
        given = tuple(weights[f"{PREFIX}{name}.A"].shape), tuple(weights[f"{PREFIX}{name}.B"].shape)
        if given != wanted:
            raise ArtifactError(f"LoRA of {name!r} has shapes {given}, expected {wanted} for {lm.id!r}.", "Load the model that it was trained on.")
    return Changed(sites, weights)
