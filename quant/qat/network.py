"""Quantization-aware training on the integer contract: a float network's layers, quantised.

The forward pass computes the contract itself, in training as in evaluation: exact integers held in
floating point, rounding inside the recurrence.  The backward pass differentiates the real-valued
network of which they are the quantisation: straight through every rounding, zero where a state is
clipped.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rfssm.errors import NetworkError, check_kind
from rfssm.model.calibrate import calibrate
from rfssm.model.hooks import refuse_hooks
from rfssm.model.inputs import alive, check_steps
from rfssm.model.modes import evaluating
from rfssm.model.network import Activity, FloatNetwork, Layered, check_float
from rfssm.quant.layers import InputSpec
from rfssm.quant.qat.integers import entering
from rfssm.quant.qat.readout import QATReadout, scores
from rfssm.quant.qat.spiking import COARSE_THRESHOLD, QATSpiking
from rfssm.quant.recipe import QuantizationConfig
from rfssm.quant.samples import Outputs, Samples

FLOOR_WARNING = 0.5  # share of a layer's rows on the scale floor that is worth a warning


class ScaleFloorWarning(UserWarning):
    """The weights of many neurons are coarser than training would choose."""


@dataclass(frozen=True)
class IntegerActivity(Activity):
    """The activity of the integers: exact readout and states, held in floating point.

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


class QATNetwork(Layered):
    """A network of any neuron model on the integer contract.

    Copies the parameters of a float network, trained or not, and shares none with it.  ``forward``
    is a plain chain of leaves, as hls4ml's tracer wants it; ``run`` is for samples of different
    lengths.  Both call the layers, so that their forward hooks run.

    Raises NetworkError for a network that has no integer form, or has hooks, which are not copied.
    """

    def __init__(self, network: FloatNetwork, formats: QuantizationConfig, spec: InputSpec) -> None:
        super().__init__()
        check_float(network)
        check_kind("formats", formats, QuantizationConfig, "QuantizationConfig()", NetworkError)
        check_kind("spec", spec, InputSpec, "InputSpec(channels=...) makes one", NetworkError)
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
                x = entering(x, layer.emits)
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
                x = entering(x, spiking.emits)
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
        """Run the network as an engine: return the outputs of an engine for these samples.

        In evaluation mode, in every mode of the network.  Raises SamplesError for samples that the
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
        """See ``rfssm.model.calibrate``."""
        calibrate(self.spiking(), x, steps, deviation)

    def warn_about_floor(self) -> None:
        """Warn if many rows have a larger scale than training would choose, for their states."""
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
