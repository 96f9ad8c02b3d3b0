"""Read the two sides of a proof: the RTL as elaborated by Yosys, the netlist with cell models.

Yosys converts both to one-bit gates and registers.  Blocks that both sides only instantiate
(multipliers) are cut out: their outputs become inputs of either side, and their inputs outputs.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rfssm.errors import HardwareError, ToolError
from rfssm.hls.synthesis import yosys
from rfssm.hls.synthesis.cell_kinds import Bit, Cell
from rfssm.hls.synthesis.proof import memory_cells

_RTL = """\
read_rtlil elaborated.il
{libraries}
hierarchy -top {top} -purge_lib
proc
opt_clean
memory_collect
opt_clean
write_json words.json
memory_map
{to_gates}
write_json rtl.json
"""
_LIBRARIES = {  # declare the directions of the pins of instantiated blocks
    "ecp5": "read_verilog -lib +/lattice/cells_sim_ecp5.v +/lattice/cells_bb_ecp5.v",
    "ice40": "read_verilog -lib -D ICE40_U +/ice40/cells_sim.v",
    "ice40hx": "read_verilog -lib -D ICE40_HX +/ice40/cells_sim.v",
}
_CELLS = """\
read_json netlist.json
read_verilog -sv models.v
hierarchy -top {top}
proc
flatten -noscopeinfo
opt_expr
opt_clean
memory_collect
memory_share -nosat
opt_clean
attrmap -remove src
write_json cells.json
"""
_CELL_GATES = """\
read_json cells.json
opt_mem
memory_map
{to_gates}
write_json gates.json
"""
_TO_GATES = """\
dffunmap
techmap
simplemap
opt_clean
attrmap -remove src"""
_REGISTER = "$_DFF_P_"


class Side:
    """A module of gates and registers on one clock, without the blocks that were cut out.

    drivers    gate that drives each net
    registers  net of the next value of each register, by the register's net
    inputs     names of the inputs, by net; the outputs of blocks are inputs
    outputs    nets of the outputs, by name; the inputs of blocks are outputs
    names      net of each public name
    aliases    public names of each net
    """

    def __init__(self, module: Mapping[str, Any], side: str) -> None:
        self.drivers: dict[Bit, Cell] = {}
        self.registers: dict[Bit, Bit] = {}
        self.inputs: dict[Bit, str] = {}
        self.outputs: dict[str, Bit] = {}
        self.names = dict(public_names(module))
        self.aliases: dict[Bit, list[str]] = defaultdict(list)
        for name, bit in self.names.items():
            self.aliases[bit].append(name)
        for name, port in module["ports"].items():
            for name_of_bit, bit in zip(_bits_of(name, port["bits"]), port["bits"], strict=True):
                if port["direction"] == "output":
                    self.outputs[name_of_bit] = bit
                else:
                    self.inputs[bit] = name_of_bit
        clocks: set[Bit] = set()
        for name, cell in module["cells"].items():
            connections = cell["connections"]
            if cell["type"] == _REGISTER or _never_reset(cell):
                self.registers[connections["Q"][0]] = connections["D"][0]
                clocks.add(connections["C"][0])
            elif cell["type"].startswith("$_DFF") or not cell["type"].startswith("$_"):
                raise ToolError(f"{side}: the proof does not know cell {name}, a {cell['type']}")
            else:
                self.drivers[connections["Y"][0]] = cell
        names = sorted(self.inputs.get(bit, "a net inside") for bit in clocks)
        if len(names) > 1 or clocks - self.inputs.keys():
            raise ToolError(
                f"{side}: registers on {', '.join(names)}; the proof knows one clock, an input"
            )
        self.clock = "".join(names)


@dataclass(frozen=True)
class Sides:
    """The RTL and the netlist of one design.

    words        the RTL's module with words and memories, before it is converted to gates
    cells        cells of the netlist by name, without those that the RTL instantiates
    kept         address bits that a memory of the netlist keeps, see ``memory_cells.shrink``
    blocks       type of each cell that the RTL instantiates, by name
    pins         names of the pins of these cells
    different    blocks, parameters and outputs of the netlist that differ from the RTL's
    """

    rtl: Side
    netlist: Side
    words: Mapping[str, Any]
    cells: Mapping[str, Cell]
    kept: Mapping[str, list[int]]
    blocks: Mapping[str, str]
    pins: frozenset[str]
    different: tuple[str, ...]


def read_rtl(netlist: yosys.Netlist, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the module of ``elaborated.il`` in a folder, with words and memories, and as gates."""
    libraries = _LIBRARIES.get(netlist.family, "")
    script = _RTL.format(top=netlist.top, to_gates=_TO_GATES, libraries=libraries)
    yosys.run_yosys("rtl", script, cwd=folder)
    words, gates = (read_module(folder / f"{n}.json", netlist.top) for n in ("words", "rtl"))
    return words, gates


