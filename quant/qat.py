"""Quantization-aware training on the integer contract: Brevitas weights around the float network.

The forward pass computes the contract itself, in training as in evaluation: exact integers held in
floating point, rounding inside the recurrence.  The backward pass differentiates the real-valued
network of which they are the quantisation: straight through every rounding, zero where a state is
clipped.  The only file that imports Brevitas.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from brevitas.nn import QuantLinear
from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat
from hls4ml.utils.torch import HLS4MLModule
from numpy.typing import NDArray
from torch import Tensor, nn

from rfssm.model import network as model
from rfssm.model.network import Activity, alive, split_current
from rfssm.model.recurrence import Cell, Grid, integrate, resonate
from rfssm.quant.network import InputSpec, ReadoutLayer, SpikingLayer
from rfssm.quant.qformat import signed_range
from rfssm.quant.recipe import EXACT_BITS, QuantizationConfig, ReadoutConfig
from rfssm.quant.samples import Outputs, Samples

HEADROOM = 4  # a resonator rings to several times its threshold
FLOOR_WARNING = 0.5  # share of a layer's rows on the scale floor that is worth a warning
SIGNIFICANT_BITS = 3  # of 1 - leak


class ScaleFloorWarning(UserWarning):
    """Many neurons' weights are coarser than training wants them."""


@dataclass(frozen=True)
class SpikingIntegers:
    """Integers of a spiking layer in float64; those that are trained carry their gradient.

    weight        row n: u part, then v part               (N, 2 M)
    bias          for u and v                              (2, N) or None
    transition    integers * 2^-transition_frac            (N, 2, 2)
    threshold                                              (N,)
    scale         real value of one LSB of the current     (N,)
    """

    weight: Tensor
    bias: Tensor | None
    transition: Tensor
    threshold: Tensor
    scale: Tensor


@dataclass(frozen=True)
class ReadoutIntegers:
    """Integers of the readout in float64; those that are trained carry their gradient.

    weight                                                        (C, M)
    bias                                                          (C,) or None
    leak          integers * 2^-leak_frac                         (C,)
    leak_frac
    scale         real value of one LSB of the current            ()
    """

    weight: Tensor
    bias: Tensor | None
    leak: Tensor
    leak_frac: int
    scale: Tensor


@dataclass(frozen=True)
class IntegerActivity(Activity):
    """What the integers did: exact scores and states, held in float64.

    scores    sum of the readout's states over a sample's steps    (B, C)
    states    u and v of each layer after each step                (B, T, 2, N) each
    """

    scores: Tensor
    states: tuple[Tensor, ...]


