"""Format an estimate as text and tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from rfssm.hls.estimate.estimate import FMAX_ERROR, Estimate
from rfssm.scripts.synth_tables import cell_table, lanes_line, memory_table


def summary(estimate: Estimate) -> Iterator[object]:
    """Yield everything that ``rfssm estimate`` prints."""
    network, target = estimate.design.network, estimate.target
    yield f"{network.name} on {target.name} (speed {estimate.speed}), estimated without any tool"
    yield lanes_line(estimate.design)
    yield cell_table(estimate.cells)
    yield memory_table(estimate.cells)
    yield _needs_table(estimate)
    yield f"Fmax about {estimate.fmax_mhz:.0f} MHz, give or take {FMAX_ERROR:.0%}"
    yield from _cycles(estimate)


def _needs_table(estimate: Estimate) -> Table:
    table = Table(title=f"places taken at least on {estimate.target.name}")
    table.add_column("")
    for column in ("needed", "available", "share"):
        table.add_column(column, justify="right")
    for resource in estimate.target.resources:
        needed = estimate.needs[resource.name]
        share = f"{needed / resource.count:.0%}"
        table.add_row(resource.words, f"{needed:,}", f"{resource.count:,}", share)
    return table


def _cycles(estimate: Estimate) -> Iterator[str]:
    cycles = estimate.cycles
    *layers, readout = (f"{rate:.1%}" for rate in estimate.rates)
    into = ", ".join([*(f"layer{i} {rate}" for i, rate in enumerate(layers)), f"readout {readout}"])
    if estimate.samples:
        source = f"of {cycles.samples} of {estimate.samples} samples"
    else:
        source = "at random, as no samples were given"
    yield f"events per input and step, {source}: {into}"
    yield f"{cycles.per_step:.2f} cycles per step, {cycles.per_sample:,.0f} per sample"
    spread = f"{cycles.latency_min:,} to {cycles.latency_max:,}"
    yield f"latency of a sample: {cycles.latency:,.0f} cycles in the mean, {spread}"
    yield (
        f"at Fmax: latency {estimate.latency_us:,.1f} us, "
        f"{estimate.samples_per_second:,.0f} samples per second"
    )
