"""The recurrence on a GPU: one fused Triton kernel forward and one backward.

With a grid the arithmetic is that of integers, without one that of the plain loop in its order;
either way the bits are those of ``reference``.  Gradients are summed in a fixed order.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from rfssm.errors import ToolError
from rfssm.model.recurrence.cell import Cell, Synapse
from rfssm.model.recurrence.grid import Grid

BLOCK = 32  # cells of a program: one warp
GROUP = 8  # steps whose loads are under way at once
LONGEST = 127  # the largest integer that enters the product of bytes


def available() -> bool:
    """Return whether there is a GPU, and Triton."""
    return torch.cuda.is_available() and importlib.util.find_spec("triton") is not None


def resonate(current: Tensor, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.resonate``."""
    spikes, states = _Resonate.apply(  # type: ignore[no-untyped-call]
        current, cell.transition, cell.reset, cell, grid
    )
    return spikes, states


def layer(x: Tensor, synapse: Synapse, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.layer``.

    Integers of 8 bits are multiplied as such, and the recurrence takes their sums as they are.
    """
    short = max(synapse.largest_input, synapse.largest_weight) <= LONGEST
    short = short and LONGEST**2 * x.shape[-1] < 2**31
    if grid is None or not short or not _multiplies_bytes(x.device):
        spikes, states = resonate(synapse.current(x, grid), cell, grid)
        return spikes.to(x.dtype), states
    spikes, states = _Layer.apply(  # type: ignore[no-untyped-call]
        x, synapse.weight, synapse.bias, cell.transition, cell.reset, synapse, cell, grid
    )
    return spikes, states


def current(x: Tensor, synapse: Synapse, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.current``."""
    return synapse.current(x, grid)


def integrate(current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.integrate``."""
    states: Tensor = _Integrate.apply(current, leak, grid)  # type: ignore[no-untyped-call]
    return states


class _Resonate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        transition: Tensor,
        reset: Tensor | None,
        cell: Cell,
        grid: Grid | None,
    ) -> tuple[Tensor, Tensor]:
        planes = current.shape[2]
        spikes, states = _forward(current.flatten(2), planes, cell, grid, current.dtype)
        ctx.save_for_backward(states)
        ctx.planes, ctx.cell, ctx.grid = planes, cell, grid
        ctx.mark_non_differentiable(states)
        ctx.set_materialize_grads(False)
        return spikes, states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        if grads[0] is None:  # nothing that is differentiated depends on the spikes
            return (None,) * 5
        (states,) = ctx.saved_tensors
        return *_backward(grads[0], states, ctx.planes, ctx.cell, ctx.grid), None, None


class _Layer(torch.autograd.Function):
    """The product of integers, and the recurrence on its sums as they are."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        transition: Tensor,
        reset: Tensor | None,
        synapse: Synapse,
        cell: Cell,
        grid: Grid,
    ) -> tuple[Tensor, Tensor]:
        guard_bits = synapse.guard_bits
        largest = synapse.largest_input * synapse.largest_weight * x.shape[-1] << guard_bits
        spikes, states = _forward(
            _product(x, weight), synapse.planes, cell, grid, x.dtype, bias, guard_bits, largest
        )
        ctx.save_for_backward(x, weight, states)
        ctx.synapse, ctx.cell, ctx.grid = synapse, cell, grid
        ctx.mark_non_differentiable(states)
        ctx.set_materialize_grads(False)
        return spikes, states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        if grads[0] is None:
            return (None,) * 8
        x, weight, states = ctx.saved_tensors
        current, *others = _backward(grads[0], states, ctx.synapse.planes, ctx.cell, ctx.grid)
        rows, scale = current.flatten(2).flatten(0, 1), 2.0**ctx.synapse.guard_bits
        into_x, into_weight, into_bias = ctx.needs_input_grad[:3]
        return (
            (rows @ (weight * scale).to(rows.dtype)).view_as(x) if into_x else None,
            rows.T @ x.flatten(0, 1) * scale if into_weight else None,
            current.sum((0, 1)) if into_bias else None,
            *others,
            *(None,) * 3,
        )


class _Integrate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
        real = torch.promote_types(current.dtype, leak.dtype)
        states = current.new_empty(current.shape, dtype=real if grid is None else torch.float64)
        work = real if grid is None else torch.int64
        _launch(
            "integrate", states, current=current, leak=leak, states=states, WORK=work,
            **_constants(grid),
        )  # fmt: skip
        ctx.save_for_backward(states, leak)
        ctx.grid = grid
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        states, leak = ctx.saved_tensors
        current, sums = torch.empty_like(states), torch.empty_like(states[:, 0])
        _launch(
            "integrate_adjoint", states, state_grad=grads[0], states=states, leak=leak,
            current_grad=current, sums=sums, WORK=states.dtype, **_constants(ctx.grid),
        )  # fmt: skip
        return current, sums.sum(0), None


def _forward(
    current: Tensor,
    planes: int,
    cell: Cell,
    grid: Grid | None,
    dtype: torch.dtype,
    bias: Tensor | None = None,
    guard_bits: int = 0,
    largest: int = 0,
) -> tuple[Tensor, Tensor]:
    """Spikes of the given dtype, and states.

    current    real numbers, or integers to be shifted left by guard_bits; a row holds what enters
               u, then what enters v, then perhaps padding                          (B, T, P N +)
    largest    no |integer current| is larger, after the shift
    """
    real = torch.promote_types(dtype, cell.transition.dtype)
    samples, length, row = current.shape
    neurons = len(cell.transition)
    spikes = current.new_empty(samples, length, neurons, dtype=dtype)
    states = current.new_empty(samples, length, 2, neurons, dtype=_state_type(grid, real))
    _launch(
        "resonate", spikes, current=current, bias=bias, **_cells(cell), spikes=spikes,
        states=states, row=row, largest=largest, GUARD=guard_bits, PLANES=planes, FLOAT=real,
        **_constants(grid),
    )  # fmt: skip
    return spikes, states


def _backward(
    grad: Tensor, states: Tensor, planes: int, cell: Cell, grid: Grid | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Gradients of current, transition and reset."""
    samples, length, neurons = grad.shape
    real = torch.promote_types(grad.dtype, torch.float32)
    current = grad.new_empty(samples, length, planes, neurons)
    sums = grad.new_empty(samples, 6, neurons, dtype=real)
    # Where a boxcar ends is decided as precisely as in the plain loop
    unit = cell.unit if grid is None or cell.surrogate == "boxcar" else cell.unit.to(real)
    _launch(
        "resonate_adjoint", grad, spike_grad=grad, states=states, **_cells(cell), unit=unit,
        current_grad=current, sums=sums, PLANES=planes, SURROGATE=cell.surrogate, WORK=real,
        **_constants(grid),
    )  # fmt: skip
    transition = sums[:, :4].sum(0).T.reshape(neurons, 2, 2)
    return current, transition, None if cell.reset is None else sums[:, 4:].sum(0).T


def _cells(cell: Cell) -> dict[str, Tensor | None]:
    return {"transition": cell.transition, "reset": cell.reset, "threshold": cell.threshold}


def _constants(grid: Grid | None) -> dict[str, str | int | None]:
    if grid is None:
        return {"ROUNDING": None, "LOW": 0, "HIGH": 0, "FRAC": 0}
    return {"ROUNDING": grid.rounding, "LOW": grid.low, "HIGH": grid.high, "FRAC": grid.frac}


def _state_type(grid: Grid | None, real: torch.dtype) -> torch.dtype:
    """Return the smallest integer type that holds the states."""
    if grid is None:
        return real
    farthest = max(-grid.low - 1, grid.high)
    integers = (torch.int16, torch.int32, torch.int64)
    return next(t for t in integers if farthest <= torch.iinfo(t).max)


def _product(x: Tensor, weight: Tensor) -> Tensor:
    """x W^T of integers that fit in bytes, each row padded with zeros: (B, T, M) -> (B, T, N +).

    CUDA wants more than 16 rows, and everything in multiples of 8.
    """
    rows, columns = x[..., 0].numel(), x.shape[-1]
    left = x.new_zeros(max(_padded(rows), 24), _padded(columns), dtype=torch.int8)
    left[:rows, :columns] = x.flatten(0, 1)
    right = weight.new_zeros(_padded(len(weight)), _padded(columns), dtype=torch.int8)
    right[: len(weight), :columns] = weight
    return torch._int_mm(left, right.T)[:rows].view(*x.shape[:2], len(right))


def _padded(size: int) -> int:
    return -(-size // 8) * 8


@functools.cache
def _multiplies_bytes(device: torch.device) -> bool:
    """Return whether torch's undocumented product of bytes gives the right integers."""
    x = torch.arange(-127, 128, device=device).repeat(11).view(1, 165, 17).float()
    weight = x[0, 60:77]
    try:
        product = _product(x, weight)[..., :17]
    except (AttributeError, RuntimeError):
        return False
    return torch.equal(product.double(), nn.functional.linear(x.double(), weight.double()))


def _launch(name: str, like: Tensor, **arguments: object) -> None:
    """Run a kernel over samples and cells of ``like`` (B, T, N).

    arguments    the kernel's own, without ``length``, ``neurons``, ``BLOCK`` and ``GROUP``
    """
    kernels = _kernels()
    if like.device.type == "cpu" and not kernels.triton.knobs.runtime.interpret:
        raise ToolError("kernel: gpu on CPU tensors; allowed are CUDA tensors")
    samples, length, neurons = like.shape
    for argument, value in arguments.items():
        if isinstance(value, Tensor):
            arguments[argument] = value.contiguous()
        elif isinstance(value, torch.dtype):
            arguments[argument] = kernels.dtype(value)
    with torch.cuda.device(like.device) if like.is_cuda else contextlib.nullcontext():
        getattr(kernels, name)[samples, -(-neurons // BLOCK)](
            **arguments, length=length, neurons=neurons,
            BLOCK=BLOCK, GROUP=GROUP, num_warps=1, enable_fp_fusion=False,
        )  # fmt: skip


@functools.cache
def _kernels() -> ModuleType:
    try:
        from rfssm.model.recurrence import triton_kernels
    except ImportError as error:
        raise ToolError(
            "kernel: gpu needs Triton, which torch's CUDA builds bring along; "
            "otherwise: pip install 'triton>=3.3' (Linux)"
        ) from error
    return triton_kernels
