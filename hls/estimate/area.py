"""Cells of a design on an ECP5, by module: computed from formats and lanes, without any tool.

Each function below adds up what one module of ``hls/rtl`` is made of, in the order of its source:
registers bit by bit, adders as chains of two bits a carry cell, multiplexers and comparisons as
look-up tables of four inputs, memories as ``memory_map`` says.  Multipliers, block memories and LUT
memories come out exact.  Registers and adders are nearly so: synthesis also merges equal ones and
drops those that constants make useless.  Look-up tables follow the data path; the control around
it, which formats hardly touch, is the table of constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rfssm.hls.design import Design, Lanes, Parameters
from rfssm.hls.estimate import memory_map
from rfssm.hls.estimate.memory_map import Mapped
from rfssm.hls.synthesis.netlist_cells import CellReport, Cells, Memory
from rfssm.quant.arithmetic import Integers
from rfssm.quant.layers import ReadoutLayer, SpikingLayer

# Look-up tables of control logic, and multiplexers that join two of them: calibrated on the
# networks of tests/estimate_cases.py.
_CONTROL = {
    "source": (6, 0),
    "synapse": (34, 3),
    "synapse, whole row": (20, 3),
    "cells": (28, 8),
    "encoder": (38, 12),
    "encoder, each lane": (5, 0),
    "skip": (12, 2),
    "readout": (56, 26),
    "sink": (8, 2),
}
_STATES = 2  # of a cell: u and v
_ADDER_IN_LUTS = 4  # bits up to which Yosys builds an adder of look-up tables
DSP_BITS = 18
"""Of an operand of MULT18X18D."""


Rom = Sequence[tuple[Integers, int]]


@dataclass
class _Module:
    """A module's row while its cells are being added up."""

    name: str
    memories: list[Memory]
    family: str = "ecp5"
    lut: float = 0
    mux: int = 0
    carry: int = 0
    ff: int = 0
    dsp: int = 0
    block_ram: int = 0
    lut_ram: int = 0

    def cells(self) -> Cells:
        """What has been added up."""
        return Cells(
            lut=round(self.lut),
            mux=self.mux,
            carry=self.carry,
            ff=self.ff,
            dsp=self.dsp,
            block_ram=self.block_ram,
            lut_ram=self.lut_ram,
        )

    def control(self, what: str, count: int = 1) -> None:
        """Logic that formats and lanes hardly touch."""
        lut, mux = _CONTROL[what]
        self.lut += count * lut
        self.mux += count * mux

    def adder(self, bits: int, count: int = 1) -> None:
        """Sums or comparisons of so many bits."""
        if bits > _ADDER_IN_LUTS:
            self.carry += count * -(-bits // 2)
        else:
            self.lut += count * max(0, 2 * bits - 1)

    def choice(self, bits: int, words: int) -> None:
        """Multiplexers of so many words."""
        self.lut += bits * _mux_luts(words)

    def memory(self, name: str, mapped: Mapped, declared: int) -> None:
        """An array; the multiplexer behind its rows is counted by whoever reads it."""
        kind = "logic" if mapped.logic else "block_ram" if mapped.blocks else "lut_ram"
        cells = mapped.blocks + mapped.luts
        self.memories.append(Memory(self.name, name, mapped.words, declared, kind, cells))
        self.block_ram += mapped.blocks
        self.lut_ram += mapped.luts

    def array(self, name: str, words: int, width: int) -> Mapped:
        """An array that is written, in LUT memory.

        An iCE40 has none: to Yosys a block memory costs as much as ``ICE40_PRICE`` bits of
        registers.  Where it is twice as cheap it is counted, below that the choice is not known.
        """
        mapped = memory_map.distributed(words, width)
        if self.family == "ice40":
            mapped = memory_map.block(words, width, written=True, family="ice40")
            if words * width <= 2 * memory_map.ICE40_PRICE * mapped.blocks:
                mapped = Mapped(0, 0, 1, width, words)
        self.memory(name, mapped, width)
        return mapped

    def rom(self, name: str, fields: Rom) -> Mapped:
        """``rfssm_rom``: its words, its two registers."""
        mapped = memory_map.rom(fields, self.family)
        declared = sum(values.shape[1] * bits for values, bits in fields)
        self.memory(name, mapped, declared)
        if mapped.logic:
            self.ff += 2 * mapped.width
            if mapped.words <= 16:
                self.lut += mapped.width
            else:  # a tree of tables of 16 words each
                tables = -(-mapped.words // 16)
                self.lut += mapped.width * tables
                self.mux += mapped.width * (tables - 1)
        elif mapped.rows > 1:  # a multiplexer: the output registers stay outside
            self.ff += mapped.width + mapped.rows
            self.choice(mapped.width, mapped.rows)
        return mapped

    def product(self, a: int, b: int, count: int) -> None:
        """Multipliers; operands of more than 18 bits are split, the parts added."""
        if self.family == "ice40":
            self.dsp += count * _mac16(a, b)
            return
        pieces = [(i, j) for i in _pieces(a) for j in _pieces(b)]
        self.dsp += count * sum(i >= 2 and j >= 2 for i, j in pieces)
        for i, j in pieces:
            if i < 2 or j < 2:
                self.lut += count * max(i, j)
        if len(pieces) > 1:  # the registers of the product stay outside
            self.ff += count * (a + b)
            for i, j in pieces[1:]:
                self.adder(i + j - 2, count)


def _mac16(a: int, b: int) -> int:
    """Blocks SB_MAC16 of one product: ``rtl/ice40/rfssm_mul.sv``."""
    narrow, wide = sorted((a, b))
    return 0 if narrow > 16 or wide > 32 else 1 if wide <= 16 else 2


def _pieces(bits: int) -> list[int]:
    """Parts of an operand that a multiplier block takes."""
    whole = (bits - 1) // DSP_BITS
    return [DSP_BITS] * whole + [bits - whole * DSP_BITS]


def _mux_luts(words: int) -> int:
    """Look-up tables of one bit of a multiplexer: the first chooses of two, two more add three."""
    return -(-2 * (words - 1) // 3)


def _address(count: int) -> int:
    return max(1, (count - 1).bit_length())


def report(design: Design) -> CellReport:
    """Cells of the IP alone, as ``netlist_cells`` counts them after synthesis for an ECP5."""
    memories: list[Memory] = []
    modules = {each.name: each.cells() for each in _modules(design, memories, "ecp5")}
    return CellReport(modules=modules, types={}, memories=tuple(memories))


def blocks(design: Design, family: str) -> Cells | None:
    """Multipliers and memories, counted without a tool; None for a family of which nothing can be.

    ecp5              multipliers, block memories, LUT memories: all of them
    ice40, ice40hx    all multipliers; block memories of weights, constants, currents, states and
                      events: at least so many, as Yosys may put other arrays in such, too
    """
    if family not in ("ecp5", "ice40", "ice40hx"):
        return None
    return sum((_only_blocks(cells, family) for cells in rows(design, family).values()), Cells())


def rows(design: Design, family: str) -> dict[str, Cells]:
    """Cells by module: of an ECP5 all, of other families what ``blocks`` counts."""
    counted = {m.name: m.cells() for m in _modules(design, [], family.removesuffix("hx"))}
    if family == "ecp5":
        return counted
    return {name: _only_blocks(cells, family) for name, cells in counted.items()}


def _only_blocks(cells: Cells, family: str) -> Cells:
    dsp = 0 if family == "ice40hx" else cells.dsp  # which has no multipliers
    luts = cells.lut_ram if family == "ecp5" else 0
    return Cells(dsp=dsp, block_ram=cells.block_ram, lut_ram=luts)


def _modules(design: Design, memories: list[Memory], family: str) -> list[_Module]:
    def module(name: str) -> _Module:
        return _Module(name, memories, family)

    done = [_source(module("source"), design)]
    for i, layer in enumerate(design.network.layers):
        done += _spiking(module, i, layer, design.lanes[i], design.layers[i])
    done += _readout_and_synapse(module, design)
    done.append(_sink(module("sink"), design))
    return done


def _spiking(
    module: Callable[[str], _Module],
    i: int,
    layer: SpikingLayer,
    lanes: Lanes,
    parameters: Parameters,
) -> list[_Module]:
    """The modules of one spiking layer."""
    name = f"layer{i}"
    parts = [layer.weight_u] if layer.weight_v is None else [layer.weight_u, layer.weight_v]
    fields = _Fields(parameters)
    skip = bool(fields.SKIP)
    cells = _cells(module(f"{name}.cells"), fields, layer, lanes)
    encoder = _encoder(module(f"{name}.encoder"), layer.neurons, lanes.neuron, fields.OUT_W)
    between = [_skip(module(f"{name}.skip"), fields, lanes)] if skip else []
    synapse = _synapse(module(f"{name}.synapse"), fields, layer.neurons, lanes, parts, skip)
    return [cells, encoder, *between, synapse]


def _readout_and_synapse(module: Callable[[str], _Module], design: Design) -> list[_Module]:
    """The modules of the readout."""
    fields, layer = _Fields(design.readout), design.network.readout
    own = _readout(module("readout"), fields, layer)
    weights = [layer.weight_u]
    lanes = design.lanes[-1]
    return [own, _synapse(module("readout.synapse"), fields, layer.classes, lanes, weights, False)]


class _Fields:
    """Parameters of a module by name, as its source spells them."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def __getattr__(self, name: str) -> int:
        return int(self._parameters.get(name, 0))


# -- modules, in the order of their sources --------------------------------------------------------


def _source(m: _Module, design: Design) -> _Module:
    channels = design.network.input.channels
    word = _address(channels) + design.value_bits + 2
    m.ff += 2 * word + 3
    m.lut += word + design.value_bits
    m.control("source")
    trailing = (channels & -channels).bit_length() - 1
    if 12 - trailing > _ADDER_IN_LUTS:
        m.carry += (12 - trailing) // 2  # address below the number of channels
    return m


def _sink(m: _Module, design: Design) -> _Module:
    word = min(design.data_bits, design.tdata_bits)  # the sign's copies are one register
    m.ff += 2 * (word + 1) + 3
    m.lut += 2 * word
    m.control("sink")
    return m


def _synapse(
    m: _Module, p: _Fields, n: int, lanes: Lanes, weights: Sequence[Integers], skip: bool
) -> _Module:
    words = -(-n // lanes.synapse)
    word_bits = _address(words) if words > 1 else 0
    rows = [_padded(part, lanes.synapse).T.reshape(-1, lanes.synapse) for part in weights]
    depth = len(rows[0])
    address = _address(depth)
    multiply = p.VALUE_W > 1 or p.VALUE_SIGNED != 0
    late = int(words > 1)
    stages, announce = 2 + late + int(multiply), 1 + int(multiply)
    reads = lanes.neuron
    groups = lanes.synapse // reads
    group_bits = _address(groups) if groups > 1 else 0
    parts = len(weights)
    real = min(n, lanes.synapse) * parts  # padding of a whole row is constant
    currents = real * p.CURRENT_W
    out = min(n, reads) * parts * p.CURRENT_W
    product = min(p.WEIGHT_W + (p.VALUE_W if multiply else 0), p.CURRENT_W)

    # issue
    m.ff += 5 + address + word_bits + 2
    m.ff += p.VALUE_W if multiply or skip else 0
    m.ff += _address(p.N_IN) if skip else 0
    m.adder(address)
    for _ in range(words.bit_count() - 1):
        m.adder(address)
    # row word, product
    m.ff += late * address
    m.rom("weight_rom", [(row, p.WEIGHT_W) for row in rows])
    m.ff += stages * (2 + word_bits) + 2 * announce + (stages if late else announce)  # tags
    if multiply:
        m.ff += (2 + late) * p.VALUE_W + real * product
        signed = p.VALUE_W + (0 if p.VALUE_SIGNED else 1)
        if m.family == "ecp5":  # elsewhere it is logic
            m.product(min(p.WEIGHT_W, product), min(signed, product), real)
    # accumulate
    m.adder(p.CURRENT_W, real)
    if words == 1:
        m.lut += currents  # the first event overwrites
        m.ff += 1 + 2 * currents
        # rfssm_select, without the groups that padding makes constant
        chosen = min(groups, -(-n // reads))
        fours, rest = -(-chosen // 4), chosen % 4
        sixteens = -(-fours // 4)
        m.lut += out * (2 * (chosen // 4) + max(0, min(rest - 1, 2)))
        m.mux += out * (chosen // 4 + (rest == 3))
        m.lut += sixteens * out * 3 if fours > 1 else 0
        m.ff += fours * out + sixteens * out + out
        m.choice(out, sixteens)
        m.ff += 3 * max(0, group_bits - 2)
        m.control("synapse, whole row")
    else:
        width = lanes.synapse * parts * p.CURRENT_W
        out = reads * parts * p.CURRENT_W
        bank, _ = (m.array(f"bank{k}", words, width) for k in range(2))
        m.ff += 7 + 2 * word_bits + 2 * width + out
        m.lut += width * max(1, _mux_luts(2 * bank.rows))
        m.choice(out, 2 * bank.rows * groups)
        m.control("synapse")
    return m


def _cells(m: _Module, p: _Fields, layer: SpikingLayer, lanes: Lanes) -> _Module:
    n, side = layer.neurons, lanes.neuron
    chunks = -(-n // side)
    chunk_bits = _address(chunks) if chunks > 1 else 0
    parts = p.COMPLEX + 1
    state, shift = p.STATE_W, p.TRANS_FRAC
    _sweep(m, chunks)
    m.ff += 9 * chunk_bits + 9 * 3 + 4 + (3 if p.RESET else 1 + p.STATE_RAM)  # tags

    # memories
    def chunked(values: Integers) -> Integers:
        return _padded(values, side).reshape(-1, side)

    a = layer.transition
    entries = [(0, 0), (1, 0)] if p.ROTATION else [(0, 0), (0, 1), (1, 0), (1, 1)]
    m.rom("coef_rom", [(chunked(a[:, j, k]), layer.transition_bits) for j, k in entries])
    m.ff += m.rom("limit_rom", [(chunked(layer.threshold), state)]).width
    offsets: list[tuple[Integers, int]] = [
        (chunked(bias), layer.bias_bits)
        for bias in (layer.bias_u, layer.bias_v)
        if bias is not None
    ]
    if p.RESET:
        offsets += [(chunked(layer.reset[:, j]), state) for j in (0, 1)]
    constant = bool(offsets) and m.rom("offset_rom", offsets).logic  # then known bits drop out
    states = side * _STATES * state
    if p.STATE_RAM:
        m.memory("states", memory_map.block(chunks, states, written=True, family=m.family), states)
        m.ff += states
        m.lut += states
    else:
        mapped = m.array("states", chunks, states)
        m.ff += states
        m.choice(states, mapped.rows)
    if p.RESET:
        mapped = memory_map.distributed(chunks, side)
        m.memory("spikes", mapped, side)
        m.ff += side
        m.choice(side, mapped.rows)

    # lanes
    full = state + p.TRANS_W + 1
    rounded = max(full, shift + 1) + 1 - shift
    added = _offset_bits(layer) if constant else state + (1 if p.RESET and p.BIAS_W else 0)
    summed = max(p.CURRENT_W + p.GUARD, added) + 1
    result = max(rounded, summed) + 1
    kept, top, current = result, full, p.CURRENT_W
    if not p.SATURATE:  # nobody reads what lies above the state
        kept, top, current = state, min(full, shift + state), max(0, min(current, state - p.GUARD))
        rounded, added, summed = (min(bits, state) for bits in (rounded, added, summed))
    sums = full if p.ROUND == 1 else top  # toward zero looks at the sign
    m.product(state, p.TRANS_W, _STATES * _STATES * side)
    if max(state, p.TRANS_W) > DSP_BITS:  # the registers before them; each is read twice
        m.ff += side * (_STATES * state + len(entries) * p.TRANS_W)
    for j in range(_STATES):
        bias = bool(p.BIAS_W) and j < parts
        low = {0: shift, 1: 0, 2: max(0, shift - 1), 3: 0}[p.ROUND]  # bits below are never read
        m.adder(sums, side)
        m.ff += side * max(1, sums - low)
        if p.ROUND and shift:
            m.adder(rounded if p.ROUND > 1 else top, side)
        m.ff += side * rounded
        if p.ROUND == 3 and shift:
            m.lut += side * -(-shift // 3)
        if p.RESET or bias:
            m.ff += side * added
            if p.RESET and bias:
                m.adder(added, side)
        if j < parts:
            m.ff += side * current
            if p.RESET or bias:
                m.adder(summed - p.GUARD, side)
        m.ff += side * (summed if p.RESET or bias else current if j < parts else 0)
        if p.RESET or bias or j < parts:
            m.adder(kept, side)
        m.ff += side * (kept + state)
        if p.SATURATE:
            m.lut += side * (state + result - state + 1)
    m.adder(state, side)
    m.ff += side
    m.control("cells")
    return m


def _offset_bits(layer: SpikingLayer) -> int:
    """Bits of what bias and reset add at most."""
    biases = [int(abs(b).max()) for b in (layer.bias_u, layer.bias_v) if b is not None]
    return 1 + (max(biases, default=0) + int(abs(layer.reset).max())).bit_length()


def _sweep(m: _Module, chunks: int) -> None:
    """``rfssm_sweep``."""
    slot = (max(chunks, 8) - 1).bit_length()
    m.ff += 11 + slot
    m.adder(slot)


def _encoder(m: _Module, n: int, side: int, value: int) -> _Module:
    chunks = -(-n // side)
    chunk_bits = _address(chunks)
    values = side * value
    deep = 5
    word = chunk_bits + values + 2
    m.ff += 2 * (1 + word)  # the chunk that is held back, the one that is pushed
    m.array("fifo", 1 << deep, word)
    m.ff += 3 * deep + 2
    m.adder(deep, 2)
    m.adder(deep + 1, 2)
    m.ff += 1 + side + chunk_bits + 2 + (values if value > 1 else 0)
    m.ff += 3 + value + _address(n)
    if side > _ADDER_IN_LUTS:
        m.adder(side)
    m.choice(word, 2)  # the FIFO has two rows
    if value > 1:
        m.choice(value, side)
    m.control("encoder")
    m.control("encoder, each lane", side)
    return m


def _skip(m: _Module, p: _Fields, lanes: Lanes) -> _Module:
    n, side = p.N_OUT, lanes.neuron
    chunks = -(-n // side)
    chunk_bits = _address(chunks)
    words = 2 << chunk_bits
    mapped = memory_map.distributed(words, p.VALUE_W)
    for _ in range(side):
        m.memory("values", mapped, p.VALUE_W)
    m.ff += 2 + 2 * n + side * (9 * p.VALUE_W + p.OUT_W) + 3 + chunk_bits
    m.adder(p.OUT_W, side)
    m.lut += 3 * n
    m.choice(side, 2 * chunks)
    m.choice(side * p.VALUE_W, mapped.rows)
    m.control("skip")
    return m


def _readout(m: _Module, p: _Fields, layer: ReadoutLayer) -> _Module:
    classes, state, score = layer.classes, p.STATE_W, p.SCORE_W
    class_bits = _address(classes)
    leak = p.LEAK_FRAC + 1
    _sweep(m, classes)
    m.ff += 9 * class_bits + 3 * 9 + 4 + 8  # tags; what ends a packet ends a sample, or each step
    product = state + leak
    rounded = product + 1 - p.LEAK_FRAC
    summed = max(p.CURRENT_W + p.GUARD, state) + 1
    result = max(rounded, summed) + 1
    kept = result if p.SATURATE else state
    low = {0: p.LEAK_FRAC, 1: 0, 2: p.LEAK_FRAC - 1, 3: 0}[p.ROUND]
    fields: list[tuple[Integers, int]] = [(layer.leak[:, None], p.LEAK_FRAC)]
    if layer.bias_u is not None:
        fields.append((layer.bias_u[:, None], layer.bias_bits))
    m.rom("leak_rom", fields)
    states = memory_map.distributed(classes, state)
    m.memory("states", states, state)
    m.choice(state, states.rows)
    m.product(state, leak, 1)
    if max(state, leak) > DSP_BITS:
        m.ff += state + leak
    m.ff += 2 * state + p.CURRENT_W + product - low
    m.ff += rounded if p.SATURATE else min(rounded, state)
    m.ff += kept + (3 * p.BIAS_W + summed if p.BIAS_W else p.CURRENT_W)
    if p.BIAS_W:
        m.adder(summed - p.GUARD)
    if p.ROUND:
        m.adder(rounded if p.ROUND > 1 else product)
    if p.ROUND == 3:
        m.lut += -(-p.LEAK_FRAC // 3)
    m.adder(kept)
    if p.SATURATE:
        m.lut += state + result - state + 1
    # scores
    own = score if layer.score == "sum" else state  # otherwise the sign's copies are one register
    m.ff += own
    if layer.score in ("sum", "max"):
        scores = memory_map.distributed(classes, score)
        m.memory("scores", scores, score)
        m.choice(score, scores.rows)
        m.ff += score
        m.adder(score)
        m.lut += score
    # packets
    packets = memory_map.distributed(2 << class_bits, score)
    m.memory("packets", packets, score)
    m.choice(score, packets.rows)
    m.memories.append(Memory(m.name, "label_q", 2, class_bits, "logic", 0))
    m.adder(own)  # the best so far
    m.adder(class_bits)
    m.ff += own + 4 * class_bits + 2 + 2 + 2 + 2 + 1 + 4
    m.control("readout")
    return m


def _padded(values: Integers, multiple: int) -> Integers:
    """Zeros appended along the first axis, up to a multiple."""
    missing = -len(values) % multiple
    return np.pad(values, [(0, missing)] + [(0, 0)] * (values.ndim - 1))
