"""The recurrence in C++, forward and backward fused: see ``cpu.cpp``.

With a grid the states are int16 where they fit (and the gradient is float32), otherwise int32; the
arithmetic is int32 where no product or sum can exceed it, otherwise float64.  A layer's weights and
inputs of at most 8 bits are multiplied as int8, with exact int32 sums.  Of the gradients, only that
of such a layer's input is rounded: see ``products``.

Real numbers are computed in the order of ``reference``: the same spikes, bit for bit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rfssm.model.recurrence import memory, native, products, reference
from rfssm.model.recurrence.cell import Cell, Synapse
from rfssm.model.recurrence.grid import Grid
from rfssm.model.recurrence.problem import Recurrence, call, contiguous


def available() -> bool:
    """Return whether the kernel can be used; warn once if it cannot."""
    return native.library() is not None


def resonate(current: Tensor, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.resonate``."""
    if not _fits(current, grid):
        return reference.resonate(current, cell, grid)
    spikes, states = _Resonate.apply(  # type: ignore[no-untyped-call]
        current, cell.transition, cell.reset, cell, grid
    )
    return spikes, states


def layer(x: Tensor, synapse: Synapse, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.layer``."""
    if not _fits(x, grid):
        return reference.layer(x, synapse, cell, grid)
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
        return reference.integrate(current, leak, grid)
    states: Tensor = _Integrate.apply(current, leak, grid)  # type: ignore[no-untyped-call]
    return states


def _fits(x: Tensor, grid: Grid | None) -> bool:
    """Return whether the kernel computes these numbers; otherwise the plain loop serves."""
    types = (torch.float32, torch.float64)
    return x.dtype in types and (grid is None or max(-grid.low, grid.high + 1) <= 1 << 31)


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
        ctx.recurrence = Recurrence(shape, cell, grid, None, 0, current.dtype)
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
            current = products.product(rows, weight, x.dtype)
        else:
            current = products.exact_product(rows, weight, synapse)
            largest = products.largest_sum(synapse) << synapse.guard_bits
            if bias is not None:
                largest += int(bias.detach().abs().max())
        dtype = torch.float64 if current.dtype == torch.float64 else torch.float32
        ctx.recurrence = Recurrence(shape, cell, grid, bias, synapse.guard_bits, dtype)
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
        recurrence: Recurrence = ctx.recurrence
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
        product = products.exact_product(x.reshape(-1, x.shape[-1]), weight, synapse).double()
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
    """Return whether the weights are integers of at most 8 bits."""
    return grid is not None and synapse.largest_weight <= products.INT8


class _Integrate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
        samples, steps, classes = current.shape
        ctx.shape, ctx.grid = (samples, steps, 1, classes), grid
        ctx.dtype = dtype = current.dtype if grid is None else torch.float64
        states = memory.empty((samples, steps, classes), dtype)
        arrays = {
            "current": contiguous(current, dtype),
            "transition": contiguous(leak, dtype),
            "states": states,
        }
        call("rfssm_integrate", ctx.shape, grid, dtype, {}, arrays)
        ctx.save_for_backward(states, leak)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        states, leak = ctx.saved_tensors
        current_grad = torch.empty_like(states)
        sums = torch.empty(len(leak), dtype=torch.float64)
        arrays = {
            "states": states,
            "transition": contiguous(leak, ctx.dtype),
            "spike_grad": contiguous(grads[0], ctx.dtype),
            "current_grad": current_grad,
            "sums": sums,
        }
        call("rfssm_integrate_backward", ctx.shape, ctx.grid, ctx.dtype, {}, arrays)
        return current_grad, sums.to(leak.dtype), None
