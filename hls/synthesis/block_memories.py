"""Yosys' own files of block memories, with two changes.

- To Yosys a block memory is dear: it builds a deep ROM from wide blocks and a multiplexer behind
  them, where no register of the memory's own can be used.  At our price it takes narrower blocks.
- Yosys computes what a block holds bit by bit, with a function in Verilog: up to 3 seconds a block.
  Written out, or as masks and shifts of the whole, the same bits take a tenth of that, or less.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from rfssm.errors import ToolError

BLOCK_PRICE = 16
"""Of a block memory of the ECP5, in Yosys' units: a 2:1 multiplexer is half of one."""

_ECP5_FLOW = """\
{flow} -run begin:map_ram
memory_libmap -lib block_memories.txt a:ram_style=block
techmap -map block_memories.v
{flow} -run map_ram:"""
_ICE40_FLOW = """\
{flow} -run begin:map_ram
memory_libmap -lib +/ice40/brams.txt -no-auto-huge
techmap -map block_memories.v
ice40_braminit
{flow} -run map_ffram:"""
# In each word of 16 bits, bit b3b2b1b0 becomes bit b0b1b2b3: b0 and b3 are swapped, then b1 and b2.
# Masks and ORs, not exclusive ORs, so that an undefined bit leaves the others defined.
_ICE40_WORDS = """\
localparam [4095:0] OUTER = {256{16'h00AA}};
localparam [4095:0] KEPT  = {256{16'hAA55}};
localparam [4095:0] HALF  = (INIT & KEPT) | ((INIT & OUTER) << 7) | ((INIT >> 7) & OUTER);
localparam [4095:0] INNER = {256{16'h0C0C}};
localparam [4095:0] STAY  = {256{16'hC3C3}};
localparam [4095:0] WORDS = (HALF & STAY) | ((HALF & INNER) << 2) | ((HALF >> 2) & INNER);

"""
_FLOWS = {"ecp5": _ECP5_FLOW, "ice40": _ICE40_FLOW, "ice40hx": _ICE40_FLOW}


def flow_with(flow: str, family: str) -> str:
    """Yosys' flow for a family, in which memories are mapped to blocks by ``library_files``."""
    return _FLOWS.get(family, "{flow}").format(flow=flow)


def library_files(family: str, share: Path) -> dict[str, str]:
    """Name and text of what ``flow_with`` reads.

    share    folder of the cell libraries that come with Yosys

    Raises ToolError for an unknown Yosys.
    """
    if family not in _FLOWS:
        return {}
    if family != "ecp5":
        cells = (share / "ice40" / "brams_map.v").read_text()
        cells = _replaced(r"\bslice_init\((\d+)\)", lambda m: f"WORDS[256*{m[1]}+:256]", cells)
        cells = _replaced(r"(?=function \[255:0\] slice_init)", lambda _: _ICE40_WORDS, cells)
        return {"block_memories.v": cells}
    prices = (share / "lattice" / "brams_16kd.txt").read_text()
    cells = (share / "lattice" / "brams_map_16kd.v").read_text()
    return {
        "block_memories.txt": _replaced(r"\bcost 128;", lambda _: f"cost {BLOCK_PRICE};", prices),
        "block_memories.v": _replaced(
            r"\binit_slice\('h(\w+)\)", lambda m: _ecp5(int(m[1], 16)), cells
        ),
    }


def _replaced(pattern: str, instead: Callable[[re.Match[str]], str], text: str) -> str:
    ours, found = re.subn(pattern, instead, text)
    if not found:
        raise ToolError(f"Yosys' block memories have no {pattern}: this Yosys is not known")
    return ours


def _ecp5(index: int) -> str:
    """INITVAL_<index>: sixteen words of 18 bits, each in 20."""
    words = (f"2'b0, INIT[{(16 * index + i) * 18}+:18]" for i in reversed(range(16)))
    return f"{{{', '.join(words)}}}"
