"""``build()`` with, without and against Vitis HLS, and the test bench that it runs.

The tool is a stand-in: an executable of its name that notes how it was started and leaves reports
where the tool leaves them.  The test bench itself is compiled with g++ and run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_compiler import kept_compilers
from rtl_cases import network, samples_for

from rfssm.errors import SamplesError, ToolError
from rfssm.hls.hls4ml import vitis
from rfssm.hls.hls4ml.backend import AP_TYPES
from rfssm.hls.hls4ml.plugin import convert_network
from rfssm.hls.toolchain import gxx, run_tool
from rfssm.quant import golden
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.hls

STAND_IN = """\
#!{python}
import os, pathlib, shutil, sys

here = pathlib.Path.cwd()
assert sys.stdin.read() == ""
(here / "started.txt").write_text(repr(sys.argv[1:]))
print("INFO: [HLS 200-10] working in", here)
options = dict(line.split() for line in open("build_opt.tcl") if line.startswith("    "))
mode = os.environ["STAND_IN"]
if mode == "fails":
    sys.exit("ERROR: [HLS 207-3337] type 'config2' does not provide a call operator")
expected = pathlib.Path("tb_data/tb_output_predictions.dat").read_text()
for run, log in (("csim", "csim_results.log"), ("cosim", "rtl_cosim_results.log")):
    if options[run] == "1":
        wrong = mode == run + " differs"
        text = expected.replace("\\n", " \\n") if not wrong else "7 " + expected.split(" ", 1)[1]
        pathlib.Path("tb_data", log).write_text(text)
if mode == "no reports":
    sys.exit(0)
solution = here / "network_prj" / "solution1"
for step in ("syn", "sim"):
    (solution / step / "report").mkdir(parents=True, exist_ok=True)
(here / "network_prj" / "hls.app").write_text(
    '<project xmlns="com.autoesl.autopilot.project"><solutions><solution name="solution1"/>'
    "</solutions></project>"
)
if options["synth"] == "1":
    (solution / "syn" / "report" / "network_csynth.xml").write_text('''<profile>
<UserAssignments><TargetClockPeriod>5.00</TargetClockPeriod></UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis><EstimatedClockPeriod>3.52</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency><Best-caseLatency>310</Best-caseLatency>
<Worst-caseLatency>2210</Worst-caseLatency><Interval-min>290</Interval-min>
<Interval-max>2100</Interval-max></SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates><Resources><BRAM_18K>4</BRAM_18K><DSP>8</DSP><FF>1900</FF><LUT>2700</LUT></Resources>
<AvailableResources><BRAM_18K>5376</BRAM_18K><DSP>12288</DSP></AvailableResources></AreaEstimates>
</profile>''')
if options["cosim"] == "1":
    status = "Fail" if mode == "cosim fails" else "Pass"
    (solution / "sim" / "report" / "network_cosim.rpt").write_text(
        "|   RTL    |  Status  |\\n|      VHDL|        NA| NA| NA| NA| NA| NA| NA|\\n"
        f"|   Verilog|  {{status}}| 310| 480| 650| 290| 400| 600|\\n"
    )
