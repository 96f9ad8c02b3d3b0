"""A spiking layer on the integer contract: Brevitas weights around the float layer's cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from brevitas.quant import Int8WeightPerChannelFloat
from numpy.typing import NDArray
from torch import Tensor

from rfssm.errors import NetworkError, first_few
from rfssm.model import layers as model
from rfssm.model import recurrence
from rfssm.model.hooks import refresh
from rfssm.model.neurons import Neuron
from rfssm.model.recurrence import Cell, Grid, memory
from rfssm.quant.arithmetic import signed_range
from rfssm.quant.layers import InputSpec, SpikingLayer
from rfssm.quant.qat.integers import (
    RESOLUTION,
    Seen,
    SpikingIntegers,
    check_finite,
    entering,
    int32,
    int64,
    round_clipped,
    through,
)
from rfssm.quant.qat.layer import Fit, QATLayer
from rfssm.quant.ranges.reach import outside_unit_circle
from rfssm.quant.recipe import QuantizationConfig

HEADROOM = 4  # a resonator rings to several times its threshold
COARSE_THRESHOLD = 4  # LSBs; where most are below, it is worth a warning


class QATSpiking(QATLayer):
    """A spiking layer on the integer contract."""

    cell: Neuron
    formats: QuantizationConfig

    def __init__(
        self,
        layer: model.SpikingLayer,
        formats: QuantizationConfig,
        spec: InputSpec,
        index: int,
        takes: tuple[int, int],
    ) -> None:
        if layer.mixing is not None:
            raise NetworkError(
                f"layers[{index}]: zoh spikes see a mixture of the states, for which there is no "
                "integer circuit; train with network.cell.discretization = bilinear or dirac"
            )
        if layer.parallel:
            raise NetworkError(
                f"layers[{index}]: network.cell.parallel = true is for real numbers only, because "
                "rounding is not associative; train with false, it is the same neuron"
            )
        super().__init__(layer, f"layers[{index}]", spec, index, takes)
        self.formats, self.neurons, self.skip = formats, layer.neurons, layer.skip
        self.surrogate = layer.surrogate
        self.emits = (takes[0], takes[1] + 1) if self.skip else (0, 1)
        low, high = signed_range(formats.state_bits)
        self.grid = Grid(formats.rounding, low, high, formats.transition_frac)
        self.smallest_scale = (
            HEADROOM * self.cell.threshold * 2.0**formats.guard_bits / 2 ** (formats.state_bits - 1)
        )
        self.dense = self.quantizing(
            layer.weight,
            Int8WeightPerChannelFloat,
            # Brevitas clamps the range, before it divides by the largest integer.
            weight_scaling_min_val=self.smallest_scale
            * 2.0**self.input_frac
            * (2 ** (formats.weight_bits - 1) - 1),
        )

    def integers(self, seen: Seen | None = None) -> SpikingIntegers:
        """Make the integers, in float64: the one place for training, evaluation and freezing."""
        refresh(self)
        weight, bias = self.folded(seen)
        transition, reset = self._transition(), self.cell.reset()
        check_finite(f"layers[{self.index}]", weight=weight, bias=bias, reset=reset)
        quantized = self.dense.weight_quant(weight)
        value, scale, excess = quantized.value, quantized.scale.detach().view(-1), None
        if self.formats.proved:
            scale, excess = self._proved(weight, bias, transition, reset, scale)
            value = self.quantize_under(quantized, scale[:, None], weight)
        current_lsb = scale * 2.0**-self.input_frac
        state_lsb = current_lsb * 2.0**-self.formats.guard_bits
        _, highest = signed_range(self.formats.state_bits)
        if reset is not None:
            reset = round_clipped(reset / state_lsb[:, None], self.formats.state_bits)
        threshold = self.cell.threshold / state_lsb
        threshold = threshold.ceil() - 1 if self.cell.inclusive else threshold.floor()
        return SpikingIntegers(
            through(value / scale[:, None], torch.round),
            None if bias is None else round_clipped(bias / state_lsb, self.formats.bias_bits),
            transition,
            reset,
            threshold.clamp(max=highest),
            current_lsb,
            excess,
        )

    def _proved(
        self,
        weight: Tensor,
        bias: Tensor | None,
        transition: Tensor,
        reset: Tensor | None,
        smallest: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return a scale under which no input saturates a state, and SpikingIntegers' excess."""
        fit = Fit(self, weight, bias, transition, reset)
        wanted = self.cell.threshold / RESOLUTION
        excess = (fit.needed.clamp(min=wanted) / wanted).log2()
        return fit.scale(smallest, self.formats.bias_bits), excess

    def _transition(self) -> Tensor:
        """Round every entry toward zero, so that no stable cell grows."""
        frac = 2.0**self.formats.transition_frac
        highest = 2.0 ** (self.formats.transition_bits - 1) - 1
        real = self.cell.transition()
        check_finite(f"layers[{self.index}]", transition=real)
        integers = through(real * frac, lambda x: x.trunc().clamp(-highest, highest))
        words = integers.detach().cpu().numpy().astype(np.int64)
        grow = outside_unit_circle(words, self.formats.transition_frac).tolist()
        if grow:
            raise NetworkError(
                f"layers[{self.index}]: the states of neurons {first_few(grow)} grow "
                "without bound; "
                "retrain with a stable model, or clamp their parameters"
            )
        return integers / frac

    def run(
        self, x: Tensor, live: Tensor | None = None, gain: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Spikes (B, T, N) and integer states (B, T, 2, N) for integers (B, T, M).

        live    where a step belongs to its sample, for batch norm    (B, T) or None: everywhere
        gain    see ``Seen``
        """
        if self.index == 0:
            x = entering(x, self.takes)
        return self.respond(x, self.integers(self.seen(x, live, gain)))

    def respond(self, x: Tensor, integers: SpikingIntegers) -> tuple[Tensor, Tensor]:
        """See ``run``."""
        synapse = self.synapse(model.by_plane(integers.weight, self.planes), integers.bias)
        cell = Cell(
            integers.transition,
            integers.threshold,
            self.unit(integers.scale),
            integers.reset,
            self.surrogate,
        )
        return recurrence.layer(x, synapse, cell, self.grid)

    def forward(
        self, x: Tensor, *, live: Tensor | None = None, record: list[Any] | None = None
    ) -> Tensor:
        """Return the layer's output: spikes, plus its input if it has a skip.

        Dropout is of what is fed to the weights; what goes around them stays whole.

        x          integers    (B, T, M)
        live       see ``run``
        record     spikes, states and the integers that made them are appended to it
        returns                (B, T, N)
        """
        x, fed, gain = self.feed(x)
        integers = self.integers(self.seen(fed, live, gain))
        spikes, states = self.respond(fed, integers)
        if record is not None:
            record.append((spikes, states, integers))
        emitted: Tensor = memory.add(spikes, x) if self.skip else spikes
        return emitted

    def unit(self, scale: Tensor | None = None) -> Tensor:
        """Thresholds per unit of u.    (N,)"""
        scale = self.integers().scale if scale is None else scale
        return scale * 2.0**-self.formats.guard_bits / self.cell.threshold

    def rows(self) -> Tensor:
        """The parameter that scales a neuron's current: the trained weights, or batch norm's."""
        return model.scalable(self.dense if self.norm is None else self.norm, self.index)

    def rows_on_floor(self) -> int:
        """Return the neurons whose weights need a smaller scale than the state's width allows."""
        scale = self.integers().scale
        return int((scale <= self.smallest_scale * (1 + 1e-9)).sum())

    def coarse_thresholds(self) -> int:
        """Return the neurons whose threshold is only a few LSBs of the state."""
        return int((self.integers().threshold < COARSE_THRESHOLD).sum())

    @torch.no_grad()
    def described(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the layer's entry in a network file and its tensors, from integers made once."""
        integers = self.integers()
        return self._header(), self._tensors(integers)

    def _header(self) -> dict[str, Any]:
        formats = self.formats
        return {
            "kind": "spiking",
            "model": self.cell.model,
            "inputs": self.inputs,
            "neurons": self.neurons,
            "complex_input": self.planes == 2,
            "skip": self.skip,
            "weight_bits": formats.weight_bits,
            "bias_bits": self.bias_bits,
            "transition_bits": formats.transition_bits,
            "transition_frac": formats.transition_frac,
            "guard_bits": formats.guard_bits,
            "state_bits": formats.state_bits,
            "rounding": formats.rounding,
            "overflow": "SAT",
        }

    def _tensors(self, integers: SpikingIntegers) -> dict[str, NDArray[Any]]:
        m = self.inputs
        reset = torch.zeros(self.neurons, 2) if integers.reset is None else integers.reset
        tensors = {
            "weight_u": int32(integers.weight[:, :m]),
            "transition": int32(integers.transition * 2.0**self.formats.transition_frac),
            "reset": int32(reset),
            "threshold": int32(integers.threshold),
            "scale": integers.scale.cpu().numpy(),
        }
        if self.planes == 2:
            tensors["weight_v"] = int32(integers.weight[:, m:])
        if integers.bias is not None:
            for plane, name in zip(integers.bias, ("bias_u", "bias_v"), strict=False):
                tensors[name] = int32(plane)
        return tensors

    def frozen(self) -> SpikingLayer:
        """Return the layer as engines see it."""
        header, tensors = self.described()
        return SpikingLayer(**header, **int64(tensors))
