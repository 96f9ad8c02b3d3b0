"""State words as wide as a proof needs them: the reachable ranges decide, no sample does.

A narrower word that holds every reachable state changes no number.  Thresholds beyond the range are
moved to its ends first, where they mean the same: always, or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rfssm.errors import NetworkError, first_few
from rfssm.quant.arithmetic import Bools, Integers, signed_bits, signed_range, sum_growth
from rfssm.quant.layers import Layer, SpikingLayer
from rfssm.quant.network import IntegerNetwork, check_network
from rfssm.quant.ranges.reach import Reach, decay, reachable_range

WIDEST = 32
"""Bits of the widest state that a network file can have."""
NAMED = 5
"""The largest number of neurons that a report names."""


@dataclass(frozen=True)
class WideNeuron:
    """A neuron whose states may leave a word.

    decay    what is left of its state after a step
    """

    neuron: int
    bits: int
    decay: float


@dataclass(frozen=True)
class LayerWidth:
    """The choice of a layer's state word.

    states      bits that hold every state reachable within ``steps_max``
    needed      the same, and thresholds, resets and biases    (both: WIDEST + 1 means more)
    beyond      how many neurons may leave the widest word that was allowed
    widest      the worst of them, those that need most bits first
    """

    declared: int
    states: int
    needed: int
    chosen: int
    beyond: int
    widest: tuple[WideNeuron, ...]

    @property
    def saturates(self) -> bool:
        """Whether a state may leave the chosen word within ``steps_max``."""
        return self.chosen < self.states


def narrowed(
    network: IntegerNetwork, limit: int | None = None
) -> tuple[IntegerNetwork, tuple[LayerWidth, ...]]:
    """Give each layer the smallest state word that is proved to hold all that it can reach.

    limit    widest word to choose; each layer's declared one if absent, so that no number changes.
             A layer that needs more keeps its word, and saturates

    Raises NetworkError for a limit that no network can have.
    """
    _check_width("limit", limit)
    check_network(network)
    needs = [_Need.of(network, i) for i in range(len(network.all_layers))]
    widths = []
    for layer, need in zip(network.all_layers, needs, strict=True):
        most = layer.state_bits if limit is None else limit
        fits = need.bits <= most
        chosen = need.bits if fits else layer.state_bits
        widths.append(need.width(layer, chosen, most))
    return _rebuilt(network, needs, widths), tuple(widths)


def with_state_bits(
    network: IntegerNetwork, bits: int
) -> tuple[IntegerNetwork, tuple[LayerWidth, ...]]:
    """Give every layer states of this width; where no proof says it is enough, they saturate.

    Raises NetworkError where a layer's thresholds, resets or biases do not fit, or one that wraps
    might overflow.
    """
    _check_width("state_bits", bits)
    check_network(network)
    needs = [_Need.of(network, i) for i in range(len(network.all_layers))]
    widths = []
    for i, (layer, need) in enumerate(zip(network.all_layers, needs, strict=True)):
        if need.constants > bits:
            raise NetworkError(
                f"state_bits = {bits}: resets and biases of layer {i} need {need.constants} bits"
            )
        widths.append(need.width(layer, bits, bits))
    return _rebuilt(network, needs, widths), tuple(widths)


def wide_neurons(layer: Layer, reach: Reach, bits: int) -> tuple[WideNeuron, ...]:
    """Return the neurons whose states may leave a word of this width, the widest first."""
    needed = reach.neuron_bits()
    beyond = np.flatnonzero(needed > bits)
    left = decay(layer)
    worst = beyond[np.lexsort((-left[beyond], -needed[beyond]))]
    return tuple(WideNeuron(int(n), int(needed[n]), float(left[n])) for n in worst)


@dataclass(frozen=True, eq=False)
class _Need:
    """The range that a layer's word must hold.

    threshold    moved into the reachable range, where that changes no spike (readout: none)
    constants    bits of resets and biases
    bits         of everything: constants, thresholds, reachable states
    """

    reach: Reach
    threshold: Integers | None
    constants: int
    bits: int

    @classmethod
    def of(cls, network: IntegerNetwork, i: int) -> _Need:
        layer, reach = network.all_layers[i], reachable_range(network, i)
        kept = [part for part in (layer.bias_u, getattr(layer, "bias_v", None)) if part is not None]
        threshold = None
        if isinstance(layer, SpikingLayer):
            kept.append(layer.reset)
            u_min, u_max = reach.minimum[:, 0], reach.maximum[:, 0]
            # a state exceeds u_min - 1 always, and never u_max or the end of its own word
            threshold = np.where(_never(layer), u_max, np.clip(layer.threshold, u_min - 1, u_max))
        constants = max((_bits(values) for values in kept), default=1)
        bits = max(reach.bits, constants, 4, 1 if threshold is None else _bits(threshold))
        return cls(reach, threshold, constants, min(bits, WIDEST + 1))

    def width(self, layer: Layer, chosen: int, limit: int) -> LayerWidth:
        beyond = wide_neurons(layer, self.reach, limit)
        states = min(self.reach.bits, WIDEST + 1)
        return LayerWidth(layer.state_bits, states, self.bits, chosen, len(beyond), beyond[:NAMED])


def _bits(values: Integers) -> int:
    return signed_bits(int(values.min()), int(values.max()))


def _never(layer: SpikingLayer) -> Bools:
    """Return the neurons that never spike: their threshold is the largest state."""
    never: Bools = layer.threshold == signed_range(layer.state_bits)[1]
    return never


def _check_width(name: str, bits: int | None) -> None:
    if bits is not None and not 4 <= bits <= WIDEST:
        raise NetworkError(f"{name} = {bits}: must be 4 to {WIDEST}")


def _rebuilt(
    network: IntegerNetwork, needs: Sequence[_Need], widths: Sequence[LayerWidth]
) -> IntegerNetwork:
    metadata, tensors = network.metadata(), network.tensors()
    steps = network.input.steps_max
    for i, (need, width) in enumerate(zip(needs, widths, strict=True)):
        header: dict[str, Any] = metadata["layers"][i]
        if width.chosen == width.declared:
            continue
        header["state_bits"] = width.chosen
        header["bias_bits"] = min(header["bias_bits"], width.chosen)
        if header["kind"] == "readout":
            growth = sum_growth(steps) if header["score"] == "sum" else 0
            header["score_bits"] = max(header["score_bits"], width.chosen + growth)
        else:
            layer = network.layers[i]
            moved = need.threshold
            if moved is None or width.saturates:
                high = signed_range(width.chosen)[1]
                moved = np.where(_never(layer), high, np.minimum(layer.threshold, high))
            _check_thresholds(i, moved, width.chosen)
            tensors[f"layers.{i}.threshold"] = moved.astype(np.int32)
    return IntegerNetwork.build(metadata, tensors)


def _check_thresholds(i: int, threshold: Integers, bits: int) -> None:
    """Refuse a word too narrow for the threshold of a neuron that spikes in every state."""
    low = signed_range(bits)[0]
    below = np.flatnonzero(threshold < low)
    if len(below):
        raise NetworkError(
            f"state_bits = {bits}: neurons of layer {i} have thresholds below {low}: "
            f"{first_few(below.tolist())}"
        )
