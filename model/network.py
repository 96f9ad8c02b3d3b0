"""Networks in real numbers: layers of any neuron model, skips, leaky readout, score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn

from rfssm.model import start
from rfssm.model.cells import Dynamics, LeakCell, LIFCell, Neuron, S5RFCell
from rfssm.model.recipe import NetworkConfig, Score
from rfssm.model.recurrence import Cell, Synapse, integrate, layer
from rfssm.model.recurrence.parallel import convolve, decoupled_reset
from rfssm.model.surrogate import Surrogate, spike


@dataclass(frozen=True)
class Activity:
    """What a network did with a batch.

    logits    one row per sample, or per step where the score is ``each``    (B, C) or (B, T, C)
    spikes    of each layer, before a skip is added                          (B, T, N) each
    """

    logits: Tensor
    spikes: tuple[Tensor, ...]

    def rates(self, steps: Tensor) -> Tensor:
        """Spikes per neuron and step of each layer, within the samples' lengths.    (layers,)"""
        live = alive(steps, self.spikes[0].shape[1])
        return torch.stack([(s.mean(-1) * live).sum() / live.sum() for s in self.spikes])

    def overflow(self) -> Tensor:
        """What to punish for states that could leave their width: real numbers have none."""
        return torch.zeros((), device=self.logits.device)


def alive(steps: Tensor, length: int) -> Tensor:
    """True where a step belongs to its sample.

    steps      length of each sample    (B,)
    returns                             (B, length)
    """
    return torch.arange(length, device=steps.device) < steps[:, None]


