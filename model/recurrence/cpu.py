"""The recurrence in C++, forward and backward fused: see ``cpu.cpp``.

With a grid the states are int16 where they fit (and the gradient is float32), otherwise int32; the
arithmetic is int32 where no product or sum can exceed it, otherwise float64.  A layer's weights and
inputs of at most 8 bits are multiplied as int8, with exact int32 sums.  Of the gradients, only that
of such a layer's input is rounded: see ``products``.

Real numbers are computed in the order of ``reference``: the same spikes, bit for bit.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from rfssm.model.recurrence import adjoint, memory, native, products
from rfssm.model.recurrence.cell import Cell, Synapse
from rfssm.model.recurrence.grid import Grid

_TYPES = {torch.int16: 0, torch.int32: 1, torch.float32: 2, torch.float64: 3}
_ROUNDINGS = {"TRN": 0, "TRN_ZERO": 1, "RND": 2, "RND_CONV": 3}
_SURROGATES = {"multi_gaussian": 0, "boxcar": 1, "arctan": 2}
_SUMS = 8
_INT8 = 127
_SANE = 1 << 30  # larger currents saturate any int32 state; FAR in cpu.cpp

_INTEGERS = ("samples", "steps", "planes", "neurons", "low", "high")
_CHOICES = ("current_type", "state_type", "arithmetic", "exact", "rounding", "frac", "guard_bits")
_POINTERS = ("transition", "threshold", "reset", "bias", "current", "states", "spikes")
_BACKWARD = ("slope_unit", "spike_grad", "current_grad", "sums")


class _Problem(ctypes.Structure):
    """Mirrors ``Problem`` in cpu.cpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _INTEGERS),
        *((name, ctypes.c_int32) for name in (*_CHOICES, "surrogate", "threads")),
        *((name, ctypes.c_void_p) for name in (*_POINTERS, *_BACKWARD)),
    )


def available() -> bool:
    """Whether the kernel can be used; warns once if it cannot."""
    return native.library() is not None


