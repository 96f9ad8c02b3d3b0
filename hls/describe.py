"""Describe a network for people: formats, memory, reachable ranges, what remains in silence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rfssm.contract import Rounding
from rfssm.errors import SamplesError
from rfssm.quant import golden
from rfssm.quant.arithmetic import signed_bits
from rfssm.quant.layers import Layer, SpikingLayer
from rfssm.quant.network import IntegerNetwork, check_network
from rfssm.quant.ranges.narrow import NAMED, WideNeuron, wide_neurons
from rfssm.quant.ranges.reach import reachable_range, unstable_neurons
from rfssm.quant.ranges.silence import Remainder, remainders
from rfssm.quant.samples import TEST, Samples

CALIBRATION_SAMPLES = 256
"""The number of a run's own test samples whose states are examined, at most."""

Acts = Literal["never", "beyond steps_max", "may act"]


@dataclass(frozen=True)
class MemoryBits:
    """Bits that a layer stores, by what they hold."""

    weights: int
    constants: int  # transitions, resets, thresholds, biases; readout: leaks and biases
    states: int  # u and v; readout: one state and one score for each class

    @property
    def total(self) -> int:
        """The sum of all bits."""
        return self.weights + self.constants + self.states


@dataclass(frozen=True)
class Silence:
    """The limit cycles that a rounding mode may leave in a layer without input and spikes.

    cycles       neurons that a limit cycle may keep busy
    amplitude    LSBs of the state by which a cycle may leave the resting point; None if only the
                 word bounds it
    """

    cycles: int
    amplitude: int | None


@dataclass(frozen=True)
class LayerDescription:
    """One layer: shape, formats, memory, and the states it can reach."""

    kind: str
    model: str
    inputs: int
    outputs: int
    takes: tuple[int, int]  # smallest and largest integer that enters
    weight_bits: int
    state_bits: int
    guard_bits: int
    decay_bits: int  # of a transition's entry, or of a leak
    decay_frac: int
    bias_bits: int
    rounding: str
    overflow: str
    features: tuple[str, ...]  # complex input, skip, reset, score
    memory: MemoryBits
    reachable: tuple[int, int]  # smallest and largest state if nothing saturated
    reachable_bits: int  # of the smallest word that never saturates within steps_max
    seen_bits: int | None  # of the smallest word that held the states of the calibration samples
    saturation: Acts  # "never" holds for streams of any length: the hardware then has none
    tight: int  # neurons whose bound some input provably reaches to within 10 %
    beyond: int  # neurons that may leave the declared word
    widest: tuple[WideNeuron, ...]  # those of them that need the widest words
    silence: dict[Rounding, Silence]
    unstable: tuple[int, ...]  # neurons whose transition lies outside the unit circle


@dataclass(frozen=True)
class NetworkDescription:
    """Everything that ``rfssm inspect`` reports."""

    name: str
    digest: str
    channels: int
    input_bits: int
    input_signed: bool
    input_frac: int
    steps_max: int
    layers: tuple[LayerDescription, ...]
    labels: tuple[str, ...]
    provenance: dict[str, object]
    calibration_samples: int

    @property
    def memory_bits(self) -> int:
        """The number of bits that the whole network stores."""
        return sum(layer.memory.total for layer in self.layers)

    def to_json(self) -> dict[str, object]:
        """Return the description in plain JSON values."""
        return {**asdict(self), "memory_bits": self.memory_bits}


def beside(path: Path, network: IntegerNetwork) -> tuple[Samples | None, str]:
    """Return the first test samples in the network's training folder, or why there are none."""
    test = path.parent / TEST
    if not test.is_file():
        return None, ""
    try:
        samples = Samples.load(test)
        samples.check(network)
    except SamplesError as error:
        return None, f"{test}: not looked at: {error}"
    return samples[:CALIBRATION_SAMPLES], ""


