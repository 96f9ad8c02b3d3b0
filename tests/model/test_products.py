"""The products of the backward pass in C++: sums of every shape and density, threads, faults."""

from __future__ import annotations

import ctypes

import pytest
import torch
from torch import Tensor

from rfssm.model.recurrence import native, products

PRECISION = {torch.float32: 1e-6, torch.float64: 1e-14}


def assert_products(rows: int, columns: int, x: Tensor, dtype: torch.dtype) -> None:
    """Both equal torch's in double precision, to rounding: relative to the terms of each sum."""
    random = torch.Generator().manual_seed(1)
    inputs = x.shape[1]
    grad = torch.randn(rows, columns, generator=random).to(dtype)
    weight = torch.randint(-127, 128, (columns, inputs), generator=random).double()
    for got, left, right in (
        (products.input_gradient(grad, weight), grad.double(), weight),
        (products.weight_gradient(grad, x), grad.double().T, x.double()),
    ):
        assert got.dtype == dtype
        assert got.shape == (len(left), inputs)
        bound = PRECISION[dtype] * (left.abs() @ right.abs())
        assert ((got.double() - left @ right).abs() <= bound).all()


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("density", [0.0, 0.03, 0.24, 0.26, 1.0])
@pytest.mark.parametrize("largest", [1, 3, 127])
def test_sums_of_any_density(density: float, largest: int, dtype: torch.dtype) -> None:
    """Nothing at all, spikes, either side of the change to dense sums, all ones; several bits."""
    random = torch.Generator().manual_seed(0)
    rows, columns, inputs = 700, 150, 45
    x = torch.randint(1, largest + 1, (rows, inputs), generator=random)
    x = x * (torch.rand(rows, inputs, generator=random) < density)
    assert_products(rows, columns, x.to(dtype), dtype)


SHAPES = [(1, 1, 1), (128, 128, 32), (129, 129, 33), (14, 513, 65), (2, 1030, 1), (1000, 3, 7)]


@pytest.mark.parametrize("density", [0.1, 1.0])
@pytest.mark.parametrize(("rows", "columns", "inputs"), [*SHAPES, (0, 5, 4), (300, 1, 2)])
def test_sums_of_any_shape(rows: int, columns: int, inputs: int, density: float) -> None:
    """Just at, below and beyond what a tile, a vector and a chunk hold."""
    random = torch.Generator().manual_seed(0)
    x = (torch.rand(rows, inputs, generator=random) < density) * torch.randn(rows, inputs)
    for dtype in PRECISION:
        assert_products(rows, columns, x.to(dtype), dtype)


def test_arrays_that_are_not_contiguous() -> None:
    grad, x = torch.randn(64, 40).T, torch.eye(60, 40).T[:, ::2]
    assert torch.allclose(products.weight_gradient(grad, x), grad.T @ x, atol=1e-5)
    weight = torch.randn(9, 64).T
    assert torch.allclose(products.input_gradient(grad, weight), grad @ weight, atol=1e-4)


@pytest.mark.parametrize("density", [0.1, 1.0])
def test_the_number_of_threads_changes_no_bit(density: float) -> None:
    grad, weight = torch.randn(1000, 300), torch.randn(300, 77)
    x = (torch.rand(1000, 77) < density).float()
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            both = products.input_gradient(grad, weight), products.weight_gradient(grad, x)
            results.append(torch.cat(both))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[1], results[0])
    assert torch.equal(results[2], results[0])


@pytest.mark.parametrize(("fault", "density"), [("FAULT_EVENT", 0.1), ("FAULT_TILE", 1.0)])
def test_a_planted_fault_is_found(
    fault: str, density: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event counts as a one; the last term of a tile's sums is left out."""
    x = 2.0 * (torch.rand(200, 20, generator=torch.Generator().manual_seed(0)) < density)
    assert_products(200, 30, x, torch.float32)
    broken = ctypes.CDLL(str(native.build(["-O1", f"-D{fault}"])))
    monkeypatch.setattr(native, "library", lambda: broken)
    with pytest.raises(AssertionError):
        assert_products(200, 30, x, torch.float32)
