"""The S5-RF network in real numbers: resonator layers, skips, leaky readout, mean over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn

from rfssm.model import hippo
from rfssm.model.cells import LeakCell, ResonatorCell
from rfssm.model.recipe import NetworkConfig
from rfssm.model.recurrence import Cell, integrate, resonate


@dataclass(frozen=True)
class Activity:
    """What a network did with a batch.

    logits    mean of the readout over each sample's steps    (B, C)
    spikes    of each layer, before a skip is added           (B, T, N) each
    """

    logits: Tensor
    spikes: tuple[Tensor, ...]

    def rates(self, steps: Tensor) -> Tensor:
        """Spikes per neuron and step of each layer, within the samples' lengths.    (layers,)"""
        live = alive(steps, self.spikes[0].shape[1])
        return torch.stack([(s.mean(-1) * live).sum() / live.sum() for s in self.spikes])


def alive(steps: Tensor, length: int) -> Tensor:
    """True where a step belongs to its sample.

    steps      length of each sample    (B,)
    returns                             (B, length)
    """
    return torch.arange(length, device=steps.device) < steps[:, None]


class SpikingLayer(nn.Module):
    """Resonators behind complex input weights.

    weight    row n: what neuron n gets into u, then into v, before the cell's gain    (N, 2 M)
    bias      constant input to u and v, before the gain                              (2, N) or None
    """

    def __init__(
        self, inputs: int, neurons: int, skip: bool, config: NetworkConfig, random: torch.Generator
    ) -> None:
        super().__init__()
        self.inputs, self.neurons, self.skip = inputs, neurons, skip
        poles, vectors = hippo.eigenvalues(config.block)
        repeats = neurons // config.block
        self.cell = ResonatorCell(
            step=_log_uniform(config.step_min, config.step_max, neurons, random),
            damping=torch.tensor(-poles.real, dtype=torch.float32).repeat(repeats),
            frequency=torch.tensor(poles.imag, dtype=torch.float32).repeat(repeats),
        )
        # LeCun-normal parts, turned into the eigenbasis of each block.
        lecun = torch.randn(2, repeats, config.block, inputs, generator=random) / math.sqrt(inputs)
        basis = torch.tensor(vectors.conj().T, dtype=torch.complex64)
        weight = (basis @ torch.complex(lecun[0], lecun[1])).reshape(neurons, inputs)
        self.weight = nn.Parameter(torch.cat([weight.real, weight.imag], 1))
        self.bias = nn.Parameter(torch.zeros(2, neurons)) if config.bias else None

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes (B, T, N) and states u, v (B, T, 2, N) for real inputs (B, T, M)."""
        gain = self.cell.gain().to(x.dtype)
        current = split_current(x, self.weight.to(x.dtype))
        if self.bias is not None:
            current = current + self.bias.to(x.dtype)
        one = torch.ones_like(gain)
        return resonate(current * gain, Cell(self.cell.transition().to(x.dtype), one, one))

    def forward(self, x: Tensor) -> Tensor:
        """What the layer emits: spikes, plus its input if it has a skip.    (B, T, N)"""
        spikes, _ = self.run(x)
        return spikes + x if self.skip else spikes

    def unit(self) -> Tensor:
        """Thresholds per unit of u.    (N,)"""
        return torch.ones_like(self.cell.log_step)

    def rows(self) -> Tensor:
        """The trained weights, one row per neuron."""
        return self.weight


class Readout(nn.Module):
    """A leaky integrator per class; no gain, because its scores are only compared."""

    def __init__(
        self, inputs: int, classes: int, config: NetworkConfig, random: torch.Generator
    ) -> None:
        super().__init__()
        self.inputs, self.classes = inputs, classes
        self.cell = LeakCell(classes, config.leak)
        self.weight = nn.Parameter(
            torch.randn(classes, inputs, generator=random) / math.sqrt(inputs)
        )
        self.bias = nn.Parameter(torch.zeros(classes)) if config.bias else None

    def forward(self, x: Tensor) -> Tensor:
        """State of each class after each step.    (B, T, M) -> (B, T, C)"""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        current = nn.functional.linear(x, self.weight.to(x.dtype), bias)
        return integrate(current, self.cell.leak().to(x.dtype))


class S5RF(nn.Module):
    """Resonator layers and a readout, in the precision of its input.

    Inputs are integers worth x * x_unit.  Layers between the first and the last add their input to
    their spikes, where both have one width.
    """

    def __init__(
        self,
        config: NetworkConfig,
        inputs: int,
        classes: int,
        random: torch.Generator,
        x_unit: float = 1.0,
    ) -> None:
        super().__init__()
        self.x_unit = x_unit
        widths = (inputs, *config.neurons)
        last = len(config.neurons) - 1
        self.layers = nn.ModuleList(
            SpikingLayer(m, n, 0 < i < last and m == n, config, random)
            for i, (m, n) in enumerate(pairwise(widths))
        )
        self.readout = Readout(widths[-1], classes, config, random)

    def run(self, x: Tensor, steps: Tensor) -> Activity:
        """Run samples of different lengths.

        x        integers, zero-padded     (B, T, M)
        steps    length of each sample     (B,)
        """
        x = x * self.x_unit
        spikes = []
        for layer in self.layers:
            assert isinstance(layer, SpikingLayer)
            s, _ = layer.run(x)
            spikes.append(s)
            x = s + x if layer.skip else s
        m = self.readout(x)
        live = alive(steps, x.shape[1])[..., None]
        return Activity((m * live).sum(1) / steps[:, None], tuple(spikes))


def split_current(x: Tensor, weight: Tensor) -> Tensor:
    """Currents into u and v.

    x         inputs                         (B, T, M)
    weight    row n: u part, then v part     (N, 2 M)
    returns                                  (B, T, 2, N)
    """
    neurons, inputs = weight.shape[0], x.shape[-1]
    both = weight.view(neurons, 2, inputs).transpose(0, 1).reshape(2 * neurons, inputs)
    return nn.functional.linear(x, both).view(*x.shape[:-1], 2, neurons)


class Calibrated(Protocol):
    """A layer whose weights can be scaled by what they make of a batch."""

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes (B, T, N) and states (B, T, 2, N)."""

    def unit(self) -> Tensor:
        """Thresholds per unit of u.    (N,)"""

    def rows(self) -> Tensor:
        """The trained weights, one row per neuron."""

    def __call__(self, x: Tensor) -> Tensor:
        """What the layer emits."""


@torch.no_grad()
def calibrate(layers: Sequence[Calibrated], x: Tensor, steps: Tensor, deviation: float) -> None:
    """Scale each neuron's weights so that its u has this standard deviation, in thresholds.

    Layer after layer, because each changes what the next one sees; twice, because quantisation
    makes the response not quite proportional.
    """
    live = alive(steps, x.shape[1])[..., None]
    for layer in layers:
        for _ in range(2):
            u = layer.run(x)[1][:, :, 0] * layer.unit()
            spread = ((u.square() * live).sum((0, 1)) / live.sum()).sqrt()
            factor = (deviation / spread.clamp(min=1e-4)).clamp(max=300)
            layer.rows().mul_(factor.to(layer.rows().dtype)[:, None])
        x = layer(x)


def _log_uniform(low: float, high: float, count: int, random: torch.Generator) -> Tensor:
    share = torch.rand(count, generator=random)
    return torch.exp(math.log(low) + share * (math.log(high) - math.log(low)))
