"""Kernel ``gpu`` against the plain loop: on a GPU, or with TRITON_INTERPRET=1 in Python.

``test_recurrence_gpu`` runs this file in a process of its own: Triton reads the variable once.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rfssm.model.recurrence import Cell, Grid, Synapse, gpu, reference
from rfssm.model.surrogate import Surrogate
from rfssm.quant.arithmetic import ROUNDINGS, signed_range

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
FRAC = 5  # few, so that halves to round are common
if INTERPRETED:
    gpu.GROUP = 3  # a step takes milliseconds
STEPS = gpu.GROUP + 2
SATURATING, SHORT, LONG = 8, 16, 28  # bits of a state: products in 32 bits but for LONG ones
RESETS, PLANES = (False, True), (1, 2)
SURROGATES: tuple[Surrogate, ...] = ("multi_gaussian", "boxcar", "arctan")

Problem = tuple[Tensor, Cell]


def grid_of(bits: int, rounding: Any = "RND") -> Grid:
    return Grid(rounding, *signed_range(bits), FRAC)


def problem(
    grid: Grid | None,
    planes: int = 2,
    reset: bool = False,
    surrogate: Surrogate = "multi_gaussian",
    samples: int = 1,
    cells: int = 24,
    dtype: torch.dtype = torch.float32,
) -> Problem:
    """Current and cells that spike about every fifth step; LONG cells come far."""
    random = torch.Generator().manual_seed(0)
    real = dtype if grid is None else torch.float64
    current = torch.randn(samples, STEPS, planes, cells, generator=random, dtype=torch.float64)
    transition = torch.randn(cells, 2, 2, generator=random, dtype=torch.float64)
    transition *= 0.97 / torch.linalg.matrix_norm(transition, 2)[:, None, None]
    threshold = torch.ones(cells, dtype=torch.float64)
    resets = -torch.rand(cells, 2, generator=random, dtype=torch.float64)
    if grid is not None:
        largest = min(60, grid.high) if grid.high < 2**LONG // 4 else grid.high / 4
        current = (current * largest).round()
        transition = (transition * 2**FRAC).trunc() / 2**FRAC
        threshold = (threshold * largest).round()
        resets = (resets * largest).round()
    cell = Cell(
        transition.to(real),
        threshold.to(real),
        (1 / threshold).to(real),
        resets.to(real) if reset else None,
        surrogate,
    )
    return current.to(dtype), cell


def on(device: str, value: Any) -> Any:
    """The same cell or synapse, its tensors on a device and trained."""
    tensors = {k: v for k, v in vars(value).items() if isinstance(v, Tensor)}
    moved = {k: v.detach().to(device).requires_grad_() for k, v in tensors.items()}
    return dataclasses.replace(value, **moved)


def outcome(spikes: Tensor, states: Tensor, trained: list[Tensor | None]) -> list[Tensor]:
    """Spikes, states, gradients of a random sum of the spikes."""
    weight = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1))
    (spikes * weight.to(spikes)).sum().backward()
    grads = [t.grad for t in trained if t is not None]
    assert all(g is not None for g in grads)
    return [
        x.detach().cpu().double() for x in (spikes, states, *(g for g in grads if g is not None))
    ]


def same(got: list[Tensor], expected: list[Tensor], tolerance: float = 1e-5) -> None:
    """Spikes and states to the bit, gradients almost."""
    assert 0 < expected[0].mean() < 1
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])
    for value, oracle in zip(got[2:], expected[2:], strict=True):
        assert value.shape == oracle.shape
        assert torch.allclose(value, oracle, rtol=0, atol=tolerance * float(oracle.abs().max()))


def compare(
    grid: Grid | None, made: Problem, other: Grid | None = None, tolerance: float = 1e-5
) -> None:
    """Kernel and plain loop; the kernel on another grid if one is given."""
    outcomes = []
    for kernel, device, on_grid in ((reference, "cpu", grid), (gpu, DEVICE, other or grid)):
        current = made[0].detach().to(device).requires_grad_()
        cell = on(device, made[1])
        spikes, states = kernel.resonate(current, cell, on_grid)
        assert spikes.dtype == current.dtype
        outcomes.append(outcome(spikes, states, [current, cell.transition, cell.reset]))
    same(outcomes[1], outcomes[0], tolerance)


SHAPES = tuple(itertools.product(PLANES, RESETS))
FORMATS = [  # every two settings meet
    (rounding, bits, *SHAPES[(i + j) % len(SHAPES)])
    for i, rounding in enumerate(ROUNDINGS)
    for j, bits in enumerate((SATURATING, SHORT, LONG))
]


@pytest.mark.parametrize(("rounding", "bits", "planes", "reset"), FORMATS)
def test_integers_equal_the_plain_loop(rounding: str, bits: int, planes: int, reset: bool) -> None:
    grid = grid_of(bits, rounding)
    compare(grid, problem(grid, planes, reset))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("planes", PLANES)
def test_real_numbers_equal_the_plain_loop(planes: int, reset: bool, dtype: torch.dtype) -> None:
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    compare(None, problem(None, planes, reset, dtype=dtype), tolerance=tolerance)


@pytest.mark.parametrize("grid", [None, grid_of(SHORT)], ids=["real", "integer"])
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_surrogates_equal_those_of_the_plain_loop(surrogate: Surrogate, grid: Grid | None) -> None:
    compare(grid, problem(grid, 2, True, surrogate))


def test_cells_in_several_programs_some_in_64_bits() -> None:
    grid = grid_of(20)
    current, cell = problem(grid, 1, True, samples=2, cells=2 * gpu.BLOCK + 5)
    cell.transition[gpu.BLOCK + 1] = torch.tensor([[2**12, -1.0], [1.0, 0.0]])
    compare(grid, (current, cell))


@pytest.mark.parametrize("bits", [SHORT, LONG])
def test_currents_beyond_any_integer_saturate(bits: int) -> None:
    grid = grid_of(bits)
    current, cell = problem(grid)
    current[:, ::3] *= 1e12
    compare(grid, (current, cell))


def test_thresholds_out_of_range_and_below_zero() -> None:
    grid = grid_of(SATURATING)
    current, cell = problem(grid, 2, True)
    cell.threshold[:8] = torch.tensor([-300, -129, -128, -1, 0, 126, 127, 1e15])
    compare(grid, (current, cell))


@pytest.mark.parametrize(
    ("bits", "dtype"), [(16, torch.int16), (17, torch.int32), (32, torch.int32), (33, torch.int64)]
)
def test_states_are_stored_as_short_as_they_fit(bits: int, dtype: torch.dtype) -> None:
    current, cell = problem(grid_of(SHORT), cells=1)
    _, states = gpu.resonate(current.to(DEVICE), on(DEVICE, cell), grid_of(bits))
    assert states.dtype == dtype


@pytest.mark.parametrize("bytes_", [True, False])
@pytest.mark.parametrize(
    ("planes", "bias", "guard_bits", "largest"),
    [(1, False, 0, 127), (2, True, 3, 127), (1, True, 2, 128)],
)
def test_layers_equal_the_plain_loop(
    planes: int,
    bias: bool,
    guard_bits: int,
    largest: int,
    bytes_: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not bytes_:
        monkeypatch.setattr(gpu, "_multiplies_bytes", lambda _: False)
    inputs, cells, grid = 11, 24, grid_of(SHORT, "RND_CONV")
    random = torch.Generator().manual_seed(2)
    weight = torch.randint(-largest, largest + 1, (planes * cells, inputs), generator=random)
    biases = torch.randint(-50, 50, (planes, cells), generator=random)
    synapse = Synapse(
        weight.float(), biases.double() if bias else None, planes, guard_bits, 1, largest
    )
    _, cell = problem(grid, planes, True)
    cell = dataclasses.replace(cell, threshold=cell.threshold * 2**guard_bits)
    x = torch.randint(0, 2, (2, STEPS, inputs), generator=random).float()
    outcomes = []
    for kernel, device in ((reference, "cpu"), (gpu, DEVICE)):
        taken, moved, run = (
            x.clone().to(device).requires_grad_(),
            on(device, synapse),
            on(device, cell),
        )
        spikes, states = kernel.layer(taken, moved, run, grid)
        trained = [taken, moved.weight, moved.bias, run.transition, run.reset]
        outcomes.append(outcome(spikes, states, trained))
    same(outcomes[1], outcomes[0])


def test_torch_multiplies_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device(DEVICE)
    assert gpu._multiplies_bytes(device)
    right = torch._int_mm
    gpu._multiplies_bytes.cache_clear()
    monkeypatch.setattr(torch, "_int_mm", lambda a, b: right(a, b) + 1)
    try:
        assert not gpu._multiplies_bytes(device)
    finally:
        gpu._multiplies_bytes.cache_clear()


@pytest.mark.parametrize(
    "grid", [None, *(grid_of(b, r) for b, r in itertools.product((8, 40), ROUNDINGS))], ids=str
)
def test_integrators_equal_the_plain_loop(grid: Grid | None) -> None:
    outcomes = []
    for kernel, device in ((reference, "cpu"), (gpu, DEVICE)):
        current = problem(grid, dtype=torch.float64)[0][:, :, 0].to(device).requires_grad_()
        leak = (torch.arange(24).double() / 24 * 2**FRAC).floor() / 2**FRAC
        leak = leak.to(device).requires_grad_()
        states = kernel.integrate(current, leak, grid)
        outcomes.append(outcome(states, states, [current, leak])[1:])
    got, expected = outcomes
    assert torch.equal(got[0], expected[0])
    for value, oracle in zip(got[1:], expected[1:], strict=True):
        assert torch.allclose(value, oracle, rtol=1e-12, atol=1e-9)


def test_gradients_are_the_same_in_every_run() -> None:
    grid = grid_of(SHORT)
    current, cell = problem(grid, 2, True, samples=2)
    grads = []
    for _ in range(2):
        run = on(DEVICE, cell)
        gpu.resonate(current.to(DEVICE), run, grid)[0].sum().backward()
        grads.append(run.transition.grad)
    assert torch.equal(*grads)


def test_another_rounding_is_noticed() -> None:
    for one, other in zip(ROUNDINGS, ROUNDINGS[1:] + ROUNDINGS[:1], strict=True):
        grid = grid_of(SHORT, one)
        with pytest.raises(AssertionError):
            compare(grid, problem(grid), dataclasses.replace(grid, rounding=other))


FAULTS: dict[str, tuple[str, Callable[..., Any], int]] = {
    "the half is one too small": (
        "rounded",
        lambda x, rounding, frac: (x + ((1 << (frac - 1)) - 1)) >> frac,
        SHORT,
    ),
    "spikes at the threshold": (
        "load_level",
        lambda at, here, low, high, work: gpu._kernels().tl.load(at, mask=here).to(work) - 1,
        SHORT,
    ),
    "32 bits where they overflow": ("_fits", lambda *_: True, LONG),
    "gradients pass a clipped state": ("unclipped", lambda grad, *_: grad, SATURATING),
}


@pytest.mark.skipif(not INTERPRETED, reason="compiled kernels stay as they are")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, faulty, bits = FAULTS[fault]
    grid = grid_of(bits)
    made = problem(grid)
    compare(grid, made)
    from rfssm.model.recurrence import triton_arithmetic

    for module in (gpu._kernels(), triton_arithmetic):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, faulty)
    with pytest.raises(AssertionError):
        compare(grid, made)
