"""Simulate the synthesised network: gates, or the cells of an FPGA family with their models.

The netlist is that of the top with trace ports, so that spikes and states of every layer can be
compared; it is driven and read like the RTL.  A netlist with a cell that has no model is refused
instead of simulating the cell as an empty box.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from rfssm.errors import HardwareError
from rfssm.hls.design import Design, LaneChoice
from rfssm.hls.engines import icarus, verilator
from rfssm.hls.synthesis import yosys
from rfssm.progress import Progress
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, check_call

CELLS = ("generic", "ecp5", "ice40")
"""The kinds of cells; ``generic`` is gates, flip-flops and memories as Verilog arrays."""

_SIMULATORS = {"verilator": verilator, "icarus": icarus}
# Yosys' models of these cells are complete; some others in the same file are empty
_ICE40 = ("SB_CARRY", "SB_DFF", "SB_LUT4", "SB_MAC16", "SB_RAM40_4K")


def missing(simulator: str = "verilator") -> str | None:
    """Return why this engine cannot run here, and what to install; None if it can."""
    return yosys.missing() or _SIMULATORS[simulator].missing()


def run(
    network: IntegerNetwork,
    samples: Samples,
    *,
    cells: str = "generic",
    simulator: str = "verilator",
    spikes: bool = False,
    states: bool = False,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
) -> Outputs:
    """Run samples through the netlist.

    cells        one of CELLS
    simulator    verilator or icarus
    """
    check_call(network, samples)
    outputs = _SIMULATORS[simulator].run(
        network,
        samples,
        spikes=spikes,
        states=states,
        lanes=lanes,
        progress=progress,
        sources=sources(Design.of(network, lanes, "dut"), cells),
    )
    assert isinstance(outputs, Outputs)
    return outputs


def sources(design: Design, cells: str, top: str = "dut_axis_trace") -> dict[str, bytes]:
    """Return the names and contents of the netlist and of its cells' models, for a simulator.

    Raises HardwareError for a cell without a model, or if ``cells`` is not one of CELLS.
    """
    if cells not in CELLS:
        raise HardwareError(f"cells = {cells!r}: must be one of {', '.join(CELLS)}")
    netlist = yosys.synthesize(design, cells, top)
    _check_cells(netlist)
    return {"netlist.v": (netlist.folder / "netlist.v").read_bytes(), **_models(cells)}


def _models(cells: str) -> dict[str, bytes]:
    if cells == "ecp5":
        return {path.name: path.read_bytes() for path in _ecp5_models()}
    if cells == "ice40":
        text = (yosys.share() / "ice40" / "cells_sim.v").read_bytes()
        return {"cells_sim.v": b"`define NO_ICE40_DEFAULT_ASSIGNMENTS\n" + text}
    return {}


def cell_models(family: str) -> str:
    """Return the Verilog models of a family's cells in one text, which is empty for ``generic``.

    Raises HardwareError for a family without models.
    """
    if family == "generic":
        return ""
    if family == "ecp5":
        return "\n".join(path.read_text() for path in _ecp5_models())
    if family in ("ice40", "ice40hx"):
        text = (yosys.share() / "ice40" / "cells_sim.v").read_text()
        return f"`define NO_ICE40_DEFAULT_ASSIGNMENTS\n{text}"
    raise HardwareError(f"family = {family!r}: its cells have no models; generic, ecp5, ice40 have")


def _ecp5_models() -> list[Path]:
    folder = Path(str(files("rfssm.hls"))) / "rtl" / "sim" / "ecp5"
    return sorted(folder.glob("*.sv"))


def _check_cells(netlist: yosys.Netlist) -> None:
    """Raise HardwareError for a cell without a model; Yosys' own, with $, are expressions."""
    statistics = json.loads((netlist.folder / "cells.json").read_text())
    used = statistics["modules"][f"\\{netlist.top}"]["num_cells_by_type"]
    modelled = {"ecp5": {path.stem for path in _ecp5_models()}, "ice40": set(_ICE40)}
    known = modelled.get(netlist.family, set())
    for cell in sorted(used):
        name = "SB_DFF" if cell.startswith("SB_DFF") else cell
        if not cell.startswith("$") and name not in known:
            raise HardwareError(
                f"cell {cell} of the {netlist.family} netlist has no simulation model; known are "
                f"{', '.join(sorted(known)) or 'none'}"
            )
