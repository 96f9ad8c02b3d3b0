"""The products of the backward pass in C++: sums of every shape and density, rounding, threads."""

from __future__ import annotations

import ctypes
from pathlib import Path

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


def has(feature: str) -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and f" {feature} " in cpuinfo.read_text()


rounds = pytest.mark.skipif(not has("avx2"), reason="only x86-64 with AVX2 rounds gradients")


def rounded_gradient(grad: Tensor, weight: Tensor, gain: float) -> Tensor:
    """What ``Rounded`` in product.cpp is defined to be: exact integer sums of 512 terms each."""
    total = torch.zeros(len(grad), weight.shape[1])
    for some, integers in zip(grad.split(512, 1), weight.long().split(512), strict=True):
        largest = some.abs().amax(1, keepdim=True).double()
        unit = 2 ** (largest.log2().floor() - 14)
        words = (some / unit).round().clamp(max=2**15 - 1).nan_to_num().long()
        total += (words @ integers).float() * (unit * gain).float()
    return total


@rounds
@pytest.mark.parametrize(("rows", "columns", "inputs"), [*SHAPES, (0, 5, 4), (31, 512, 40)])
def test_rounded_gradients_are_exact_sums_of_what_is_rounded(
    rows: int, columns: int, inputs: int
) -> None:
    random = torch.Generator().manual_seed(0)
    grad = torch.randn(rows, columns, generator=random) ** 3
    grad *= 10.0 ** torch.randint(-20, 20, (rows, 1), generator=random)
    weight = torch.randint(-127, 128, (columns, inputs), generator=random).double()
    got = products.input_gradient(grad, weight, 4.0, rounded=True)
    assert torch.equal(got, rounded_gradient(grad, weight, 4.0))
    exact = grad.double() @ weight * 4
    bound = grad.abs().amax(1, keepdim=True) * 4 * 2.0**-15 * weight.abs().sum(0)
    assert ((got - exact).abs() <= bound).all()


@rounds
def test_rounded_gradients_of_the_largest_words() -> None:
    """512 products of the largest 16-bit and 8-bit integers just fit into 32 bits."""
    grad, weight = torch.full((20, 512), -1.9999999), torch.full((512, 40), 127.0)
    grad[:7] *= -1
    weight[:, 1] = -127
    got = products.input_gradient(grad, weight, rounded=True)
    assert torch.equal(got, rounded_gradient(grad, weight, 1.0))
    assert torch.allclose(got, grad @ weight, rtol=2**-14)


@rounds
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_rounding_hides_no_gradient_that_is_not_finite(wrong: float) -> None:
    grad = torch.ones(30, 600)
    grad[7, 550], grad[9], grad[11] = wrong, 0.0, 1e-37
    got = products.input_gradient(grad, torch.ones(600, 20), rounded=True)
    assert got[7].isnan().all()
    assert (got[9] == 0).all()
    assert (got[11] == 0).all()  # too small for a reciprocal
    assert torch.equal(got[8], torch.full((20,), 600.0))


def test_arrays_that_are_not_contiguous() -> None:
    grad, x = torch.randn(64, 40).T, torch.eye(60, 40).T[:, ::2]
    assert torch.allclose(products.weight_gradient(grad, x), grad.T @ x, atol=1e-5)
    weight = torch.randn(9, 64).T
    assert torch.allclose(products.input_gradient(grad, weight), grad @ weight, atol=1e-4)


@rounds
def test_rounded_gradients_of_arrays_that_are_not_contiguous() -> None:
    grad, weight = torch.randn(64, 40).T, (5 * torch.randn(9, 64).T).round()
    got = products.input_gradient(grad, weight, rounded=True)
    assert torch.equal(got, rounded_gradient(grad, weight, 1.0))


@pytest.mark.parametrize("density", [0.1, 1.0])
def test_the_number_of_threads_changes_no_bit(density: float) -> None:
    grad, weight = torch.randn(1000, 300), torch.randn(300, 77)
    small = (30 * weight).round().clamp(-127, 127)
    x = (torch.rand(1000, 77) < density).float()
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            plain = products.input_gradient(grad, weight), products.weight_gradient(grad, x)
            rounded = products.input_gradient(grad, small, rounded=True)
            results.append(torch.cat([*plain, rounded]))
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
    monkeypatch.setattr(native, "library", lambda: broken(fault))
    with pytest.raises(AssertionError):
        assert_products(200, 30, x, torch.float32)


@rounds
@pytest.mark.parametrize("fault", ["FAULT_TILE", "FAULT_TRUNCATED"])
def test_a_planted_fault_of_rounded_gradients_is_found(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last pair of a tile's sums is left out; gradients are cut, not rounded."""
    monkeypatch.setattr(native, "library", lambda: broken(fault))
    with pytest.raises(AssertionError):
        test_rounded_gradients_are_exact_sums_of_what_is_rounded(128, 128, 32)


@rounds
@pytest.mark.parametrize("processor", ["x86-64-v4", "x86-64-v3"])
def test_rounded_gradients_are_the_same_on_other_processors(
    processor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 512 bits but without VNNI, and with 256 bits: bit for bit."""
    if processor == "x86-64-v4" and not has("avx512bw"):
        pytest.skip("a processor without AVX-512")
    library = built(f"-march={processor}")
    monkeypatch.setattr(native, "library", lambda: library)
    for shape in SHAPES:
        test_rounded_gradients_are_exact_sums_of_what_is_rounded(*shape)


def broken(fault: str) -> ctypes.CDLL:
    return built("-O1", f"-D{fault}")


def built(*options: str) -> ctypes.CDLL:
    """The products alone: the recurrence takes six times as long to compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_SOURCES", {"product.cpp": native._SOURCES["product.cpp"]})
        return ctypes.CDLL(str(native.build(options)))
