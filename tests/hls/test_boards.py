"""What is written for a board, and that every tool accepts it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest
import yaml
from kept_yosys import run_yosys
from rtl_cases import CASES, network

from rfssm.errors import HardwareError
from rfssm.hls import toolchain
from rfssm.hls.boards import protocol
from rfssm.hls.boards.boards import BOARDS, Board, board_sources, find_board, write_board
from rfssm.hls.boards.protocol import Identity
from rfssm.hls.design import Design, Lanes
from rfssm.hls.emit.bench import write_bench
from rfssm.hls.emit.fusesoc import write_core
from rfssm.hls.emit.project import write_rtl
from rfssm.hls.synthesis import block_memories, yosys
from rfssm.hls.synthesis.chip_tops import board_top
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

ROOT = Path(__file__).resolve().parents[2]
MODULES = [path.stem for path in board_sources()]
TOPS = list(zip(CASES, cycle(BOARDS.values())))  # the boards' tops differ in no network's part
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


@pytest.fixture
def net() -> IntegerNetwork:
    return network([{}, {"neurons": 9}])


# -- description -----------------------------------------------------------------------------------


@each_board
def test_the_oscillator_divides_to_the_baud_rate(board: Board) -> None:
    assert board.clks_per_bit * board.baud == board.frequency_mhz * 1_000_000
    assert board.clks_per_bit >= 10  # below that the UART bears no 2 %
    assert board.buffer_bytes & (board.buffer_bytes - 1) == 0


def test_an_unknown_board_is_refused() -> None:
    with pytest.raises(HardwareError, match="board = 'arty': must be one of ulx3s, icebreaker"):
        find_board("arty")


def test_identity_tells_networks_apart() -> None:
    seen = {
        Identity.of(net, 512).encode()
        for net in (network([{}]), network([{}], seed=1), *(make() for make in CASES.values()))
    }
    assert len(seen) == 2 + len(CASES)
    for code in seen:
        assert len(code) == 16
        assert Identity.decode(code).encode() == code


# -- constraints -----------------------------------------------------------------------------------


def ports(top: str) -> list[str]:
    """Port names of a generated top, one for each bit."""
    head = top[top.index(") (") : top.index(");")]
    found = []
    for bits, name in re.findall(r"wire logic (?:\[(\d+):0\] )?(\w+)", head):
        found += [f"{name}[{i}]" for i in range(int(bits) + 1)] if bits else [name]
    return found


@each_board
def test_every_port_has_a_pin_of_its_own(board: Board, net: IntegerNetwork, tmp_path: Path) -> None:
    design = Design.of(net)
    write_board(design, board, tmp_path)
    constraints = (tmp_path / board.constraint_file(design)).read_text()
    pattern = {
        "ecp5": r'^LOCATE COMP "(.+)" SITE "(.+)";$',
        "ice40": r"^set_io (?:-pullup yes )?(\S+) (\S+)$",
    }[board.family]
    pins = re.findall(pattern, constraints, re.MULTILINE)
    names = [name for name, _ in pins]
    assert sorted(names) == sorted(ports((tmp_path / f"{board.top(design)}.sv").read_text()))
    assert len({pin for _, pin in pins}) == len(pins)
    clock = {
        "ecp5": f'FREQUENCY PORT "clk" {board.frequency_mhz} MHZ;',
        "ice40": f"set_frequency clk {board.frequency_mhz}",
    }[board.family]
    assert clock in constraints.splitlines()


# -- lint ------------------------------------------------------------------------------------------


def lint(folder: Path, top: str) -> None:
    sources = sorted(path.name for path in folder.glob("*.sv"))
    arguments = ["--lint-only", "-Wall", "--no-timing", "--top-module", top, *sources]
    toolchain.verilate(arguments, cwd=folder)


@pytest.mark.rtl
@pytest.mark.parametrize("module", MODULES)
def test_verilator_accepts_each_module_alone(tmp_path: Path, module: str) -> None:
    for path in board_sources():
        shutil.copy(path, tmp_path)
    lint(tmp_path, module)


@pytest.mark.rtl
@pytest.mark.parametrize(("name", "board"), TOPS, ids=[f"{n}-{b.name}" for n, b in TOPS])
def test_every_tool_accepts_every_top(tmp_path: Path, board: Board, name: str) -> None:
    design = write_rtl(CASES[name](), tmp_path, Lanes(4, 2))
    write_board(design, board, tmp_path)
    lint(tmp_path, board.top(design))
    if toolchain.missing_icarus() and not os.environ.get("CI"):
        pytest.skip("Icarus Verilog is not installed")
    sources = sorted(path.name for path in tmp_path.glob("*.sv"))
    command = [toolchain.icarus("iverilog"), "-g2012", "-t", "null", "-s", board.top(design)]
    assert toolchain.run_tool([*command, *sources], cwd=tmp_path) == ""


def test_every_module_has_its_own_file_and_licence() -> None:
    assert len(MODULES) == 7
    for path in board_sources():
        text = path.read_text()
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")
        assert text.count("\nmodule ") == 1
        assert f"\nmodule {path.stem} " in text
        assert max(map(len, text.splitlines())) <= 110


def test_both_sides_use_the_same_numbers() -> None:
    """Commands and states of rfssm_uart_bridge are those of rfssm.hls.boards.protocol."""
    text = next(path for path in board_sources() if path.stem == "rfssm_uart_bridge").read_text()
    found = {name: int(value) for name, value in re.findall(r"\b([A-Z_]+) = 3'd(\d)", text)}
    assert found == {status.name: int(status) for status in protocol.Status}
    assert f"IDENTIFY = 8'h{protocol.IDENTIFY:02X};" in text
    assert f"EVENTS   = 6'b{protocol.EVENTS >> 2:06b};" in text


# -- FuseSoC ---------------------------------------------------------------------------------------


@pytest.fixture
def project(net: IntegerNetwork, tmp_path: Path) -> Path:
    """A converted network without its HLS C++."""
    folder = tmp_path / "ip"
    design = write_rtl(net, folder / "rtl")
    write_bench(design, Samples.random(net, 4, seed=1), folder / "bench", Path("../rtl"))
    for board in BOARDS.values():
        write_board(design, board, folder / "boards" / board.name)
    write_core(design, folder, tuple(BOARDS.values()))
    return folder


def described(project: Path, core: str) -> tuple[set[str], set[str]]:
    """Targets of a core file, and all files that it names."""
    text = (project / core).read_text()
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text.removeprefix("CAPI=2:\n"))
    files = [file for fileset in core["filesets"].values() for file in fileset["files"]]
    return set(core["targets"]), {next(iter(f)) if isinstance(f, dict) else f for f in files}


def test_the_core_files_name_every_file_and_no_other(project: Path) -> None:
    targets, own = described(project, "corner.core")
    assert targets == {"default", "sim", "lint", *BOARDS}
    _, common = described(project, "rfssm.core")
    assert not own & common
    named = own | common
    unnamed = ("corner.core", "rfssm.core", "Makefile", "corner_parameters.json")
    written = {
        str(path.relative_to(project))
        for path in project.rglob("*")
        if path.is_file() and path.name not in unnamed
    }
    assert named == written


@each_board
def test_one_script_for_synth_for_fusesoc_and_by_hand(board: Board, project: Path) -> None:
    """What differs is the step that maps memories to blocks."""
    folder, top = project / "boards" / board.name, f"corner_{board.name}"
    script = (folder / f"{top}.ys").read_text()
    assert script == yosys.script(board.family, top)
    own = yosys.script(board.family, top, own_blocks=True)
    flow = script.splitlines()[-1]
    assert own == script.replace(flow, block_memories.flow_with(flow, board.family))
    assert own.count(flow) == 2
    assert "-dsp" not in script + own
    assert f"yosys script {top}.ys\n" in (folder / "yosys.tcl").read_text()
    (commands,) = documented(board)
    assert f"script ../boards/{board.name}/keyword_{board.name}.ys; " in commands
    assert "synth_" not in commands


def documented(board: Board) -> list[str]:
    """What the documentation has Yosys do by hand for a board, whose network is `keyword`."""
    text = re.sub(r"\\\n +", "", (ROOT / "docs" / "howto" / "boards.md").read_text())
    return re.findall(rf'^\$ yosys -p "(.*/boards/{board.name}/.*)"$', text, re.MULTILINE)


@pytest.mark.rtl
def test_by_hand_the_netlist_is_that_of_synth(tmp_path: Path) -> None:
    board, net = BOARDS["icebreaker"], network([])
    design = write_rtl(net, tmp_path / "rtl", Lanes(1, 1))
    write_board(design, board, tmp_path / "boards" / board.name)
    (commands,) = documented(board)
    script = commands.replace("keyword", design.name).replace("; ", "\n") + "\n"
    run_yosys("by_hand", script, cwd=tmp_path / "rtl", around=tmp_path)
    top = board_top(design, board)
    netlist = yosys.synthesize(design, board.family, top.module, extra=top.sources)
    by_hand, own = (
        json.loads(path.read_text())["modules"][top.module]["cells"].values()
        for path in (tmp_path / "rtl" / f"{design.name}.json", netlist.folder / "netlist.json")
    )
    kinds, others = (Counter(cell["type"] for cell in cells) for cells in (by_hand, own))
    assert abs(kinds.pop("SB_LUT4") - others.pop("SB_LUT4")) < 10  # abc also goes by file names
    assert kinds == others
    (block,), (same,) = (
        [cell["parameters"] for cell in cells if cell["type"] == "SB_MAC16"]
        for cells in (by_hand, own)
    )
    assert block == same


def fusesoc(project: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Status and output of a run; FuseSoC builds beside the project."""
    if importlib.util.find_spec("fusesoc") is None:
        assert not os.environ.get("CI"), "fusesoc is missing"
        pytest.skip("fusesoc is not installed")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "fusesoc.main",
            "--cores-root",
            project,
            "run",
            *arguments,
            "corner",
        ],
        cwd=project.parent,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.rtl
