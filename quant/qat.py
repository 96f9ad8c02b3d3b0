"""Quantization-aware training on the integer contract: Brevitas weights around the float network.

The forward pass computes the contract itself, in training as in evaluation: exact integers held in
floating point, rounding inside the recurrence.  The backward pass differentiates the real-valued
network of which they are the quantisation: straight through every rounding, zero where a state is
clipped.  The only file that imports Brevitas.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from brevitas.nn import QuantLinear
from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat
from hls4ml.utils.torch import HLS4MLModule
from numpy.typing import NDArray
from torch import Tensor, nn

from rfssm.model import network as model
from rfssm.model import recurrence
from rfssm.model.errors import NetworkError, some
from rfssm.model.hooks import refresh, refuse_all_hooks, refuse_hooks
from rfssm.model.network import (
    Activity,
    alive,
    by_plane,
    check_input,
    check_steps,
    drop,
    evaluating,
    fold,
)
from rfssm.model.recipe import Score
from rfssm.model.recurrence import Cell, Grid, Synapse, memory
from rfssm.quant.bounds import outside_unit_circle
from rfssm.quant.network import InputSpec, ReadoutLayer, SpikingLayer
from rfssm.quant.qformat import signed_range
from rfssm.quant.recipe import EXACT_BITS, QuantizationConfig, ReadoutConfig
from rfssm.quant.samples import Outputs, Samples
from rfssm.quant.width import worst_case

HEADROOM = 4  # a resonator rings to several times its threshold
FLOOR_WARNING = 0.5  # share of a layer's rows on the scale floor that is worth a warning
RESOLUTION = 16  # LSBs of a threshold below which a proved width is punished
COARSE_THRESHOLD = 4  # LSBs; where most are below, it is worth a warning
SIGNIFICANT_BITS = 3  # of 1 - leak


class ScaleFloorWarning(UserWarning):
    """Many neurons' weights are coarser than training wants them."""


@dataclass(frozen=True)
class SpikingIntegers:
    """Integers of a spiking layer in float64; those that are trained carry their gradient.

    weight        row n: u part, then v part               (N, P M)
    bias          for u (and v)                            (P, N) or None
    transition    integers * 2^-transition_frac            (N, 2, 2)
    reset                                                  (N, 2) or None
    threshold                                              (N,)
    scale         real value of one LSB of the current     (N,)
    excess        bits by which a state could leave its width if a threshold had
                  ``RESOLUTION`` LSBs; with a proved width       (N,) or None
    """

    weight: Tensor
    bias: Tensor | None
    transition: Tensor
    reset: Tensor | None
    threshold: Tensor
    scale: Tensor
    excess: Tensor | None = None


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
    """What the integers did: exact readout and states, held in floating point.

    readout    state of each class after each step             (B, T, C)
    states     u and v of each layer after each step           (B, T, 2, N) each
    excess     of each layer that is proved, see SpikingIntegers    (N,) each
    """

    readout: Tensor
    states: tuple[Tensor, ...]
    excess: tuple[Tensor, ...] = ()

    def overflow(self) -> Tensor:
        """See ``Activity.overflow``."""
        return sum((e.square().mean() for e in self.excess), super().overflow())


@dataclass(frozen=True)
class Seen:
    """What a layer in training makes its integers of, beside its parameters.

    x       real inputs, for the statistics of batch norm    (B, T, M)
    live    where a step belongs to its sample               (B, T) or None: everywhere
    gain    what the weights make good for, because dropout left out a share of the input
    """

    x: Tensor
    live: Tensor | None
    gain: float


