"""Contents of memories in the SystemVerilog: the same circuit, and no file that a tool may lose."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from lint_rtl import TOPS, of_design
from lint_rtl import missing as slang_missing
from rtl_cases import network, samples_for

from rfssm.hls import toolchain
from rfssm.hls.design import Design, Lanes
from rfssm.hls.emit.bench import write_bench
from rfssm.hls.emit.fusesoc import write_core
from rfssm.hls.emit.project import design_sources, write_rtl
from rfssm.hls.engines import icarus, missing, verilator
from rfssm.hls.synthesis import yosys
from rfssm.quant import golden
from rfssm.quant.samples import compare

pytestmark = pytest.mark.rtl

# memories above and below 1,024 bits; reset and bias: all four of a layer
NETWORK = network([{"neurons": 9, "reset": True, "bias_bits": 4}, {"neurons": 40}], channels=20)
LANES = Lanes(4, 2)


@pytest.mark.parametrize("engine", [icarus, verilator], ids=["icarus", "verilator"])
def test_engines_give_the_golden_numbers(engine: object) -> None:
    name = "icarus" if engine is icarus else "verilator"
    if (reason := missing(name)) and not os.environ.get("CI"):
        pytest.skip(reason)
    design = Design.of(NETWORK, LANES, "dut", inline_memories=True)
    samples = samples_for(NETWORK)
    expected = golden.run(NETWORK, samples, spikes=True, states=True)
    assert any(spikes.any() for spikes in expected.spikes or ())
    found = engine.run(  # type: ignore[attr-defined]
        NETWORK, samples, spikes=True, states=True, lanes=LANES, sources=design_sources(design)
    )
    assert compare(expected, found) == []


def contents(folder: Path, *, inline_memories: bool) -> Counter[tuple[str, str, str]]:
    """Size, width and initial contents of every memory that Yosys finds."""
    write_rtl(NETWORK, folder, LANES, "dut", inline_memories=inline_memories)
    sources = " ".join(sorted(path.name for path in folder.glob("*.sv")))
    script = (
        f"read_verilog -defer -sv {sources}\nhierarchy -top dut_axis\nproc\nflatten\nopt_clean\n"
        "memory_collect\nwrite_json memories.json\n"
    )
    yosys.run_yosys("memories", script, cwd=folder)
    (module,) = json.loads((folder / "memories.json").read_text())["modules"].values()
    return Counter(
        tuple(cell["parameters"][key] for key in ("SIZE", "WIDTH", "INIT"))
        for cell in module["cells"].values()
        if cell["type"] == "$mem_v2"
    )


def test_yosys_finds_the_same_contents(tmp_path: Path) -> None:
    if (reason := yosys.missing()) and not os.environ.get("CI"):
        pytest.skip(reason)
    files = contents(tmp_path / "files", inline_memories=False)
    text = contents(tmp_path / "text", inline_memories=True)
    assert text == files
    assert sum(set(init) == {"0", "1"} for _, _, init in text.elements()) == 9


def test_every_reader_accepts_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    design = write_rtl(NETWORK, tmp_path, LANES, "dut", inline_memories=True)
    for top in TOPS:
        name = f"dut_{top}"
        toolchain.verilate(
            ["--lint-only", "-Wall", "-y", ".", "--top-module", name, f"{name}.sv"], cwd=tmp_path
        )
    if reason := slang_missing():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    assert of_design(design, tmp_path) == 0
    assert capfd.readouterr().err == ""


def test_nothing_is_left_that_nobody_reads(tmp_path: Path) -> None:
    if (reason := toolchain.missing_icarus()) and not os.environ.get("CI"):
        pytest.skip(reason)
    design = write_rtl(NETWORK, tmp_path / "rtl", LANES, "dut", inline_memories=True)
    assert not list(tmp_path.rglob("*.mem"))
    generated = [path for path in (tmp_path / "rtl").glob("dut_*") if ".mem" in path.read_text()]
    assert generated == []
    write_bench(design, samples_for(NETWORK), tmp_path / "bench", Path("../rtl"))
    told = toolchain.run_tool(["make", "-C", str(tmp_path / "bench")], cwd=tmp_path)
    assert "equal to the golden model" in told
    core = write_core(design, tmp_path).read_text()
    assert "dut_rom.sv" in core
    assert "memories" not in core
