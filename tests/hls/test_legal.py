"""What is emitted keeps to the standard, and to what the tools of Debian 12 read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from lint_rtl import TOPS, faults, missing, of_bench, of_design
from rtl_cases import CASES

from rfssm.hls.boards.boards import BOARDS, write_board
from rfssm.hls.design import Design, Lanes
from rfssm.hls.emit.bench import run_options, write_bench
from rfssm.hls.emit.project import write_rtl
from rfssm.hls.toolchain import run_tool
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.rtl

Written = tuple[Design, Path]


@pytest.fixture
def everything(tmp_path: Path) -> Written:
    return write_rtl(CASES["everything once"](), tmp_path, Lanes(4, 2)), tmp_path


@pytest.fixture
def slang() -> None:
    if reason := missing():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)


# -- slang -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("slang")
@pytest.mark.parametrize(
    ("file", "text", "instead", "said"),
    [
        ("rfssm_readout.sv", ".current(current)", ".current", "implicit-port-type-mismatch"),
        ("rfssm_power_on_reset.sv", "always @(", "always_ff @(", "multiple-always-assigns"),
        ("rfssm_skip.sv", "32'(event_addr) >> L", "event_addr >> L", "shift-count-overflow"),
        ("tiny_axis.sv", "`default_nettype none", "`timescale 1ns/1ps", "time scale"),
    ],
)
def test_slang_refuses_what_was_there_before(
    file: str, text: str, instead: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case = CASES["signed bit, skip"]()
    design = write_rtl(case, tmp_path, Lanes(8, 8), "tiny")  # one chunk: nothing is left to shift
    assert of_design(design, tmp_path) == 0
    assert capfd.readouterr().err == ""
    path = tmp_path / file
    assert path.read_text().count(text) == 1
    path.write_text(path.read_text().replace(text, instead))
    tops = [f"tiny_{top}" for top in (*TOPS, *BOARDS)]
    assert faults(sorted(tmp_path.glob("*.sv")), tops) > 0
    assert said in capfd.readouterr().err


@pytest.mark.usefixtures("slang")
def test_slang_reads_the_bench(everything: Written) -> None:
    assert of_bench(*everything) == 0


# -- the tools of Debian 12 ------------------------------------------------------------------------


def system(tool: str) -> str:
    """Path of the system's own tool, not of the one in a wheel."""
    path = shutil.which(tool, path="/usr/local/bin:/usr/bin:/bin")
    if path is None:
        reason = f"the system has no {tool} of its own: apt install {tool}"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    return path


def sources(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.sv"))


def test_yosys_0_23_reads_every_top(everything: Written) -> None:
    design, folder = everything
    for board in BOARDS.values():
        write_board(design, board, folder)
    read = f"read_verilog -sv -defer {' '.join(sources(folder))}"
    checks = [
        f"design -reset; {read}; hierarchy -check -top {design.name}_{top}; proc; check -assert"
        for top in (*TOPS, *BOARDS)
    ]
    run_tool([system("yosys"), "-q", "-p", "; ".join(checks)], cwd=folder)


def test_verilator_5_006_has_nothing_to_say(everything: Written) -> None:
    design, folder = everything
    for board in BOARDS.values():
        write_board(design, board, folder)
    verilator = [system("verilator"), "--lint-only", "-Wall", "-y", "."]
    for top in ("axis_dense", "axis_trace", *BOARDS):
        name = f"{design.name}_{top}"
        assert run_tool([*verilator, "--top-module", name, f"{name}.sv"], cwd=folder) == ""


def test_verilator_5_006_reads_the_bench(everything: Written) -> None:
    design, folder = everything
    bench = folder / "bench"
    write_bench(design, Samples.random(design.network, 1, seed=0), bench, folder)
    options = [
        option.replace("-Prfssm_bench.", "-G")
        for option in run_options(design, bench).iverilog_options
    ]
    command = [system("verilator"), "--lint-only", "--timing", "-y", ".", *options]
    run_tool([*command, "--top-module", "rfssm_bench", "bench/rfssm_bench.sv"], cwd=folder)
