"""What block memories hold is what Yosys' own files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kept_yosys import run_yosys
from rtl_cases import network

from rfssm.errors import ToolError
from rfssm.hls.design import Design, Lanes
from rfssm.hls.synthesis import block_memories, yosys

MAP = {"ecp5": "lattice/brams_map_16kd.v", "ice40": "ice40/brams_map.v"}
SHAPES = {"ecp5": ((18, 1021), (36, 509)), "ice40": ((16, 256), (8, 509), (2, 2045))}


def rom(width: int, depth: int, name: str) -> str:
    rng = np.random.default_rng(width)
    words = "".join(
        f"  initial m[{i}] = {width}'d{rng.integers(0, 2**width)};\n"
        for i in range(depth)
        if i % 7  # the others are undefined, as states are
    )
    return (
        f"module {name}(input clk, input [10:0] a, output reg [{width - 1}:0] q);\n"
        f'  (* ram_style = "block" *) reg [{width - 1}:0] m [0:{depth - 1}];\n'
        f"{words}  always @(posedge clk) q <= m[a];\nendmodule\n"
    )


def mapped(family: str, contents: str, folder: Path) -> str:
    """The netlist of some ROMs, mapped to blocks by this text."""
    folder.mkdir()
    shapes = SHAPES[family]
    roms = [rom(width, depth, f"rom{i}") for i, (width, depth) in enumerate(shapes)]
    ports = ", ".join(f"output [{width - 1}:0] q{i}" for i, (width, _) in enumerate(shapes))
    uses = "\n".join(f"  rom{i} r{i}(.clk, .a, .q(q{i}));" for i in range(len(shapes)))
    top = f"module top(input clk, input [10:0] a, {ports});\n{uses}\nendmodule\n"
    (folder / "roms.sv").write_text("".join(roms) + top)
    for name, text in (
        block_memories.library_files(family, yosys.share()) | {"block_memories.v": contents}
    ).items():
        (folder / name).write_text(text)
    flow = block_memories.flow_with(f"synth_{family} -top top", family)
    flow, _ = flow.rsplit("\n", 1)  # what follows has no part in memories
    run_yosys(
        "roms", f"read_verilog -sv roms.sv\n{flow}\nwrite_verilog -noattr out.v\n", cwd=folder
    )
    return (folder / "out.v").read_text().split("\n", 1)[1]


@pytest.mark.rtl
@pytest.mark.parametrize("family", MAP)
def test_contents_are_those_of_yosys_own_file(family: str, tmp_path: Path) -> None:
    ours = block_memories.library_files(family, yosys.share())["block_memories.v"]
    netlist = mapped(family, ours, tmp_path / "ours")
    assert netlist.count("16KD " if family == "ecp5" else "SB_RAM40_4K") >= len(SHAPES[family])
    assert netlist == mapped(family, (yosys.share() / MAP[family]).read_text(), tmp_path / "theirs")
    right, fault = ("0C0C", "0C0E") if family == "ice40" else ("INIT[0+:18]", "~INIT[0+:18]")
    wrong = ours.replace(right, fault)
    assert wrong != ours
    assert netlist != mapped(family, wrong, tmp_path / "planted")


def test_an_unknown_yosys_is_refused(tmp_path: Path) -> None:
    for name in ("lattice/brams_16kd.txt", *MAP.values()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("module other; endmodule\n")
    for family in MAP:
        with pytest.raises(ToolError, match="this Yosys is not known"):
            block_memories.library_files(family, tmp_path)
    assert block_memories.library_files("generic", tmp_path) == {}


@pytest.mark.parametrize("family", MAP)
def test_without_yosys_its_lack_is_named(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yosys, "_PACKAGE", "absent-yosys")
    design = Design.of(network([{"neurons": 1}]), Lanes(1, 1), "dut")
    with pytest.raises(ToolError, match="absent-yosys"):
        yosys.synthesize(design, family, "dut_axis")
