"""Define a network with its lanes, from which all hardware is generated and modelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from rfssm.errors import HardwareError, check_kind, short_repr
from rfssm.hls.names import checked_name, module_name
from rfssm.quant.arithmetic import smallest_word
from rfssm.quant.layers import SpikingLayer
from rfssm.quant.network import IntegerNetwork, check_network

Parameters = dict[str, int | str]

_ROUND = {"TRN": 0, "TRN_ZERO": 1, "RND": 2, "RND_CONV": 3}
_SCORE = {"sum": 0, "last": 1, "max": 2, "each": 3}
PIPE = 9
"""The cycles from the issue of a chunk to its spikes or score (rfssm_cells, rfssm_readout)."""
LOOP = 8
"""The cycles from one reading of a state to the next: a sweep is never shorter."""
FIFO_DEPTH = 32
"""The chunks that the FIFO of an encoder holds (rfssm_layer)."""
_MAX_LUT_RAM_CHUNKS = 64  # states of more chunks are kept in block memory


@dataclass(frozen=True, slots=True)
class Lanes:
    """The number of neurons of a layer that work in parallel.

    synapse    neurons whose current one event changes per cycle: ``neuron`` times a power of two
    neuron     neurons whose state is updated per cycle: a power of two

    Raises HardwareError for other values.
    """

    synapse: int
    neuron: int

    def __post_init__(self) -> None:
        for field in ("synapse", "neuron"):
            value = getattr(self, field)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not whole or not 1 <= value <= 4096 or value & (value - 1):
                raise HardwareError(
                    f"{field} lanes = {short_repr(value)}: must be a power of two, 1 to 4096"
                )
            object.__setattr__(self, field, int(value))
        if self.synapse < self.neuron:
            raise HardwareError(
                f"synapse lanes = {self.synapse}: must be neuron lanes = {self.neuron} times a "
                "power of two"
            )

    def fitted(self, neurons: int) -> Lanes:
        """Return the lanes, reduced to what a layer with this number of neurons can use."""
        most = 1 << (neurons - 1).bit_length()
        return Lanes(min(self.synapse, most), min(self.neuron, most))


LaneChoice = Lanes | Sequence[Lanes]
"""The same lanes for every layer that is wide enough, or one for each layer, the readout last."""


def lane_choice(synapse: int | Sequence[int], neuron: int | Sequence[int]) -> LaneChoice:
    """Return lanes from numbers, which are each one for all layers or a list with one per layer."""
    if not _several(synapse) and not _several(neuron):
        return Lanes(synapse, neuron)  # type: ignore[arg-type]
    n = len(synapse if _several(synapse) else neuron)  # type: ignore[arg-type]
    each = [list(x) if _several(x) else [x] * n for x in (synapse, neuron)]  # type: ignore[arg-type]
    if len(each[0]) != len(each[1]) or n == 0:
        raise HardwareError(
            f"synapse lanes for {len(each[0])} layers and neuron lanes for {len(each[1])}: must "
            "be one for each layer in both"
        )
    return tuple(map(Lanes, *each))


def _several(lanes: object) -> bool:
    """Whether lanes are a list with one for each layer."""
    return isinstance(lanes, Sequence | np.ndarray) and not isinstance(lanes, str)


def default_lanes(neurons: int) -> Lanes:
    """Return lanes that balance a layer: at most 16 synapse lanes and 4 neuron lanes."""
    most = 1 << max(0, neurons.bit_length() - 1)  # largest power of two within the layer
    return Lanes(synapse=min(16, max(1, most // 4)), neuron=min(4, max(1, most // 8)))


def check_lanes(lanes: object) -> None:
    """Raise HardwareError if lanes are not a LaneChoice."""
    each = lanes if isinstance(lanes, Sequence) and not isinstance(lanes, str) else [lanes]
    if not all(isinstance(one, Lanes) for one in each):
        raise HardwareError(
            f"lanes = {short_repr(lanes)}: must be Lanes(synapse, neuron), or one such for "
            "each layer"
        )


def chosen_lanes(widths: Sequence[int], lanes: LaneChoice | None) -> list[Lanes]:
    """Return the lanes of each layer, for layers of these widths, the readout last.

    Raises HardwareError if the lanes do not match the layers.
    """
    if lanes is None:
        return [default_lanes(n) for n in widths]
    check_lanes(lanes)
    if isinstance(lanes, Lanes):
        return [lanes.fitted(n) for n in widths]
    if len(lanes) != len(widths):
        raise HardwareError(
            f"lanes of {len(lanes)} layers: must be one for each of the {len(widths)} layers, the "
            "readout's last"
        )
    return [each.fitted(n) for each, n in zip(lanes, widths, strict=True)]


@dataclass(frozen=True)
class TraceField:
    """The place of one layer in the trace ports: {spikes, v, u, chunk}, chunk lowest."""

    offset: int
    chunk_bits: int
    state_bits: int
    lanes: int
    chunks: int
    neurons: int

    @property
    def bits(self) -> int:
        """The width of the layer's part of ``trace_data``."""
        return self.chunk_bits + self.lanes * (2 * self.state_bits + 1)


