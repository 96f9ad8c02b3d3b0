"""Networks in real numbers: layers of any neuron model, a readout, and the scores of samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from rfssm.contract import Score
from rfssm.errors import HardwareError, NetworkError, check_kind
from rfssm.model import start
from rfssm.model.calibrate import calibrate
from rfssm.model.hooks import refuse_hooks
from rfssm.model.inputs import alive, check_steps
from rfssm.model.layers import Normalization, Readout, SpikingLayer
from rfssm.model.neurons import LeakCell
from rfssm.model.recipe import NetworkConfig


@dataclass(frozen=True)
class Activity:
    """The activity of a network on a batch.

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
        """The penalty for states that could leave their width; 0, as real numbers have no width."""
        return torch.zeros((), device=self.logits.device)


class Layered(nn.Module):
    """The common part of real and integer networks: spiking layers, and a readout behind them."""

    layers: nn.ModuleList
    readout: nn.Module

    @property
    def dropout(self) -> float:
        """Share of the input of every layer but the first that is left out in training."""
        return float(self.readout.dropout)  # type: ignore[arg-type]

    @dropout.setter
    def dropout(self, share: float) -> None:
        for each in (*self.layers[1:], self.readout):
            each.dropout = share


class FloatNetwork(Layered):
    """Spiking layers and a readout, in the precision of its input.

    Inputs are integers worth x * x_unit.  Layers are called, so that their forward hooks run.
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
        self.readout: Readout = readout
        self.x_unit: float = x_unit
        self.dropout = dropout

    def spiking(self) -> list[SpikingLayer]:
        """The spiking layers."""
        return [layer for layer in self.layers if isinstance(layer, SpikingLayer)]

    def states(self, x: Tensor, live: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Readout after each step (B, T, C), and the spikes of each layer (B, T, N)."""
        x = x * self.x_unit
        spikes: list[Tensor] = []
        record: list[tuple[Tensor, Tensor]] = []
        for spiking in self.spiking():
            x = spiking(x, live=live, record=record)
            spikes.append(record.pop()[0])
        return self.readout(x, live=live), tuple(spikes)

    def run(self, x: Tensor, steps: Tensor) -> Activity:
        """Run samples of different lengths.

        x        integers, zero-padded     (B, T, M)
        steps    length of each sample     (B,)

        Raises NetworkError for steps beyond x, and for hooks that ``run`` would pass over.
        """
        refuse_hooks(self, "the network")
        check_steps(steps, x)
        m, spikes = self.states(x, alive(steps, x.shape[1]))
        return Activity(score(m, steps, self.readout.score), spikes)

    def forward(self, x: Tensor) -> Any:
        """Raise NetworkError: a network must be called with the lengths of its samples."""
        raise HardwareError(
            "a FloatNetwork has no integers that hardware could hold: hls4ml converts a QATNetwork "
            "(rfssm.quant.qat.QATNetwork(network, formats, spec)); scores come from run(x, steps)"
        )

    def calibrate(self, x: Tensor, steps: Tensor, deviation: float) -> None:
        """See ``rfssm.model.calibrate``."""
        calibrate(self.spiking(), x * self.x_unit, steps, deviation)


def check_float(network: object) -> None:
    """Raise NetworkError if a value is not a FloatNetwork, and say how to get one."""
    way = "rfssm.model.build makes one, load_published reads one"
    check_kind("network", network, FloatNetwork, way, NetworkError)


def score(m: Tensor, steps: Tensor, kind: Score) -> Tensor:
    """Return the scores of samples from the readout's states after each step.

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
    """Build the network from which training starts."""
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
