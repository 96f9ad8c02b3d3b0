"""Write the FuseSoC core files (CAPI2) of a converted network and of the hand-written modules.

The hand-written modules are one core, ``rfssm:ip:rfssm``, on which every network's core depends, so
that the networks of a design share the modules.  The same file lies beside each network's core.
The revision in its name is a digest of the modules: FuseSoC refuses to combine networks that were
converted by different versions, where the modules of one would not match the other.

``fusesoc --cores-root DIR run --target sim NAME`` simulates the bench in Icarus Verilog, ``lint``
lints the IP with Verilator, and a board's name makes a bitstream of its top with the native Yosys,
nextpnr and Trellis or IceStorm.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from rfssm.files import write_atomically
from rfssm.hls.design import Design
from rfssm.hls.emit import bench
from rfssm.hls.emit.project import design_files, rtl_sources

if TYPE_CHECKING:
    from rfssm.hls.boards.boards import Board

MODULES_CORE = "rfssm.core"
"""The file name of the modules' core."""
_VERSION = "0"
_FLOW = {"ecp5": "trellis", "ice40": "icestorm"}
_SCRIPT = "yosys.tcl"
_YOSYS = """\
yosys -import
source edalize_yosys_procs.tcl  ;# sets name
verilog_defaults -push
verilog_defaults -add -defer -overwrite  ;# a family's twin of a module comes after the module
read_files
verilog_defaults -pop
yosys script {script}
yosys write_json $name.json
"""


def modules_name() -> str:
    """Return FuseSoC's name of the modules' core, with rfssm's version and the modules' digest."""
    digest = zlib.crc32(b"".join(path.read_bytes() for path in rtl_sources()))
    return f"rfssm:ip:rfssm:{version('rfssm')}-r{digest}"


def core_name(design: Design) -> str:
    """Return FuseSoC's name of a network's core: vendor, library, name, version."""
    return f"rfssm:networks:{design.name}:{_VERSION}"


def write_core(design: Design, directory: Path, boards: Sequence[Board] = ()) -> Path:
    """Write ``NAME.core`` and ``rfssm.core`` beside the folders that they list.

    directory    holds ``rtl``, ``bench`` and, for each board, ``boards/BOARD``, all written before
    returns      path of ``NAME.core``
    """
    for board in boards:
        script = directory / "boards" / board.name / _SCRIPT
        write_atomically(script, _YOSYS.format(script=board.script(design)).encode())
    _write(directory / MODULES_CORE, _modules_core())
    path = directory / f"{design.name}.core"
    _write(path, _core(design, directory, boards))
    return path


def _write(path: Path, core: dict[str, Any]) -> None:
    text = yaml.safe_dump(core, sort_keys=False, width=100)
    write_atomically(path, f"CAPI=2:\n# SPDX-License-Identifier: Apache-2.0\n{text}".encode())


def _modules_core() -> dict[str, Any]:
    return {
        "name": modules_name(),
        "description": "The modules that every rfssm network consists of",
        "filesets": {"rtl": _verilog("rtl", [path.name for path in rtl_sources()])},
        "targets": {"default": {"filesets": ["rtl"]}},
    }


def _core(design: Design, directory: Path, boards: Sequence[Board]) -> dict[str, Any]:
    rtl = ["rtl"] if design.inline_memories else ["rtl", "memories"]
    generated = sorted(name for name, _ in design_files(design))
    run = bench.run_options(design, directory / "bench")
    return {
        "name": core_name(design),
        "description": f"Network {design.name} as an AXI4-Stream IP",
        "filesets": {
            "rtl": {
                **_verilog("rtl", [name for name in generated if name.endswith(".sv")]),
                "depend": [f"={modules_name()}"],
            },
            "bench": _sources(directory, "bench"),
            "samples": _data("bench", ["beats.txt", "expected.txt"]),
            **(
                {}
                if design.inline_memories
                else {"memories": _data("rtl", [n for n in generated if n.endswith(".mem")])}
            ),
            **{board.name: _board_files(design, directory, board) for board in boards},
        },
        "scripts": {"compare": {"cmd": ["cmp", "out.txt", "expected.txt"]}},
        "parameters": {
            name: {"datatype": "int", "default": value, "paramtype": "plusarg"}
            for name, value in run.plusargs.items()
        },
        "targets": {
            "default": {"filesets": rtl, "toplevel": f"{design.name}_axis"},
            "sim": {
                "filesets": [*rtl, "bench", "samples"],
                "toplevel": "rfssm_bench",
                "parameters": list(run.plusargs),
                # not the flow API, whose `sim` never runs post_run
                "default_tool": "icarus",
                "tools": {"icarus": {"iverilog_options": ["-g2012", *run.iverilog_options]}},
                "hooks": {"post_run": ["compare"]},
            },
            "lint": {
                "filesets": rtl,
                "toplevel": f"{design.name}_axis",
                "flow": "lint",
                "flow_options": {
                    "tool": "verilator",
                    "verilator_options": ["-Wall", "--no-timing"],
                },
            },
            **{board.name: _board_target(design, board, rtl) for board in boards},
        },
    }


def _sources(directory: Path, folder: str) -> dict[str, Any]:
    return _verilog(folder, sorted(path.name for path in (directory / folder).glob("*.sv")))


def _verilog(folder: str, names: Sequence[str]) -> dict[str, Any]:
    return {
        "files": [f"{folder}/{name}" for name in names],
        "file_type": "systemVerilogSource",
    }


def _data(folder: str, names: Sequence[str]) -> dict[str, Any]:
    """Return a file set of files that a tool reads by their bare names in its working directory."""
    return {
        "files": [{f"{folder}/{name}": {"copyto": name}} for name in names],
        "file_type": "user",
    }


def _board_files(design: Design, directory: Path, board: Board) -> dict[str, Any]:
    folder = f"boards/{board.name}"
    found = _sources(directory, folder)
    found["files"] += _sources(directory, f"{folder}/{board.family}")["files"]
    constraints = {"file_type": board.constraint_suffix[1:].upper()}
    found["files"].append({f"{folder}/{board.constraint_file(design)}": constraints})
    for name in (_SCRIPT, board.script(design)):
        found["files"].append({f"{folder}/{name}": {"file_type": "user", "copyto": name}})
    return found


def _board_target(design: Design, board: Board, rtl: list[str]) -> dict[str, Any]:
    return {
        "filesets": [*rtl, board.name],
        "toplevel": board.top(design),
        "flow": _FLOW[board.family],
        "flow_options": {
            "yosys_template": _SCRIPT,
            "nextpnr_options": [f"--{board.device}", "--package", board.package],
        },
    }
