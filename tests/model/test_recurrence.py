"""Every kernel against the plain loop, and the plain loop against the contract's vocabulary."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rfssm.contract import Rounding
from rfssm.model.recurrence import Cell, Grid, Synapse, integrate, layer, resonate
from rfssm.model.recurrence.grid import round_
from rfssm.model.surrogate import Surrogate
from rfssm.quant.arithmetic import ROUNDINGS, round_shift, signed_range

FRAC = 10
WIDTHS = (8, 16)
GRIDS = [
    None,
    *(Grid(r, *signed_range(bits), FRAC) for r, bits in itertools.product(ROUNDINGS, WIDTHS)),
]
OTHERS = ["cpu"]  # gpu: test_recurrence_gpu.py


def random_cells(
    grid: Grid | None, planes: int = 2, reset: bool = False, surrogate: Surrogate = "multi_gaussian"
) -> tuple[Tensor, Cell]:
    """Current and cells: 3 samples, 40 steps, 5 cells."""
    random = torch.Generator().manual_seed(0)
    current = torch.randn(3, 40, planes, 5, generator=random, dtype=torch.float64)
    transition = torch.randn(5, 2, 2, generator=random, dtype=torch.float64)
    transition *= 0.97 / torch.linalg.matrix_norm(transition, 2)[:, None, None]
    threshold = torch.ones(5, dtype=torch.float64)
    resets = -torch.rand(5, 2, generator=random, dtype=torch.float64)
    if grid is not None:
        current = (current * 60).round()
        transition = (transition * 2**FRAC).trunc() / 2**FRAC
        threshold = threshold * 64
        resets = (resets * 64).round()
    return current, Cell(transition, threshold, 1 / threshold, resets if reset else None, surrogate)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("kernel", OTHERS)
def test_cells_of_a_kernel_equal_the_plain_loop(
    kernel: str, grid: Grid | None, planes: int, reset: bool
) -> None:
    compare(kernel, grid, planes, reset)


@pytest.mark.parametrize("surrogate", ["multi_gaussian", "boxcar", "arctan"])
@pytest.mark.parametrize("kernel", OTHERS)
def test_every_surrogate_of_a_kernel_is_that_of_the_plain_loop(
    kernel: str, surrogate: Surrogate
) -> None:
    compare(kernel, None, 2, True, surrogate)


def compare(
    kernel: str,
    grid: Grid | None,
    planes: int,
    reset: bool,
    surrogate: Surrogate = "multi_gaussian",
) -> None:
    results = []
    for name in ("reference", kernel):
        current, cell = random_cells(grid, planes, reset, surrogate)
        trained = [t for t in (current, cell.transition, cell.reset) if t is not None]
        for tensor in trained:
            tensor.requires_grad_()
        spikes, states = resonate(current, cell, grid, kernel=name)
        weight = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1))
        (spikes * weight).sum().backward()
        results.append((spikes, states, *(t.grad for t in trained)))
    expected, got = results
    assert torch.equal(got[0], expected[0])
    assert 0 < expected[0].mean() < 1
    if grid is None:
        assert torch.allclose(got[1], expected[1], rtol=1e-12, atol=1e-12)
    else:
        assert torch.equal(got[1], expected[1])
        clipped = (expected[1] == grid.low) | (expected[1] == grid.high)
        assert bool(clipped.any()) == (grid.high < 2**10)  # the narrow grid saturates
    for value, oracle in zip(got[2:], expected[2:], strict=True):
        assert value is not None
        assert oracle is not None
        assert torch.allclose(value, oracle, rtol=1e-9, atol=1e-9 * float(oracle.abs().max()))


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("kernel", OTHERS)
def test_layers_of_a_kernel_equal_the_plain_loop_in_real_numbers(
    kernel: str, planes: int, bias: bool, reset: bool
) -> None:
    results = []
    for name in ("reference", kernel):
        random = torch.Generator().manual_seed(0)
        x = (torch.rand(3, 40, 7, generator=random) < 0.3).double()
        weight = torch.randn(planes * 5, 7, generator=random, dtype=torch.float64)
        biases = torch.randn(planes, 5, generator=random, dtype=torch.float64)
        cell = random_cells(None, reset=reset)[1]
        trained = [x, weight, biases, cell.transition, cell.reset]
        used = [t for t in trained if t is not None and (bias or t is not biases)]
        for tensor in used:
            tensor.requires_grad_()
        synapse = Synapse(weight, biases if bias else None, planes)
        spikes, states = layer(x, synapse, cell, kernel=name)
        chosen = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1))
        (spikes * chosen).sum().backward()
        results.append((spikes, states, *(t.grad for t in used)))
    assert 0 < results[0][0].mean() < 1
    for value, oracle in zip(results[1], results[0], strict=True):
        assert value is not None
        assert oracle is not None
        assert torch.allclose(value, oracle, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("kernel", OTHERS)
def test_integrators_of_a_kernel_equal_the_plain_loop(kernel: str, grid: Grid | None) -> None:
    results = []
    for name in ("reference", kernel):
        current = random_cells(grid)[0][:, :, 0].clone().requires_grad_()
        leak = (torch.tensor([0.0, 0.25, 0.5, 0.75, 0.96875]).double()).requires_grad_()
        states = integrate(current, leak, grid, kernel=name)
        weight = torch.randn(states.shape, generator=torch.Generator().manual_seed(1))
        (states * weight).sum().backward()
        results.append((states, current.grad, leak.grad))
    for value, oracle in zip(results[1], results[0], strict=True):
        assert value is not None
        assert oracle is not None
        assert torch.allclose(value, oracle, rtol=1e-9, atol=1e-9)
    if grid is not None:
        assert torch.equal(results[1][0], results[0][0])


@pytest.mark.parametrize("kernel", ["reference", *OTHERS])
def test_single_precision_currents_change_no_integer(kernel: str) -> None:
    grid = Grid("RND", *signed_range(16), FRAC)
    current, cell = random_cells(grid)
    expected = resonate(current, cell, grid, kernel="reference")
    spikes, states = resonate(current.float(), cell, grid, kernel=kernel)
    assert spikes.dtype == torch.float32
    assert torch.equal(spikes.double(), expected[0])
    assert torch.equal(states.double(), expected[1])


@pytest.mark.parametrize("kernel", ["reference", *OTHERS])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_gradient_passes_a_clipped_state(kernel: str, sign: int) -> None:
    grid = Grid("RND", *signed_range(8), FRAC)
    current = torch.zeros(1, 3, 2, 1, dtype=torch.float64)
    current[0, 0, 0] = 20
    current[0, 1, 0] = sign * 500  # u saturates at the second step
    current.requires_grad_()
    transition = torch.tensor([[[0.5, 0.0], [0.0, 0.5]]], dtype=torch.float64)
    threshold = torch.full((1,), 40.0, dtype=torch.float64)
    spikes, states = resonate(
        current, Cell(transition, threshold, 1 / threshold), grid, kernel=kernel
    )
    spikes[:, 2].sum().backward()
    assert states[0, 1, 0, 0] == (grid.high if sign > 0 else grid.low)
    assert current.grad is not None
    assert current.grad[0, 2, 0, 0] != 0
    assert current.grad[0, :2].abs().max() == 0


@pytest.mark.parametrize("kernel", ["reference", *OTHERS])
def test_gradient_passes_rounding_as_if_it_were_not_there(kernel: str) -> None:
    grid = Grid("RND", *signed_range(16), FRAC)
    current = torch.full((1, 2, 1), 101.0, dtype=torch.float64, requires_grad=True)
    leak = torch.full((1,), 0.75, dtype=torch.float64, requires_grad=True)
    integrate(current, leak, grid, kernel=kernel)[:, 1].sum().backward()
    assert current.grad is not None
    assert current.grad.flatten().tolist() == [0.75, 1.0]
    assert leak.grad is not None
    assert leak.grad.tolist() == [101.0]


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_rounding_equals_the_integer_vocabulary(rounding: Rounding) -> None:
    numerators = np.arange(-600, 601)
    for shift in (1, 2, 5):
        got = round_(torch.from_numpy(numerators / 2.0**shift), rounding)
        assert got.tolist() == round_shift(numerators, shift, rounding).tolist()


class Dead(torch.autograd.Function):
    """Passes numbers on and no gradient back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> None:
        return None


@pytest.mark.parametrize("kernel", ["reference", *OTHERS])
def test_spikes_that_nothing_depends_on_have_no_gradient(kernel: str) -> None:
    current, cell = random_cells(None, reset=True)
    x = current[:, :, 0].clone().requires_grad_()
    weight = torch.eye(5, dtype=torch.float64).repeat(2, 1).requires_grad_()
    for spikes, _ in (
        layer(x, Synapse(weight, planes=2), cell, kernel=kernel),
        resonate(x[:, :, None], cell, kernel=kernel),
    ):
        dead: Tensor = Dead.apply(spikes)  # type: ignore[no-untyped-call]
        dead.sum().backward()
        assert x.grad is None or not x.grad.any()
        assert weight.grad is None or not weight.grad.any()
