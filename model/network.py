"""Networks in real numbers: layers of any neuron model, skips, leaky readout, score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rfssm.errors import HardwareError, NetworkError, short_repr
from rfssm.lock import Lock
from rfssm.model import start
from rfssm.model.hooks import refresh, refuse_hooks
from rfssm.model.neurons import Dynamics, LeakCell, LIFCell, Neuron, S5RFCell
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


_random: ContextVar[torch.Generator | None] = ContextVar("dropout", default=None)


@contextmanager
def dropout_from(random: torch.Generator) -> Iterator[None]:
    """Draw dropout from this generator, in this thread alone, not from torch's global one."""
    token = _random.set(random)
    try:
        yield
    finally:
        _random.reset(token)


def drop(x: Tensor, share: float, training: bool) -> tuple[Tensor, float]:
    """Leave out this share of what is fed to a layer, in training.

    returns    x with some entries 0, and the factor that makes good for them
    """
    if not share or not training:
        return x, 1.0
    kept = torch.empty_like(x).bernoulli_(1 - share, generator=_random.get())
    return x * kept, 1 / (1 - share)


_evaluating = Lock()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, after which every module is in its own mode of before.

    Another thread that enters waits: the mode is the network's, whoever runs it.
    """
    with _evaluating:
        modes = [(module, module.training) for module in network.modules()]
        network.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


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
                for running, seen in ((self.running_mean, mean), (self.running_var, unbiased)):
                    seen = torch.where(seen.isfinite(), seen.to(running.dtype), running)
                    running.lerp_(seen, self.momentum)
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
        if x is not None and of.training and len(x):  # nothing has no statistics
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


def scalable(of: nn.Module, index: int | None = None) -> Tensor:
    """The weight of a module, one row per neuron, which may be scaled in place.

    Raises NetworkError where it is computed from other parameters, so that this would be lost.
    """
    weight = of.weight
    if not isinstance(weight, nn.Parameter):
        where = "" if index is None else f"layers[{index}]."
        raise NetworkError(
            f"{where}weight: pruned or parametrized, so that it cannot be scaled; calibrate before"
        )
    return weight if weight.ndim > 1 else weight[:, None]


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
    dropout   share of what is fed to the weights that is left out in training

    Raises NetworkError for a cell that cannot be run in parallel, or whose states cannot be mixed.
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
        if parallel and not isinstance(cell, LIFCell):
            raise NetworkError(f"parallel = True: not for model {cell.model!r}, must be 'lif'")
        if mixing is not None and not isinstance(cell, S5RFCell):
            raise NetworkError(f"mixing: not for model {cell.model!r}, must be 's5rf'")
        self.cell, self.skip, self.norm = cell, skip, norm
        self.surrogate, self.parallel, self.dropout = surrogate, parallel, 0.0
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
        refresh(self)
        rows, bias = fold(self, self.weight, x, live)
        synapse = Synapse(
            by_plane(rows, self.planes).to(x.dtype),
            None if bias is None else bias.to(x.dtype),
            self.planes,
        )
        threshold = torch.full((self.neurons,), self.cell.threshold, dtype=x.dtype, device=x.device)
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
        if self.mixing is not None:
            return self._run_mixed(synapse.current(x, None), cell)
        if self.parallel:
            spikes, u = decoupled_reset(synapse.current(x, None)[:, :, 0], cell)
            return spikes, torch.stack([u, torch.zeros_like(u)], 2)
        return layer(x, synapse, cell)

    def _run_mixed(self, current: Tensor, cell: Cell) -> tuple[Tensor, Tensor]:
        """S5-RF's zoh layer: there is no reset, so the states are a convolution."""
        assert isinstance(self.cell, S5RFCell)
        assert self.mixing is not None
        drive = torch.complex(current[:, :, 0], current[:, :, 1])
        states = convolve(drive, self.cell.pole().to(drive.dtype))
        y = states @ self.mixing.to(drive.dtype).T
        spikes = spike(y.real, cell.threshold, cell.unit, self.surrogate)
        return spikes, torch.stack([y.real, y.imag], 2).detach()

    def forward(
        self, x: Tensor, *, live: Tensor | None = None, record: list[Any] | None = None
    ) -> Tensor:
        """What the layer emits: spikes, plus its input if it has a skip.    (B, T, N)

        Dropout is of what is fed to the weights; what goes around them stays whole.

        record    spikes and states are appended to it, see ``run``
        """
        check_input(x, self.inputs)
        fed, gain = drop(x, self.dropout, self.training)
        spikes, states = self.run(fed if gain == 1 else fed * gain, live)
        if record is not None:
            record.append((spikes, states))
        return spikes + x if self.skip else spikes

    def unit(self) -> Tensor:
        """Thresholds per unit of u.    (N,)"""
        return torch.full((self.neurons,), 1 / self.cell.threshold, device=self.weight.device)

    def rows(self) -> Tensor:
        """What scales a neuron's current: the trained weights, or batch norm's."""
        return scalable(self if self.norm is None else self.norm)


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
        self.cell, self.norm, self.score, self.dropout = cell, norm, score, 0.0
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(torch.zeros(self.classes)) if bias else None

    def run(self, x: Tensor, live: Tensor | None = None) -> Tensor:
        """State of each class after each step.    (B, T, M) -> (B, T, C)"""
        refresh(self)
        weight, bias = fold(self, self.weight, x, live)
        current = nn.functional.linear(
            x, weight.to(x.dtype), None if bias is None else bias[0].to(x.dtype)
        )
        return integrate(current, self.cell.leak().to(x.dtype))

    def forward(self, x: Tensor, *, live: Tensor | None = None) -> Tensor:
        """See ``run``; with dropout of what is fed, in training."""
        fed, gain = drop(x, self.dropout, self.training)
        return self.run(fed if gain == 1 else fed * gain, live)