@pytest.mark.skipif(
    toolchain.missing_icarus() is not None and not os.environ.get("CI"),
    reason="Icarus Verilog is not installed",
)
def test_fusesoc_simulates_the_bench_and_notices_a_wrong_score(project: Path) -> None:
    status, said = fusesoc(project, "--target", "sim")
    assert status == 0, said
    assert "compare" in said
    expected = project / "bench" / "expected.txt"
    first, rest = expected.read_text().split("\n", 1)
    word, last = first.split()
    expected.write_text(f"{int(word, 16) ^ 1:08x} {last}\n{rest}")
    status, said = fusesoc(project, "--target", "sim")
    assert status != 0
    assert "out.txt expected.txt differ: " in said


@pytest.mark.rtl
def test_fusesoc_lints_the_ip(project: Path) -> None:
    if reason := toolchain.missing_verilator():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    root = toolchain.verilator_root()
    tools = project.parent / "tools"
    tools.mkdir()
    (tools / "verilator").symlink_to(f"{root}/bin/verilator_bin")
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    status, said = fusesoc(project, "--target", "lint", PATH=path, VERILATOR_ROOT=str(root))
    assert status == 0, said
    assert "%Warning" not in said
    top = project / "rtl" / "corner_axis.sv"
    top.write_text(top.read_text().replace("wire logic r_valid", "wire logic forgotten, r_valid"))
    status, said = fusesoc(project, "--target", "lint", PATH=path, VERILATOR_ROOT=str(root))
    assert status != 0
    assert "forgotten" in said


@each_board
def test_fusesoc_knows_how_to_build_a_board(board: Board, project: Path) -> None:
    status, said = fusesoc(project, "--setup", "--target", board.name)
    assert status == 0, said
    (makefile,) = project.parent.glob(f"build/*/{board.name}/Makefile")
    rules = makefile.read_text()
    assert f"--{board.device} --package {board.package}" in rules
    assert f"corner_{board.name}{board.constraint_suffix}" in rules
    assert (makefile.parent / "yosys.tcl").exists()
    assert (makefile.parent / f"corner_{board.name}.ys").exists()
    read = (makefile.parent / "edalize_yosys_procs.tcl").read_text()
    twin, module = f"/boards/{board.name}/{board.family}/rfssm_mul.sv", "/rtl/rfssm_mul.sv"
    assert read.index(module) < read.index(twin)  # the last one read is used
    assert (makefile.parent / "corner_readout_leak.mem").exists()
