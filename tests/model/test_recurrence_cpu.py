"""The C++ kernel: every format against the plain loop, planted faults, its build, its memory."""

from __future__ import annotations

import ctypes
import gc
import itertools
import math
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from rfssm.errors import ToolError
from rfssm.model.recurrence import (
    Cell,
    Grid,
    Synapse,
    current,
    fastest,
    integrate,
    layer,
    memory,
    native,
    problem,
    products,
    resonate,
)
from rfssm.model.surrogate import Surrogate, derivative
from rfssm.quant.arithmetic import ROUNDINGS, signed_range

BITS = 53  # of the products that the contract allows
QUICK = "-O1"  # for what is compiled only to be broken
ONE: dict[str, list[str]] = {"product.cpp": []}  # a source that is enough to be built


@dataclass(frozen=True)
class Case:
    """A random layer: 3 samples, 30 steps, 7 inputs, 5 cells."""

    grid: Grid
    planes: int = 2
    bias: bool = False
    reset: bool = False
    guard_bits: int = 0
    largest_weight: int = 127
    largest_input: int = 1
    growth: float = 0.97  # norm of the transition
    seed: int = 0

    def tensors(self, dtype: torch.dtype) -> list[Tensor]:
        random = torch.Generator().manual_seed(self.seed)
        one, high = 2.0**self.grid.frac, self.grid.high
        weight = self._integers(random, self.largest_weight, 5 * self.planes, 7)
        x = self._integers(random, self.largest_input, 3, 30, 7).to(dtype)
        transition = torch.randn(5, 2, 2, generator=random, dtype=torch.float64)
        transition *= self.growth / torch.linalg.matrix_norm(transition, 2)[:, None, None]
        bias = self._integers(random, min(high, 999), self.planes, 5)
        reset = self._integers(random, min(high, 999), 5, 2)
        return [x, weight, bias, (transition * one).trunc() / one, reset]

    @staticmethod
    def _integers(random: torch.Generator, largest: int, *shape: int) -> Tensor:
        return torch.randint(-largest, largest + 1, shape, generator=random).double()

    def run(self, kernel: str, dtype: torch.dtype = torch.float32) -> tuple[list[Tensor], ...]:
        """Spikes and states; gradients."""
        x, weight, bias, transition, reset = tensors = self.tensors(dtype)
        for tensor in tensors:
            tensor.requires_grad_()
        threshold = torch.full((5,), float(min(self.grid.high // 2, 60)), dtype=torch.float64)
        synapse = Synapse(
            weight,
            bias if self.bias else None,
            self.planes,
            self.guard_bits,
            self.largest_input,
            self.largest_weight,
        )
        unit = 1 / threshold.clamp(min=1)
        cell = Cell(transition, threshold, unit, reset if self.reset else None)
        spikes, states = layer(x, synapse, cell, self.grid, kernel=kernel)
        chosen = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
        (spikes * chosen).sum().backward()
        return [spikes, states.double()], [t.grad for t in tensors if t.grad is not None]


def assert_equal(case: Case, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """The kernel computes the plain loop's bits, and its gradients."""
    (expected, grads), (got, got_grads) = case.run("reference", dtype), case.run("cpu", dtype)
    for value, oracle in zip(got, expected, strict=True):
        assert torch.equal(value, oracle)
    assert len(got_grads) == len(grads) == 3 + case.bias + case.reset
    assert_gradients(case, got_grads, grads)
    return expected


def assert_gradients(case: Case, got: list[Tensor], expected: list[Tensor]) -> None:
    """Of a layer's input, the first, and its parameters.  Single precision's first is rounded to 16
    bits where the weights have at most 8."""
    for i, (value, oracle) in enumerate(zip(got, expected, strict=True)):
        assert value.dtype == oracle.dtype
        rounded = i == 0 and value.dtype == torch.float32 and case.largest_weight <= 127
        bound = (2e-4 if rounded else 2e-5) * float(oracle.abs().max())
        assert torch.allclose(value, oracle, rtol=1e-5, atol=bound + 1e-8)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    state_bits = draw(st.integers(4, 32))
    frac = draw(st.integers(0, 31))
    growth = draw(st.sampled_from([0.3, 0.97, 1.0, 1.9]))
    products = state_bits + frac + math.ceil(math.log2(growth)) + 1
    assume(products <= BITS)
    return Case(
        Grid(draw(st.sampled_from(ROUNDINGS)), *signed_range(state_bits), frac),
        planes=draw(st.sampled_from([1, 2])),
        bias=draw(st.booleans()),
        reset=draw(st.booleans()),
        guard_bits=draw(st.integers(0, 8)),
        largest_weight=draw(st.sampled_from([1, 31, 127, 2**15 - 1])),
        largest_input=draw(st.sampled_from([1, 3, 127, 1000])),
        growth=growth,
        seed=draw(st.integers(0, 1000)),
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(case=cases())
def test_every_format_equals_the_plain_loop(case: Case) -> None:
    assert_equal(case)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(case=cases())
def test_double_precision_inputs_too(case: Case) -> None:
    assert_equal(case, torch.float64)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(case=cases())
def test_the_current_alone(case: Case) -> None:
    """What a readout integrates."""
    results = []
    for kernel in ("reference", "cpu"):
        x, weight, bias, *_ = tensors = case.tensors(torch.float32)
        for tensor in tensors:
            tensor.requires_grad_()
        largest = case.largest_input, case.largest_weight
        synapse = Synapse(
            weight, bias if case.bias else None, case.planes, case.guard_bits, *largest
        )
        value = current(x, synapse, case.grid, kernel=kernel)
        chosen = torch.randn(value.shape, generator=torch.Generator().manual_seed(1))
        (value * chosen).sum().backward()
        results.append([value.double(), *(t.grad for t in tensors if t.grad is not None)])
    (value, *grads), (got, *got_grads) = results
    assert torch.equal(got, value)
    assert len(got_grads) == len(grads) == 2 + case.bias
    assert_gradients(case, got_grads, grads)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("growth", "narrow"), [(0.99, True), (1.01, False)])
def test_the_widest_products_that_int32_holds(rounding: str, growth: float, narrow: bool) -> None:
    """Both states at the end of their range, transitions that add up to the end of int32."""
    grid = Grid(rounding, *signed_range(16), 15)  # type: ignore[arg-type]
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).double()
    rows = [torch.stack(pair) for pair in itertools.product(signs, signs)]
    transition = (torch.stack(rows) * growth * 2**15).trunc() / 2**15
    current = torch.zeros(4, 20, 2, 16)
    for sample, (u, v) in enumerate(itertools.product((-1, 1), (-1, 1))):
        current[sample, ::3, 0], current[sample, ::3, 1] = u * 1e9, v * 1e12  # saturates
    threshold = torch.full((16,), 100.0, dtype=torch.float64)
    cell = Cell(transition, threshold, 1 / threshold)
    recurrence = problem.Recurrence((4, 20, 2, 16), cell, grid, None, 0, torch.float32)
    assert recurrence._int32_will_do(0) is narrow
    for value, oracle in zip(
        resonate(current, cell, grid, kernel="cpu"),
        resonate(current, cell, grid, kernel="reference"),
        strict=True,
    ):
        assert torch.equal(value.double(), oracle.double())


@pytest.mark.parametrize("grid", [None, Grid("RND", *signed_range(16), 14)], ids=str)
def test_the_number_of_threads_changes_no_bit(grid: Grid | None) -> None:
    random = torch.Generator().manual_seed(0)
    neurons = 1100  # three blocks
    start = (torch.randn(3, 70, 2, neurons, generator=random) * 60).round()
    transition = torch.randn(neurons, 2, 2, generator=random, dtype=torch.float64) * 0.4
    transition = ((transition * 2**14).trunc() / 2**14).to(start.dtype if grid is None else None)
    threshold = torch.full((neurons,), 64.0)
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            current = start.clone().requires_grad_()
            trained = transition.clone().requires_grad_()
            reset = torch.full((neurons, 2), -30.0, requires_grad=True)
            cell = Cell(trained, threshold, 1 / threshold, reset)
            spikes, states = resonate(current, cell, grid, kernel="cpu")
            spikes.square().sum().backward()
            results.append([spikes, states, current.grad, trained.grad, reset.grad])
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for value, one in zip(other, results[0], strict=True):
            assert value is not None
            assert one is not None
            assert torch.equal(value, one)


def test_a_layer_of_real_numbers_rounds_no_gradient() -> None:
    """Weights between integers, and gradients far apart in one row."""
    random = torch.Generator().manual_seed(0)
    start = torch.randn(3, 40, 30, generator=random)
    weights = torch.randn(2 * 50, 30, generator=random) / 8
    transition = 0.4 * torch.randn(50, 2, 2, generator=random)
    far = 10.0 ** torch.linspace(-6, 0, 50)
    gradients = []
    for kernel in ("reference", "cpu"):
        x, weight = start.clone().requires_grad_(), weights.clone().requires_grad_()
        cell = Cell(transition, torch.ones(50), torch.ones(50))
        spikes, _ = layer(x, Synapse(weight, None, 2), cell, kernel=kernel)
        (spikes * far).sum().backward()
        gradients.append((x.grad, weight.grad))
    for expected, got in zip(*gradients, strict=True):
        assert expected is not None
        assert got is not None
        assert torch.allclose(got, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("surrogate", ["multi_gaussian", "boxcar", "arctan"])
def test_the_surrogate_in_single_precision(surrogate: Surrogate) -> None:
    """No transition: the gradient of the current is the surrogate at each state.

    Of multi_gaussian's centre the kernel leaves out what is below 1.15 * 2^-18.
    """
    distance = torch.cat([torch.linspace(-5, 5, 4001), torch.linspace(-200, 200, 4001)])
    current = (distance + 1)[None, :, None, None].requires_grad_()
    one = torch.ones(1)
    resonate(current, Cell(torch.zeros(1, 2, 2), one, one, None, surrogate), kernel="cpu")[
        0
    ].sum().backward()
    assert current.grad is not None
    u = current.detach()[0, :, 0, 0]
    expected = derivative(u.double() - 1, surrogate)
    left_out = 1.15 * 2**-18 if surrogate == "multi_gaussian" else 0.0
    got = current.grad[0, :, 0, 0].double()
    assert torch.allclose(got, expected, rtol=1e-5, atol=1e-6 + left_out)


def test_single_precision_spikes_and_states_are_the_plain_loops() -> None:
    random = torch.Generator().manual_seed(0)
    current = torch.randn(4, 200, 2, 33, generator=random)
    transition = torch.randn(33, 2, 2, generator=random)
    transition *= 0.99 / torch.linalg.matrix_norm(transition, 2)[:, None, None]
    results = []
    for kernel in ("reference", "cpu"):
        drive, trained = current.clone().requires_grad_(), transition.clone().requires_grad_()
        reset = torch.full((33, 2), -0.4, requires_grad=True)
        cell = Cell(trained, torch.ones(33), torch.ones(33), reset)
        spikes, states = resonate(drive, cell, kernel=kernel)
        (spikes * current[:, :, 0]).sum().backward()
        results.append([spikes, states, drive.grad, trained.grad, reset.grad])
    (spikes, states, *grads), (got_spikes, got_states, *got_grads) = results
    assert spikes is not None
    assert 0.05 < spikes.mean() < 0.95
    assert torch.equal(got_spikes, spikes)
    assert torch.equal(got_states, states)
    for value, oracle in zip(got_grads, grads, strict=True):
        assert value is not None
        assert oracle is not None
        assert torch.allclose(value, oracle, rtol=1e-5, atol=1e-5 * float(oracle.abs().max()))


FAULTS = {
    "FAULT_ROUNDING": Case(Grid("RND", *signed_range(16), 10)),
    "FAULT_THRESHOLD": Case(Grid("RND", *signed_range(6), 4), largest_weight=31),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Halves one LSB too low; a spike at the threshold instead of above it."""
    assert_equal(FAULTS[fault])
    broken = ctypes.CDLL(str(native.build([QUICK, f"-D{fault}"])))
    monkeypatch.setattr(native, "library", lambda: broken)
    with pytest.raises(AssertionError):
        assert_equal(FAULTS[fault])


# -- building --------------------------------------------------------------------------------------


@pytest.fixture
def forgotten() -> Iterator[None]:
    """As in a new process."""
    native.library.cache_clear()
    yield
    native.library.cache_clear()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_without_a_compiler_one_warning_and_the_same_results(
    compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(Grid("RND", *signed_range(12), 10))
    x, weight, _, transition, _ = case.tensors(torch.float32)
    threshold = torch.full((5,), 60.0, dtype=torch.float64)
    cell = Cell(transition, threshold, 1 / threshold)
    synapse = Synapse(weight, planes=2, largest_weight=127)
    monkeypatch.setenv("CXX", compiler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            spikes, states = layer(x, synapse, cell, case.grid)
            integrate(x, torch.full((7,), 0.5))
    assert [w.category for w in caught] == [native.KernelWarning]
    assert "install g++" in str(caught[0].message) or "set CXX" in str(caught[0].message)
    assert fastest(x.device) == "reference"
    expected = layer(x, synapse, cell, case.grid, kernel="reference")
    assert torch.equal(spikes, expected[0])
    assert torch.equal(states.double(), expected[1].double())


def slower(multiply: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def multiplied(a: Tensor, b: Tensor) -> Tensor:
        time.sleep(0.2)
        return multiply(a, b)

    return multiplied


@pytest.mark.parametrize("how", ["off by one", "wrong for one shape", "refuses", "missing"])
def test_products_of_bytes_that_are_wrong_are_not_used(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = torch._int_mm

    def wrong(a: Tensor, b: Tensor, **out: Tensor) -> Tensor:
        if how == "refuses":
            raise RuntimeError("not on this machine")
        return right(a, b, **out) + int(how == "off by one" or b.shape[1] == 7)

    case = Case(Grid("RND", *signed_range(16), 14))
    assert_equal(case)
    assert products._int8_works()
    pays = products._int8_pays
    monkeypatch.setattr(products, "_int8_pays", products._int8_works)
    products._int8_works.cache_clear()
    pays.cache_clear()
    if how == "missing":
        monkeypatch.delattr(torch, "_int_mm")
    else:
        monkeypatch.setattr(torch, "_int_mm", wrong)
    try:
        assert_equal(case)
        assert not products._int8_works()
        monkeypatch.setattr(torch, "mm", slower(torch.mm))
        assert not pays()  # however fast
    finally:
        products._int8_works.cache_clear()
        pays.cache_clear()


@pytest.mark.parametrize("pays", [True, False])
def test_products_of_bytes_and_of_floats_are_equal(
    pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    monkeypatch.setattr(products, "_int8_pays", lambda: used.append(pays) or pays)
    assert_equal(Case(Grid("RND", *signed_range(16), 14)))
    assert used


@pytest.mark.parametrize("slow", ["_int_mm", "mm"])
def test_products_of_bytes_are_used_where_they_are_the_faster(
    slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, slow, slower(getattr(torch, slow)))
    products._int8_pays.cache_clear()
    try:
        assert products._int8_pays() == (slow == "mm")
    finally:
        products._int8_pays.cache_clear()


def test_the_fast_kernel_is_the_default() -> None:
    assert fastest(torch.device("cpu")) == "cpu"


def test_two_processes_build_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path))
    monkeypatch.setattr(native, "_SOURCES", ONE)
    code = (
        "from rfssm.model.recurrence import native\n"
        f"native._SOURCES = {ONE}\n"
        "print(native.build(['-O0']))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    names = capfd.readouterr().out.split()
    assert len(names) == 2
    assert len(set(names)) == 1
    (entry,) = (tmp_path / "kernel").iterdir()  # and nothing is left beside it
    built = Path(names[0])
    assert built.parent == entry
    age, size = built.stat().st_mtime_ns, built.stat().st_size
    assert native.build(["-O0"]) == built
    assert built.stat().st_mtime_ns == age
    os.truncate(built, size // 2)  # as a full disk or a crash may leave it
    assert native.build(["-O0"]) == built
    assert built.stat().st_size == size


def test_a_broken_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path))
    with pytest.raises(ToolError, match="failed"):
        native.build(["--no-such-option"])
    assert list((tmp_path / "kernel").iterdir()) == []


# -- memory ----------------------------------------------------------------------------------------


def test_room_is_reused_once_nobody_holds_it() -> None:
    gc.collect()
    shape = (3, memory.SMALL)
    first = memory.empty(shape, torch.float32)
    address = first.data_ptr()
    view = first[1:]
    del first
    assert memory.empty(shape, torch.float32).data_ptr() != address  # the view still holds it
    del view
    taken = [memory.empty(shape, torch.float32).data_ptr() for _ in range(2)]
    assert address in taken


def test_room_of_any_shape_and_type() -> None:
    for dtype in (torch.int16, torch.int32, torch.float32, torch.float64, torch.bfloat16):
        for shape in ((5,), (3, 0, 2), (300, 7, 1111)):
            x = memory.empty(shape, dtype)
            assert x.shape == shape
            assert x.dtype == dtype
            assert x.fill_(1).float().mean() == 1 or x.numel() == 0


def test_a_sum_in_kept_room() -> None:
    a, b = (torch.randn(3, 500, 400, requires_grad=True) for _ in range(2))
    total = memory.add(a, b)
    assert torch.equal(total, a + b)
    (total * a.detach()).sum().backward()
    assert torch.equal(a.grad, a.detach())
    assert torch.equal(b.grad, a.detach())


def test_a_sum_on_another_device_stays_there() -> None:
    a = torch.ones(3, 500, 400, device="meta")
    assert memory.add(a, a).device == a.device


def test_no_more_room_waits_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_WAITING_BYTES", 5 * memory.SMALL)
    tensors = [memory.empty((2 * memory.SMALL,), torch.int8) for _ in range(6)]
    del tensors
    assert sum(map(len, memory._waiting)) <= memory.MAX_WAITING_BYTES