def describe(network: IntegerNetwork, calibration: Samples | None = None) -> NetworkDescription:
    """Describe a network; the reachable ranges of wide layers take a few seconds.

    calibration    samples whose states are examined

    Raises SamplesError for samples that the network cannot take.
    """
    check_network(network)
    spec = network.input
    seen = [None] * len(network.all_layers) if calibration is None else _seen(network, calibration)
    return NetworkDescription(
        name=network.name,
        digest=network.digest(),
        channels=spec.channels,
        input_bits=spec.bits,
        input_signed=spec.signed,
        input_frac=spec.frac,
        steps_max=spec.steps_max,
        layers=tuple(_describe_layer(network, i, bits) for i, bits in enumerate(seen)),
        labels=network.labels,
        provenance=dict(network.provenance),
        calibration_samples=0 if calibration is None else len(calibration),
    )


def _seen(network: IntegerNetwork, samples: Samples) -> list[int | None]:
    """Return, for each layer, the bits that hold all states of the golden model over samples."""
    each = network.readout.model_copy(update={"score": "each"})  # its scores are then its states
    network = network.model_copy(update={"readout": each})
    low, high = ([0] * len(network.all_layers) for _ in range(2))
    for first in range(0, len(samples), golden.BATCH):
        outputs = golden.run(network, samples[first : first + golden.BATCH], states=True)
        assert outputs.u is not None  # they were asked for
        assert outputs.v is not None
        layers = [*zip(outputs.u, outputs.v, strict=True), (outputs.scores,)]
        for i, states in enumerate(layers):
            low[i] = min(low[i], *(int(x.min()) for x in states))
            high[i] = max(high[i], *(int(x.max()) for x in states))
    return [signed_bits(*ends) for ends in zip(low, high, strict=True)]


def _describe_layer(network: IntegerNetwork, i: int, seen_bits: int | None) -> LayerDescription:
    layer = network.all_layers[i]
    reach = reachable_range(network, i)
    spiking = layer if isinstance(layer, SpikingLayer) else None
    leak_bits = 0 if isinstance(layer, SpikingLayer) else layer.leak_frac
    beyond = wide_neurons(layer, reach, layer.state_bits)
    acts: Acts = "may act" if beyond else "beyond steps_max" if network.saturates[i] else "never"
    return LayerDescription(
        kind=layer.kind,
        model=spiking.model if spiking else "",
        inputs=layer.inputs,
        outputs=layer.outputs,
        takes=network.value_range(i),
        weight_bits=layer.weight_bits,
        state_bits=layer.state_bits,
        guard_bits=layer.guard_bits,
        decay_bits=spiking.transition_bits if spiking else leak_bits,
        decay_frac=spiking.transition_frac if spiking else leak_bits,
        bias_bits=layer.bias_bits,
        rounding=layer.rounding,
        overflow=layer.overflow,
        features=_features(layer),
        memory=_memory_bits(layer),
        reachable=(reach.low, reach.high),
        reachable_bits=reach.bits,
        seen_bits=seen_bits,
        saturation=acts,
        tight=int(reach.tight(layer.state_bits).sum()),
        beyond=len(beyond),
        widest=beyond[:NAMED],
        silence={mode: _silence(left) for mode, left in remainders(network, i).items()},
        unstable=tuple(unstable_neurons(spiking).tolist()) if spiking else (),
    )


def _silence(left: Remainder) -> Silence:
    busy = ~left.bounded | left.amplitude.any(axis=1)
    return Silence(int(busy.sum()), left.largest)


def _features(layer: Layer) -> tuple[str, ...]:
    if not isinstance(layer, SpikingLayer):
        return (f"score {layer.score}, {layer.score_bits} bits",)
    present = {
        "complex input": layer.complex_input,
        "bias": layer.bias_bits > 0,
        "reset": bool(layer.reset.any()),
        "skip": layer.skip,
    }
    return tuple(name for name, there in present.items() if there)


def _memory_bits(layer: Layer) -> MemoryBits:
    n, m = layer.outputs, layer.inputs
    if not isinstance(layer, SpikingLayer):
        return MemoryBits(
            weights=n * m * layer.weight_bits,
            constants=n * (layer.leak_frac + layer.bias_bits),
            states=n * (layer.state_bits + layer.score_bits),
        )
    parts = 2 if layer.complex_input else 1
    resets = 2 * layer.state_bits if layer.reset.any() else 0
    constants = 4 * layer.transition_bits + layer.state_bits + resets + parts * layer.bias_bits
    return MemoryBits(
        weights=parts * n * m * layer.weight_bits,
        constants=n * constants,
        states=n * 2 * layer.state_bits,
    )
