"""Speed, as ratios against a named baseline in one run: ``make bench``.

Variants take turns, the median of each counts, one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from rfssm.hls.emit import Lanes
from rfssm.hls.engines import missing, run, verilator
from rfssm.model.network import build
from rfssm.model.recipe import NetworkConfig
from rfssm.model.recurrence import Cell, Grid, resonate
from rfssm.quant.freeze import freeze
from rfssm.quant.network import InputSpec, IntegerNetwork
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import QuantizationConfig
from rfssm.quant.samples import Samples

Variant = Callable[[], object]


def medians(variants: Mapping[str, Variant], rounds: int) -> dict[str, float]:
    """Seconds of each variant, in turns after one warm-up."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for i in range(rounds + 1):
        for name, variant in variants.items():
            began = time.perf_counter()
            variant()
            if i:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def report(title: str, baseline: str, seconds: Mapping[str, float]) -> Table:
    table = Table("variant", "median s", f"{baseline} takes x times as long", title=title)
    for name, value in seconds.items():
        table.add_row(name, f"{value:.3f}", f"{seconds[baseline] / value:.2f}")
    return table


def speech_network() -> tuple[IntegerNetwork, Samples]:
    """An untrained 140-128-128-10 network and spikes of about the density of speech."""
    random = torch.Generator().manual_seed(0)
    config = NetworkConfig(neurons=(128, 128))
    spec = InputSpec(channels=140, bits=1, signed=False, frac=0, steps_max=250)
    network = QATNetwork(build(config, 140, 10, random), QuantizationConfig(), spec)
    rng = np.random.default_rng(0)
    x = (rng.random((20, 110, 140)) < 0.07).astype(np.int64)
    steps = np.full(20, 110)
    network.calibrate(torch.from_numpy(x).float(), torch.from_numpy(steps), 0.5)
    return freeze(network, name="bench"), Samples(x, steps)


def training_step(kernel: str, batch: int, steps: int, neurons: int) -> Variant:
    """Forward and backward of the exact recurrence of one layer."""
    random = torch.Generator().manual_seed(0)
    current = torch.randint(-40, 41, (batch, steps, 2, neurons), generator=random).float()
    current.requires_grad_()
    phase = torch.rand(neurons, generator=random, dtype=torch.float64)
    a, b = (
        (0.97 * phase.cos() * 2**14).trunc() / 2**14,
        (0.97 * phase.sin() * 2**14).trunc() / 2**14,
    )
    transition = torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], -2)
    transition.requires_grad_()
    threshold = torch.full((neurons,), 100.0)
    grid = Grid("RND", -(1 << 15), (1 << 15) - 1, 14)
    cell = Cell(transition, threshold, 1 / threshold)

    def step() -> None:
        spikes, _ = resonate(current, cell, grid, kernel=kernel)
        spikes.sum().backward()

    return step


def main() -> None:
    """Run all benchmarks and print their tables."""
    torch.set_num_threads(1)
    console = Console()
    for title, shape in (("digits", (32, 64, 64)), ("SHD", (32, 250, 128))):
        variants = {kernel: training_step(kernel, *shape) for kernel in ("reference", "adjoint")}
        console.print(
            report(
                f"exact recurrence, forward and backward, {title} shape {shape}",
                "reference",
                medians(variants, 5),
            )
        )

    network, samples = speech_network()
    engines = [e for e in ("golden", "csim", "verilator") if missing(e) is None]
    table = {e: (lambda e=e: run(network, samples, e)) for e in engines}
    console.print(report("20 samples of 110 steps, 140-128-128-10", "golden", medians(table, 3)))

    cycles = Table("synapse lanes", "neuron lanes", "cycles per step", "steps per s at 100 MHz")
    for lanes in (Lanes(4, 1), Lanes(16, 4), Lanes(64, 16), Lanes(128, 16)):
        timed = verilator.simulate(network, samples, lanes=lanes)
        per_step = timed.cycles / int(samples.steps.sum())
        cycles.add_row(
            str(lanes.synapse), str(lanes.neuron), f"{per_step:.1f}", f"{1e8 / per_step:,.0f}"
        )
    console.print(cycles)


if __name__ == "__main__":
    main()
