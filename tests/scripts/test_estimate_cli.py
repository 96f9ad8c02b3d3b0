"""``rfssm estimate``, and ``--fit`` of the other commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rtl_cases import network as corner
from rtl_cases import samples_for

from rfssm import cache
from rfssm.hls.estimate.estimate import RATE
from rfssm.quant.network import IntegerNetwork

from .conftest import Finished

Run = Callable[..., Finished]


@pytest.fixture(scope="module")
def net() -> IntegerNetwork:
    return corner([{"neurons": 32, "reset": True}], channels=12)


@pytest.fixture
def file(net: IntegerNetwork, tmp_path: Path) -> Path:
    net.save(tmp_path / "n.safetensors")
    return tmp_path / "n.safetensors"


def test_tables_and_json_say_the_same(
    rfssm: Run, net: IntegerNetwork, file: Path, tmp_path: Path
) -> None:
    samples_for(net).save(tmp_path / "x.npz")
    built = len(cache.built())
    options = ("estimate", file, "--target", "ecp5-25k", "--synapse-lanes", 8, "--neuron-lanes", 2)
    done = rfssm(*options, "--input", tmp_path / "x.npz")
    assert (done.status, done.err) == (0, "")
    told = json.loads(rfssm(*options, "--input", tmp_path / "x.npz", "--json").out)
    assert len(cache.built()) == built  # no tool ran
    assert told["digest"] == net.digest()
    assert told["lanes"][0] == {"synapse": 8, "neuron": 2}
    assert f"Fmax about {told['fmax_mhz']:.0f} MHz" in done.out
    assert "of 5 of 5 samples" in done.out
    assert f"{told['cycles']['per_step']:.2f} cycles per step" in done.out
    assert f"latency {told['latency_us']:,.1f} us" in done.out
    cells_table = done.out[: done.out.index("┃ memory")]
    rows = {
        line.split("│")[1].strip(): line.split("│")[2].strip()
        for line in cells_table.splitlines()
        if line.startswith("│")
    }
    assert rows["total"] == f"{told['cells']['total']['lut']:,}"
    assert rows["layer0.cells"] == f"{told['cells']['modules']['layer0.cells']['lut']:,}"


def test_without_samples_events_are_at_random(rfssm: Run, file: Path) -> None:
    plain = json.loads(rfssm("estimate", file, "--target", "ecp5-25k", "--json").out)
    assert plain["samples"] == 0
    assert plain["rates"][0] == pytest.approx(RATE, abs=0.05)
    dense = json.loads(rfssm("estimate", file, "--target", "ecp5-25k", "--rate", 1, "--json").out)
    assert dense["rates"] == [1.0, 1.0]
    assert dense["cycles"]["per_step"] > plain["cycles"]["per_step"]


def test_fit_chooses_lanes_for_each_command(rfssm: Run, file: Path, tmp_path: Path) -> None:
    told = json.loads(rfssm("estimate", file, "--fit", "ecp5-25k", "--json").out)
    assert told["target"] == "ecp5-25k"
    assert told["lanes"][0]["synapse"] == 32
    done = rfssm("convert", file, "--out", tmp_path / "ip", "--fit", "ecp5-25k")
    assert done.status == 0, done.err
    (parameters,) = (tmp_path / "ip").rglob("*_parameters.json")
    written = json.loads(parameters.read_text())["layers"][0]
    assert {
        "synapse": written["SYNAPSE_LANES"],
        "neuron": written["NEURON_LANES"],
    } == told["lanes"][0]


def test_a_design_that_does_not_fit_ends_in_status_1(rfssm: Run, file: Path) -> None:
    lanes = ("--synapse-lanes", 32, "--neuron-lanes", 32)
    done = rfssm("estimate", file, "--target", "ecp5-25k", *lanes)
    assert done.status == 1
    assert done.err.startswith("the design does not fit ecp5-25k: it needs ")
    assert "129 multipliers (MULT18X18D) where the device has 28" in done.err
    assert "places taken at least on ecp5-25k" in done.out
    told = rfssm("estimate", file, "--target", "ecp5-25k", *lanes, "--json")
    assert (told.status, json.loads(told.out)["fits"]) == (1, False)
    told = rfssm("estimate", file, "--target", "ecp5-85k", *lanes, "--json")
    assert (told.status, json.loads(told.out)["fits"]) == (0, True)


@pytest.fixture
def no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        pytest.fail("a tool was started")

    monkeypatch.setattr("rfssm.hls.toolchain.run_tool", refuse)


@pytest.mark.usefixtures("no_tool")
def test_synth_finds_before_any_tool_that_a_design_does_not_fit(
    refused: Callable[..., str], file: Path, tmp_path: Path
) -> None:
    said = refused("synth", file, "--board", "icebreaker")
    assert said == (
        "the design does not fit ice40-up5k: it needs 17 multipliers (SB_MAC16) where the device "
        "has 8; choose fewer lanes (the fewest whose blocks fit: --synapse-lanes 1 --neuron-lanes "
        "1)"
    )
    corner([{"neurons": 128}, {"neurons": 128}], channels=140).save(tmp_path / "large")
    said = refused("synth", tmp_path / "large", "--board", "icebreaker")
    assert said.startswith(
        "no lanes fit 'corner' into ice40-up5k: the smallest design, with --synapse-lanes 1,16,1 "
        "--neuron-lanes 1,1,1, needs 9 multipliers (SB_MAC16) where the device has 8, "
    )
    assert "block memories (SB_RAM40_4K) where the device has 30; choose a network with " in said
    assert said.endswith(", or target ecp5-25k")


def test_what_does_not_fit_a_board_is_warned_of(
    rfssm: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rfssm.hls import convert

    def interrupted_convert(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(convert, "convert", interrupted_convert)
    boards = ("--board", "ulx3s", "--board", "icebreaker")
    done = rfssm("convert", file, "--out", tmp_path / "ip", *boards)
    warning, interrupted = done.err.splitlines()
    assert warning.startswith(
        "warning: board icebreaker: the design does not fit ice40-up5k: it needs 17 multipliers "
    )
    assert interrupted == "error: interrupted"
    lanes = ("--synapse-lanes", 1, "--neuron-lanes", 1)
    assert rfssm("convert", file, "--out", tmp_path / "ip", *boards, *lanes).err.count("\n") == 1


@pytest.mark.parametrize(
    ("layer", "channels", "lanes", "multipliers", "memories"),
    [
        ({"neurons": 32, "reset": True}, 12, (1, 1), 5, 7),
        ({"neurons": 40, "complex": True}, 60, (4, 2), 9, 22),
    ],
)
def test_blocks_of_an_ice40_are_those_that_yosys_makes(
    layer: dict[str, object], channels: int, lanes: tuple[int, int], multipliers: int, memories: int
) -> None:
    """Numbers of SB_MAC16 and SB_RAM40_4K in netlists of Yosys 0.70."""
    from rfssm.hls.design import Design, Lanes
    from rfssm.hls.estimate import area

    design = Design.of(corner([layer], channels=channels), Lanes(*lanes))
    counted = area.blocks(design, "ice40")
    assert counted is not None
    assert (counted.dsp, counted.block_ram) == (multipliers, memories)
    counted = area.blocks(design, "ice40hx")  # which has no multipliers
    assert counted is not None
    assert (counted.dsp, counted.block_ram) == (0, memories)


@pytest.mark.usefixtures("no_tool")
def test_wishes_that_leave_nothing_to_do_are_refused_in_python(net: IntegerNetwork) -> None:
    from rfssm.errors import HardwareError
    from rfssm.hls.design import Design, Lanes
    from rfssm.hls.engines.soft_errors import soft_errors
    from rfssm.hls.estimate.estimate import activity_of
    from rfssm.hls.synthesis.flow import synth
    from rfssm.hls.synthesis.targets import target

    design, small = Design.of(net, Lanes(1, 1)), target("ecp5-25k")
    with pytest.raises(HardwareError, match="seeds: none given"):
        synth(design, small, seeds=())
    for frequency in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(HardwareError, match=r"frequency_mhz = .*: must be between 1 and 1,000"):
            synth(design, small, frequency_mhz=frequency)
    for rate in (-0.1, 1.1, float("nan")):
        with pytest.raises(HardwareError, match=r"rate = .*: must be between 0 and 1"):
            activity_of(net, rate=rate)
    with pytest.raises(HardwareError, match="rates: none given"):
        soft_errors(net, samples_for(net), "states", [])


def test_fit_names_the_target_too(
    rfssm: Run, refused: Callable[..., str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def synth(design: object, target: object, **_: object) -> None:
        asked.append(target)
        raise KeyboardInterrupt

    monkeypatch.setattr("rfssm.hls.synthesis.flow.synth", synth)
    rfssm("synth", file, "--fit", "ecp5-25k")
    rfssm("synth", file, "--fit", "ecp5-25k", "--target", "ecp5-85k")
    rfssm("synth", file, "--fit", "ecp5-25k", "--board", "ulx3s")
    assert [(t.name, t.package) for t in asked] == [
        ("ecp5-25k", "CABGA381"), ("ecp5-85k", "CABGA756"), ("ecp5-85k", "CABGA381"),
    ]  # fmt: skip
    assert refused("synth", file) == "--target and --board: give one of them, or --fit alone"


def test_a_plot_is_written(rfssm: Run, file: Path, tmp_path: Path) -> None:
    done = rfssm("estimate", file, "--target", "ecp5-25k", "--plot", tmp_path / "t.png")
    assert done.status == 0, done.err
    assert done.out.endswith(f"wrote {tmp_path / 't.png'}\n")
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_estimated_is_refused(
    refused: Callable[..., str], file: Path, tmp_path: Path
) -> None:
    assert "rfssm synth" in refused("estimate", file, "--target", "ice40-up5k")
    assert refused("estimate", file) == "--target or --fit: give at least one of them"
    assert "speed = 9" in refused("estimate", file, "--target", "ecp5-25k", "--speed", 9)
    both = ("--fit", "ecp5-25k", "--neuron-lanes", 2)
    for command in (("estimate", file), ("convert", file, "--out", tmp_path / "x")):
        assert "--neuron-lanes" in refused(*command, *both)
    x = tmp_path / "x.npz"
    options = ("--target", "ecp5-25k", "--input", x, "--rate", 0.1)
    assert refused("estimate", file, *options) == "--input and --rate: give one of them"


def test_no_framework_is_loaded(file: Path) -> None:
    """Nothing that takes seconds to import."""
    script = (
        "import sys; from rfssm.scripts import cli; "
        f"status = cli.run(['estimate', {str(file)!r}, '--target', 'ecp5-25k', '--json']); "
        "sys.exit(status or any(m in sys.modules for m in ('torch', 'hls4ml', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL).returncode == 0
