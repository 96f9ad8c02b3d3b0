"""Registers behind an ECP5 block memory: which may move into it, and which must stay."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rfssm.hls.synthesis.ecp5_output_registers import use_output_registers

CLK, OTHER_CLK = 2, 3
GIVEN, KEPT = 100, 200  # first net of the memory's outputs, of the registers'


def flip_flop(bit: int, **changes: Any) -> dict[str, Any]:
    return {
        "type": "TRELLIS_FF",
        "parameters": {"CEMUX": "1 ", "CLKMUX": "CLK", "REGSET": "RESET", "LSRMUX": "LSR"}
        | changes.pop("parameters", {}),
        "port_directions": {"CLK": "input", "DI": "input", "LSR": "input", "Q": "output"},
        "connections": {"CLK": [CLK], "DI": [GIVEN + bit], "LSR": ["0"], "Q": [KEPT + bit]}
        | changes,
    }


def module(width: int, bits: int) -> dict[str, Any]:
    """A memory of ``bits`` bits, read through port B, and a register behind each."""
    pins = [f"DO{port}{i}" for port in "BA" for i in range(18)]
    outputs = {pin: [GIVEN + k] for k, pin in enumerate(pins)}
    memory = {
        "type": "DP16KD",
        "parameters": {
            "DATA_WIDTH_A": f"{36 if width == 36 else 18:032b}",
            "DATA_WIDTH_B": f"{width:032b}",
            "REGMODE_A": "NOREG",
            "REGMODE_B": "NOREG",
        },
        "port_directions": dict.fromkeys(pins, "output") | {"CLKA": "input", "CLKB": "input"},
        "connections": outputs | {"CLKA": ["0"], "CLKB": [CLK], "OCEA": ["0"], "OCEB": ["0"]},
    }
    cells = {"memory": memory} | {f"ff{k}": flip_flop(k) for k in range(bits)}
    return {"cells": cells, "ports": {"q": {"bits": [KEPT + k for k in range(bits)]}}}


@pytest.mark.parametrize(("width", "bits"), [(9, 9), (18, 18), (36, 36), (36, 20)])
def test_plain_registers_move_in(width: int, bits: int) -> None:
    netlist = module(width, bits)
    assert use_output_registers(netlist) == bits
    (memory,) = netlist["cells"].values()
    moved = [memory["connections"][f"DO{port}{i}"][0] for port in "BA" for i in range(18)]
    assert moved[:bits] == [KEPT + k for k in range(bits)]
    assert moved[bits:] == [GIVEN + k for k in range(bits, 36)]
    assert memory["parameters"]["REGMODE_B"] == "OUTREG"
    assert memory["connections"]["OCEB"] == ["1"]
    wide = width == 36
    assert memory["parameters"]["REGMODE_A"] == ("OUTREG" if wide else "NOREG")
    assert memory["connections"]["CLKA"] == ([CLK] if wide else ["0"])


STAYS: dict[str, dict[str, Any]] = {
    "enable": {"parameters": {"CEMUX": "CE"}, "CE": [9]},
    "reset": {"LSR": [9]},
    "starts at one": {"parameters": {"REGSET": "SET"}},
    "falling edge": {"parameters": {"CLKMUX": "INV"}},
    "another clock": {"CLK": [OTHER_CLK]},
}


@pytest.mark.parametrize("why", STAYS)
def test_one_register_that_is_not_plain_keeps_all_out(why: str) -> None:
    netlist = module(18, 18)
    netlist["cells"]["ff3"] = flip_flop(3, **copy.deepcopy(STAYS[why]))
    before = copy.deepcopy(netlist)
    assert use_output_registers(netlist) == 0
    assert netlist == before


def test_a_bit_that_somebody_else_reads_stays_where_it_is() -> None:
    netlist = module(18, 18)
    netlist["cells"]["other"] = flip_flop(3, Q=[900])
    before = copy.deepcopy(netlist)
    assert use_output_registers(netlist) == 0
    assert netlist == before
    netlist = module(18, 18)
    netlist["ports"]["raw"] = {"bits": [GIVEN + 3]}
    assert use_output_registers(netlist) == 0


def test_a_bit_that_goes_through_logic_first_stays() -> None:
    netlist = module(18, 18)
    netlist["cells"]["ff3"] = {
        "type": "LUT4",
        "parameters": {},
        "port_directions": {"A": "input", "Z": "output"},
        "connections": {"A": [GIVEN + 3], "Z": [KEPT + 3]},
    }
    assert use_output_registers(netlist) == 0
