"""Several networks in one design: each keeps its own weights, modules and names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hls4ml  # noqa: F401 - before our modules that it loads
import numpy as np
import pytest
import yaml
from kept_compiler import kept_compilers
from rtl_cases import network

from rfssm.hls import toolchain
from rfssm.hls.design import Design, Lanes
from rfssm.hls.emit.bench import write_bench
from rfssm.hls.emit.fusesoc import modules_name, write_core
from rfssm.hls.emit.project import design_files, write_rtl
from rfssm.hls.hls4ml.backend import AP_TYPES, HOST
from rfssm.hls.hls4ml.plugin import convert_network
from rfssm.hls.toolchain import gxx, run_tool
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.rtl

ONE = network([{}], seed=1)
OTHER = network([{}], seed=2)  # the same formats, other integers: one's memories fit the other
NETWORKS = {"left": ONE, "right": OTHER, "left_again": ONE}
LANES = Lanes(2, 1)

PLAYER = """\
module play_{name}(input wire aclk, input wire aresetn, output reg done);
  reg valid = 0, last; reg [31:0] data; reg [32:0] beat;
  wire ready, m_valid, m_last; wire [31:0] m_data;
  integer sent, got, left = {beats};
  initial begin
    done = 0;
    sent = $fopen("{name}_beats.txt", "r");
    got = $fopen("{name}_out.txt", "w");
  end
  {name}_axis ip (
    .aclk(aclk), .aresetn(aresetn), .s_axis_tvalid(valid), .s_axis_tready(ready),
    .s_axis_tdata(data), .s_axis_tlast(last), .m_axis_tvalid(m_valid), .m_axis_tready(1'b1),
    .m_axis_tdata(m_data), .m_axis_tlast(m_last)
  );
  always @(posedge aclk) if (aresetn) begin
    if (!valid || ready) begin
      if ($fscanf(sent, "%h", beat) == 1) begin
        valid <= 1; {{last, data}} <= beat;
      end else valid <= 0;
    end
    if (m_valid && left > 0) begin
      $fdisplay(got, "%h %b", m_data, m_last);
      left = left - 1;
      if (left == 0) begin $fclose(got); done = 1; end
    end
  end
endmodule
"""
TOP = """\
module both;
  reg aclk = 0, aresetn = 0;
  wire [{last}:0] done;
  always #5 aclk = !aclk;
{players}
  initial begin #100 aresetn = 1; wait (&done) $finish; end
  initial #5000000 $finish;
endmodule
"""


def convert(net: IntegerNetwork, name: str, folder: Path) -> None:
    """As ``rfssm convert --name`` does, without its HLS C++."""
    inline = name == "right"  # both kinds fit one design
    design = write_rtl(net, folder / "rtl", LANES, name, inline_memories=inline)
    write_bench(design, Samples.random(net, 4, seed=3), folder / "bench", Path("../rtl"))
    write_core(design, folder)


@pytest.fixture
def converted(tmp_path: Path) -> dict[str, Path]:
    """A folder for each network."""
    if (reason := toolchain.missing_icarus()) and not os.environ.get("CI"):
        pytest.skip(reason)
    folders = {name: tmp_path / f"of_{name}" for name in NETWORKS}
    for name, folder in folders.items():
        convert(NETWORKS[name], name, folder)
    return folders


def write_top(converted: dict[str, Path], folder: Path) -> list[str]:
    """A top with all networks, and what it reads; returns the names of the latter."""
    text, players, data = "", "", []
    for i, (name, of) in enumerate(converted.items()):
        beats = (of / "bench" / "expected.txt").read_text().count("\n")
        text += PLAYER.format(name=name, beats=beats)
        players += f"  play_{name} p{i} (.aclk(aclk), .aresetn(aresetn), .done(done[{i}]));\n"
        data.append(f"{name}_beats.txt")
        shutil.copy(of / "bench" / "beats.txt", folder / data[-1])
    (folder / "both.sv").write_text(text + TOP.format(last=len(converted) - 1, players=players))
    return data


def all_equal(converted: dict[str, Path], ran: Path) -> None:
    answers = {name: (ran / f"{name}_out.txt").read_text() for name in converted}
    for name, folder in converted.items():
        assert answers[name] == (folder / "bench" / "expected.txt").read_text(), name
    assert answers["left"] != answers["right"]  # or the test would notice nothing


def test_names_have_nothing_in_common() -> None:
    of_each = [dict(design_files(Design.of(net, LANES, name))) for name, net in NETWORKS.items()]
    names = [name for files in of_each for name in files]
    assert len(set(names)) == len(names)
    modules = [
        m
        for files in of_each
        for t in files.values()
        for m in re.findall(r"^module (\w+)", t, re.M)
    ]
    assert len(set(modules)) == len(modules) == 4 * len(NETWORKS)
    assert len({name.lower() for name in names}) == len(names)


def test_in_one_folder_under_one_verilog_top(converted: dict[str, Path], tmp_path: Path) -> None:
    together = tmp_path / "together"
    for folder in converted.values():
        shutil.copytree(folder / "rtl", together, dirs_exist_ok=True)
    write_top(converted, together)
    sources = sorted(path.name for path in together.glob("*.sv"))
    command = [toolchain.icarus("iverilog"), "-g2012", "-s", "both", "-o", "both.vvp", *sources]
    assert run_tool(command, cwd=together) == ""
    run_tool([toolchain.icarus("vvp"), "-n", "both.vvp"], cwd=together)
    all_equal(converted, together)


def test_each_bench_still_runs_in_the_common_folder(
    converted: dict[str, Path], tmp_path: Path
) -> None:
    together = tmp_path / "together"
    for folder in converted.values():
        shutil.copytree(folder / "rtl", together, dirs_exist_ok=True)
    for folder in (converted["left"], converted["right"]):
        make = ["make", "-C", str(folder / "bench"), f"RTL={together}"]
        assert "equal to the golden model" in run_tool(make, cwd=tmp_path)


def fusesoc(roots: list[Path], *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"XDG_CONFIG_HOME": str(cwd / "config"), "XDG_CACHE_HOME": str(cwd / "cache")}
    command = [str(Path(sys.executable).with_name("fusesoc"))]
    for root in roots:
        command += ["--cores-root", str(root)]
    return subprocess.run(
        [*command, *arguments], cwd=cwd, env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def library(converted: dict[str, Path], tmp_path: Path) -> list[Path]:
    """Roots of cores: one for each network, and one for a top that depends on all of them."""
    folder = tmp_path / "top"
    folder.mkdir()
    data = write_top(converted, folder)
    core = {
        "name": "::both:0",
        "filesets": {
            "rtl": {
                "files": ["both.sv"],
                "file_type": "systemVerilogSource",
                "depend": [f"rfssm:networks:{name}" for name in converted],
            },
            "data": {"files": [{name: {"copyto": name}} for name in data], "file_type": "user"},
        },
        "targets": {
            "sim": {
                "filesets": ["rtl", "data"], "toplevel": "both", "default_tool": "icarus",
                "tools": {"icarus": {"iverilog_options": ["-g2012"]}},
            }
        },
    }  # fmt: skip
    (folder / "both.core").write_text("CAPI=2:\n" + yaml.safe_dump(core))
    return [*converted.values(), folder]


def test_fusesoc_builds_a_design_with_all(
    converted: dict[str, Path], library: list[Path], tmp_path: Path
) -> None:
    done = fusesoc(library, "run", "--target", "sim", "both", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    all_equal(converted, tmp_path / "build" / "both_0" / "sim-icarus")
    complaints = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "WARN"))]
    for line in complaints:  # the same core from each root, and the flow that Icarus has
        assert re.match(rf"WARNING: (Replacing {re.escape(modules_name())} |This backend)", line)


def test_fusesoc_refuses_networks_that_need_different_modules(
    library: list[Path], tmp_path: Path
) -> None:
    for path in library[0].glob("*.core"):
        path.write_text(path.read_text().replace(modules_name(), modules_name() + "1"))
    done = fusesoc(library, "run", "--target", "sim", "both", cwd=tmp_path)
    assert done.returncode != 0
    assert "Conflicting requirements" in done.stderr


def test_the_core_of_the_modules_is_everywhere_the_same(converted: dict[str, Path]) -> None:
    texts = {(folder / "rfssm.core").read_bytes() for folder in converted.values()}
    assert len(texts) == 1
    core = yaml.safe_load(next(iter(texts)).decode().removeprefix("CAPI=2:\n"))
    folder = converted["left"]
    named = {file for fileset in core["filesets"].values() for file in fileset["files"]}
    assert named == {str(path.relative_to(folder)) for path in (folder / "rtl").rglob("rfssm_*.sv")}
    assert np.all([(folder / file).is_file() for file in named])


# -- HLS C++ ---------------------------------------------------------------------------------------


@pytest.fixture
def compilers() -> Iterator[None]:
    with kept_compilers():
        yield


CALLER = """\
#include "firmware/{name}.h"
#include "firmware/{name}.cpp"
#include <cstdio>

void call_{name}(const int *x, unsigned steps, unsigned channels) {{
    hls::stream<input_t> in("in");
    hls::stream<result_t> out("out");
    for (unsigned t = 0; t < steps; t++) {{
        input_t beat;
        for (unsigned m = 0; m < channels; m++)
            beat[m] = x[t * channels + m];
        in.write(beat);
    }}
    {name}(in, out);
    const result_t score = out.read();
    for (unsigned c = 0; c < result_t::size; c++)
        std::printf("%d ", int(score[c]));
}}
"""


@pytest.mark.hls
@pytest.mark.usefixtures("compilers")
def test_hls_projects_are_linked_into_one_program(tmp_path: Path) -> None:
    drawn = Samples.random(ONE, 1, seed=4, steps=ONE.input.steps_max)
    samples = Samples(drawn.x, np.full(1, drawn.x.shape[1]))  # a project runs all its steps
    flags = ["-std=c++11", "-O0", "-w", "-include", str(HOST), "-I", str(AP_TYPES)]
    main = (
        f"const int x[] = {{{', '.join(map(str, samples.x.ravel().tolist()))}}};\nint main() {{\n"
    )
    declared = ""
    for name in ("left", "right"):
        folder = tmp_path / name
        convert_network(NETWORKS[name], folder, "Vitis", lanes=LANES, name=name).write()
        (folder / "caller.cpp").write_text(CALLER.format(name=name))
        run_tool([gxx(), *flags, "-c", "caller.cpp", "-o", f"../{name}.o"], cwd=folder)
        shutil.copytree(folder / "firmware" / "weights", tmp_path / "weights", dirs_exist_ok=True)
        declared += f"void call_{name}(const int *, unsigned, unsigned);\n"
        main += f"    call_{name}(x, {samples.x.shape[1]}, {samples.x.shape[2]});\n"
    (tmp_path / "main.cpp").write_text(declared + main + "}\n")
    run_tool([gxx(), "main.cpp", "left.o", "right.o", "-ldl", "-o", "both"], cwd=tmp_path)
    told = run_tool([tmp_path / "both"], cwd=tmp_path).split()
    expected = [golden.run(net, samples).scores.ravel() for net in (ONE, OTHER)]
    assert [int(word) for word in told] == np.concatenate(expected).tolist()
    assert (expected[0] != expected[1]).any()  # or the test would notice nothing
