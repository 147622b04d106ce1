"""Reparametrisation: learned vectors move through a small network that they share, which is folded into plain vectors on save.

``moves = out(tanh(hidden(codes)))``: one trainable code a virtual token (P-tuning, Liu et al. 2021, section 3), one hidden layer, and a last
layer that starts at zero, so that step 0 is exactly the start (residual prompts, Razdaibiedina et al. 2023; tanh as in Li & Liang 2021, 4.3).
The vectors share the network, so what one learns moves all of them, and the learning rate matters less.
"""

import math

import torch
from torch import Tensor


class Network:
    """Maps ``rows`` codes [P, width] to moves [P, features], fp32."""

    def __init__(self, rows: int, features: int, *, width: int, seed: int, device: torch.device) -> None:
        draw = torch.Generator().manual_seed(seed)  # on the CPU, so that every device starts alike
        self._first = (torch.randn(width, width, generator=draw, device="cpu") / math.sqrt(width)).to(device)
        # Adam moves all weights of a sum together: with these units a step moves hidden and output values by about the learning rate.
        self._unit = 2.0 / width
        self._parameters = {
            "network.codes": torch.randn(rows, width, generator=draw, device="cpu").to(device),
            "network.hidden": torch.zeros(width, width, device=device),
            "network.bias": torch.zeros(width, device=device),
            "network.out": torch.zeros(features, width, device=device),
        }
        for parameter in self._parameters.values():
            parameter.requires_grad_(True)

    def parameters(self) -> dict[str, Tensor]:
        """Leaf tensors; the last layer's is zero at step 0."""
        return self._parameters

    def __call__(self) -> Tensor:
        """Moves [P, features]; zero at step 0."""
        codes, hidden, bias, out = self._parameters.values()
        inner = torch.tanh(codes @ (self._first + self._unit * hidden).T + bias)
        return inner @ (self._unit * out).T