@dataclass(frozen=True)
class Design:
    """A network with its lanes, and all parameters of the generated text."""

    name: str
    network: IntegerNetwork
    lanes: tuple[Lanes, ...]
    """The lanes of each layer; the readout's last, with one neuron lane."""
    layers: tuple[Parameters, ...]
    readout: Parameters
    trace: tuple[TraceField, ...]
    inline_memories: bool = False
    """Whether the memories' contents are in the SystemVerilog instead of in ``.mem`` files."""

    @classmethod
    def of(
        cls,
        network: IntegerNetwork,
        lanes: LaneChoice | None = None,
        name: str | None = None,
        *,
        inline_memories: bool = False,
    ) -> Design:
        """Choose the parameters of a network's hardware.

        lanes              the same for all layers, or one each; ``default_lanes`` if absent
        name               name of everything that is generated; made from the network's if absent
        inline_memories    whether memory contents go into the SystemVerilog, for tools that lose
                           files

        Raises HardwareError for invalid lanes or an invalid name.
        """
        check_network(network)
        name = module_name(network.name) if name is None else checked_name(name)
        chosen = chosen_lanes([layer.outputs for layer in network.all_layers], lanes)
        chosen[-1] = Lanes(chosen[-1].synapse, 1)
        layers = tuple(
            _layer_parameters(network, i, chosen[i], name) for i in range(len(network.layers))
        )
        readout = _readout_parameters(network, chosen[-1], name)
        if inline_memories:
            numbers = count()
            layers = tuple(_without_files(parameters, numbers) for parameters in layers)
            readout = _without_files(readout, numbers)
        return cls(
            name=name,
            network=network,
            lanes=tuple(chosen),
            layers=layers,
            readout=readout,
            trace=_trace_fields(network, chosen),
            inline_memories=inline_memories,
        )

    @property
    def value_bits(self) -> int:
        """The bits of an input value."""
        return self.network.input.bits

    @property
    def trace_bits(self) -> int:
        """The width of ``trace_data``; at least 1, since a port must have a bit."""
        return max(1, sum(field.bits for field in self.trace))

    @property
    def data_bits(self) -> int:
        """The bits of a beat of the readout: a score or a label."""
        readout = self.network.readout
        return max(readout.score_bits, address_bits(readout.classes) + 1)

    @property
    def tdata_bits(self) -> int:
        """The width of ``m_axis_tdata``."""
        return 32 if self.network.readout.score_bits <= 32 else 64

    @property
    def slowest_step(self) -> int:
        """An upper bound on the cycles of one step, for any input, without stalls."""
        total = 0
        for layer, lanes in zip(self.network.all_layers, self.lanes, strict=True):
            total += layer.inputs * -(-layer.outputs // lanes.synapse)
            total += 2 * max(LOOP, -(-layer.outputs // lanes.neuron)) + 64
        return total

    @property
    def idle_limit(self) -> int:
        """The cycles without a beat, in or out, after which a simulation counts as hung."""
        return 20_000 + 2 * self.slowest_step


def address_bits(count: int) -> int:
    """Return the bits of an address into ``count`` words, at least one."""
    return max(1, (count - 1).bit_length())


def _layer_parameters(network: IntegerNetwork, i: int, lanes: Lanes, name: str) -> Parameters:
    layer = network.layers[i]
    value_bits, signed = smallest_word(*network.value_range(i))
    out_bits, _ = smallest_word(*network.value_range(i + 1))
    reset = bool(layer.reset.any())
    parameters: Parameters = {
        "N_IN": layer.inputs,
        "N_OUT": layer.neurons,
        "SYNAPSE_LANES": lanes.synapse,
        "NEURON_LANES": lanes.neuron,
        "VALUE_W": value_bits,
        "VALUE_SIGNED": int(signed),
        "OUT_W": out_bits,
        "SKIP": int(layer.skip),
        "WEIGHT_W": layer.weight_bits,
        "COMPLEX": int(layer.complex_input),
        "CURRENT_W": network.current_bits(i),
        "STATE_W": layer.state_bits,
        "TRANS_W": layer.transition_bits,
        "TRANS_FRAC": layer.transition_frac,
        "GUARD": layer.guard_bits,
        "BIAS_W": layer.bias_bits,
        "ROTATION": int(_is_rotation(layer)),
        "RESET": int(reset),
        "ROUND": _ROUND[layer.rounding],
        "SATURATE": int(layer.overflow == "SAT" and network.saturates[i]),
        "STATE_RAM": int(-(-layer.neurons // lanes.neuron) > _MAX_LUT_RAM_CHUNKS),
        "WEIGHTS": f"{name}_layer{i}_weights.mem",
        "COEF": f"{name}_layer{i}_coef.mem",
        "THRESHOLD": f"{name}_layer{i}_threshold.mem",
    }
    if reset or layer.bias_bits:
        parameters["OFFSET"] = f"{name}_layer{i}_offset.mem"
    return parameters


def _readout_parameters(network: IntegerNetwork, lanes: Lanes, name: str) -> Parameters:
    readout = network.readout
    value_bits, signed = smallest_word(*network.value_range(len(network.layers)))
    return {
        "N_IN": readout.inputs,
        "CLASSES": readout.classes,
        "SYNAPSE_LANES": lanes.synapse,
        "VALUE_W": value_bits,
        "VALUE_SIGNED": int(signed),
        "WEIGHT_W": readout.weight_bits,
        "CURRENT_W": network.current_bits(len(network.layers)),
        "STATE_W": readout.state_bits,
        "LEAK_FRAC": readout.leak_frac,
        "GUARD": readout.guard_bits,
        "BIAS_W": readout.bias_bits,
        "ROUND": _ROUND[readout.rounding],
        "SATURATE": int(readout.overflow == "SAT" and network.saturates[-1]),
        "SCORE": _SCORE[readout.score],
        "SCORE_W": readout.score_bits,
        "WEIGHTS": f"{name}_readout_weights.mem",
        "LEAK": f"{name}_readout_leak.mem",
    }


def check_design(design: object) -> None:
    """Raise HardwareError if the argument is not a Design, saying how to make one."""
    check_kind("design", design, Design, "Design.of(network, lanes) makes one", HardwareError)


def _without_files(parameters: Parameters, numbers: Iterator[int]) -> Parameters:
    """Return the parameters with numbers of memories in place of names of files."""
    return {
        key: next(numbers) if isinstance(value, str) else value for key, value in parameters.items()
    }


def _is_rotation(layer: SpikingLayer) -> bool:
    a = layer.transition
    return bool((a[:, 0, 0] == a[:, 1, 1]).all() and (a[:, 0, 1] == -a[:, 1, 0]).all())


def _trace_fields(network: IntegerNetwork, lanes: Sequence[Lanes]) -> tuple[TraceField, ...]:
    fields: list[TraceField] = []
    offset = 0
    for layer, lane in zip(network.layers, lanes, strict=False):
        chunks = -(-layer.neurons // lane.neuron)
        field = TraceField(
            offset, address_bits(chunks), layer.state_bits, lane.neuron, chunks, layer.neurons
        )
        fields.append(field)
        offset += field.bits
    return tuple(fields)
