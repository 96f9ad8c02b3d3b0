"""Neuron models: trained parameters -> constant transition and input gain of each cell."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class ResonatorCell(nn.Module):
    """S5-RF: z <- exp(step * eigenvalue) z + step * current, eigenvalue = -damping + i frequency.

    Damping and step are trained as logarithms, so every cell is stable.  The discretisation is
    dirac: the input gain is the step itself.
    """

    def __init__(self, step: Tensor, damping: Tensor, frequency: Tensor) -> None:
        super().__init__()
        self.log_step = nn.Parameter(step.log())
        self.log_damping = nn.Parameter(damping.log())
        self.frequency = nn.Parameter(frequency.clone())

    def gain(self) -> Tensor:
        """What the current is multiplied by, float64.    (N,)"""
        return self.log_step.double().exp()

    def transition(self) -> Tensor:
        """Rotation and decay [[a, -b], [b, a]], a + ib the discrete eigenvalue.

        returns    float64    (N, 2, 2)
        """
        step = self.gain()
        radius = torch.exp(-self.log_damping.double().exp() * step)
        phase = self.frequency.double() * step
        a, b = radius * phase.cos(), radius * phase.sin()
        return torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], -2)


class LeakCell(nn.Module):
    """Leaky integrator: m <- leak * m + current, leak = sigmoid of what is trained."""

    def __init__(self, cells: int, leak: float) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.full((cells,), math.log(leak / (1 - leak))))

    def leak(self) -> Tensor:
        """Decay per step, float64.    (C,)"""
        return self.logit.double().sigmoid()