class QATSpiking(HLS4MLModule):  # type: ignore[misc]  # hls4ml has no types
    """A spiking layer on the integer contract; a leaf for hls4ml's tracer."""

    def __init__(
        self, layer: model.SpikingLayer, formats: QuantizationConfig, spec: InputSpec, index: int
    ) -> None:
        super().__init__()
        self.inputs, self.neurons, self.skip = layer.inputs, layer.neurons, layer.skip
        self.formats, self.input_spec, self.index = formats, spec, index
        self.cell = layer.cell
        self.bias = layer.bias
        self.input_frac = spec.frac if index == 0 else 0
        low, high = signed_range(formats.state_bits)
        self.grid = Grid(formats.rounding, low, high, formats.transition_frac)
        self.smallest_scale = HEADROOM * 2.0**formats.guard_bits / 2 ** (formats.state_bits - 1)
        self.dense = QuantLinear(
            2 * self.inputs,
            self.neurons,
            bias=False,
            weight_quant=Int8WeightPerChannelFloat,
            weight_bit_width=formats.weight_bits,
            # Brevitas clamps the range, before it divides by the largest integer.
            weight_scaling_min_val=self.smallest_scale
            * 2.0**self.input_frac
            * (2 ** (formats.weight_bits - 1) - 1),
        )
        with torch.no_grad():
            self.dense.weight.copy_(layer.weight)

    def integers(self) -> SpikingIntegers:
        """Make the integers, in float64: the one place, for training, evaluation and freezing."""
        gain = self.cell.gain()
        weight = self.dense.weight_quant(self.dense.weight.double() * gain[:, None])
        scale = weight.scale.detach().view(-1)
        current_lsb = scale * 2.0**-self.input_frac
        state_lsb = current_lsb * 2.0**-self.formats.guard_bits
        _, highest = signed_range(self.formats.state_bits)
        bias = None
        if self.bias is not None:
            bias = _round_clipped(self.bias * gain / state_lsb, self.formats.bias_bits)
        return SpikingIntegers(
            _through(weight.value / scale[:, None], torch.round),
            bias,
            self._transition(),
            torch.floor(1 / state_lsb).clamp(max=highest),
            current_lsb,
        )

    def _transition(self) -> Tensor:
        """Every entry toward zero, so that no cell grows: a² + b² <= 4^F in integers."""
        frac = 2.0**self.formats.transition_frac
        highest = 2.0 ** (self.formats.transition_bits - 1) - 1
        integers = _through(
            self.cell.transition() * frac, lambda x: x.trunc().clamp(-highest, highest)
        )
        if bool((integers.detach()[:, :, 0].square().sum(1) > frac**2).any()):
            raise AssertionError("a transition outside the unit circle")
        return integers / frac

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes (B, T, N) and integer states (B, T, 2, N) for integers (B, T, M)."""
        integers = self.integers()
        weight = integers.weight * 2.0**self.formats.guard_bits
        low, high = self.value_range()
        largest = 2 ** (self.formats.weight_bits - 1) * self.inputs * max(high, -low)
        current = split_current(*_exact_operands(x, weight, largest))
        if integers.bias is not None:
            current = current.double() + integers.bias
        cell = Cell(integers.transition, integers.threshold, self.unit(integers.scale))
        return resonate(current, cell, self.grid)

    def forward(self, x: Tensor) -> Tensor:
        """What the layer emits: spikes, plus its input if it has a skip.

        x          integers    (B, T, M)
        returns                (B, T, N)
        """
        spikes, _ = self.run(x)
        return spikes + x if self.skip else spikes

    def unit(self, scale: Tensor | None = None) -> Tensor:
        """Thresholds per unit of u.    (N,)"""
        scale = self.integers().scale if scale is None else scale
        return scale * 2.0**-self.formats.guard_bits

    def rows(self) -> Tensor:
        """The trained weights, one row per neuron."""
        weight: Tensor = self.dense.weight
        return weight

    def value_range(self) -> tuple[int, int]:
        """Smallest and largest integer that can enter: a skip adds at most one per layer."""
        if self.index == 0:
            return self.input_spec.low, self.input_spec.high
        return 0, self.index

    def rows_on_floor(self) -> int:
        """Neurons whose weights would like a smaller scale than the state's width allows."""
        scale = self.integers().scale
        return int((scale <= self.smallest_scale * (1 + 1e-9)).sum())

    def header(self) -> dict[str, Any]:
        """The layer's entry in a network file."""
        formats = self.formats
        return {
            "kind": "spiking",
            "model": "s5rf",
            "inputs": self.inputs,
            "neurons": self.neurons,
            "complex_input": True,
            "skip": self.skip,
            "weight_bits": formats.weight_bits,
            "bias_bits": 0 if self.bias is None else formats.bias_bits,
            "transition_bits": formats.transition_bits,
            "transition_frac": formats.transition_frac,
            "guard_bits": formats.guard_bits,
            "state_bits": formats.state_bits,
            "rounding": formats.rounding,
            "overflow": "SAT",
        }

    @torch.no_grad()
    def tensors(self) -> dict[str, NDArray[Any]]:
        """The layer's tensors in a network file."""
        integers = self.integers()
        m = self.inputs
        tensors = {
            "weight_u": _int32(integers.weight[:, :m]),
            "weight_v": _int32(integers.weight[:, m:]),
            "transition": _int32(integers.transition * 2.0**self.formats.transition_frac),
            "reset": np.zeros((self.neurons, 2), dtype=np.int32),
            "threshold": _int32(integers.threshold),
            "scale": integers.scale.numpy(),
        }
        if integers.bias is not None:
            tensors["bias_u"], tensors["bias_v"] = (
                _int32(integers.bias[0]),
                _int32(integers.bias[1]),
            )
        return tensors

    def frozen(self) -> SpikingLayer:
        """The layer as engines see it."""
        return SpikingLayer(**self.header(), **_int64(self.tensors()))


