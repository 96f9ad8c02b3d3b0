"""Move the second register behind an ECP5 block memory into the memory.

``rfssm_rom`` takes two cycles so that a block memory can use its own output register.  Yosys 0.70
never uses it: the flip-flops stay in the fabric, behind 5.7 ns of clock-to-output (speed grade 6).
This module adds the missing step on Yosys' JSON netlist: if each output bit of a DP16KD is read by
exactly one flip-flop, on the same clock, without enable or reset, then REGMODE becomes OUTREG and
those flip-flops are removed (FPGA-TN-02204, sysMEM Usage Guide).

A word of 36 bits is written through port A and read through port B, which drives the outputs of
both.  Port A of such a ROM gets the clock, too: a tool that times DOA by CLKA would otherwise not
time it at all.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from rfssm.hls.synthesis.cell_kinds import Bit, Cell


def use_output_registers(module: dict[str, Any]) -> int:
    """Change a module of a Yosys JSON netlist in place; return the number of flip-flops removed."""
    cells: dict[str, Cell] = module["cells"]
    memories = [cell for cell in cells.values() if cell["type"] == "DP16KD"]
    given = {bit for cell in memories for port in ("A", "B") for bit in _outputs(cell, port)}
    taken = _taken(module, given)
    gone: set[str] = set()
    for cell in memories:
        wide = int(cell["parameters"]["DATA_WIDTH_B"], 2) == 36
        if wide:
            cell["connections"]["CLKA"] = cell["connections"]["CLKB"]
        for ports, clock in [("AB", "B")] if wide else [("A", "A"), ("B", "B")]:
            clock_net = cell["connections"][f"CLK{clock}"]
            bits = [bit for port in ports for bit in _outputs(cell, port) if taken[bit]]
            followers = [_follower(cells, taken[bit], clock_net) for bit in bits]
            if not bits or None in followers:
                continue
            names = [name for name in followers if name is not None]
            behind = {bit: cells[n]["connections"]["Q"] for bit, n in zip(bits, names, strict=True)}
            for port in ports:
                _move(cell, port, behind)
            gone.update(names)
    for name in gone:
        del cells[name]
    return len(gone)


def _outputs(cell: Cell, port: str) -> list[Bit]:
    """Return the nets that a port drives."""
    return [cell["connections"][f"DO{port}{i}"][0] for i in range(18)]


def _taken(module: dict[str, Any], bits: set[Bit]) -> dict[Bit, list[str]]:
    """Return the readers of nets: names of cells or of ports of the module."""
    taken: dict[Bit, list[str]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, nets in cell["connections"].items():
            if cell["port_directions"].get(port) != "output":
                for bit in nets:
                    if bit in bits:
                        taken[bit].append(name)
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            if bit in bits:
                taken[bit].append(name)
    return taken


def _follower(cells: dict[str, Cell], readers: list[str], clock: list[Bit]) -> str | None:
    """Return the plain flip-flop that alone reads a bit, or None."""
    name = readers[0]
    flip_flop = cells.get(name)
    if len(readers) > 1 or flip_flop is None or flip_flop["type"] != "TRELLIS_FF":
        return None
    connections, parameters = flip_flop["connections"], flip_flop["parameters"]
    plain = (
        parameters.get("CEMUX", "1").strip() == "1"
        and connections.get("LSR", ["0"]) == ["0"]
        and parameters.get("REGSET", "RESET") == "RESET"
        and parameters.get("CLKMUX", "CLK") == "CLK"
        and connections["CLK"] == clock
        and "DI" in connections
    )
    return name if plain else None


def _move(cell: Cell, port: str, behind: dict[Bit, list[Bit]]) -> None:
    cell["parameters"][f"REGMODE_{port}"] = "OUTREG"
    cell["connections"][f"OCE{port}"] = ["1"]
    for i in range(18):
        pin = f"DO{port}{i}"
        cell["connections"][pin] = behind.get(cell["connections"][pin][0], cell["connections"][pin])
