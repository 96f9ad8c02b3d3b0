"""Count what one line of hardware costs in cells of an ECP5 or an iCE40, for ``area``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rfssm.hls.estimate import memory_map
from rfssm.hls.estimate.memory_map import Mapped
from rfssm.hls.memories import Fields
from rfssm.hls.synthesis.netlist_cells import Cells

# Look-up tables of control logic, and multiplexers that join two of them, calibrated on the
# networks of tests/estimate_cases.py
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
_MAX_LUT_ADDER_BITS = 4  # Yosys builds wider adders of carry cells
DSP_BITS = 18
"""The width of an operand of MULT18X18D."""


@dataclass(frozen=True)
class Contribution:
    """The cells that one line of a module's source adds to the module.

    name        what the line makes, in the words of the source
    array       what a memory is mapped to
    declared    bits of a word of the memory, as the source declares it
    """

    name: str
    cells: Cells
    array: Mapped | None = None
    declared: int = 0


Lines = Iterator[Contribution]


def register(name: str, bits: int) -> Contribution:
    """Count a register as flip-flops."""
    return Contribution(name, Cells(ff=bits))


def logic(name: str, luts: int, muxes: int = 0) -> Contribution:
    """Count logic as look-up tables and as multiplexers that join two of them."""
    return Contribution(name, Cells(lut=luts, mux=muxes))


def control(what: str, count: int = 1) -> Contribution:
    """Count control logic, which hardly depends on formats and lanes."""
    luts, muxes = _CONTROL[what]
    return logic(f"control of {what}", count * luts, count * muxes)


def carries(name: str, bits: int) -> Contribution:
    """Count a chain of carry cells, of two bits each."""
    return Contribution(name, Cells(carry=bits // 2))


def adder(name: str, bits: int, count: int = 1) -> Contribution:
    """Count sums or comparisons of a number of bits."""
    if bits > _MAX_LUT_ADDER_BITS:
        return Contribution(name, Cells(carry=count * -(-bits // 2)))
    return logic(name, count * max(0, 2 * bits - 1))


def choice(name: str, bits: int, words: int) -> Contribution:
    """Count the look-up tables of multiplexers that choose one of a number of words."""
    return logic(name, bits * mux_luts(words))


def mux_luts(words: int) -> int:
    """Count the tables of one bit: one chooses of two words, two more add three words."""
    return -(-2 * (words - 1) // 3)


def memory(name: str, mapped: Mapped, declared: int) -> Contribution:
    """Count an array without the multiplexer behind its rows, which its reader counts."""
    cells = Cells(block_ram=mapped.blocks, lut_ram=mapped.luts)
    return Contribution(name, cells, mapped, declared)


def array(words: int, width: int, family: str) -> Mapped:
    """Map an array that is written to LUT memory, which an iCE40 does not have.

    On an iCE40 a block memory costs Yosys as much as ``ICE40_PRICE`` bits of registers.  A block
    memory is counted where it is at least twice as cheap; otherwise Yosys' choice is not known.
    """
    if family != "ice40":
        return memory_map.distributed(words, width)
    mapped = memory_map.block(words, width, written=True, family="ice40")
    if words * width <= 2 * memory_map.ICE40_PRICE * mapped.blocks:
        return Mapped(0, 0, 1, width, words)
    return mapped


def rom(name: str, mapped: Mapped, fields: Fields) -> Iterator[Contribution]:
    """Yield the lines of ``rfssm_rom``: its words and its two registers."""
    yield memory(name, mapped, sum(values.shape[1] * bits for values, bits in fields))
    if mapped.logic:
        yield register(f"{name}, registers", 2 * mapped.width)
        tables = -(-mapped.words // 16)  # a tree of tables of 16 words each
        yield logic(f"{name}, words", mapped.width * tables, mapped.width * (tables - 1))
    elif mapped.rows > 1:  # a multiplexer: the output registers stay outside
        yield register(f"{name}, rows", mapped.width + mapped.rows)
        yield choice(f"{name}, rows", mapped.width, mapped.rows)


def product(name: str, a: int, b: int, count: int, family: str) -> Iterator[Contribution]:
    """Yield the lines of multipliers; operands of more than 18 bits are split, the parts added."""
    if family == "ice40":
        yield Contribution(name, Cells(dsp=count * _mac16(a, b)))
        return
    pieces = [(i, j) for i in _pieces(a) for j in _pieces(b)]
    yield Contribution(name, Cells(dsp=count * sum(i >= 2 and j >= 2 for i, j in pieces)))
    for i, j in pieces:
        if i < 2 or j < 2:
            yield logic(f"{name}, one bit", count * max(i, j))
    if len(pieces) > 1:  # the registers of the product stay outside
        yield register(f"{name}, parts", count * (a + b))
        for i, j in pieces[1:]:
            yield adder(f"{name}, sum of parts", i + j - 2, count)


def _mac16(a: int, b: int) -> int:
    """Count the blocks SB_MAC16 of one product, as ``rtl/ice40/rfssm_mul.sv`` uses them."""
    narrow, wide = sorted((a, b))
    return 0 if narrow > 16 or wide > 32 else 1 if wide <= 16 else 2


def _pieces(bits: int) -> list[int]:
    """Return the widths of the parts of an operand that multiplier blocks take."""
    whole = (bits - 1) // DSP_BITS
    return [DSP_BITS] * whole + [bits - whole * DSP_BITS]