class QATReadout(HLS4MLModule):  # type: ignore[misc]  # hls4ml has no types
    """The readout on the integer contract; a leaf for hls4ml's tracer."""

    def __init__(
        self, readout: model.Readout, formats: ReadoutConfig, spec: InputSpec, index: int
    ) -> None:
        super().__init__()
        self.inputs, self.classes = readout.inputs, readout.classes
        self.formats, self.input_spec, self.index = formats, spec, index
        self.cell = readout.cell
        self.bias = readout.bias
        low, high = signed_range(formats.state_bits)
        self.bounds = low, high
        self.dense = QuantLinear(
            self.inputs,
            self.classes,
            bias=False,
            weight_quant=Int8WeightPerTensorFloat,  # scores are compared: one scale for all classes
            weight_bit_width=formats.weight_bits,
        )
        with torch.no_grad():
            self.dense.weight.copy_(readout.weight)

    def integers(self) -> ReadoutIntegers:
        """Make the integers, in float64: the one place, for training, evaluation and freezing."""
        weight = self.dense.weight_quant(self.dense.weight.double())
        scale = weight.scale.detach()
        state_lsb = scale * 2.0**-self.formats.guard_bits
        bias = None
        if self.bias is not None:
            bias = _round_clipped(self.bias.double() / state_lsb, self.formats.bias_bits)
        leak = self.cell.leak()
        leak_frac = self._leak_frac(leak.detach())
        one = 2.0**leak_frac
        return ReadoutIntegers(
            _through(weight.value / scale, torch.round),
            bias,
            _through(leak * one, lambda x: x.round().clamp(max=one - 1)) / one,
            leak_frac,
            scale,
        )

    def _leak_frac(self, leak: Tensor) -> int:
        """Enough fractional bits for three significant bits of every 1 - leak, if 24 will do."""
        smallest = max(float((1 - leak).min()), 2.0**-24)
        needed = math.ceil(math.log2(2 ** (SIGNIFICANT_BITS - 1) / smallest))
        return min(max(needed, self.formats.leak_frac), 24, EXACT_BITS - self.formats.state_bits)

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Integer states (B, T, C), float64, and the real value of their LSB."""
        integers = self.integers()
        weight = integers.weight * 2.0**self.formats.guard_bits
        largest = 2 ** (self.formats.weight_bits - 1) * self.inputs * max(self.index, 1)
        current = nn.functional.linear(*_exact_operands(x, weight, largest)).double()
        if integers.bias is not None:
            current = current + integers.bias
        lsb = integers.scale * 2.0**-self.formats.guard_bits
        grid = Grid(self.formats.rounding, *self.bounds, integers.leak_frac)
        return integrate(current, integers.leak, grid), lsb

    def forward(self, x: Tensor) -> Tensor:
        """Scores of samples that fill every step: integers, held in float64.    (B, C)"""
        return self.run(x)[0].sum(1)

    def header(self) -> dict[str, Any]:
        """The layer's entry in a network file."""
        formats = self.formats
        steps = self.input_spec.steps_max
        return {
            "kind": "readout",
            "inputs": self.inputs,
            "classes": self.classes,
            "weight_bits": formats.weight_bits,
            "bias_bits": 0 if self.bias is None else formats.bias_bits,
            "leak_frac": self.integers().leak_frac,
            "guard_bits": formats.guard_bits,
            "state_bits": formats.state_bits,
            "rounding": formats.rounding,
            "overflow": "SAT",
            "score": "sum",
            "score_bits": formats.state_bits + (steps - 1).bit_length(),
        }

    @torch.no_grad()
    def tensors(self) -> dict[str, NDArray[Any]]:
        """The layer's tensors in a network file."""
        integers = self.integers()
        tensors = {
            "weight_u": _int32(integers.weight),
            "leak": _int32(integers.leak * 2.0**integers.leak_frac),
            "scale": integers.scale.view(1).numpy(),
        }
        if integers.bias is not None:
            tensors["bias_u"] = _int32(integers.bias)
        return tensors

    def frozen(self) -> ReadoutLayer:
        """The layer as engines see it."""
        return ReadoutLayer(**self.header(), **_int64(self.tensors()))


