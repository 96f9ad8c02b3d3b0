"""What a network is made of, for people: formats, memory, reachable ranges, unstable neurons."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from rfssm.quant.bounds import reachable_range, unstable_neurons
from rfssm.quant.network import IntegerNetwork, Layer, SpikingLayer


@dataclass(frozen=True)
class MemoryBits:
    """Bits that a layer stores, by what they hold."""

    weights: int
    constants: int  # transitions, resets, thresholds, biases; readout: leaks and biases
    states: int  # u and v; readout: one state and one score for each class

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.constants + self.states


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
    reachable_bits: int  # of the smallest word that never saturates
    unstable: tuple[int, ...]  # neurons whose transition lies outside the unit circle


@dataclass(frozen=True)
class NetworkDescription:
    """Everything that ``rfssm inspect`` tells."""

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

    @property
    def memory_bits(self) -> int:
        """Bits that the whole network stores."""
        return sum(layer.memory.total for layer in self.layers)

    def to_json(self) -> dict[str, object]:
        """The description in plain JSON values."""
        return {**asdict(self), "memory_bits": self.memory_bits}


def describe(network: IntegerNetwork) -> NetworkDescription:
    """Describe a network; the reachable ranges of wide layers take a few seconds."""
    spec = network.input
    return NetworkDescription(
        name=network.name,
        digest=network.digest(),
        channels=spec.channels,
        input_bits=spec.bits,
        input_signed=spec.signed,
        input_frac=spec.frac,
        steps_max=spec.steps_max,
        layers=tuple(_describe_layer(network, i) for i in range(len(network.all_layers))),
        labels=network.labels,
        provenance=dict(network.provenance),
    )


def _describe_layer(network: IntegerNetwork, i: int) -> LayerDescription:
    layer = network.all_layers[i]
    reach = reachable_range(network, i)
    spiking = layer if isinstance(layer, SpikingLayer) else None
    leak_bits = 0 if isinstance(layer, SpikingLayer) else layer.leak_frac
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
        unstable=tuple(unstable_neurons(spiking).tolist()) if spiking else (),
    )


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