class QATSpiking(HLS4MLModule):  # type: ignore[misc]  # hls4ml has no types
    """A spiking layer on the integer contract; a leaf for hls4ml's tracer."""

    def __init__(
        self,
        layer: model.SpikingLayer,
        formats: QuantizationConfig,
        spec: InputSpec,
        index: int,
        takes: tuple[int, int],
    ) -> None:
        super().__init__()
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
        _refuse_lost(layer, f"layers[{index}]")
        self.inputs, self.neurons, self.skip = layer.inputs, layer.neurons, layer.skip
        self.dropout = layer.dropout
        self.formats, self.input_spec, self.index = formats, spec, index
        self.planes, self.surrogate = layer.planes, layer.surrogate
        self.takes, self.largest_input = takes, max(takes[1], -takes[0])
        self.emits = (takes[0], takes[1] + 1) if self.skip else (0, 1)
        self.cell, self.norm = copy.deepcopy(layer.cell), copy.deepcopy(layer.norm)
        self.bias = copy.deepcopy(layer.bias)
        self.input_frac = spec.frac if index == 0 else 0
        low, high = signed_range(formats.state_bits)
        self.grid = Grid(formats.rounding, low, high, formats.transition_frac)
        self.smallest_scale = (
            HEADROOM * self.cell.threshold * 2.0**formats.guard_bits / 2 ** (formats.state_bits - 1)
        )
        self.dense = QuantLinear(
            self.planes * self.inputs,
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
            self.dense.to(layer.weight.device).weight.copy_(layer.weight)

    def integers(self, seen: Seen | None = None) -> SpikingIntegers:
        """Make the integers, in float64: the one place, for training, evaluation and freezing."""
        refresh(self)
        weight, bias = _folded(self, seen)
        transition, reset = self._transition(), self.cell.reset()
        _check_finite(f"layers[{self.index}]", weight=weight, bias=bias, reset=reset)
        quantized = self.dense.weight_quant(weight)
        value, scale, excess = quantized.value, quantized.scale.detach().view(-1), None
        if self.formats.proved:
            scale, excess = self._proved(weight, bias, transition, reset, scale)
            value = _quantize(self, quantized, scale[:, None], weight)
        current_lsb = scale * 2.0**-self.input_frac
        state_lsb = current_lsb * 2.0**-self.formats.guard_bits
        _, highest = signed_range(self.formats.state_bits)
        if reset is not None:
            reset = _round_clipped(reset / state_lsb[:, None], self.formats.state_bits)
        threshold = self.cell.threshold / state_lsb
        threshold = threshold.ceil() - 1 if self.cell.inclusive else threshold.floor()
        return SpikingIntegers(
            _through(value / scale[:, None], torch.round),
            None if bias is None else _round_clipped(bias / state_lsb, self.formats.bias_bits),
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
        """A scale under which no input saturates a state, and the excess: see SpikingIntegers."""
        fit = _Fit(self, weight, bias, transition, reset)
        wanted = self.cell.threshold / RESOLUTION
        excess = (fit.needed.clamp(min=wanted) / wanted).log2()
        return fit.scale(smallest, self.formats.bias_bits), excess

    def _transition(self) -> Tensor:
        """Every entry toward zero, so that no stable cell grows."""
        frac = 2.0**self.formats.transition_frac
        highest = 2.0 ** (self.formats.transition_bits - 1) - 1
        real = self.cell.transition()
        _check_finite(f"layers[{self.index}]", transition=real)
        integers = _through(real * frac, lambda x: x.trunc().clamp(-highest, highest))
        words = integers.detach().cpu().numpy().astype(np.int64)
        grow = outside_unit_circle(words, self.formats.transition_frac).tolist()
        if grow:
            raise NetworkError(
                f"layers[{self.index}]: the states of neurons {some(grow)} grow without bound; "
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
            x = _entering(x, self.takes)
        return self.respond(x, self.integers(_seen(self, x, live, gain)))

    def respond(self, x: Tensor, integers: SpikingIntegers) -> tuple[Tensor, Tensor]:
        """See ``run``."""
        synapse = Synapse(
            by_plane(integers.weight, self.planes),
            integers.bias,
            self.planes,
            self.formats.guard_bits,
            self.largest_input,
            2 ** (self.formats.weight_bits - 1) - 1,
        )
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
        """What the layer emits: spikes, plus its input if it has a skip.

        Dropout is of what is fed to the weights; what goes around them stays whole.

        x          integers    (B, T, M)
        live       see ``run``
        record     spikes, states and the integers that made them are appended to it
        returns                (B, T, N)
        """
        check_input(x, self.inputs)
        if self.index == 0 or self._forward_pre_hooks:
            x = _entering(x, self.takes)
        fed, gain = drop(x, self.dropout, self.training)  # integers stay integers
        integers = self.integers(_seen(self, fed, live, gain))
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
        """What scales a neuron's current: the trained weights, or batch norm's."""
        return model.scalable(self.dense if self.norm is None else self.norm, self.index)

    def rows_on_floor(self) -> int:
        """Neurons whose weights would like a smaller scale than the state's width allows."""
        scale = self.integers().scale
        return int((scale <= self.smallest_scale * (1 + 1e-9)).sum())

    def coarse_thresholds(self) -> int:
        """Neurons whose threshold is only a few LSBs of the state."""
        return int((self.integers().threshold < COARSE_THRESHOLD).sum())

    def header(self) -> dict[str, Any]:
        """The layer's entry in a network file."""
        formats = self.formats
        return {
            "kind": "spiking",
            "model": self.cell.model,
            "inputs": self.inputs,
            "neurons": self.neurons,
            "complex_input": self.planes == 2,
            "skip": self.skip,
            "weight_bits": formats.weight_bits,
            "bias_bits": 0 if self.bias is None and self.norm is None else formats.bias_bits,
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
        reset = torch.zeros(self.neurons, 2) if integers.reset is None else integers.reset
        tensors = {
            "weight_u": _int32(integers.weight[:, :m]),
            "transition": _int32(integers.transition * 2.0**self.formats.transition_frac),
            "reset": _int32(reset),
            "threshold": _int32(integers.threshold),
            "scale": integers.scale.cpu().numpy(),
        }
        if self.planes == 2:
            tensors["weight_v"] = _int32(integers.weight[:, m:])
        if integers.bias is not None:
            for plane, name in zip(integers.bias, ("bias_u", "bias_v"), strict=False):
                tensors[name] = _int32(plane)
        return tensors

    def frozen(self) -> SpikingLayer:
        """The layer as engines see it."""
        return SpikingLayer(**self.header(), **_int64(self.tensors()))


class QATReadout(HLS4MLModule):  # type: ignore[misc]  # hls4ml has no types
    """The readout on the integer contract; a leaf for hls4ml's tracer."""

    def __init__(
        self,
        readout: model.Readout,
        formats: ReadoutConfig,
        spec: InputSpec,
        index: int,
        takes: tuple[int, int],
    ) -> None:
        super().__init__()
        _refuse_lost(readout, "readout")
        self.inputs, self.classes, self.dropout = readout.inputs, readout.classes, readout.dropout
        self.formats, self.input_spec, self.index = formats, spec, index
        self.largest_input, self.score = max(takes[1], -takes[0]), readout.score
        self.cell, self.norm = copy.deepcopy(readout.cell), copy.deepcopy(readout.norm)
        self.bias = copy.deepcopy(readout.bias)
        self.input_frac = spec.frac if index == 0 else 0
        self.bounds = signed_range(formats.state_bits)
        self.takes, self.planes = takes, 1
        self.dense = QuantLinear(
            self.inputs,
            self.classes,
            bias=False,
            weight_quant=Int8WeightPerTensorFloat,  # scores are compared: one scale for all classes
            weight_bit_width=formats.weight_bits,
        )
        with torch.no_grad():
            self.dense.to(readout.weight.device).weight.copy_(readout.weight)

    def integers(self, seen: Seen | None = None) -> ReadoutIntegers:
        """Make the integers, in float64: the one place, for training, evaluation and freezing."""
        refresh(self)
        weight, bias = _folded(self, seen)
        leak = self.cell.leak()
        _check_finite("readout", weight=weight, bias=bias, leak=leak)
        leak_frac = self._leak_frac(leak.detach())
        one = 2.0**leak_frac
        leak = _through(leak * one, lambda x: x.round().clamp(max=one - 1)) / one
        quantized = self.dense.weight_quant(weight)
        value, scale = quantized.value, quantized.scale.detach()
        if self.formats.proved:
            scale = self._proved(weight, bias, leak, scale)
            value = _quantize(self, quantized, scale, weight)
        current_lsb = scale * 2.0**-self.input_frac
        state_lsb = current_lsb * 2.0**-self.formats.guard_bits
        return ReadoutIntegers(
            _through(value / scale, torch.round),
            None if bias is None else _round_clipped(bias[0] / state_lsb, self.formats.bias_bits),
            leak,
            leak_frac,
            current_lsb,
        )

    @torch.no_grad()
    def _proved(
        self, weight: Tensor, bias: Tensor | None, leak: Tensor, smallest: Tensor
    ) -> Tensor:
        """A scale under which no input saturates a state."""
        transition = torch.zeros(self.classes, 2, 2, dtype=leak.dtype, device=leak.device)
        transition[:, 0, 0] = leak
        fit = _Fit(self, weight, bias, transition, None)
        return fit.scale(smallest.view(1), self.formats.bias_bits).view(())

    def _leak_frac(self, leak: Tensor) -> int:
        """Enough fractional bits for three significant bits of every 1 - leak, if 24 will do."""
        smallest = max(float((1 - leak).min()), 2.0**-24)
        needed = math.ceil(math.log2(2 ** (SIGNIFICANT_BITS - 1) / smallest))
        return min(max(needed, self.formats.leak_frac), 24, EXACT_BITS - self.formats.state_bits)

    def run(
        self, x: Tensor, live: Tensor | None = None, gain: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Integer states (B, T, C), float64, and the real value of their LSB."""
        seen = _seen(self, x, live, gain)
        integers = self.integers(seen)
        grid = Grid(self.formats.rounding, *self.bounds, integers.leak_frac)
        synapse = Synapse(
            integers.weight,
            None if integers.bias is None else integers.bias[None],
            1,
            self.formats.guard_bits,
            self.largest_input,
            2 ** (self.formats.weight_bits - 1) - 1,
        )
        current = recurrence.current(x, synapse, grid)[:, :, 0].double()
        lsb = integers.scale * 2.0**-self.formats.guard_bits
        return recurrence.integrate(current, integers.leak, grid), lsb

    def forward(
        self,
        x: Tensor,
        *,
        live: Tensor | None = None,
        steps: Tensor | None = None,
        record: list[Any] | None = None,
    ) -> Tensor:
        """Scores: integers, held in float64; with dropout of what is fed, in training.

        x          (B, T, M)
        live       see ``QATSpiking.run``
        steps      length of each sample, all of x's if absent    (B,)
        record     what ``run`` returns is appended to it
        returns    (B, C), or (B, T, C) where the score is ``each``
        """
        check_input(x, self.inputs)
        if self.index == 0 or self._forward_pre_hooks:
            x = _entering(x, self.takes)
        fed, gain = drop(x, self.dropout, self.training)
        m, lsb = self.run(fed, live, gain)
        if record is not None:
            record.append((m, lsb))
        if steps is None:
            steps = torch.full((len(m),), m.shape[1], device=m.device)
        return scores(m, steps, self.score)

    def header(self) -> dict[str, Any]:
        """The layer's entry in a network file."""
        formats = self.formats
        steps = self.input_spec.steps_max
        grows = (steps - 1).bit_length() if self.score == "sum" else 0
        return {
            "kind": "readout",
            "inputs": self.inputs,
            "classes": self.classes,
            "weight_bits": formats.weight_bits,
            "bias_bits": 0 if self.bias is None and self.norm is None else formats.bias_bits,
            "leak_frac": self.integers().leak_frac,
            "guard_bits": formats.guard_bits,
            "state_bits": formats.state_bits,
            "rounding": formats.rounding,
            "overflow": "SAT",
            "score": self.score,
            "score_bits": formats.state_bits + grows,
        }

    @torch.no_grad()
    def tensors(self) -> dict[str, NDArray[Any]]:
        """The layer's tensors in a network file."""
        integers = self.integers()
        tensors = {
            "weight_u": _int32(integers.weight),
            "leak": _int32(integers.leak * 2.0**integers.leak_frac),
            "scale": integers.scale.view(1).cpu().numpy(),
        }
        if integers.bias is not None:
            tensors["bias_u"] = _int32(integers.bias)
        return tensors

    def frozen(self) -> ReadoutLayer:
        """The layer as engines see it."""
        return ReadoutLayer(**self.header(), **_int64(self.tensors()))


class QATNetwork(model.Layered):
    """A network of any neuron model on the integer contract.

    Copies the parameters of a float network, trained or not, and shares none with it.  ``forward``
    is a plain chain of leaves, as hls4ml's tracer wants it; ``run`` is for samples of different
    lengths.  Both call the layers, so that their forward hooks run.

    Raises NetworkError for a network that has no integer form, or has hooks, which are not copied.
    """

    def __init__(
        self, network: model.FloatNetwork, formats: QuantizationConfig, spec: InputSpec
    ) -> None:
        super().__init__()
        refuse_hooks(network, "the network")
        self.formats, self.input_spec = formats, spec
        layers, takes = [], (spec.low, spec.high)
        for i, spiking in enumerate(network.spiking()):
            layers.append(QATSpiking(spiking, formats, spec, i, takes))
            takes = layers[-1].emits
        self.layers = nn.ModuleList(layers)
        self.readout: QATReadout
        self.readout = QATReadout(network.readout, formats.readout, spec, len(layers), takes)

    def spiking(self) -> list[QATSpiking]:
        """The spiking layers."""
        return [layer for layer in self.layers if isinstance(layer, QATSpiking)]

    def forward(self, x: Tensor) -> Tensor:
        """Scores of samples that fill every step: integers, held in float64.

        x          integers    (B, T, M)
        returns                (B, C), or (B, T, C) where the score is ``each``
        """
        for layer in self.spiking():
            x = layer(x)
            if layer._forward_hooks:
                x = _entering(x, layer.emits)
        scores: Tensor = self.readout(x)
        return scores

    def run(self, x: Tensor, steps: Tensor) -> IntegerActivity:
        """Run samples of different lengths.

        x        integers, zero-padded    (B, T, M)
        steps    length of each sample    (B,)

        Raises NetworkError for what is not an input as declared, for steps beyond x, and for hooks
        that ``run`` would pass over.
        """
        refuse_hooks(self, "the network")
        check_steps(steps, x)
        live = alive(steps, x.shape[1])
        spikes, states, excess = [], [], []
        record: list[Any] = []
        for spiking in self.spiking():
            x = spiking(x, live=live, record=record)
            if spiking._forward_hooks:
                x = _entering(x, spiking.emits)
            s, z, integers = record.pop()
            spikes.append(s)
            states.append(z)
            if integers.excess is not None:
                excess.append(integers.excess)
        total = self.readout(x, live=live, steps=steps, record=record)
        m, lsb = record.pop()
        kind = self.readout.score
        logits = total * lsb  # summed as integers: equal scores stay equal
        if kind == "sum":
            logits = logits / steps[:, None]
        return IntegerActivity(logits, tuple(spikes), m, tuple(states), tuple(excess))

    @torch.no_grad()
    def outputs(
        self, samples: Samples, *, spikes: bool = False, states: bool = False, batch: int = 128
    ) -> Outputs:
        """What an engine would write for these samples: the network as one more engine.

        In evaluation mode, whatever the network's own.  Raises SamplesError for samples that the
        frozen network would refuse.
        """
        samples.check_input(self.input_spec, "the network")
        parts = range(0, len(samples), batch)
        with evaluating(self):
            outputs = [self._outputs(samples[k : k + batch], spikes, states) for k in parts]
        return Outputs.join(outputs)

    def _outputs(self, samples: Samples, spikes: bool, states: bool) -> Outputs:
        steps = torch.from_numpy(samples.steps)
        x = torch.from_numpy(samples.x).double()
        live = alive(steps, x.shape[1])[..., None]
        activity = self.run(x * live, steps)
        total = scores(activity.readout, steps, self.readout.score).long().numpy()
        u, v = (
            tuple((z[:, :, plane] * live).long().numpy() for z in activity.states)
            if states
            else None
            for plane in (0, 1)
        )
        spiked = tuple((s * live).bool().numpy() for s in activity.spikes)
        return Outputs(total, total.argmax(-1), spiked if spikes else None, u, v)

    def calibrate(self, x: Tensor, steps: Tensor, deviation: float) -> None:
        """See ``rfssm.model.network.calibrate``."""
        model.calibrate(self.spiking(), x, steps, deviation)

    def warn_about_floor(self) -> None:
        """Warn where many rows have a larger scale than they like, for the sake of their states."""
        for i, layer in enumerate(self.spiking()):
            coarse = layer.coarse_thresholds() if self.formats.proved else 0
            if coarse > FLOOR_WARNING * layer.neurons:
                warnings.warn(
                    f"layers[{i}]: the proved width of state_bits = {self.formats.state_bits} "
                    f"leaves the thresholds of {coarse} of {layer.neurons} neurons below "
                    f"{COARSE_THRESHOLD} LSBs; accuracy may suffer, more state_bits or a larger "
                    "training.overflow_weight raise them",
                    ScaleFloorWarning,
                    stacklevel=2,
                )
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


def _check_finite(layer: str, **constants: Tensor | None) -> None:
    """Raises NetworkError for what training has lost: it has no integer form."""
    for name, constant in constants.items():
        if constant is not None and not constant.isfinite().all():
            bad = int((~constant.isfinite()).sum())
            raise NetworkError(
                f"{layer}: {bad} of {constant.numel()} numbers of its {name} are not finite"
            )


def _entering(x: Tensor, allowed: tuple[int, int]) -> Tensor:
    """What is fed to a layer, in floating point; only integers in this range are exact there.

    Raises NetworkError for anything else.
    """
    low, high = allowed
    if x.dtype not in (torch.float32, torch.float64):
        x = x.to(torch.float32)
    least, most = torch.aminmax(x.detach()) if x.numel() else (x.new_zeros(()),) * 2
    if not (least >= low and most <= high and torch.equal(x, x.round())):
        bad = ~((x >= low) & (x <= high) & (x == x.round()))
        at = tuple(bad.nonzero()[0].tolist())
        raise NetworkError(
            f"x{list(at)} = {float(x[at].detach()):g}: must be a whole number between {low} and "
            f"{high}, the declared range of the layer's input"
        )
    return x


def _refuse_lost(layer: nn.Module, name: str) -> None:
    """Raises NetworkError for hooks, which a copy of a layer would not have."""
    refuse_all_hooks(layer, name)
    with torch.no_grad():  # a computed parameter without a graph can be copied
        refresh(layer)


class _Fit:
    """What scale keeps a layer's states within their width, whatever the input."""

    def __init__(
        self,
        layer: QATSpiking | QATReadout,
        weight: Tensor,
        bias: Tensor | None,
        transition: Tensor,
        reset: Tensor | None,
    ) -> None:
        formats = layer.formats
        self.guard = 2.0**formats.guard_bits
        self.unit = 2.0**-layer.input_frac / self.guard  # scale -> LSB of the state
        self.rows = weight.view(len(weight), layer.planes, layer.inputs) * 2.0**-layer.input_frac
        self.bias = bias
        self.worst = worst_case(
            transition,
            reset,
            bias,
            planes=layer.planes,
            takes=layer.takes,
            steps=layer.input_spec.steps_max,
            limit=signed_range(formats.state_bits)[1],
            rounding=formats.rounding,
        )
        self.needed = self.worst.needed_unit(self.rows)
        slow = (~self.needed.isfinite()).nonzero().view(-1).tolist()
        if slow:
            raise NetworkError(
                f"layers[{layer.index}]: no scale keeps the states of neurons {some(slow)} within "
                f"state_bits = {formats.state_bits}, because they forget so slowly that rounding "
                "alone may carry them beyond; train with more state_bits, shorter samples, or "
                "proved = false"
            )

    def scale(self, smallest: Tensor, bias_bits: int) -> Tensor:
        """At least the smallest, one each or one for all, and no bias is clipped."""
        unit = smallest * self.unit
        if self.bias is not None:
            _, highest = signed_range(bias_bits)
            needed = self.bias.detach().abs().amax(0) / highest
            unit = torch.maximum(unit, needed if len(unit) > 1 else needed.amax(0, keepdim=True))
        return self.worst.fitting_unit(self.rows, self.guard, unit) / self.unit


def _quantize(layer: QATSpiking | QATReadout, like: Any, scale: Tensor, weight: Tensor) -> Tensor:
    """Brevitas' quantiser under another scale than its own."""
    quantize = layer.dense.weight_quant.tensor_quant.int_quant
    value: Tensor = quantize(scale, like.zero_point, like.bit_width, weight)
    return value


def scores(m: Tensor, steps: Tensor, kind: Score) -> Tensor:
    """Scores by the contract, from the readout's integer states (B, T, C).

    returns    (B, C), or (B, T, C) where the score is ``each``, zero beyond a sample's last step
    """
    if kind == "each":
        return m * alive(steps, m.shape[1])[..., None]
    if kind == "sum":
        return (m * alive(steps, m.shape[1])[..., None]).sum(1)
    return model.score(m, steps, kind)


def _seen(
    layer: QATSpiking | QATReadout, x: Tensor, live: Tensor | None, gain: float
) -> Seen | None:
    """What training adds to the integers' making, if it does."""
    if not layer.training or (layer.norm is None and gain == 1):
        return None
    return Seen(x if layer.norm is None else x * 2.0**-layer.input_frac, live, gain)


def _folded(layer: QATSpiking | QATReadout, seen: Seen | None) -> tuple[Tensor, Tensor | None]:
    """Weights and bias with gain and batch norm in them, float64."""
    if seen is None:
        return fold(layer, layer.dense.weight)
    return fold(layer, layer.dense.weight * seen.gain, seen.x, seen.live)


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, quantize: Callable[[Tensor], Tensor]) -> Tensor:
        return quantize(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


def _through(x: Tensor, quantize: Callable[[Tensor], Tensor]) -> Tensor:
    """Quantise with the gradient of the identity."""
    quantized: Tensor = _Through.apply(x, quantize)  # type: ignore[no-untyped-call]
    return quantized


def _round_clipped(x: Tensor, bits: int) -> Tensor:
    """Round to a signed word: straight through, zero gradient where clipped."""
    low, high = signed_range(bits)
    return _through(x.clamp(low, high), torch.round)


def _int32(x: Tensor) -> NDArray[np.int32]:
    integers: NDArray[np.int32] = x.cpu().numpy().astype(np.int32)
    return integers


def _int64(tensors: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {name: t if name == "scale" else t.astype(np.int64) for name, t in tensors.items()}