class QATNetwork(nn.Module):
    """An S5-RF network on the integer contract.

    Takes over the parameters of a float network, trained or not.  ``forward`` is a plain chain of
    leaves, as hls4ml's tracer wants it; ``run`` is for samples of different lengths.
    """

    def __init__(self, network: model.S5RF, formats: QuantizationConfig, spec: InputSpec) -> None:
        super().__init__()
        self.formats, self.input_spec = formats, spec
        spiking = [layer for layer in network.layers if isinstance(layer, model.SpikingLayer)]
        self.layers = nn.ModuleList(
            QATSpiking(layer, formats, spec, i) for i, layer in enumerate(spiking)
        )
        self.readout = QATReadout(network.readout, formats.readout, spec, len(spiking))

    def spiking(self) -> list[QATSpiking]:
        """The spiking layers."""
        return [layer for layer in self.layers if isinstance(layer, QATSpiking)]

    def forward(self, x: Tensor) -> Tensor:
        """Scores of samples that fill every step: integers, held in float64.

        x          integers    (B, T, M)
        returns                (B, C)
        """
        for layer in self.layers:
            x = layer(x)
        scores: Tensor = self.readout(x)
        return scores

    def run(self, x: Tensor, steps: Tensor) -> IntegerActivity:
        """Run samples of different lengths.

        x        integers, zero-padded    (B, T, M)
        steps    length of each sample    (B,)
        """
        spikes, states = [], []
        for layer in self.spiking():
            s, z = layer.run(x)
            spikes.append(s)
            states.append(z)
            x = s + x if layer.skip else s
        m, lsb = self.readout.run(x)
        scores = (m * alive(steps, x.shape[1])[..., None]).sum(1)
        logits = scores * lsb / steps[:, None]
        return IntegerActivity(logits, tuple(spikes), scores, tuple(states))

    @torch.no_grad()
    def outputs(
        self, samples: Samples, *, spikes: bool = False, states: bool = False, batch: int = 128
    ) -> Outputs:
        """What an engine would write for these samples: the network as one more engine."""
        parts = [self._outputs(samples, k, k + batch) for k in range(0, len(samples.x), batch)]
        joined: dict[Literal["s", "u", "v"], tuple[NDArray[Any], ...]] = {
            key: tuple(
                np.concatenate([p[key][i] for _, p in parts]) for i in range(len(self.layers))
            )
            for key in ("s", "u", "v")
        }
        scores = np.concatenate([part[0] for part in parts])
        return Outputs(
            scores,
            scores.argmax(1),
            joined["s"] if spikes else None,
            joined["u"] if states else None,
            joined["v"] if states else None,
        )

    def _outputs(
        self, samples: Samples, start: int, stop: int
    ) -> tuple[NDArray[np.int64], dict[Literal["s", "u", "v"], list[NDArray[Any]]]]:
        steps = torch.from_numpy(samples.steps[start:stop])
        x = torch.from_numpy(samples.x[start:stop]).double()
        live = alive(steps, x.shape[1])[..., None]
        activity = self.run(x * live, steps)
        arrays: dict[Literal["s", "u", "v"], list[NDArray[Any]]] = {
            "s": [(s * live).bool().numpy() for s in activity.spikes],
            "u": [(z[:, :, 0] * live).long().numpy() for z in activity.states],
            "v": [(z[:, :, 1] * live).long().numpy() for z in activity.states],
        }
        return activity.scores.long().numpy(), arrays

    def calibrate(self, x: Tensor, steps: Tensor, deviation: float) -> None:
        """See ``rfssm.model.network.calibrate``."""
        model.calibrate(self.spiking(), x, steps, deviation)

    def warn_about_floor(self) -> None:
        """Warn where many rows sit on the scale floor: their weights are coarser than they like."""
        for i, layer in enumerate(self.spiking()):
            rows = layer.rows_on_floor()
            if rows > FLOOR_WARNING * layer.neurons:
                warnings.warn(
                    f"layers[{i}]: the weights of {rows} of {layer.neurons} neurons sit on the "
                    f"scale floor, which state_bits = {self.formats.state_bits} and guard_bits = "
                    f"{self.formats.guard_bits} set; accuracy may suffer, more state_bits or fewer "
                    "guard_bits lower the floor",
                    ScaleFloorWarning,
                    stacklevel=2,
                )


def _through(x: Tensor, quantize: Any) -> Tensor:
    """Quantise with the gradient of the identity."""
    return quantize(x.detach()) + (x - x.detach())  # type: ignore[no-any-return]


def _round_clipped(x: Tensor, bits: int) -> Tensor:
    """Round to a signed word: straight through, zero gradient where clipped."""
    low, high = signed_range(bits)
    return _through(x.clamp(low, high), torch.round)


def _exact_operands(x: Tensor, weight: Tensor, largest: int) -> tuple[Tensor, Tensor]:
    """Both in float32 if no partial sum can exceed its 24 exact bits, otherwise in float64."""
    dtype = torch.float32 if largest < 2**24 else torch.float64
    return x.to(dtype), weight.to(dtype)


def _int32(x: Tensor) -> NDArray[np.int32]:
    integers: NDArray[np.int32] = x.numpy().astype(np.int32)
    return integers


def _int64(tensors: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {name: t if name == "scale" else t.astype(np.int64) for name, t in tensors.items()}
