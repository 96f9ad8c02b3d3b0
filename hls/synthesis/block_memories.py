"""Change two properties of Yosys' own files of block memories.

- By Yosys' price a block memory is expensive: a deep ROM is built from wide blocks and a
  multiplexer behind them, which prevents the use of the memory's own output registers.  By the
  price used here Yosys takes narrower blocks.
- Yosys computes the contents of a block bit by bit with a Verilog function, in up to 3 seconds.
  Written out, or as masks and shifts of all bits, the same contents take at most a tenth of that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from rfssm.errors import ToolError

BLOCK_PRICE = 16
"""The price of a block memory of the ECP5 in Yosys' units; a 2:1 multiplexer costs half a unit."""

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
    """Return Yosys' flow for a family, in which ``library_files`` map memories to blocks."""
    return _FLOWS.get(family, "{flow}").format(flow=flow)


def library_files(family: str, share: Path) -> dict[str, str]:
    """Return the names and texts of the files that the flow of ``flow_with`` reads.

    share    folder of the cell libraries that come with Yosys

    Raises ToolError for a Yosys whose files are not as expected.
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
    changed, found = re.subn(pattern, instead, text)
    if not found:
        raise ToolError(f"Yosys' block memories have no {pattern}: this Yosys is not known")
    return changed


def _ecp5(index: int) -> str:
    """Return INITVAL_<index>: sixteen words of 18 bits, each padded to 20."""
    words = (f"2'b0, INIT[{(16 * index + i) * 18}+:18]" for i in reversed(range(16)))
    return f"{{{', '.join(words)}}}"
