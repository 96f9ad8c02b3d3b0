"""Measure speeds as ratios to a baseline within one run: ``make bench``.

Variants take turns, and the median of each is reported.  Training is measured on one thread in
processor time; the engines, which start programs, in real time.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from rfssm.hls.design import Design, Lanes
from rfssm.hls.engines import missing, run, verilator
from rfssm.hls.estimate.estimate import activity_of, estimate
from rfssm.hls.estimate.fit import fit_lanes
from rfssm.hls.synthesis import target
from rfssm.model import recurrence
from rfssm.model.network import FloatNetwork, build
from rfssm.model.recipe import NetworkConfig
from rfssm.model.recurrence import Cell, Grid, native, products, resonate
from rfssm.model.recurrence import problem as problems
from rfssm.quant.arithmetic import signed_range
from rfssm.quant.freeze import freeze
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import QuantizationConfig
from rfssm.quant.samples import Samples
from tests import bench_gpu, bench_scan

Variant = Callable[[], object]


def medians(
    variants: Mapping[str, Variant], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Return the median seconds of each variant; variants take turns after one warm-up."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for i in range(rounds + 1):
        for name, variant in variants.items():
            began = clock()
            variant()
            if i:
                times[name].append(clock() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def report(title: str, baseline: str, seconds: Mapping[str, float]) -> Table:
    table = Table("variant", "median s", f"times {baseline}", title=title)
    for name, value in seconds.items():
        table.add_row(name, f"{value:.4f}", f"{value / seconds[baseline]:.2f}")
    return table


def speech_network() -> tuple[IntegerNetwork, Samples]:
    """Return an untrained 140-128-128-10 network and spikes of about the density of speech."""
    random = torch.Generator().manual_seed(0)
    config = NetworkConfig(neurons=(128, 128))
    spec = InputSpec(channels=140, bits=1, signed=False, frac=0, steps_max=250)
    network = QATNetwork(build(config, 140, 10, random), QuantizationConfig(), spec)
    rng = np.random.default_rng(0)
    x = (rng.random((20, 110, 140)) < 0.07).astype(np.int64)
    steps = np.full(20, 110)
    network.calibrate(torch.from_numpy(x).float(), torch.from_numpy(steps), 0.5)
    return freeze(network, name="bench"), Samples(x, steps)


@contextmanager
def kernel(name: str) -> Iterator[None]:
    """Make a kernel the default for all devices."""
    before = recurrence.fastest
    recurrence.fastest = lambda device: name
    try:
        yield
    finally:
        recurrence.fastest = before


@contextmanager
def torch_products() -> Iterator[None]:
    """Make torch compute the gradients of a layer's product."""
    before = products.input_gradient, products.weight_gradient
    products.input_gradient = lambda grad, weight, gain, rounded: (
        grad @ (weight * gain).to(grad.dtype)
    )
    products.weight_gradient = lambda grad, x: grad.T @ x.to(grad.dtype)
    try:
        yield
    finally:
        products.input_gradient, products.weight_gradient = before


def training_steps(
    neurons: tuple[int, ...],
    classes: int,
    kernels: Sequence[str],
    batch: int = 32,
    steps: int = 250,
) -> dict[str, Variant]:
    """Return training steps (forward, loss, backward): quantised with each kernel, and real."""
    random = torch.Generator().manual_seed(0)
    config = NetworkConfig(neurons=neurons)
    real = build(config, 140, classes, random)
    spec = InputSpec(channels=140, bits=1, signed=False, frac=0, steps_max=steps)
    exact = QATNetwork(real, QuantizationConfig(), spec)
    x = (torch.rand(batch, steps, 140, generator=random) < 0.07).float()
    lengths = torch.full((batch,), steps)
    labels = torch.randint(classes, (batch,), generator=random)
    exact.calibrate(x[:8], lengths[:8], 0.5)

    def step(network: QATNetwork | FloatNetwork, name: str) -> None:
        for parameter in network.parameters():
            parameter.grad = None
        with kernel(name):
            logits = network.run(x, lengths).logits
            nn.functional.cross_entropy(logits, labels).backward()

    variants: dict[str, Variant] = {f"exact, {k}": partial(step, exact, k) for k in kernels}
    if "cpu" in kernels:
        variants["exact, cpu, gradients by torch.mm"] = torch_products()(
            partial(step, exact, "cpu")
        )
    variants["float, scan"] = partial(step, real, "scan")
    variants["float, cpu"] = partial(step, real, "cpu")
    return variants


def cells(neurons: int, frac: int = 14) -> Cell:
    random = torch.Generator().manual_seed(0)
    phase = 3 * torch.rand(neurons, generator=random, dtype=torch.float64)
    a, b = ((0.97 * x * 2**frac).trunc() / 2**frac for x in (phase.cos(), phase.sin()))
    transition = torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], -2)
    threshold = torch.full((neurons,), 100.0, dtype=torch.float64)
    return Cell(transition.requires_grad_(), threshold, 1 / threshold)


GRID = Grid("RND", *signed_range(16), 14)


@contextmanager
def prepared() -> Iterator[list[tuple[ctypes.Structure, object]]]:
    """Yield a list that collects the arguments of the C++ functions and the arrays behind them."""
    made: list[tuple[ctypes.Structure, object]] = []
    before = problems.make_problem

    def problem(*arguments: Any) -> ctypes.Structure:
        made.append((before(*arguments), arguments))
        return made[-1][0]

    problems.make_problem = problem
    try:
        yield made
    finally:
        problems.make_problem = before


