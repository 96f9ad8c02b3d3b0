"""From an integer network to RTL: parameters, memory contents and a thin top, never logic.

The hand-written modules in ``hls/rtl`` hold the circuit.  What is written here is data: one
instance per layer with its parameters, the ``.mem`` files that the instances read, and the tops
that tie them together:

    NAME_core.sv         event stream -> layers -> readout -> score packets, and trace ports
    NAME_axis.sv         the IP: AXI4-Stream events in, AXI4-Stream scores and label out
    NAME_axis_dense.sv   the same with dense beats in, one step per beat
    NAME_axis_trace.sv   the IP with its trace ports, for the engines
    NAME_parameters.json every parameter, and where the trace ports hold what
    NAME_*.mem           what the memories hold
    NAME_{cells,layer,readout,rom,synapse}.sv
                         in place of the latter: the modules above a memory, whose contents are text

Everything that is written here begins with the network's name: the files of two networks may lie
in one folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rfssm.hls.names import checked_name, module_name
from rfssm.model.errors import HardwareError, brief, check_kind
from rfssm.model.files import write_atomically
from rfssm.quant.network import (
    IntegerNetwork,
    Integers,
    ReadoutLayer,
    SpikingLayer,
    check_network,
)

Parameters = dict[str, int | str]

_RTL = Path(str(files("rfssm.hls"))) / "rtl"
_ROUND = {"TRN": 0, "TRN_ZERO": 1, "RND": 2, "RND_CONV": 3}
_SCORE = {"sum": 0, "last": 1, "max": 2, "each": 3}
_BLOCK_RAM_CHUNKS = 64  # above this many words block memory holds the states better than LUTs
_DENSE_LANES = 8


@dataclass(frozen=True, slots=True)
class Lanes:
    """How many neurons of a layer work side by side.

    synapse    neurons whose current one event changes per cycle; neuron * 2^k
    neuron     neurons whose state is updated per cycle
    """

    synapse: int
    neuron: int

    def __post_init__(self) -> None:
        for field in ("synapse", "neuron"):
            value = getattr(self, field)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not whole or not 1 <= value <= 4096 or value & (value - 1):
                raise HardwareError(
                    f"{field} lanes = {brief(value)}: must be a power of two, 1 to 4096"
                )
            object.__setattr__(self, field, int(value))
        if self.synapse < self.neuron:
            raise HardwareError(
                f"synapse lanes = {self.synapse}: must be neuron lanes = {self.neuron} times a "
                "power of two"
            )

    def fitted(self, neurons: int) -> Lanes:
        """The same lanes, but no more than a layer of so many neurons can use."""
        most = 1 << (neurons - 1).bit_length()
        return Lanes(min(self.synapse, most), min(self.neuron, most))


LaneChoice = Lanes | Sequence[Lanes]
"""For every layer that is wide enough, or one for each layer, the readout's last."""


def lane_choice(synapse: int | Sequence[int], neuron: int | Sequence[int]) -> LaneChoice:
    """Lanes from numbers, each one for all layers or a list with one for each layer."""
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
    """Whether lanes are given for each layer."""
    return isinstance(lanes, Sequence | np.ndarray) and not isinstance(lanes, str)


