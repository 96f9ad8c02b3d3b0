"""Measure the speed of the recurrence on a GPU against the bandwidth of a copy."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from rfssm.model.recurrence import Cell, Grid, Synapse, gpu

FRAC = 14
GRID = Grid("RND", -(1 << 15), (1 << 15) - 1, FRAC)
BATCH, STEPS, CHANNELS, NEURONS, LAYERS = 128, 250, 140, 512, 4  # SSC
GIB = 2**30


def tables() -> list[Table]:
    """Return the tables of all measurements; none without a GPU."""
    return [recurrence(), training_step()] if gpu.available() else []


def milliseconds(run: Callable[[], object], rounds: int = 20) -> float:
    """Return the median time on the device, after three runs to warm up."""
    times = []
    for i in range(rounds + 3):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        if i >= 3:
            times.append(start.elapsed_time(end))
    return statistics.median(times)


def cells(neurons: int, device: str) -> Cell:
    random = torch.Generator().manual_seed(0)
    phase = torch.rand(neurons, generator=random, dtype=torch.float64)
    a, b = ((0.97 * x * 2**FRAC).trunc() / 2**FRAC for x in (phase.cos(), phase.sin()))
    transition = torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], -2)
    threshold = torch.full((neurons,), 100.0, dtype=torch.float64, device=device)
    return Cell(transition.to(device).requires_grad_(), threshold, 1 / threshold)


def recurrence(
    batch: int = BATCH, steps: int = STEPS, neurons: int = NEURONS, device: str = "cuda"
) -> Table:
    """Compare with a copy by the bytes that must move; a copy reads and writes each byte once."""
    blank = torch.empty(GIB // 4, device=device)
    copy = torch.empty_like(blank)
    speeds = {"copy": (milliseconds(lambda: copy.copy_(blank)), 2.0 * GIB)}
    cell = cells(neurons, device)
    for planes in (1, 2):
        current = torch.randint(-40, 41, (batch, steps, planes, neurons), device=device).float()
        spikes, states = gpu.resonate(current.requires_grad_(), cell, GRID)
        into = torch.ones_like(spikes)
        moved = float(sum(x.numel() * x.element_size() for x in (current, spikes, states)))

        def forward(current: Tensor = current) -> None:
            gpu.resonate(current, cell, GRID)

        def backward(
            spikes: Tensor = spikes, current: Tensor = current, into: Tensor = into
        ) -> None:
            torch.autograd.grad(spikes, [current, cell.transition], into, retain_graph=True)

        speeds[f"forward, P = {planes}"] = milliseconds(forward), moved
        speeds[f"backward, P = {planes}"] = milliseconds(backward), moved
    title = f"exact recurrence of one layer, {batch} x {steps} x {neurons}"
    table = Table("", "median ms", "GB/s", "of a copy's", title=title)
    peak = speeds["copy"][1] / speeds["copy"][0]
    for name, (time, moved) in speeds.items():
        speed = moved / time
        table.add_row(name, f"{time:.3f}", f"{speed / 1e6:.0f}", f"{speed / peak:.2f}")
    return table


def training_step(
    batch: int = BATCH, steps: int = STEPS, neurons: int = NEURONS, device: str = "cuda"
) -> Table:
    """Time forward and backward of the spiking layers with products, without loss and optimizer."""
    random = torch.Generator().manual_seed(0)
    x = (torch.rand(batch, steps, CHANNELS, generator=random) < 0.07).float().to(device)
    synapses = []
    for inputs in (CHANNELS, *(neurons,) * (LAYERS - 1)):
        weight = torch.randint(-7, 8, (2 * neurons, inputs), generator=random).float()
        weight = weight.to(device).requires_grad_()
        synapses.append(Synapse(weight, planes=2, largest_input=1, largest_weight=7))
    cell = cells(neurons, device)

    def step() -> None:
        spikes = x
        for synapse in synapses:
            spikes, _ = gpu.layer(spikes, synapse, cell, GRID)
        spikes.sum().backward()

    title = f"exact training step, {CHANNELS}-{LAYERS}x{neurons}, {batch} x {steps}"
    table = Table("", "median ms", title=title)
    table.add_row("spiking layers, forward and backward", f"{milliseconds(step):.2f}")
    return table


if __name__ == "__main__":
    for table in tables():
        Console().print(table)