def against_memory(batch: int, steps: int, neurons: int) -> Table:
    """Time the C++ kernel's two passes against probes that move the same bytes in the same arrays.

    Only the C++ functions are timed: the preparation of a call takes Python 0.1 to 0.3 ms.
    """
    shape = batch, steps, 2, neurons
    random = torch.Generator().manual_seed(0)
    current = torch.randint(-40, 41, shape, generator=random, dtype=torch.int32)
    run = problems.Recurrence(shape, cells(neurons), GRID, None, 0, torch.float32)
    into = torch.randn((batch, steps, neurons), generator=random)
    with prepared() as made:
        spikes, states = run.forward(current, 1000)
        out, _ = run.backward(into, states)
    forward, backward = (ctypes.byref(problem) for problem, _ in made)
    library = native.library()
    rows, width = ctypes.c_int64(batch * steps), ctypes.c_int64(neurons)
    with tempfile.TemporaryDirectory() as folder:
        source, built = Path(__file__).with_name("bench_probe.cpp"), Path(folder, "probe.so")
        subprocess.run(["g++", *native.flags(), str(source), "-o", str(built)], check=True)
        probe = ctypes.CDLL(str(built))

    def address(x: Tensor) -> ctypes.c_void_p:
        return ctypes.c_void_p(x.data_ptr())

    seconds = medians(
        {
            "probe forward": lambda: probe.probe_forward(
                address(current), address(states), address(spikes), rows, width
            ),
            "probe backward": lambda: probe.probe_backward(
                address(states), address(into), address(out), rows, width
            ),
            "kernel forward": lambda: library.rfssm_forward(forward),
            "kernel backward": lambda: library.rfssm_backward(backward),
        },
        41,
    )
    table = Table("pass", "kernel ms", "probe ms", "share of the probe's speed")
    table.title = (
        f"C++ kernel against memory, {batch} x {steps} x {neurons}, 16 bytes per cell step"
    )
    for name in ("forward", "backward"):
        fast, slow = seconds[f"probe {name}"], seconds[f"kernel {name}"]
        table.add_row(name, f"{slow * 1e3:.2f}", f"{fast * 1e3:.2f}", f"{fast / slow:.2f}")
    return table


def against_length(batch: int = 32, neurons: int = 128) -> Table:
    """Time forward and backward of the exact recurrence, from 250 to 16,000 steps.

    Short sequences are repeated up to 16,000 steps, so that the first one, which finds the caches
    filled by another variant, has little weight.
    """
    cell = cells(neurons)
    variants: dict[str, Variant] = {}
    lengths = (250, 1000, 4000, 16000)

    def run(times: int, current: Tensor, into: Tensor) -> None:
        for _ in range(times):
            spikes, _ = resonate(current, cell, GRID)
            torch.autograd.grad(spikes, [current, cell.transition], into)

    for length in lengths:
        random = torch.Generator().manual_seed(0)
        current = torch.randint(-40, 41, (batch, length, 2, neurons), generator=random).float()
        into = torch.randn(batch, length, neurons, generator=random)
        times = lengths[-1] // length
        variants[str(length)] = partial(run, times, current.requires_grad_(), into)
    seconds = medians(variants, 7)
    first = seconds["250"]
    table = Table("steps", "ms", "ns per cell step", "relative to 250")
    table.title = f"exact recurrence, {batch} x T x {neurons}"
    for length in lengths:
        total = seconds[str(length)]
        table.add_row(
            f"{length:,}",
            f"{total / (lengths[-1] // length) * 1e3:.2f}",
            f"{total / lengths[-1] / batch / neurons * 1e9:.2f}",
            f"{total / first:.2f}",
        )
    return table


def estimates(network: IntegerNetwork, samples: Samples) -> dict[str, Variant]:
    """Return the parts of ``rfssm estimate``, and the golden model on the same samples."""
    design, device = Design.of(network, Lanes(16, 4)), target("ecp5-85k")
    return {
        "golden": lambda: run(network, samples, "golden"),
        "activity": lambda: activity_of(network, samples),
        "activity, estimate": lambda: estimate(design, device, activity_of(network, samples)),
        "lanes for ecp5-25k": lambda: fit_lanes(network, target("ecp5-25k"), activity_of(network)),
    }


def main() -> None:
    """Run all benchmarks and print their tables."""
    torch.set_num_threads(1)
    console = Console()
    recurrence.KERNELS["scan"] = bench_scan
    for title, neurons, classes, rounds in (
        ("SHD, 32 x 250, 140-2x128-20", (128, 128), 20, 7),
        ("SSC, 32 x 250, 140-4x512-35", (512,) * 4, 35, 3),
    ):
        steps = training_steps(neurons, classes, ("reference", "cpu"))
        seconds = medians(steps, rounds)
        console.print(report(f"training step, {title}", "exact, cpu", seconds))
    console.print(against_memory(32, 250, 128))
    console.print(against_memory(32, 250, 512))
    console.print(against_length())
    for table in bench_gpu.tables():
        console.print(table)

    network, samples = speech_network()
    console.print(
        report("an estimate of the same", "golden", medians(estimates(network, samples), 7))
    )
    engines = [e for e in ("golden", "csim", "verilator") if missing(e) is None]
    table = {e: (lambda e=e: run(network, samples, e)) for e in engines}
    console.print(
        report(
            "20 samples of 110 steps, 140-128-128-10",
            "golden",
            medians(table, 3, time.perf_counter),
        )
    )

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