def default_lanes(neurons: int) -> Lanes:
    """Lanes that balance a layer: up to 16 synapse lanes, up to 4 cells."""
    most = 1 << max(0, neurons.bit_length() - 1)  # largest power of two within the layer
    return Lanes(synapse=min(16, max(1, most // 4)), neuron=min(4, max(1, most // 8)))


@dataclass(frozen=True)
class TraceField:
    """Where the trace ports hold one layer: {spikes, v, u, chunk}, chunk lowest."""

    offset: int
    chunk_bits: int
    state_bits: int
    lanes: int
    chunks: int
    neurons: int

    @property
    def bits(self) -> int:
        """Width of the layer's part of ``trace_data``."""
        return self.chunk_bits + self.lanes * (2 * self.state_bits + 1)


@dataclass(frozen=True)
class Design:
    """A network with its lanes: everything that the emitted text says."""

    name: str
    network: IntegerNetwork
    lanes: tuple[Lanes, ...]
    """Of each layer; the readout's last, with one neuron lane."""
    layers: tuple[Parameters, ...]
    readout: Parameters
    trace: tuple[TraceField, ...]
    inline_memories: bool = False
    """Whether the memories' contents stand in the SystemVerilog, instead of in ``.mem`` files."""

    @classmethod
    def of(
        cls,
        network: IntegerNetwork,
        lanes: LaneChoice | None = None,
        name: str | None = None,
        *,
        inline_memories: bool = False,
    ) -> Design:
        """Choose parameters.

        lanes              of every layer, or of each (default: ``default_lanes`` of each)
        name               of everything that is generated (default: the network's, as a name)
        inline_memories    their contents in the SystemVerilog, for tools that lose files

        Raises HardwareError for lanes or a name that cannot be.
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
        """Bits of an input value."""
        return self.network.input.bits

    @property
    def trace_bits(self) -> int:
        """Width of ``trace_data``; at least 1, as a port must have a bit."""
        return max(1, sum(field.bits for field in self.trace))

    @property
    def data_bits(self) -> int:
        """Bits of a beat of the readout: a score or a label."""
        readout = self.network.readout
        return max(readout.score_bits, _address_bits(readout.classes) + 1)

    @property
    def tdata_bits(self) -> int:
        """Width of ``m_axis_tdata``."""
        return 32 if self.network.readout.score_bits <= 32 else 64

    @property
    def slowest_step(self) -> int:
        """Cycles that no step needs, whatever its events, if nothing stalls."""
        total = 0
        for layer, lanes in zip(self.network.all_layers, self.lanes, strict=True):
            total += layer.inputs * -(-layer.outputs // lanes.synapse)
            total += 2 * max(8, -(-layer.outputs // lanes.neuron)) + 64
        return total

    @property
    def idle_limit(self) -> int:
        """Cycles without a beat, in or out, after which a simulation counts as hung."""
        return 20_000 + 2 * self.slowest_step


def check_design(design: object) -> None:
    """Raise HardwareError for what is no Design, with the way to one."""
    check_kind("design", design, Design, "Design.of(network, lanes) makes one", HardwareError)


def write_rtl(
    network: IntegerNetwork,
    directory: Path | str,
    lanes: LaneChoice | None = None,
    name: str | None = None,
    *,
    inline_memories: bool = False,
) -> Design:
    """Write a complete RTL project: the modules, the tops, the memories, the parameters.

    directory          made if missing; each file in it is complete or absent
    lanes              of every layer, or of each (default: ``default_lanes`` of each)
    name               of everything that is generated (default: the network's, as a name)
    inline_memories    their contents in the SystemVerilog, for tools that lose files

    Raises HardwareError for lanes or a name that cannot be.
    """
    design = Design.of(network, lanes, name, inline_memories=inline_memories)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for source in rtl_sources():
        write_atomically(directory / source.name, source.read_bytes())
    for file, text in design_files(design):
        write_atomically(directory / file, text.encode())
    return design


def rtl_sources(family: str | None = None) -> list[Path]:
    """The hand-written modules, by name; with ``family`` its own twins of some."""
    modules = {path.name: path for path in _RTL.glob("rfssm_*.sv")}
    if family is not None:
        modules |= {path.name: path for path in twins(family)}
    return [modules[name] for name in sorted(modules)]


def twins(family: str) -> list[Path]:
    """Modules that take the place of others in a family, by name.

    A twin, ``rtl/FAMILY/MODULE.sv``, instantiates what the family's synthesis does not infer, or
    infers wrongly.
    """
    return sorted((_RTL / family).glob("rfssm_*.sv"))


def design_sources(design: Design) -> dict[str, bytes]:
    """Name and contents of all files of a project: modules, tops, memories, parameters."""
    sources = {path.name: path.read_bytes() for path in rtl_sources()}
    return sources | {name: text.encode() for name, text in design_files(design)}


def design_files(design: Design) -> Iterator[tuple[str, str]]:
    """Names and texts of all generated files."""
    if design.inline_memories:
        yield from _modules_with_contents(design)
    else:
        yield from ((name, _words(fields)) for name, fields in _memories(design))
    yield f"{design.name}_core.sv", _core(design)
    yield f"{design.name}_axis.sv", _axis(design, trace=False)
    yield f"{design.name}_axis_trace.sv", _axis(design, trace=True)
    yield f"{design.name}_axis_dense.sv", _axis_dense(design)
    yield f"{design.name}_parameters.json", json.dumps(_description(design), indent=1) + "\n"


# -- parameters ------------------------------------------------------------------------------------


def _address_bits(count: int) -> int:
    return max(1, (count - 1).bit_length())


def _value_format(low: int, high: int) -> tuple[int, int]:
    """Bits and signedness of the smallest word that holds low..high."""
    if low < 0:
        return 1 + max((~low).bit_length(), high.bit_length()), 1
    return max(1, high.bit_length()), 0


def check_lanes(lanes: object) -> None:
    """Raise HardwareError for what is not a LaneChoice."""
    each = lanes if isinstance(lanes, Sequence) and not isinstance(lanes, str) else [lanes]
    if not all(isinstance(one, Lanes) for one in each):
        raise HardwareError(
            f"lanes = {brief(lanes)}: must be Lanes(synapse, neuron), or one such for each layer"
        )


def chosen_lanes(widths: Sequence[int], lanes: LaneChoice | None) -> list[Lanes]:
    """Lanes of each layer, for layers of so many neurons; the readout's last."""
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


def _layer_parameters(network: IntegerNetwork, i: int, lanes: Lanes, name: str) -> Parameters:
    layer = network.layers[i]
    value_bits, signed = _value_format(*network.value_range(i))
    out_bits, _ = _value_format(*network.value_range(i + 1))
    reset = bool(layer.reset.any())
    parameters: Parameters = {
        "N_IN": layer.inputs,
        "N_OUT": layer.neurons,
        "SYNAPSE_LANES": lanes.synapse,
        "NEURON_LANES": lanes.neuron,
        "VALUE_W": value_bits,
        "VALUE_SIGNED": signed,
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
        "STATE_RAM": int(-(-layer.neurons // lanes.neuron) > _BLOCK_RAM_CHUNKS),
        "WEIGHTS": f"{name}_layer{i}_weights.mem",
        "COEF": f"{name}_layer{i}_coef.mem",
        "THRESHOLD": f"{name}_layer{i}_threshold.mem",
    }
    if reset or layer.bias_bits:
        parameters["OFFSET"] = f"{name}_layer{i}_offset.mem"
    return parameters


def _readout_parameters(network: IntegerNetwork, lanes: Lanes, name: str) -> Parameters:
    readout = network.readout
    value_bits, signed = _value_format(*network.value_range(len(network.layers)))
    return {
        "N_IN": readout.inputs,
        "CLASSES": readout.classes,
        "SYNAPSE_LANES": lanes.synapse,
        "VALUE_W": value_bits,
        "VALUE_SIGNED": signed,
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


def _without_files(parameters: Parameters, numbers: Iterator[int]) -> Parameters:
    """Numbers of memories in place of names of files."""
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
            offset, _address_bits(chunks), layer.state_bits, lane.neuron, chunks, layer.neurons
        )
        fields.append(field)
        offset += field.bits
    return tuple(fields)


def _description(design: Design) -> dict[str, object]:
    return {
        "name": design.name,
        "layers": [
            {**parameters, "trace_offset": field.offset}
            for parameters, field in zip(design.layers, design.trace, strict=True)
        ],
        "readout": design.readout,
        "tdata_bits": design.tdata_bits,
        "trace_bits": design.trace_bits,
    }


# -- memories --------------------------------------------------------------------------------------


Fields = Sequence[tuple[Integers, int]]
"""What a memory's words hold: values [words, lanes] and the bits of each; a lane holds them lowest
first."""


def _memories(design: Design) -> Iterator[tuple[str, Fields]]:
    """Names and contents of all memories."""
    for i, layer in enumerate(design.network.layers):
        yield from _layer_memories(layer, design.layers[i], design.lanes[i])
    yield from _readout_memories(design.network.readout, design.readout, design.lanes[-1])


def _layer_memories(
    layer: SpikingLayer, parameters: Parameters, lanes: Lanes
) -> Iterator[tuple[str, Fields]]:
    parts = [layer.weight_u] if layer.weight_v is None else [layer.weight_u, layer.weight_v]
    yield str(parameters["WEIGHTS"]), _weight_words(parts, lanes.synapse, layer.weight_bits)

    def chunked(values: Integers) -> Integers:
        return padded(values, lanes.neuron).reshape(-1, lanes.neuron)

    a = layer.transition
    entries = [(0, 0), (1, 0)] if parameters["ROTATION"] else [(0, 0), (0, 1), (1, 0), (1, 1)]
    coefficients = [(chunked(a[:, j, k]), layer.transition_bits) for j, k in entries]
    yield str(parameters["COEF"]), coefficients
    yield str(parameters["THRESHOLD"]), [(chunked(layer.threshold), layer.state_bits)]
    offsets = [
        (chunked(bias), layer.bias_bits)
        for bias in (layer.bias_u, layer.bias_v)
        if bias is not None
    ]
    if parameters["RESET"]:
        offsets += [(chunked(layer.reset[:, j]), layer.state_bits) for j in (0, 1)]
    if offsets:
        yield str(parameters["OFFSET"]), offsets


def _readout_memories(
    readout: ReadoutLayer, parameters: Parameters, lanes: Lanes
) -> Iterator[tuple[str, Fields]]:
    weights = _weight_words([readout.weight_u], lanes.synapse, readout.weight_bits)
    yield str(parameters["WEIGHTS"]), weights
    fields = [(readout.leak[:, None], readout.leak_frac)]
    if readout.bias_u is not None:
        fields.append((readout.bias_u[:, None], readout.bias_bits))
    yield str(parameters["LEAK"]), fields


def _weight_words(parts: Sequence[Integers], lanes: int, bits: int) -> Fields:
    """Row words of the synapse: for each input, all neurons, ``lanes`` of them per word.

    parts    weight_u and perhaps weight_v    [N, M] each
    """
    rows = [padded(part, lanes).T.reshape(-1, lanes) for part in parts]
    return [(row, bits) for row in rows]


def padded(values: Integers, multiple: int) -> Integers:
    """Zeros appended along the first axis, up to a multiple."""
    missing = -len(values) % multiple
    return np.pad(values, [(0, missing)] + [(0, 0)] * (values.ndim - 1))


def _words(fields: Fields) -> str:
    """One line of hexadecimal per memory word, for $readmemh."""
    words = len(fields[0][0])
    per_block = max(1, 1 << 22 >> (sum(v.shape[1] * b for v, b in fields)).bit_length())
    blocks = (
        _hexadecimal([(values[at : at + per_block], bits) for values, bits in fields])
        for at in range(0, words, per_block)
    )
    return "".join(blocks)


def _hexadecimal(fields: Fields) -> str:
    planes = [(values[..., None] >> np.arange(bits)) & 1 for values, bits in fields]
    bits: NDArray[np.uint8] = np.concatenate(planes, axis=-1).astype(np.uint8)
    rows = bits.reshape(len(bits), -1)
    digits = -(-rows.shape[1] // 4)
    packed = np.packbits(rows, axis=1, bitorder="little")[:, ::-1]
    return "".join(f"{row.tobytes().hex()[-digits:]}\n" for row in packed)


# -- memories as text ------------------------------------------------------------------------------

_HOLDERS = re.compile(r"\brfssm_(cells|layer|readout|rom|synapse)\b")
_READ = "      initial $readmemh(FILE, rom);\n"


def _modules_with_contents(design: Design) -> Iterator[tuple[str, str]]:
    """The modules above a memory under the network's name, and their memory with all contents.

    The logic is that of the hand-written modules, word for word: only names are replaced, and what
    reads a file.
    """
    for path in rtl_sources():
        if _HOLDERS.fullmatch(path.stem):
            text = path.read_text()
            text = re.sub(r'"\w+\.mem"', "0", text)  # of parameters, where nobody gives any
            if path.stem == "rfssm_rom":
                text = _with_contents(text, design)
            yield _own(path.name, design), _own(text, design)


def _own(text: str, design: Design) -> str:
    """Text with the names of a design's own modules in place of ours."""
    return _HOLDERS.sub(rf"{design.name}_\1", text)


def _with_contents(text: str, design: Design) -> str:
    """``rfssm_rom`` with an initial block for each memory, where it read a file."""
    found = re.search(r"BLOCK_BITS = (\d+);", text)
    before, between, after = text.split(_READ)
    assert found is not None
    blocks: dict[bool, str] = {True: "", False: ""}
    for name, fields in _memories(design):
        words = _words(fields).split()
        width = sum(values.shape[1] * bits for values, bits in fields)
        blocks[width * len(words) > int(found[1])] += (
            f"      if (FILE == {name}) begin : g_memory{name}\n"
            "        initial begin\n"
            + "".join(f"          rom[{i}] = {width}'h{word};\n" for i, word in enumerate(words))
            + "        end\n      end\n"
        )
    return before + blocks[True] + between + blocks[False] + after


# -- tops: structure only --------------------------------------------------------------------------

_HEADER = """\
// SPDX-License-Identifier: Apache-2.0
//
// {purpose}
// Generated; the logic is in the rfssm_*.sv modules.
`default_nettype none

"""
_FOOTER = "endmodule\n`default_nettype wire\n"


def _range(bits: int) -> str:
    return f"[{bits - 1}:0]"


def _instance(module: str, name: str, parameters: Parameters, ports: Sequence[str]) -> str:
    values = [f'.{k}("{v}")' if isinstance(v, str) else f".{k}({v})" for k, v in parameters.items()]
    joined = ",\n    ".join(values)
    return f"  {module} #(\n    {joined}\n  ) {name} (\n    " + ",\n    ".join(ports) + "\n  );\n"


def _core(design: Design) -> str:
    """The chain of layers and the readout."""
    network = design.network
    address = _address_bits(network.input.channels)
    n_trace = max(1, len(design.layers))
    lines = [
        _HEADER.format(purpose="Events -> layers -> readout -> score packets, with trace ports."),
        f"module {design.name}_core (\n",
        "  input  wire logic clk,\n  input  wire logic rst,\n\n",
        "  input  wire logic s_valid,\n  output wire logic s_ready,\n",
        f"  input  wire logic {_range(address)} s_addr,\n",
        f"  input  wire logic {_range(design.value_bits)} s_value,\n",
        "  input  wire logic s_step_end,\n  input  wire logic s_last,\n\n",
        "  output wire logic m_valid,\n  input  wire logic m_ready,\n",
        f"  output wire logic signed {_range(design.data_bits)} m_data,\n",
        "  output wire logic m_last,\n\n",
        f"  output wire logic {_range(n_trace)} trace_valid,  // verification only\n",
        f"  output wire logic {_range(design.trace_bits)} trace_data\n);\n",
    ]
    source = "s"
    for i, (parameters, field) in enumerate(zip(design.layers, design.trace, strict=True)):
        lines += [
            f"\n  wire logic e{i}_valid, e{i}_ready, e{i}_step_end, e{i}_last;\n",
            f"  wire logic {_range(_address_bits(field.neurons))} e{i}_addr;\n",
            f"  wire logic {_range(int(parameters['OUT_W']))} e{i}_value;\n",
            f"  wire logic {_range(field.chunk_bits)} t{i}_chunk;\n",
            f"  wire logic {_range(field.lanes)} t{i}_spike;\n",
            f"  wire logic {_range(field.lanes * field.state_bits)} t{i}_u, t{i}_v;\n",
            f"  assign trace_data[{field.offset} +: {field.bits}] = "
            f"{{t{i}_spike, t{i}_v, t{i}_u, t{i}_chunk}};\n",
            _instance(
                _holder("rfssm_layer", design),
                f"layer{i}",
                parameters,
                [
                    ".clk, .rst",
                    *_events("s", source),
                    *_events("m", f"e{i}"),
                    f".trace_valid(trace_valid[{i}]), .trace_chunk(t{i}_chunk), "
                    f".trace_spike(t{i}_spike)",
                    f".trace_u(t{i}_u), .trace_v(t{i}_v)",
                ],
            ),
        ]
        source = f"e{i}"
    if not design.layers:
        lines.append("\n  assign trace_valid = 1'b0;\n  assign trace_data = 1'b0;\n")
    lines += [
        "\n",
        _instance(
            _holder("rfssm_readout", design),
            "readout",
            design.readout,
            [".clk, .rst", *_events("s", source), ".m_valid, .m_ready, .m_data, .m_last"],
        ),
        _FOOTER,
    ]
    return "".join(lines)


def _holder(module: str, design: Design) -> str:
    """Name of a module above a memory, in this design."""
    return _own(module, design) if design.inline_memories else module


def _events(port: str, wire: str) -> list[str]:
    """Connections of an event stream."""

    def connect(*signals: str) -> str:
        return ", ".join(f".{port}_{signal}({wire}_{signal})" for signal in signals)

    return [connect("valid", "ready"), connect("addr", "value"), connect("step_end", "last")]


_AXIS_PORTS = """\
  input  wire logic aclk,
  input  wire logic aresetn,

  input  wire logic s_axis_tvalid,
  output wire logic s_axis_tready,
{tdata}
  input  wire logic s_axis_tlast,

  output wire logic m_axis_tvalid,
  input  wire logic m_axis_tready,
  output wire logic {out} m_axis_tdata,
  output wire logic m_axis_tlast"""


def _axis(design: Design, *, trace: bool) -> str:
    """AXI4-Stream events in, AXI4-Stream packets out."""
    suffix = "axis_trace" if trace else "axis"
    ports = _AXIS_PORTS.format(
        tdata="  input  wire logic [31:0] s_axis_tdata,", out=_range(design.tdata_bits)
    )
    source = _instance(
        "rfssm_axis_in",
        "source",
        {"N_IN": design.network.input.channels, "VALUE_W": design.value_bits},
        [
            ".clk(aclk), .rst",
            ".s_axis_tvalid, .s_axis_tready, .s_axis_tdata, .s_axis_tlast",
            *_events("m", "e"),
        ],
    )
    purpose = "AXI4-Stream events in, AXI4-Stream scores and label out"
    return _top(design, f"{design.name}_{suffix}", purpose, ports, source, trace=trace)


def _axis_dense(design: Design) -> str:
    """AXI4-Stream dense beats in, AXI4-Stream packets out."""
    used = design.network.input.channels * design.value_bits
    ports = _AXIS_PORTS.format(
        tdata="  /* verilator lint_off UNUSEDSIGNAL */  // filled up to whole bytes\n"
        f"  input  wire logic {_range(-(-used // 8) * 8)} s_axis_tdata,\n"
        "  /* verilator lint_on UNUSEDSIGNAL */",
        out=_range(design.tdata_bits),
    )
    source = _instance(
        "rfssm_dense",
        "source",
        {
            "N_IN": design.network.input.channels,
            "VALUE_W": design.value_bits,
            "LANES": _DENSE_LANES,
        },
        [
            ".clk(aclk), .rst",
            ".s_valid(s_axis_tvalid), .s_ready(s_axis_tready)",
            f".s_data(s_axis_tdata{_range(used)}), .s_last(s_axis_tlast)",
            *_events("m", "e"),
        ],
    )
    purpose = "AXI4-Stream dense beats in, one step each; AXI4-Stream scores and label out"
    return _top(design, f"{design.name}_axis_dense", purpose, ports, source, trace=False)


def _top(design: Design, module: str, purpose: str, ports: str, source: str, *, trace: bool) -> str:
    n_trace = _range(max(1, len(design.layers)))
    trace_ports = (
        f",\n\n  output wire logic {n_trace} trace_valid,  // verification only\n"
        f"  output wire logic {_range(design.trace_bits)} trace_data"
    )
    unused_trace = (
        "  /* verilator lint_off UNUSEDSIGNAL */  // the trace is for verification\n"
        f"  wire logic {n_trace} trace_valid;\n"
        f"  wire logic {_range(design.trace_bits)} trace_data;\n"
        "  /* verilator lint_on UNUSEDSIGNAL */\n"
    )
    return "".join(
        [
            _HEADER.format(purpose=f"{purpose}."),
            f"module {module} (\n{ports}{trace_ports if trace else ''}\n);\n",
            "  wire logic rst = !aresetn;\n",
            "  wire logic e_valid, e_ready, e_step_end, e_last;\n",
            f"  wire logic {_range(_address_bits(design.network.input.channels))} e_addr;\n",
            f"  wire logic {_range(design.value_bits)} e_value;\n",
            "  wire logic r_valid, r_ready, r_last;\n",
            f"  wire logic signed {_range(design.data_bits)} r_data;\n",
            "" if trace else unused_trace,
            "\n",
            source,
            "\n",
            f"  {design.name}_core core (\n    .clk(aclk), .rst,\n    ",
            ",\n    ".join(_events("s", "e")),
            ",\n    .m_valid(r_valid), .m_ready(r_ready), .m_data(r_data), .m_last(r_last),\n",
            "    .trace_valid, .trace_data\n  );\n\n",
            _instance(
                "rfssm_axis_out",
                "sink",
                {"DATA_W": design.data_bits, "TDATA_W": design.tdata_bits},
                [
                    ".clk(aclk), .rst",
                    ".s_valid(r_valid), .s_ready(r_ready), .s_data(r_data), .s_last(r_last)",
                    ".m_axis_tvalid, .m_axis_tready, .m_axis_tdata, .m_axis_tlast",
                ],
            ),
            _FOOTER,
        ]
    )