class Layered(nn.Module):
    """What real and integer networks share: spiking layers, and a readout behind them."""

    layers: nn.ModuleList
    readout: nn.Module

    @property
    def dropout(self) -> float:
        """Share of what is fed to every layer but the first that is left out in training."""
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
        """Refuse what calls a network without the lengths of its samples, as hls4ml's tracer."""
        raise HardwareError(
            "a FloatNetwork has no integers that hardware could hold: hls4ml converts a QATNetwork "
            "(rfssm.quant.qat.QATNetwork(network, formats, spec)); scores come from run(x, steps)"
        )

    def calibrate(self, x: Tensor, steps: Tensor, deviation: float) -> None:
        """See ``calibrate`` below."""
        calibrate(self.spiking(), x * self.x_unit, steps, deviation)


def check_input(x: Tensor, inputs: int) -> None:
    """Raises NetworkError for anything but samples of so many inputs per step."""
    if not isinstance(x, Tensor) or x.ndim != 3 or x.shape[2] != inputs:
        found = f"shape {list(x.shape)}" if isinstance(x, Tensor) else short_repr(x)
        raise NetworkError(f"x: {found}, must be a tensor of [samples, steps, {inputs}]")


def check_steps(steps: Tensor, x: Tensor) -> None:
    """Raises NetworkError where a sample's length is not one of x (B, T, M)."""
    if not isinstance(steps, Tensor) or steps.is_floating_point():  # 2.5 steps would be alive in 3
        raise NetworkError(f"steps: {short_repr(steps)}: must be a tensor of integers")
    if x.ndim < 2 or not x.shape[1]:
        raise NetworkError(f"x: shape {list(x.shape)}: there are no steps")
    if steps.shape != x.shape[:1]:
        raise NetworkError(
            f"steps: shape {list(steps.shape)}, must be [{len(x)}], one entry per sample"
        )
    bad = (steps < 1) | (steps > x.shape[1])
    if bad.any():
        i = int(bad.nonzero()[0])
        raise NetworkError(
            f"steps[{i}] = {int(steps[i])}: must be between 1 and the {x.shape[1]} steps of x"
        )


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

    @property
    def skip(self) -> bool:
        """Whether the layer adds its input to its spikes."""


@torch.no_grad()
def calibrate(layers: Sequence[Calibrated], x: Tensor, steps: Tensor, deviation: float) -> None:
    """Scale each neuron's weights so that its u has this standard deviation, in thresholds.

    Layer after layer, because each changes what the next one sees; twice, because quantisation
    makes the response not quite proportional.

    Raises NetworkError for steps beyond x, and where there is nothing to measure: no sample, or
    states that are not finite.
    """
    check_steps(steps, x)
    live = alive(steps, x.shape[1])
    for i, each in enumerate(layers):
        for _ in range(2):
            u = each.run(x, live)[1][:, :, 0] * each.unit()
            spread = ((u.square() * live[..., None]).sum((0, 1)) / live.sum()).sqrt()
            if not spread.isfinite().all():
                what = "its states are not finite" if len(x) else "there are no samples"
                raise NetworkError(f"layers[{i}]: cannot be calibrated, {what}")
            factor = (deviation / spread.clamp(min=1e-4)).clamp(max=300)
            each.rows().mul_(factor.to(each.rows().dtype)[:, None])
        spikes = each.run(x)[0]
        x = spikes + x if each.skip else spikes
