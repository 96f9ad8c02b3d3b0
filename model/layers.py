"""Layers in real numbers: neurons of any model or a leaky readout, behind weights that fold."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rfssm.contract import Score
from rfssm.errors import NetworkError
from rfssm.model.hooks import refresh
from rfssm.model.inputs import check_input
from rfssm.model.modes import drop
from rfssm.model.neurons import Dynamics, LeakCell, LIFCell, Neuron, S5RFCell
from rfssm.model.recurrence import Cell, Synapse, integrate, layer
from rfssm.model.recurrence.parallel import convolve, decoupled_reset
from rfssm.model.surrogate import Surrogate, spike


class Normalization(Dynamics):
    """Batch norm over samples and steps, computed as the scale and shift into which it folds."""

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
        """The cell, which has the gain."""

    @property
    def bias(self) -> nn.Parameter | None:
        """The bias that is added before the gain if there is no batch norm."""

    @property
    def norm(self) -> Normalization | None:
        """Batch norm between weights and cells."""


def fold(
    of: Folding, weight: Tensor, x: Tensor | None = None, live: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return all between a layer's input and its cells as one matrix and a bias, float64.

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
        if x is not None and of.training and len(x):  # an empty batch has no statistics
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
        """Run S5-RF's zoh layer: without a reset the states are a convolution."""
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
        """Return the layer's output: spikes, plus its input if it has a skip.    (B, T, N)

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
        """The parameter that scales a neuron's current: the trained weights, or batch norm's."""
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
        """Return the state of each class after each step.    (B, T, M) -> (B, T, C)"""
        refresh(self)
        weight, bias = fold(self, self.weight, x, live)
        current = nn.functional.linear(
            x, weight.to(x.dtype), None if bias is None else bias[0].to(x.dtype)
        )
        return integrate(current, self.cell.leak().to(x.dtype))

    def forward(self, x: Tensor, *, live: Tensor | None = None) -> Tensor:
        """Run the readout, in training with dropout of its input."""
        fed, gain = drop(x, self.dropout, self.training)
        return self.run(fed if gain == 1 else fed * gain, live)
