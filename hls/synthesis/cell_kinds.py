"""Classify the types of cells of all families: look-up tables, registers, memories ..."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Cell = dict[str, Any]
"""A cell of a netlist, as in Yosys' JSON."""
Bit = int | str
"""The value at a pin: the number of a net, or a constant."""

_KINDS = {
    "lut": r"LUT\d|SB_LUT4|INV|LUT6_2",
    "mux": r"PFUMX|L6MUX21|MUXF[789]",
    "carry": r"CCU2C|SB_CARRY|CARRY[48]",
    "ff": r"TRELLIS_FF|SB_DFF\w*|FD[RSCP]E(_1)?",
    "dsp": r"MULT18X18D|ALU54B|SB_MAC16|DSP48E[12]",
    "block_ram": r"DP16KD|PDPW16KD|SB_RAM40_4K\w*|RAMB(18|36)E[12]",
    "lut_ram": r"TRELLIS_DPR16X4|RAM\d+[MX]\w*|SRL16E|SRLC32E",
}
LOGIC = ("lut", "mux", "carry")


def kind_of(cell_type: str) -> str:
    """Return the field of ``Cells`` that counts a type of cell."""
    for kind, pattern in _KINDS.items():
        if re.fullmatch(pattern, cell_type):
            return kind
    return "other"


def real_cells(top: Mapping[str, Any]) -> Iterator[tuple[str, Cell]]:
    """Return the names and cells of a netlist, without the notes that Yosys stores as cells."""
    return ((n, cell) for n, cell in top["cells"].items() if not cell["type"].startswith("$"))