def read_sides(
    netlist: yosys.Netlist,
    rtl: tuple[dict[str, Any], dict[str, Any]],
    top: dict[str, Any],
    models: str,
    folder: Path,
) -> Sides:
    """Return both sides; ``rtl`` and ``top``, the netlist's module, are changed.

    Raises HardwareError for a cell without a model, ToolError for a register with a clock or a
    reset that the proof does not support.
    """
    words, gates = rtl
    blocks = {n: c for n, c in words["cells"].items() if not c["type"].startswith("$")}
    different = list(_differences(blocks, top["cells"]))
    shared = [name for name in blocks if name in top["cells"]]
    cells = {n: c for n, c in top["cells"].items() if n not in blocks}
    pins = _cut_out(gates, list(blocks))
    missing = {
        pin for pin in pins if not any(pin.startswith(f"{name}.") for name in shared)
    }  # pins of blocks that are not in the netlist
    _cut_out(top, shared)
    ours = Side(gates, "RTL")
    flat, kept = _flattened(top, netlist.top, models, folder)
    theirs = Side(flat, "netlist")
    if ours.clock != theirs.clock and ours.registers and theirs.registers:
        raise ToolError(f"clock {theirs.clock} of the netlist is {ours.clock} in RTL")
    for name in ours.outputs:
        if name not in theirs.outputs and name not in missing:
            different.append(f"{name}: not in the netlist")
    types = {name: cell["type"] for name, cell in blocks.items()}
    return Sides(ours, theirs, words, cells, kept, types, frozenset(pins), tuple(different))


def _flattened(
    top: dict[str, Any], name: str, models: str, folder: Path
) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Return the netlist as gates, with models instead of cells, and its memories' address bits."""
    contents = {}
    for cell_name, cell in top["cells"].items():
        cell["attributes"] = {}
        contents[f"{cell_name}.memory"] = memory_cells.take_contents(cell)
    write_modules(folder / "netlist.json", {name: top})
    used = {cell["type"] for cell in top["cells"].values() if cell["type"][0] != "$"}
    (folder / "models.v").write_text(_definitions(models, used))
    yosys.run_yosys("cells", _CELLS.format(top=name), cwd=folder)
    flat = read_module(folder / "cells.json", name)
    used_nets = {
        bit
        for cell in flat["cells"].values()
        for pin, bits in cell["connections"].items()
        if cell["port_directions"][pin] == "input"
        for bit in bits
    }
    used_nets |= {b for p in flat["ports"].values() for b in p["bits"]}
    kept = {}
    for cell_name, cell in flat["cells"].items():
        if cell["type"] == "$mem_v2":
            cell["parameters"]["INIT"] = contents.get(cell_name) or cell["parameters"]["INIT"]
            kept[cell_name] = memory_cells.shrink(cell, used_nets)
    write_modules(folder / "cells.json", {name: flat})
    yosys.run_yosys("gates", _CELL_GATES.format(top=name, to_gates=_TO_GATES), cwd=folder)
    return read_module(folder / "gates.json", name), kept


def read_module(path: Path, name: str) -> dict[str, Any]:
    """Return a module of a file that Yosys wrote."""
    module: dict[str, Any] = json.loads(path.read_text())["modules"][name]
    module["cells"] = {n: c for n, c in module["cells"].items() if c["type"] != "$scopeinfo"}
    return module


