"""Format a synthesis as text and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import groupby

from rich.table import Table

from rfssm.hls.design import Design
from rfssm.hls.synthesis.flow import Synthesis
from rfssm.hls.synthesis.netlist_cells import CellReport, Cells, module_of
from rfssm.hls.synthesis.nextpnr import Placement, Step
from rfssm.scripts import proof_tables

_COLUMNS = {
    "lut": "LUT",
    "mux": "mux",
    "carry": "carry",
    "ff": "FF",
    "dsp": "DSP",
    "block_ram": "block RAM",
    "lut_ram": "LUT RAM",
    "other": "other",
}
_KINDS = {"block_ram": "block RAM", "lut_ram": "LUT RAM", "logic": "logic"}


def summary(synthesis: Synthesis) -> Iterator[object]:
    """Yield everything that ``rfssm synth`` prints."""
    yield from _head(synthesis)
    yield cell_table(synthesis.cells)
    yield memory_table(synthesis.cells)
    if synthesis.equivalence is not None:
        yield from proof_tables.summary(synthesis.equivalence, synthesis.cells.modules)
    best = synthesis.best
    if best is None:
        yield "clock rate and bitstream: placed by Vivado only"
    else:
        yield _utilization_table(synthesis, best)
        yield from _timing(synthesis, best)
    yield from _cycles(synthesis)


def _head(synthesis: Synthesis) -> Iterator[str]:
    target, network = synthesis.target, synthesis.design.network
    device = [target.package] if target.package else []
    device += [f"speed {synthesis.speed}"] if synthesis.speed else []
    yield f"{network.name} on {target.name}" + (f" ({', '.join(device)})" if device else "")
    yield f"top: {synthesis.top.module}, {synthesis.top.words}"
    yield lanes_line(synthesis.design)


def lanes_line(design: Design) -> str:
    """Return a line with the lanes of each layer."""
    *layers, readout = design.lanes
    each = [f"layer{i} {lanes.synapse}/{lanes.neuron}" for i, lanes in enumerate(layers)]
    return f"synapse/neuron lanes: {', '.join([*each, f'readout {readout.synapse}'])}"


def cell_table(report: CellReport) -> Table:
    """Return a table of the cells by module."""
    total = report.total
    shown = [f.name for f in fields(Cells) if f.name != "other" or total.other]
    table = Table(title="cells by module")
    table.add_column("")
    for name in shown:
        table.add_column(_COLUMNS[name], justify="right")
    for module, cells in report.modules.items():
        table.add_row(module, *_counts(cells, len(shown)))
    table.add_section()
    table.add_row("total", *_counts(total, len(shown)))
    return table


def _counts(cells: Cells, columns: int) -> list[str]:
    return [f"{count:,}" if count else "-" for count in astuple(cells)[:columns]]


def memory_table(report: CellReport) -> Table:
    """Return a table of the arrays and the cells that hold them."""
    table = Table(title="memory")
    for column in ("module", "memory"):
        table.add_column(column)
    for column in ("words", "bits wide", "bits", "cells"):
        table.add_column(column, justify="right")
    table.add_column("in")
    for memory in report.memories:
        numbers = (memory.words, memory.width, memory.bits)
        cells = f"{memory.cells:,}" if memory.cells else "-"
        table.add_row(
            memory.module, memory.name, *(f"{n:,}" for n in numbers), cells, _KINDS[memory.kind]
        )
    return table


def _utilization_table(synthesis: Synthesis, best: Placement) -> Table:
    table = Table(title=f"places taken on {synthesis.target.name}")
    table.add_column("")
    for column in ("used", "available", "share"):
        table.add_column(column, justify="right")
    for resource in synthesis.target.resources:
        used, available = best.used.get(resource.name, (0, resource.count))
        table.add_row(resource.words, f"{used:,}", f"{available:,}", f"{used / available:.0%}")
    return table


def _timing(synthesis: Synthesis, best: Placement) -> Iterator[object]:
    seeds = ", ".join(f"{p.seed}: {p.fmax_mhz:.1f}" for p in synthesis.placements)
    several = f" ({len(synthesis.placements)} seeds, {seeds})" if synthesis.placements[1:] else ""
    yield f"Fmax {best.fmax_mhz:.1f} MHz with seed {best.seed}{several}"
    if not best.path:
        return
    ends = (module_of(best.path[at].signal, synthesis.cells.modules) for at in (0, -1))
    yield (
        f"critical path: {best.logic_ns:.1f} ns in cells and {best.routing_ns:.1f} ns on wires, "
        f"from {' to '.join('.'.join(end) for end in ends)}"
    )
    table = Table(title="critical path")
    table.add_column("module")
    table.add_column("near signal", overflow="fold")
    for column in ("cells", "ns in cells", "ns on wires"):
        table.add_column(column, justify="right")
    for stretch in stretches(best.path):
        module, signal = module_of(stretch.signal, synthesis.cells.modules)
        times = (f"{stretch.in_cells:.2f}", f"{stretch.on_wires:.2f}")
        table.add_row(module, signal, str(stretch.cells), *times)
    yield table


@dataclass(frozen=True)
class Stretch:
    """The steps of a path near one signal."""

    signal: str
    cells: int
    in_cells: float
    on_wires: float


def stretches(path: Sequence[Step]) -> list[Stretch]:
    """Return a path with the steps near one signal combined."""
    found = []
    for signal, group in groupby(path, key=lambda step: step.signal):
        steps = list(group)
        cells = [step.ns for step in steps if step.kind != "routing"]
        wires = [step.ns for step in steps if step.kind == "routing"]
        found.append(Stretch(signal, sum(ns > 0 for ns in cells), sum(cells), sum(wires)))
    return found


def _cycles(synthesis: Synthesis) -> Iterator[str]:
    cycles = synthesis.cycles
    if cycles is None:
        if synthesis.no_cycles:
            yield f"cycles are not known: {synthesis.no_cycles}"
        return
    yield (
        f"{cycles.samples:,} samples, {cycles.steps:,} steps, {cycles.events:,} events in: "
        f"{cycles.per_step:.2f} cycles per step, {cycles.per_sample:,.0f} per sample"
    )
    spread = f"{cycles.latency_min:,} to {cycles.latency_max:,}"
    yield f"latency of a sample: {cycles.latency:,.0f} cycles in the mean, {spread}"
    latency, rate = synthesis.latency_us, synthesis.samples_per_second
    if latency is not None and rate is not None:
        yield f"at Fmax: latency {latency:,.1f} us, {rate:,.0f} samples per second"