"""


@pytest.fixture
def path_without_vitis(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = os.environ["PATH"].split(os.pathsep)
    tools = ("vitis-run", "vitis_hls")
    kept = [f for f in folders if not any((Path(f) / tool).exists() for tool in tools)]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))


Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path_without_vitis: None) -> Install:
    """Put a stand-in of a name on PATH, with what it shall do."""

    def put(name: str, mode: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        tool = folder / name
        tool.write_text(STAND_IN.format(python=sys.executable))
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("STAND_IN", mode)

    return put


@pytest.fixture
def model(tmp_path: Path) -> Any:
    net = network([{"neurons": 6, "skip": True}], channels=6, bits=2, score="max")
    return convert_network(net, tmp_path / "project", "RFSSM", name="network", rtl=False)


def options(directory: Path) -> dict[str, str]:
    lines = (directory / "build_opt.tcl").read_text().splitlines()
    return dict(line.split() for line in lines[1:-1])  # type: ignore[misc]


# -- absent ----------------------------------------------------------------------------------------


def test_without_vitis_build_says_so_and_does_the_rest(
    model: Any, path_without_vitis: None
) -> None:
    report = model.build()
    assert report["vitis_hls"].startswith("not on PATH: neither vitis-run nor vitis_hls; install")
    assert Path(report["directory"], f"{report['tops'][0]}.sv").exists()


@pytest.mark.parametrize("asked", ["csim", "synth", "cosim", "export"])
def test_what_was_asked_for_is_refused_without_vitis(
    model: Any, tmp_path: Path, path_without_vitis: None, asked: str
) -> None:
    message = rf"build\({asked}=True\) needs Vitis HLS: not on PATH: neither vitis-run nor"
    with pytest.raises(ToolError, match=message):
        model.build(**{asked: True})
    assert not (tmp_path / "project" / "rtl").exists()  # nothing half done


# -- present ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("vitis_hls", ["-f", "build_prj.tcl"]),
     ("vitis-run", ["--mode", "hls", "--tcl", "build_prj.tcl"])],
)  # fmt: skip
def test_build_runs_vitis_and_reads_its_report(
    model: Any, tmp_path: Path, install: Install, capfd: pytest.CaptureFixture[str],
    name: str, arguments: list[str],
) -> None:  # fmt: skip
    install(name, "works")
    project = tmp_path / "project"
    report = model.build()
    assert (project / "started.txt").read_text() == repr(arguments)
    assert report["vitis_hls"] == " ".join([str(tmp_path / "bin" / name), *arguments])
    synthesis = report["CSynthesisReport"]
    assert (synthesis["WorstLatency"], synthesis["LUT"], synthesis["DSP"]) == ("2210", "2700", "8")
    assert "CosimReport" not in report
    assert options(project)["cosim"] == "0"
    assert report["tops"]
    shown = capfd.readouterr().out
    assert shown == f"INFO: [HLS 200-10] working in {project}\n"
    assert (project / "vitis.log").read_text() == shown

    report = model.build(csim=False, cosim=True, log_to_stdout=False)
    assert options(project) == {
        "reset": "0", "csim": "0", "synth": "1", "cosim": "1", "validation": "0",
        "export": "0", "vsynth": "0", "fifo_opt": "0",
    }  # fmt: skip
    cosim = report["CosimReport"]
    assert (cosim["Status"], cosim["LatencyMax"], cosim["IntervalMin"]) == ("Pass", "650", "290")
    assert capfd.readouterr().out == ""


def test_vitis_is_not_started_where_it_was_declined(
    model: Any, tmp_path: Path, install: Install
) -> None:
    install("vitis_hls", "works")
    assert model.build(synth=False)["vitis_hls"] == "not asked for"
    assert not (tmp_path / "project" / "started.txt").exists()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("fails", r"vitis_hls failed with status 1 \(.*vitis.log\):\nINFO.*\nERROR: \[HLS 207"),
        (
            "csim differs",
            r"csim differs from the golden model: sample 0, score 0 must be .*found 7",
        ),
        ("cosim differs", r"cosim differs from the golden model: sample 0, score 0"),
        ("cosim fails", r"co-simulation ended with status Fail"),
        ("no reports", r"ended, but its reports|ended without a CSynthesisReport"),
    ],
)
def test_failures_are_errors(model: Any, install: Install, mode: str, message: str) -> None:
    install("vitis_hls", mode)
    with pytest.raises(ToolError, match=message):
        model.build(cosim=True, log_to_stdout=False)


def test_reports_of_an_earlier_run_count_for_nothing(
    model: Any, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("vitis_hls", "works")
    model.build(log_to_stdout=False)
    monkeypatch.setenv("STAND_IN", "no reports")
    with pytest.raises(ToolError, match="ended without a CSynthesisReport"):
        model.build(log_to_stdout=False)


# -- the test bench --------------------------------------------------------------------------------


@pytest.mark.parametrize("score", ["max", "each"])
def test_the_emitted_test_bench_gives_the_golden_scores(tmp_path: Path, score: str) -> None:
    net = network([{"neurons": 4, "skip": True}], channels=4, bits=3, signed=True, score=score)
    convert_network(net, tmp_path, "RFSSM", steps=9, name="network", rtl=False).write()
    x = np.loadtxt(tmp_path / vitis.INPUTS, dtype=np.int64).reshape(-1, 9, 4)
    assert x.min() == -4
    assert x.max() == 3
    assert len({row.tobytes() for row in x}) == len(x) == 4
    expected = golden.run(net, Samples(x, np.full(len(x), 9))).scores
    assert len({row.tobytes() for row in expected}) == len(x)
    weights = "firmware/weights"
    with kept_compilers():
        bench = [gxx(), "-std=c++11", "-w", "-I", AP_TYPES, f'-DWEIGHTS_DIR="{weights}"']
        run_tool([*bench, "network_test.cpp", "firmware/network.cpp", "-o", "bench"], cwd=tmp_path)
    run_tool([tmp_path / "bench"], cwd=tmp_path)
    log = tmp_path / vitis.RESULTS["csim"]
    got = np.array([line.split() for line in log.read_text().splitlines()], dtype=np.int64)
    assert np.array_equal(got.reshape(expected.shape), expected)
    assert vitis.compare_results(tmp_path, "csim") == len(x)

    # a wrong weight is noticed
    file = tmp_path / weights / "network_weight3.txt"
    first, rest = file.read_text().split(",", 1)
    file.write_text(f"{int(first) ^ 1},{rest}")
    run_tool([tmp_path / "bench"], cwd=tmp_path)
    with pytest.raises(ToolError, match="csim differs from the golden model: sample"):
        vitis.compare_results(tmp_path, "csim")


def test_shorter_samples_are_padded_with_silence(tmp_path: Path) -> None:
    net = network([{}])
    samples = samples_for(net)
    vitis.write_test_data(tmp_path, net, samples, 12)
    x = np.loadtxt(tmp_path / vitis.INPUTS, dtype=np.int64).reshape(-1, 12, 5)
    live = np.arange(12) < samples.steps[:, None]
    assert (x[~live] == 0).all()
    assert np.array_equal(x[live], samples.x[live])
    expected = golden.run(net, Samples(x, np.full(len(x), 12))).scores
    assert np.array_equal(np.loadtxt(tmp_path / vitis.EXPECTED, dtype=np.int64), expected)
    with pytest.raises(SamplesError, match="samples of 12 steps: the project runs 11"):
        vitis.write_test_data(tmp_path, net, samples, 11)


def test_long_samples_leave_files_of_moderate_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitis, "_MAX_NUMBERS", 130)
    net = network([{}])
    vitis.write_test_data(tmp_path, net, samples_for(net), 12)
    assert len((tmp_path / vitis.INPUTS).read_text().splitlines()) == 2


def test_inputs_of_the_users_are_kept_and_answered(tmp_path: Path) -> None:
    net = network([{}])
    x = np.random.default_rng(1).integers(0, 2, (3, 12, 5))
    np.save(tmp_path / "x.npy", x)
    model = convert_network(net, tmp_path / "project", "RFSSM", name="network", rtl=False)
    model.config.config["InputData"] = str(tmp_path / "x.npy")
    model.write()
    expected = golden.run(net, Samples(x, np.full(3, 12))).scores
    written = tmp_path / "project" / vitis.EXPECTED
    assert np.array_equal(np.loadtxt(written, dtype=np.int64), expected)
    np.save(tmp_path / "x.npy", x[:, :11])
    with pytest.raises(SamplesError, match=r"input_data_tb: 55 numbers per sample, must be 60"):
        model.write()
