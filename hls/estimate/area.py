"""Compute the cells of each module of a design on an ECP5 from formats and lanes, without any tool.

The files ``area_...`` list what each module of ``hls/rtl`` is made of, line by line in the order
of its source: registers bit by bit, adders as chains of carry cells with two bits each,
multiplexers and comparisons as look-up tables of four inputs, memories as ``memory_map`` maps them.
Multipliers, block memories and LUT memories are exact.  Registers and adders are nearly exact:
synthesis also merges equal ones and removes those that constants make useless.  Look-up tables are
those of the data path; the control logic, hardly touched by formats, is a table of constants.

``python tests/estimate_rows.py`` prints every line beside what Yosys counts.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter

from rfssm.hls.design import Design, Parameters
from rfssm.hls.estimate.area_cells import cells
from rfssm.hls.estimate.area_parameters import Images, LayerParameters, ReadoutParameters
from rfssm.hls.estimate.area_readout import readout
from rfssm.hls.estimate.area_streams import encoder, sink, skip, source
from rfssm.hls.estimate.area_synapse import Synapse
from rfssm.hls.estimate.contributions import Contribution, Lines
from rfssm.hls.estimate.memory_map import Mapped
from rfssm.hls.memories import Fields, memories
from rfssm.hls.synthesis.netlist_cells import CellReport, Cells, Memory

_COUNTS = attrgetter(*(field.name for field in fields(Cells)))


def report(design: Design) -> CellReport:
    """Return the cells of the IP alone, as ``netlist_cells`` counts them on a synthesised ECP5."""
    modules = contributions(design)
    arrays = [
        Memory(name, line.name, line.array.words, line.declared, _kind(line.array), _size(line))
        for name, lines in modules.items()
        for line in lines
        if line.array is not None
    ]
    totals = {name: _total(lines) for name, lines in modules.items()}
    return CellReport(modules=totals, types={}, memories=tuple(arrays))


def blocks(design: Design, family: str) -> Cells | None:
    """Count multipliers and memories without a tool; return None for a family without formulas.

    ecp5              all multipliers, block memories and LUT memories
    ice40, ice40hx    all multipliers; the block memories of weights, constants, currents, states
                      and events, a lower bound: Yosys may put other arrays in such memories, too
    """
    if family not in ("ecp5", "ice40", "ice40hx"):
        return None
    return sum((_only_blocks(cells, family) for cells in rows(design, family).values()), Cells())


def rows(design: Design, family: str) -> dict[str, Cells]:
    """Return the cells by module: all of them for an ECP5, else only what ``blocks`` counts."""
    lines = contributions(design, family.removesuffix("hx"))
    counted = {name: _total(found) for name, found in lines.items()}
    if family == "ecp5":
        return counted
    return {name: _only_blocks(cells, family) for name, cells in counted.items()}


def contributions(design: Design, family: str = "ecp5") -> dict[str, list[Contribution]]:
    """Return the lines of every module, with the modules in the order of the data flow.

    family    ecp5, or ice40, where only the multipliers and memories are meaningful
    """
    network, contents = design.network, dict(memories(design))
    modules: dict[str, Lines] = {"source": source(design)}
    for i, layer in enumerate(network.layers):
        p = LayerParameters.of(design.layers[i])
        images = _images(design.layers[i], contents)
        modules[f"layer{i}.cells"] = cells(p, layer, images, family)
        modules[f"layer{i}.encoder"] = encoder(p, family)
        if p.SKIP:
            modules[f"layer{i}.skip"] = skip(p)
        synapse = Synapse(p, layer.neurons, p.NEURON_LANES, p.COMPLEX + 1, bool(p.SKIP))
        modules[f"layer{i}.synapse"] = synapse.lines(images["WEIGHTS"], family)
    last, images = ReadoutParameters.of(design.readout), _images(design.readout, contents)
    modules["readout"] = readout(last, network.readout, images, family)
    synapse = Synapse(last, last.CLASSES, 1, 1, keeps_address=False)
    modules["readout.synapse"] = synapse.lines(images["WEIGHTS"], family)
    modules["sink"] = sink(design)
    return {name: list(lines) for name, lines in modules.items()}


def _total(lines: list[Contribution]) -> Cells:
    return Cells(*map(sum, zip(*(_COUNTS(line.cells) for line in lines), strict=True)))


def _only_blocks(cells: Cells, family: str) -> Cells:
    dsp = 0 if family == "ice40hx" else cells.dsp  # the HX devices have no multipliers
    luts = cells.lut_ram if family == "ecp5" else 0
    return Cells(dsp=dsp, block_ram=cells.block_ram, lut_ram=luts)


def _kind(mapped: Mapped) -> str:
    return "logic" if mapped.logic else "block_ram" if mapped.blocks else "lut_ram"


def _size(line: Contribution) -> int:
    return line.cells.block_ram + line.cells.lut_ram


def _images(parameters: Parameters, contents: dict[str, Fields]) -> Images:
    files = ("WEIGHTS", "COEF", "THRESHOLD", "OFFSET", "LEAK")
    named = {key: str(parameters[key]) for key in files if key in parameters}
    return {key: contents[name] for key, name in named.items() if name in contents}