class Normalization(Dynamics):
    """Batch norm over samples and steps, as what it folds to: scale and shift per channel."""

    def __init__(self, channels: int, momentum: float = 0.05, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.momentum, self.eps = momentum, eps

    def affine(self, current: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scale and shift, from this batch's current (rows, N) or else from the running statistics.

        A batch's statistics carry their gradient and move the running ones.
        """
        if current is None:
            mean, variance = self.running_mean.double(), self.running_var.double()
        else:
            variance, mean = torch.var_mean(current.double(), 0, correction=0)
            with torch.no_grad():
                unbiased = variance * len(current) / max(len(current) - 1, 1)
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
                self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        scale = self.weight.double() / (variance + self.eps).sqrt()
        return scale, self.bias.double() - scale * mean


class Folding(Protocol):
    """A layer whose gains and normalisation fold into its weights."""

    training: bool

    @property
    def cell(self) -> Neuron | LeakCell:
        """What gives the gain."""

    @property
    def bias(self) -> nn.Parameter | None:
        """Added before the gain, where there is no batch norm."""

    @property
    def norm(self) -> Normalization | None:
        """Batch norm between weights and cells."""


def fold(
    of: Folding, weight: Tensor, x: Tensor | None = None, live: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Everything between a layer's input and its cells as one matrix and a bias, float64.

    weight     row n: what neuron n gets into u, then, with complex input, into v    (N, P M)
    x          in training: what batch norm takes its statistics from                (B, T, M)
    live       and where                                                             (B, T)
    returns    weight                                                                (N, P M)
               bias                                                                  (P, N) or None
    """
    gain = of.cell.gain()
    bias = None if of.bias is None else of.bias.double().view(-1, len(weight))
    if of.norm is not None:
        seen = None
        if x is not None and of.training:
            rows = x if live is None else x[live]
            seen = nn.functional.linear(rows.reshape(-1, x.shape[-1]), weight.to(x.dtype))
        scale, shift = of.norm.affine(seen)
        weight, bias = weight.double() * scale[:, None], shift[None]
    weight = weight.double()
    if gain.is_complex():
        parts = weight.view(len(weight), 2, -1)
        product = torch.complex(parts[:, 0], parts[:, 1]) * gain[:, None]
        weight = torch.cat([product.real, product.imag], 1)
        if bias is not None:
            both = torch.complex(bias[0], bias[1]) * gain
            bias = torch.stack([both.real, both.imag])
        return weight, bias
    return weight * gain[:, None], None if bias is None else bias * gain


def by_plane(rows: Tensor, planes: int) -> Tensor:
    """Rows of one neuron each -> all rows of u, then all of v.    (N, P M) -> (P N, M)"""
    if planes == 1:
        return rows
    return rows.view(len(rows), 2, -1).transpose(0, 1).reshape(2 * len(rows), -1)


class SpikingLayer(nn.Module):
    """Neurons behind their input weights.

    weight    row n: what neuron n gets into u, and, with complex input, into v     (N, P M)
    bias      constant input to u (and v), before the gain                          (P, N) or None
    mixing    spikes where Re(mixing z) passes the threshold, complex               (N, N) or None
    """

    def __init__(
        self,
        cell: Neuron,
        weight: Tensor,
        *,
        skip: bool = False,
        bias: bool = False,
        norm: Normalization | None = None,
        mixing: Tensor | None = None,
        surrogate: Surrogate = "multi_gaussian",
        parallel: bool = False,
    ) -> None:
        super().__init__()
        self.cell, self.skip, self.norm = cell, skip, norm
        self.surrogate, self.parallel = surrogate, parallel
        self.planes = 2 if cell.complex_input else 1
        self.neurons, self.inputs = len(weight), weight.shape[1] // self.planes
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(torch.zeros(self.planes, self.neurons)) if bias else None
        self.mixing: Tensor | None
        self.register_buffer("mixing", mixing)

    def run(self, x: Tensor, live: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Spikes (B, T, N) and states u, v (B, T, 2, N) for real inputs (B, T, M).

        live    where a step belongs to its sample, for batch norm    (B, T) or None: everywhere
        """
        rows, bias = fold(self, self.weight, x, live)
        synapse = Synapse(
            by_plane(rows, self.planes).to(x.dtype),
            None if bias is None else bias.to(x.dtype),
            self.planes,
        )
        threshold = torch.full((self.neurons,), self.cell.threshold, dtype=x.dtype, device=x.device)
        if self.mixing is not None:
            return self._run_mixed(synapse.current(x, None), threshold)
        if self.parallel:
            return self._run_parallel(synapse.current(x, None), threshold)
        unit = 1 / threshold
        if self.cell.inclusive:  # u > the number below is u >= threshold
            threshold = torch.nextafter(threshold, torch.zeros_like(threshold))
        reset = self.cell.reset()
        cell = Cell(
            self.cell.transition().to(x.dtype),
            threshold,
            unit,
            None if reset is None else reset.to(x.dtype),
            self.surrogate,
        )
        return layer(x, synapse, cell)

    def _run_mixed(self, current: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        """S5-RF's zoh layer: there is no reset, so the states are a convolution."""
        assert isinstance(self.cell, S5RFCell)
        assert self.mixing is not None
        drive = torch.complex(current[:, :, 0], current[:, :, 1])
        states = convolve(drive, self.cell.pole().to(drive.dtype))
        y = states @ self.mixing.to(drive.dtype).T
        spikes = spike(y.real, threshold, 1 / threshold, self.surrogate)
        return spikes, torch.stack([y.real, y.imag], 2).detach()

    def _run_parallel(self, current: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        assert isinstance(self.cell, LIFCell)
        decay = self.cell.decay().to(current.dtype)
        spikes, u = decoupled_reset(current[:, :, 0], decay, threshold, self.surrogate)
        return spikes, torch.stack([u, torch.zeros_like(u)], 2).detach()

    def forward(self, x: Tensor) -> Tensor:
        """What the layer emits: spikes, plus its input if it has a skip.    (B, T, N)"""
        spikes, _ = self.run(x)
        return spikes + x if self.skip else spikes

    def unit(self) -> Tensor:
        """Thresholds per unit of u.    (N,)"""
        return torch.full((self.neurons,), 1 / self.cell.threshold, device=self.weight.device)

    def rows(self) -> Tensor:
        """What scales a neuron's current: the trained weights, or batch norm's."""
        return self.weight if self.norm is None else self.norm.weight[:, None]


class Readout(nn.Module):
    """A leaky integrator per class.

    weight    (C, M)
    """

    def __init__(
        self,
        cell: LeakCell,
        weight: Tensor,
        *,
        bias: bool = False,
        norm: Normalization | None = None,
        score: Score = "sum",
    ) -> None:
        super().__init__()
        self.classes, self.inputs = weight.shape
        self.cell, self.norm, self.score = cell, norm, score
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(torch.zeros(self.classes)) if bias else None

    def run(self, x: Tensor, live: Tensor | None = None) -> Tensor:
        """State of each class after each step.    (B, T, M) -> (B, T, C)"""
        weight, bias = fold(self, self.weight, x, live)
        current = nn.functional.linear(
            x, weight.to(x.dtype), None if bias is None else bias[0].to(x.dtype)
        )
        return integrate(current, self.cell.leak().to(x.dtype))


class FloatNetwork(nn.Module):
    """Spiking layers and a readout, in the precision of its input.

    Inputs are integers worth x * x_unit.
    """

    def __init__(
        self,
        layers: Sequence[SpikingLayer],
        readout: Readout,
        x_unit: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.readout = readout
        self.x_unit, self.dropout = x_unit, dropout

    def spiking(self) -> list[SpikingLayer]:
        """The spiking layers."""
        return [layer for layer in self.layers if isinstance(layer, SpikingLayer)]

    def states(self, x: Tensor, live: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Readout after each step (B, T, C), and the spikes of each layer (B, T, N)."""
        x = x * self.x_unit
        spikes = []
        for spiking in self.spiking():
            s, _ = spiking.run(x, live)
            spikes.append(s)
            x = nn.functional.dropout(s + x if spiking.skip else s, self.dropout, self.training)
        return self.readout.run(x, live), tuple(spikes)

    def run(self, x: Tensor, steps: Tensor) -> Activity:
        """Run samples of different lengths.

        x        integers, zero-padded     (B, T, M)
        steps    length of each sample     (B,)
        """
        m, spikes = self.states(x, alive(steps, x.shape[1]))
        return Activity(score(m, steps, self.readout.score), spikes)

    def calibrate(self, x: Tensor, steps: Tensor, deviation: float) -> None:
        """See ``calibrate`` below."""
        calibrate(self.spiking(), x * self.x_unit, steps, deviation)


def score(m: Tensor, steps: Tensor, kind: Score) -> Tensor:
    """What a sample is judged by, from the readout after each step.

    m          (B, T, C)
    steps      length of each sample    (B,)
    returns    mean, last or largest state of the sample's steps (B, C), or each (B, T, C)
    """
    if kind == "each":
        return m
    if kind == "last":
        return m[torch.arange(len(m), device=m.device), steps - 1]
    live = alive(steps, m.shape[1])[..., None]
    if kind == "max":
        return m.masked_fill(~live, -math.inf).amax(1)
    return (m * live).sum(1) / steps[:, None]


def build(
    config: NetworkConfig, inputs: int, classes: int, random: torch.Generator, x_unit: float = 1.0
) -> FloatNetwork:
    """The network that training starts from."""
    widths = (inputs, *config.neurons)
    last = len(config.neurons) - 1
    layers = []
    for i, (m, n) in enumerate(pairwise(widths)):
        cell, mixing = start.cell(config.cell, n, random, first=i == 0)
        layers.append(
            SpikingLayer(
                cell,
                start.weight(config.cell, n, m, random),
                skip=config.skips and 0 < i < last and m == n,
                bias=config.bias,
                norm=Normalization(n) if config.normalize else None,
                mixing=mixing,
                surrogate=config.surrogate,
                parallel=getattr(config.cell, "parallel", False),
            )
        )
    readout = Readout(
        LeakCell(torch.full((classes,), math.log(config.leak / (1 - config.leak)))),
        torch.randn(classes, widths[-1], generator=random) / math.sqrt(widths[-1]),
        bias=config.bias,
        norm=Normalization(classes) if config.normalize else None,
        score=config.score,
    )
    return FloatNetwork(layers, readout, x_unit, config.dropout)


class Calibrated(Protocol):
    """A layer whose weights can be scaled by what they make of a batch."""

    def run(self, x: Tensor, live: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Spikes (B, T, N) and states (B, T, 2, N)."""

    def unit(self) -> Tensor:
        """Thresholds per unit of u.    (N,)"""

    def rows(self) -> Tensor:
        """What scales a neuron's current, one row per neuron."""

    def __call__(self, x: Tensor) -> Tensor:
        """What the layer emits."""


@torch.no_grad()
def calibrate(layers: Sequence[Calibrated], x: Tensor, steps: Tensor, deviation: float) -> None:
    """Scale each neuron's weights so that its u has this standard deviation, in thresholds.

    Layer after layer, because each changes what the next one sees; twice, because quantisation
    makes the response not quite proportional.
    """
    live = alive(steps, x.shape[1])
    for each in layers:
        for _ in range(2):
            u = each.run(x, live)[1][:, :, 0] * each.unit()
            spread = ((u.square() * live[..., None]).sum((0, 1)) / live.sum()).sqrt()
            factor = (deviation / spread.clamp(min=1e-4)).clamp(max=300)
            each.rows().mul_(factor.to(each.rows().dtype)[:, None])
        x = each(x)