def write_modules(path: Path, modules: Mapping[str, Any]) -> None:
    """Write a file that Yosys reads."""
    path.write_text(json.dumps({"creator": "rfssm", "modules": modules}))


def public_names(module: Mapping[str, Any]) -> Iterator[tuple[str, Bit]]:
    """Yield the public names of single bits: NAME, or NAME[i] if there are several."""
    for name, net in module["netnames"].items():
        if net.get("hide_name"):
            continue
        part = re.fullmatch(r"(.*)\[(\d+):(\d+)\]", name)  # splitnets' name of a part
        if part:
            yield from ((f"{part[1]}[{int(part[3]) + i}]", b) for i, b in enumerate(net["bits"]))
        else:
            names = _bits_of(name, net["bits"], net.get("offset", 0))
            yield from zip(names, net["bits"], strict=True)


def _bits_of(name: str, bits: Sequence[Bit], offset: int = 0) -> list[str]:
    return [name] if len(bits) == 1 else [f"{name}[{i + offset}]" for i in range(len(bits))]


def _never_reset(cell: Cell) -> bool:
    """Whether a register has an asynchronous reset that is tied off."""
    kind = re.fullmatch(r"\$_DFF_P([NP])[01]_", cell["type"])
    return kind is not None and cell["connections"]["R"] == ["0" if kind[1] == "P" else "1"]


def _cut_out(module: dict[str, Any], blocks: Iterable[str]) -> set[str]:
    """Remove blocks from a module: their outputs become its inputs, their inputs its outputs.

    Returns the names of the bits of those inputs and outputs.
    """
    pins: set[str] = set()
    for name in blocks:
        cell = module["cells"].pop(name)
        for pin, bits in cell["connections"].items():
            turned = "output" if cell["port_directions"][pin] == "input" else "input"
            module["ports"][f"{name}.{pin}"] = {"direction": turned, "bits": bits}
            pins.update(_bits_of(f"{name}.{pin}", bits))
    return pins


def _differences(blocks: Mapping[str, Cell], found: Mapping[str, Cell]) -> Iterator[str]:
    """Yield the differences between the blocks of the RTL and those of the netlist."""
    for name, block in sorted(blocks.items()):
        cell = found.get(name)
        if cell is None:  # nothing depends on the block, or an equation fails
            continue
        if cell["type"] != block["type"]:
            yield f"{name}: {cell['type']} where the RTL has {block['type']}"
            continue
        for key in sorted(block["parameters"].keys() | cell["parameters"].keys()):
            ours, theirs = (_plain_value(c["parameters"].get(key)) for c in (block, cell))
            if ours != theirs:
                yield f"{name}: {key} = {theirs} where the RTL has {ours}"


def _plain_value(value: str | None) -> str | int | None:
    """Decode a parameter of Yosys' JSON: binary digits for numbers, a space behind a text."""
    if value is None:
        return None
    return int(value, 2) if re.fullmatch(r"[01]+", value) else value.strip()


def _definitions(models: str, wanted: set[str]) -> str:
    """Return the modules of a text that cells need, with the modules that those need."""
    modules = re.finditer(r"^module (\w+).*?^endmodule", models, re.DOTALL | re.MULTILINE)
    known = {found[1]: found[0] for found in modules}
    head = models[: models.find("module ")]
    chosen: dict[str, str] = {}
    waiting = sorted(wanted)
    while waiting:
        name = waiting.pop()
        if name not in known:
            raise HardwareError(f"cell {name} of the netlist has no simulation model")
        if name not in chosen:
            chosen[name] = known[name]
            waiting += [n for n in known if re.search(rf"^\s*{n}\b", known[name], re.MULTILINE)]
    texts = (
        re.sub(r"\bspecify\b.*?\bendspecify\b", "", text, flags=re.DOTALL)
        for text in chosen.values()
    )
    return f"`define DP16KD_WITHOUT_CONTENTS\n{head}" + "\n".join(texts) + "\n"