def resonate(current: Tensor, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.resonate``."""
    if not _fits(current, grid):
        return adjoint.resonate(current, cell, grid)
    spikes, states = _Resonate.apply(  # type: ignore[no-untyped-call]
        current, cell.transition, cell.reset, cell, grid
    )
    return spikes, states


def layer(x: Tensor, synapse: Synapse, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.layer``."""
    if not _fits(x, grid):
        return adjoint.layer(x, synapse, cell, grid)
    spikes, states = _Layer.apply(  # type: ignore[no-untyped-call]
        x, synapse.weight, synapse.bias, cell.transition, cell.reset, synapse, cell, grid
    )
    return spikes, states


def current(x: Tensor, synapse: Synapse, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.current``."""
    if grid is None or not _fits(x, grid):
        return synapse.current(x, grid)
    made: Tensor = _Current.apply(  # type: ignore[no-untyped-call]
        x, synapse.weight, synapse.bias, synapse, grid
    )
    return made


def integrate(current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.integrate``."""
    if not _fits(current, grid):
        return adjoint.integrate(current, leak, grid)
    states: Tensor = _Integrate.apply(current, leak, grid)  # type: ignore[no-untyped-call]
    return states


def _fits(x: Tensor, grid: Grid | None) -> bool:
    """Whether there is a kernel for these numbers; otherwise the loop is as good."""
    types = (torch.float32, torch.float64)
    return x.dtype in types and (grid is None or max(-grid.low, grid.high + 1) <= 1 << 31)


@dataclass(frozen=True)
class _Recurrence:
    """The kernel's arguments that forward and backward share.

    dtype    of spikes and gradients
    """

    shape: tuple[int, int, int, int]
    cell: Cell
    grid: Grid | None
    bias: Tensor | None
    guard_bits: int
    dtype: torch.dtype

    def forward(self, current: Tensor, largest: int) -> tuple[Tensor, Tensor]:
        """Spikes and states.

        largest    no |current| * 2^guard_bits + |bias| is larger
        """
        samples, steps, _, neurons = self.shape
        grid = self.grid
        arithmetic = state_type = self.dtype
        if grid is not None:
            arithmetic = torch.int32 if self._int32_will_do(largest) else torch.float64
            short = grid.low >= -(2**15) and grid.high < 2**15 and self.dtype == torch.float32
            state_type = torch.int16 if short else torch.int32
        states = memory.empty((samples, steps, 2, neurons), state_type)
        spikes = memory.empty((samples, steps, neurons), self.dtype)
        self._call("rfssm_forward", arithmetic, current=current, states=states, spikes=spikes)
        return spikes, states

    def backward(self, spike_grad: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient of the current and sums over samples and steps, ``enum Sum`` in cpu.cpp."""
        current_grad = memory.empty(self.shape, self.dtype)
        sums = torch.empty(_SUMS, self.shape[3], dtype=torch.float64)
        self._call(
            "rfssm_backward",
            self.dtype,
            states=states,
            slope_unit=_contiguous(self.cell.unit.detach(), self.dtype),
            spike_grad=_contiguous(spike_grad, self.dtype),
            current_grad=current_grad,
            sums=sums,
        )
        return current_grad, sums

    def _int32_will_do(self, largest: int) -> bool:
        """Whether no product, no rounding and no sum can leave int32."""
        assert self.grid is not None
        if self.grid.frac > 30:
            return False
        state = max(-self.grid.low, self.grid.high)
        one = 2.0**self.grid.frac
        gain = float(self.cell.transition.detach().abs().sum(-1).max())
        reset = self.cell.reset
        kick = 0.0 if reset is None else float(reset.detach().abs().max())
        linear = gain * state + 2
        return (gain * state + 1) * one < 2**31 and state + linear + kick + largest <= _SANE

    def _call(self, function: str, arithmetic: torch.dtype, **arrays: Tensor) -> None:
        grid, cell = self.grid, self.cell
        transition = cell.transition.detach().permute(1, 2, 0)
        threshold = cell.threshold.detach()
        compared = arithmetic
        if grid is not None:
            threshold = threshold.floor().clamp(max(grid.low - 1, -(2**31)), grid.high)
            if arithmetic == torch.int32:
                transition = transition * 2.0**grid.frac
            elif function == "rfssm_backward":
                compared = torch.int32
        arrays["transition"] = _contiguous(transition, arithmetic)
        arrays["threshold"] = _contiguous(threshold, compared)
        if cell.reset is not None:
            arrays["reset"] = _contiguous(cell.reset.detach().T, arithmetic)
        if self.bias is not None:
            arrays["bias"] = _contiguous(self.bias.detach(), arithmetic)
        choices = {"guard_bits": self.guard_bits, "surrogate": _SURROGATES[cell.surrogate]}
        _call(function, self.shape, grid, arithmetic, choices, arrays)


def _call(
    function: str,
    shape: Sequence[int],
    grid: Grid | None,
    arithmetic: torch.dtype,
    choices: Mapping[str, int],
    arrays: Mapping[str, Tensor],
) -> None:
    """Call the library.  Every array is contiguous; those that it needs not may be missing."""
    problem = _problem(shape, grid, arithmetic, choices, arrays)
    getattr(native.library(), function)(ctypes.byref(problem))


def _problem(
    shape: Sequence[int],
    grid: Grid | None,
    arithmetic: torch.dtype,
    choices: Mapping[str, int],
    arrays: Mapping[str, Tensor],
) -> _Problem:
    types = {name: _TYPES[array.dtype] for name, array in arrays.items()}
    problem = _Problem(
        **dict(zip(_INTEGERS, shape, strict=False)),
        **choices,
        current_type=types.get("current", 0),
        state_type=types["states"],
        **{name: array.data_ptr() for name, array in arrays.items()},
        arithmetic=_TYPES[arithmetic],
        exact=grid is not None,
        threads=torch.get_num_threads(),
    )
    if grid is not None:
        problem.low, problem.high, problem.frac = grid.low, grid.high, grid.frac
        problem.rounding = _ROUNDINGS[grid.rounding]
    return problem


def _contiguous(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype).contiguous()


def _cell_grads(sums: Tensor, cell: Cell) -> tuple[Tensor, Tensor | None]:
    """Gradients of transition and reset."""
    transition = sums[:4].view(2, 2, -1).permute(2, 0, 1).to(cell.transition.dtype)
    reset = cell.reset
    return transition, None if reset is None else sums[4:6].T.to(reset.dtype)


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
        samples, steps, planes, neurons = current.shape
        shape = samples, steps, planes, neurons
        ctx.recurrence = _Recurrence(shape, cell, grid, None, 0, current.dtype)
        # The kernel clips currents that no state survives.
        spikes, states = ctx.recurrence.forward(current.contiguous(), 0)
        ctx.save_for_backward(states)
        ctx.mark_non_differentiable(states)
        ctx.set_materialize_grads(False)
        return spikes, states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if grads[0] is None:
            return (None,) * 5
        (states,) = ctx.saved_tensors
        current, sums = ctx.recurrence.backward(grads[0], states)
        return current, *_cell_grads(sums, ctx.recurrence.cell), None, None


class _Layer(torch.autograd.Function):
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
        grid: Grid | None,
    ) -> tuple[Tensor, Tensor]:
        samples, steps, inputs = x.shape
        shape = samples, steps, synapse.planes, len(cell.threshold)
        rows = x.reshape(-1, inputs)
        largest = 0
        ctx.guard_bits, ctx.small_weights = synapse.guard_bits, _small_weights(synapse, grid)
        if grid is None:
            current = _product(rows, weight, x.dtype)
        else:
            current = _exact_product(rows, weight, synapse)
            largest = _largest_sum(synapse) << synapse.guard_bits
            if bias is not None:
                largest += int(bias.detach().abs().max())
        dtype = torch.float64 if current.dtype == torch.float64 else torch.float32
        ctx.recurrence = _Recurrence(shape, cell, grid, bias, synapse.guard_bits, dtype)
        spikes, states = ctx.recurrence.forward(current, largest)
        ctx.save_for_backward(x, weight, bias, states)
        ctx.mark_non_differentiable(states)
        ctx.set_materialize_grads(False)
        return spikes.to(x.dtype), states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if grads[0] is None:
            return (None,) * 8
        x, weight, bias, states = ctx.saved_tensors
        recurrence: _Recurrence = ctx.recurrence
        current_grad, sums = recurrence.backward(grads[0], states)
        x_grad, weight_grad = _product_grads(ctx, current_grad, x, weight)
        bias_grad = None
        if bias is not None:
            bias_grad = sums[6 : 6 + recurrence.shape[2]].to(bias.dtype)
        cell_grads = _cell_grads(sums, recurrence.cell)
        return x_grad, weight_grad, bias_grad, *cell_grads, None, None, None


class _Current(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, synapse: Synapse, grid: Grid
    ) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.guard_bits, ctx.small_weights = synapse.guard_bits, _small_weights(synapse, grid)
        product = _exact_product(x.reshape(-1, x.shape[-1]), weight, synapse).double()
        current = (
            product.view(*x.shape[:-1], synapse.planes, len(weight) // synapse.planes)
            * 2.0**synapse.guard_bits
        )
        return current if bias is None else current + bias

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        grad = grads[0].to(x.dtype).contiguous()
        bias_grad = None if bias is None else grads[0].sum((0, 1)).to(bias.dtype)
        return *_product_grads(ctx, grad, x, weight), bias_grad, None, None


def _product_grads(
    ctx: Any, current_grad: Tensor, x: Tensor, weight: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of x and weight, a function's first arguments, where they are wanted."""
    grad, gain = current_grad.view(-1, len(weight)), 2.0**ctx.guard_bits
    x_grad = weight_grad = None
    if ctx.needs_input_grad[0]:
        rounded = ctx.small_weights and grad.dtype == torch.float32
        x_grad = products.input_gradient(grad, weight, gain, rounded=rounded)
        x_grad = x_grad.view(x.shape).to(x.dtype)
    if ctx.needs_input_grad[1]:
        rows = x.reshape(-1, x.shape[-1])
        weight_grad = (products.weight_gradient(grad, rows) * gain).to(weight.dtype)
    return x_grad, weight_grad


def _small_weights(synapse: Synapse, grid: Grid | None) -> bool:
    """Whether the weights are integers of at most 8 bits."""
    return grid is not None and synapse.largest_weight <= _INT8


def _largest_sum(synapse: Synapse) -> int:
    """No sum of integer inputs times weights is larger."""
    return synapse.largest_input * synapse.largest_weight * synapse.weight.shape[1]


def _product(x: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
    """x W^T."""
    product = memory.empty((len(x), len(weight)), dtype)
    return torch.mm(x.to(dtype), weight.to(dtype).T, out=product)


def _exact_product(x: Tensor, weight: Tensor, synapse: Synapse) -> Tensor:
    """x W^T of integers: in int8 if they fit, else in the narrowest type that holds every sum."""
    largest = _largest_sum(synapse)
    small = synapse.largest_input <= _INT8 and synapse.largest_weight <= _INT8
    small = small and x.shape[-1] > 1  # torch 2.13 gives wrong products of a single column
    if small and x.dtype == torch.float32 and largest < 2**31 and _int8_works():
        product = memory.empty((len(x), len(weight)), torch.int32)
        return torch._int_mm(x.to(torch.int8), weight.to(torch.int8).T, out=product)
    single = x.dtype == torch.float32 and largest < 2**24
    dtype = torch.float32 if single else torch.float64
    return _product(x, weight, dtype)


@cache
def _int8_works() -> bool:
    """Whether torch's int8 product, which is not public, is there and exact on odd shapes."""
    random = torch.Generator().manual_seed(0)
    try:
        for rows, inner, columns in ((1, 1, 1), (5, 140, 7), (33, 513, 20)):
            a = torch.randint(-128, 128, (rows, inner), generator=random)
            b = torch.randint(-128, 128, (columns, inner), generator=random)
            got = torch._int_mm(a.to(torch.int8), b.to(torch.int8).T)
            if not torch.equal(got.long(), a @ b.T):
                return False
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True


class _Integrate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
        samples, steps, classes = current.shape
        ctx.shape, ctx.grid = (samples, steps, 1, classes), grid
        ctx.dtype = dtype = current.dtype if grid is None else torch.float64
        states = memory.empty((samples, steps, classes), dtype)
        arrays = {
            "current": _contiguous(current, dtype),
            "transition": _contiguous(leak, dtype),
            "states": states,
        }
        _call("rfssm_integrate", ctx.shape, grid, dtype, {}, arrays)
        ctx.save_for_backward(states, leak)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        states, leak = ctx.saved_tensors
        current_grad = torch.empty_like(states)
        sums = torch.empty(len(leak), dtype=torch.float64)
        arrays = {
            "states": states,
            "transition": _contiguous(leak, ctx.dtype),
            "spike_grad": _contiguous(grads[0], ctx.dtype),
            "current_grad": current_grad,
            "sums": sums,
        }
        _call("rfssm_integrate_backward", ctx.shape, ctx.grid, ctx.dtype, {}, arrays)
        return current_grad, sums.to(leak.dtype), None
