"""A netlist with an undriven input, or with a multiplier made over, is refused by name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from kept_yosys import run_yosys
from rtl_cases import network

from rfssm.errors import ToolError
from rfssm.hls.design import Design, Lanes
from rfssm.hls.synthesis import yosys
from rfssm.hls.synthesis.netlist_check import Open, check, instantiated_cells, open_inputs

RTL = Path(str(files("rfssm.hls"))) / "rtl"
DESIGN = Design.of(network([]), Lanes(1, 1), "dut")


def cell(kind: str, inputs: dict[str, list[Any]], outputs: dict[str, list[int]]) -> dict[str, Any]:
    return {
        "type": kind,
        "parameters": {},
        "port_directions": dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output"),
        "connections": {**inputs, **outputs},
    }


@pytest.fixture
def module() -> dict[str, Any]:
    """A table, a flip-flop behind it, a multiplier and a memory whose words have a spare bit."""
    return {
        "ports": {
            "clk": {"direction": "input", "bits": [2]},
            "a": {"direction": "input", "bits": [3, 4]},
            "y": {"direction": "output", "bits": [7, "0"]},
        },
        "cells": {
            "table": cell("SB_LUT4", {"I0": [3], "I1": [4], "I2": ["0"], "I3": ["1"]}, {"O": [5]}),
            "flop": cell("SB_DFF", {"C": [2], "D": [5]}, {"Q": [6]}),
            "memory": cell("TRELLIS_DPR16X4", {"DI": [6, "x"]}, {"DO": [8]}),
            "block": cell("SB_MAC16", {"A": [8, 6]}, {"O": [7]})
            | {"parameters": {"A_REG": "1", "MODE": "LOW"}},
        },
        "netnames": {
            "$hidden": {"hide_name": 1, "bits": [6]},
            "sum_q": {"hide_name": 0, "bits": [3, 6]},
            "lost": {"hide_name": 0, "bits": [11, 12]},
        },
    }


SOURCE = """\
module \\top
  cell $add $add$1
    parameter \\A_WIDTH 4
  end
  attribute \\src "a.sv:1"
  cell \\SB_MAC16 \\block
    parameter \\A_REG 1'1
    parameter \\MODE "LOW"
    connect \\CLK \\clk
  end
  cell \\SB_MAC16 \\unused
    parameter \\A_REG 1'0
  end
end
"""


def test_a_sound_netlist_passes(module: dict[str, Any]) -> None:
    assert list(open_inputs(module)) == []
    check(module, instantiated_cells(SOURCE))


def test_an_x_is_named_with_its_cell_and_the_register_that_would_take_it(
    module: dict[str, Any],
) -> None:
    module["cells"]["flop"]["connections"]["D"] = ["x"]
    assert list(open_inputs(module)) == [Open("flop", "SB_DFF", "D[0]", "x")]
    with pytest.raises(
        ToolError,
        match=r"drives input D\[0\] of SB_DFF flop \(whose output is sum_q\[1\]\): the net is x; "
        "1 such bits in all",
    ):
        check(module, {})


def test_a_net_without_a_driver_is_named(module: dict[str, Any]) -> None:
    module["cells"]["table"]["connections"]["I2"] = [12]
    module["cells"]["table"]["connections"]["I3"] = [13]
    with pytest.raises(ToolError, match=r"I2\[0\] of SB_LUT4 table: the net is lost\[1\], which "):
        check(module, {})
    assert [each.net for each in open_inputs(module)] == [
        "lost[1], which has no driver",
        "number 13, which has no driver",
    ]


def test_an_open_output_of_the_top_is_named(module: dict[str, Any]) -> None:
    module["ports"]["y"]["bits"][1] = "z"
    with pytest.raises(ToolError, match=r"drives output y\[1\] of the top: the net is z;"):
        check(module, {})


@pytest.mark.parametrize("port", ["AD", "WRE", "DIX"])
def test_of_a_memory_only_spare_data_bits_may_be_open(module: dict[str, Any], port: str) -> None:
    module["cells"]["memory"]["connections"][port] = ["x"]
    module["cells"]["memory"]["port_directions"][port] = "input"
    assert [each.port for each in open_inputs(module)] == [f"{port}[0]"]


def test_a_block_that_lost_its_register_is_named(module: dict[str, Any]) -> None:
    module["cells"]["block"]["parameters"]["A_REG"] = "0"
    with pytest.raises(
        ToolError, match="SB_MAC16 block over: its A_REG is 0 in the netlist and 1 in the source"
    ):
        check(module, instantiated_cells(SOURCE))
    module["cells"]["block"]["parameters"] = {"A_REG": "1", "MODE": "LOW", "C_REG": "1"}
    with pytest.raises(ToolError, match="its C_REG is 1 in the netlist and None in the source"):
        check(module, instantiated_cells(SOURCE))


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("multiplier", "told"),
    [
        ("ice40/rfssm_mul.sv", r"Yosys made SB_MAC16 \S+block over: its A_REG is 0 in the netlist"),
        (
            "rfssm_mul.sv",
            r"nothing drives input \S+ of SB_MAC16 \S+ \(whose output is .*the net is x",
        ),
    ],
    ids=["instantiated", "inferred"],
)
def test_the_ice40_s_multipliers_with_dsp_on_are_refused(
    multiplier: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yosys 0.70 takes registers out of instantiated blocks, and leaves those it infers open."""
    monkeypatch.setattr(yosys, "run_yosys", run_yosys)
    monkeypatch.setitem(yosys._FLOW, "ice40", "synth_ice40 -dsp -device u -top {top}")
    instead = {"rfssm_mul.sv": (RTL / multiplier).read_bytes()}
    with pytest.raises(ToolError, match=told):
        yosys.synthesize(DESIGN, "ice40", "dut_axis", extra=instead)
