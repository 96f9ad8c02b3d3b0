"""A FuseSoC core file (CAPI2) that goes with a converted network.

``fusesoc --cores-root DIR run --target sim NAME`` simulates the bench in Icarus Verilog, ``lint``
lints the IP with Verilator, and a board's name makes a bitstream of its top with the native Yosys,
nextpnr and Trellis or IceStorm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from rfssm.hls import bench
from rfssm.hls.boards import Board
from rfssm.hls.emit import Design
from rfssm.model.files import write_atomically

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


def core_name(design: Design) -> str:
    """What FuseSoC calls the core: vendor, library, name, version."""
    return f"rfssm:networks:{design.name}:{_VERSION}"


def write_core(design: Design, directory: Path, boards: Sequence[Board] = ()) -> Path:
    """Write ``NAME.core`` beside the folders that it speaks of; returns its path.

    directory    holds ``rtl``, ``bench`` and, for each board, ``boards/BOARD``, all written before
    """
    for board in boards:
        script = directory / "boards" / board.name / _SCRIPT
        write_atomically(script, _YOSYS.format(script=board.script(design)).encode())
    path = directory / f"{design.name}.core"
    core = yaml.safe_dump(_core(design, directory, boards), sort_keys=False, width=100)
    write_atomically(path, f"CAPI=2:\n# SPDX-License-Identifier: Apache-2.0\n{core}".encode())
    return path


def _core(design: Design, directory: Path, boards: Sequence[Board]) -> dict[str, Any]:
    rtl = ["rtl", "memories"]
    run = bench.run_options(design, directory / "bench")
    return {
        "name": core_name(design),
        "description": f"Network {design.name} as an AXI4-Stream IP",
        "filesets": {
            "rtl": _sources(directory, "rtl"),
            "memories": _data(directory, "rtl", "*.mem"),
            "bench": _sources(directory, "bench"),
            "samples": _data(directory, "bench", "*.txt"),
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
                # not the flow API, whose `sim` never comes to post_run
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
    files = sorted(path.name for path in (directory / folder).glob("*.sv"))
    return {
        "files": [f"{folder}/{name}" for name in files],
        "file_type": "systemVerilogSource",
    }


def _data(directory: Path, folder: str, pattern: str) -> dict[str, Any]:
    """Files that a tool reads by their bare names, in its working directory."""
    files = sorted(path.name for path in (directory / folder).glob(pattern))
    return {
        "files": [{f"{folder}/{name}": {"copyto": name}} for name in files],
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
