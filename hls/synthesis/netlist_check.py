"""Refuse netlists with undriven inputs or with changed parameters of instantiated cells.

Yosys reports neither.  Simulators and FPGAs read an undriven bit as an arbitrary value, so a wrong
netlist may pass a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rfssm.errors import ToolError

HARMLESS = {
    "DP16KD": "AD[AB]|DI[AB]",
    "PDPW16KD": "AD[RW]|DI",
    "TRELLIS_DPR16X4": "DI",
    "$mem_v2": "RD_CLK",
}
"""Patterns of memory inputs that may be open, by type of cell: bits of a word that are never read,
low address bits of a block with wide words, the clock of an asynchronous port."""


@dataclass(frozen=True)
class Open:
    """An undriven bit at a cell's input or at an output of the top.

    cell     name of the cell; empty for the top
    type     type of the cell
    port     name and index of the port
    net      ``x`` or ``z``, or the net's name
    """

    cell: str
    type: str
    port: str
    net: str


def check(module: Mapping[str, Any], instantiated: Mapping[str, Mapping[str, str]]) -> None:
    """Raise ToolError for a netlist that must not be used.

    module          a module of Yosys' JSON
    instantiated    parameters of the family's cells that the source instantiates, by name
    """
    for name, parameters in instantiated.items():
        cell = module["cells"].get(name)
        if cell is None:  # its output was not used
            continue
        for key in sorted(parameters.keys() | cell["parameters"].keys()):
            was, now = parameters.get(key), cell["parameters"].get(key)
            if was != now:
                raise ToolError(
                    f"Yosys made {cell['type']} {name} over: its {key} is {now} in the netlist and "
                    f"{was} in the source. This netlist is wrong and is not used"
                )
    if found := list(open_inputs(module)):
        first = found[0]
        whose = f"input {first.port} of {first.type} {first.cell}"
        whose = whose if first.cell else f"output {first.port} of the top"
        drives = _drives(module, first.cell)
        raise ToolError(
            f"Yosys made a netlist in which nothing drives {whose}{drives}: the net is "
            f"{first.net}; {len(found)} such bits in all. This netlist is wrong and is not used; "
            "the log of Yosys may say what was removed"
        )


def open_inputs(module: Mapping[str, Any]) -> Iterator[Open]:
    """Yield the undriven bits except the harmless ones."""
    driven = _driven(module)

    def nets(bits: list[int | str]) -> Iterator[tuple[int, str]]:
        for i, bit in enumerate(bits):
            if bit not in driven:
                yield i, bit if isinstance(bit, str) else _net(module, bit)

    for name, cell in module["cells"].items():
        harmless = re.compile(rf"(?:{HARMLESS.get(cell['type'], '(?!)')})\d*")
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input" and not harmless.fullmatch(port):
                for i, net in nets(bits):
                    yield Open(name, cell["type"], f"{port}[{i}]", net)
    for name, port in module["ports"].items():
        if port["direction"] == "output":
            for i, net in nets(port["bits"]):
                yield Open("", "", f"{name}[{i}]", net)


def _driven(module: Mapping[str, Any]) -> set[int | str]:
    """Return the constants, the inputs of the top and the nets that cells drive."""
    driven: set[int | str] = {"0", "1"}
    for port in module["ports"].values():
        if port["direction"] != "output":
            driven.update(port["bits"])
    for cell in module["cells"].values():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "input":
                driven.update(bits)
    return driven - {"x", "z"}


def instantiated_cells(rtlil: str) -> dict[str, dict[str, str]]:
    """Return the parameters of a family's cells in an elaborated design's RTLIL, as in Yosys' JSON.

    Yosys' own cells, whose types begin with $, are left out.
    """
    cells = re.findall(r"^  cell \\\S+ \\(\S+)\n((?:    .*\n)*)", rtlil, re.MULTILINE)
    return {
        name: {
            key: _value(value)
            for key, value in re.findall(r"^    parameter \\(\S+) (.*)$", body, re.MULTILINE)
        }
        for name, body in cells
    }


def _value(text: str) -> str:
    return text.strip('"') if text.startswith('"') else text.partition("'")[2]


def _net(module: Mapping[str, Any], bit: int | str) -> str:
    for name, net in module["netnames"].items():
        if bit in net["bits"]:
            return f"{name}[{net['bits'].index(bit)}], which has no driver"
    return f"number {bit}, which has no driver"


def _drives(module: Mapping[str, Any], name: str) -> str:
    """Return the source's name of an output of a cell with an open input, as text."""
    if not name:
        return ""
    cell = module["cells"][name]
    outputs = {
        bit
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "output"
        for bit in bits
    }
    for net, found in module["netnames"].items():
        for i, bit in enumerate(found["bits"]):
            if bit in outputs and not found["hide_name"]:
                return f" (whose output is {net}[{i}])"
    return ""
