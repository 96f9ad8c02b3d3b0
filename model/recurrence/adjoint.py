"""The recurrence with a hand-written backward pass: the adjoint runs over the stored states.

Forward and backward are one short loop each, without a graph; whatever does not depend on the
previous step (spikes, surrogate, gradient of the transition) is computed for all steps at once.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from rfssm.model.recurrence.cell import Cell, Synapse
from rfssm.model.recurrence.grid import Grid, round_
from rfssm.model.surrogate import Surrogate, derivative


def resonate(current: Tensor, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.resonate``."""
    spikes, states = _Resonate.apply(  # type: ignore[no-untyped-call]
        current, cell.transition, cell.reset, cell.threshold, cell.unit, cell.surrogate, grid
    )
    return spikes, states


def layer(x: Tensor, synapse: Synapse, cell: Cell, grid: Grid | None) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.layer``."""
    spikes, states = resonate(synapse.current(x, grid), cell, grid)
    return spikes.to(x.dtype), states


def current(x: Tensor, synapse: Synapse, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.current``."""
    return synapse.current(x, grid)


def integrate(current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.integrate``."""
    states: Tensor = _Integrate.apply(current, leak, grid)  # type: ignore[no-untyped-call]
    return states


def _states_like(current: Tensor, grid: Grid | None) -> Tensor:
    """Room for the states: float64 for integers, otherwise as precise as the current."""
    return torch.empty_like(current, dtype=current.dtype if grid is None else torch.float64)


def _inside(states: Tensor, grid: Grid | None, dtype: torch.dtype) -> list[Tensor] | None:
    """For each step 1 where a state is not clipped, or nothing when none is."""
    if grid is None:
        return None
    low, high = torch.aminmax(states)
    if low > grid.low and high < grid.high:
        return None
    return list(((states > grid.low) & (states < grid.high)).to(dtype).unbind(1))


class _Resonate(torch.autograd.Function):
    """[u; v] <- A [u; v] + current + s R: ``own`` multiplies the state itself, ``other`` its
    partner."""

    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        transition: Tensor,
        reset: Tensor | None,
        threshold: Tensor,
        unit: Tensor,
        surrogate: Surrogate,
        grid: Grid | None,
    ) -> tuple[Tensor, Tensor]:
        own = torch.stack([transition[:, 0, 0], transition[:, 1, 1]])
        other = torch.stack([transition[:, 0, 1], transition[:, 1, 0]])
        samples, length, planes, neurons = current.shape
        states = _states_like(current.expand(samples, length, 2, neurons), grid)
        state = torch.zeros_like(states[:, 0])
        for drive, out in zip(current.unbind(1), states.unbind(1), strict=True):
            torch.mul(state, own, out=out)
            out.addcmul_(state.flip(1), other)
            if grid is not None:
                round_(out, grid.rounding)
            out[:, :planes].add_(drive)
            if reset is not None:
                out.addcmul_((state[:, :1] > threshold).to(out.dtype), reset.T.to(out.dtype))
            if grid is not None:
                out.clamp_(grid.low, grid.high)
            state = out
        u = states[:, :, 0]
        spikes = torch.gt(u, threshold, out=torch.empty_like(u, dtype=current.dtype))
        ctx.save_for_backward(states, transition, reset, threshold, unit)
        ctx.grid, ctx.planes, ctx.surrogate = grid, planes, surrogate
        ctx.mark_non_differentiable(states)
        ctx.set_materialize_grads(False)
        return spikes, states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        spike_grad = grads[0]
        if spike_grad is None:  # nothing that is differentiated depends on the spikes
            return (None,) * 7
        dtype = spike_grad.dtype
        states, transition, reset, threshold, unit = ctx.saved_tensors
        inside = _inside(states, ctx.grid, dtype)
        slope = torch.empty_like(spike_grad)
        scale = unit.to(dtype)
        for rows in _blocks(states):
            distance = (states[rows, :, 0] * unit).sub_(1).to(dtype)
            torch.mul(derivative(distance, ctx.surrogate), scale, out=slope[rows])
        own = torch.stack([transition[:, 0, 0], transition[:, 1, 1]]).to(dtype)
        other = torch.stack([transition[:, 1, 0], transition[:, 0, 1]]).to(dtype)
        adjoint = torch.empty_like(states, dtype=dtype)
        later = torch.zeros_like(adjoint[:, 0])
        resets = None if reset is None else reset.T.to(dtype)
        for t in reversed(range(states.shape[1])):
            out = adjoint[:, t]
            torch.mul(later, own, out=out)
            out.addcmul_(later.flip(1), other)
            kick = spike_grad[:, t]
            if resets is not None:
                kick = kick + (later * resets).sum(1)
            out[:, 0].addcmul_(kick, slope[:, t])
            if inside is not None:
                out.mul_(inside[t])
            later = out
        return (
            adjoint if ctx.planes == 2 else adjoint[:, :, :1],
            _transition_grad(adjoint, states),
            None if reset is None else _reset_grad(adjoint, states, threshold),
            *(None,) * 4,
        )


def _reset_grad(adjoint: Tensor, states: Tensor, threshold: Tensor) -> Tensor:
    """Sum over samples and steps of adjoint times the spike before.    (N, 2)"""
    spikes = (states[:, :-1, :1] > threshold).to(adjoint.dtype)
    return (adjoint[:, 1:] * spikes).sum((0, 1)).T


def _transition_grad(adjoint: Tensor, states: Tensor) -> Tensor:
    """Sum over samples and steps of adjoint times the state before.    (N, 2, 2)"""
    grad = adjoint.new_zeros(states.shape[-1], 2, 2)
    for rows in _blocks(states):
        after, before = adjoint[rows, 1:], states[rows, :-1].to(adjoint.dtype)
        for j, k in itertools.product((0, 1), (0, 1)):
            grad[:, j, k] += (after[:, :, j] * before[:, :, k]).sum((0, 1))
    return grad


def _blocks(states: Tensor) -> list[slice]:
    """Samples in groups of some 100,000 states: work over whole sequences then stays in cache."""
    rows = max(1, 100_000 // states[0].numel())
    return [slice(start, start + rows) for start in range(0, len(states), rows)]


class _Integrate(torch.autograd.Function):
    """m <- leak m + current."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
        states = _states_like(current, grid)
        state = torch.zeros_like(states[:, 0])
        for drive, out in zip(current.unbind(1), states.unbind(1), strict=True):
            torch.mul(state, leak, out=out)
            if grid is None:
                out.add_(drive)
            else:
                round_(out, grid.rounding).add_(drive).clamp_(grid.low, grid.high)
            state = out
        ctx.save_for_backward(states, leak)
        ctx.grid = grid
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        states, leak = ctx.saved_tensors
        inside = _inside(states, ctx.grid, states.dtype)
        adjoint = torch.empty_like(states)
        later = torch.zeros_like(states[:, 0])
        steps = list(zip(adjoint.unbind(1), grads[0].unbind(1), strict=True))
        for t in reversed(range(len(steps))):
            out, kick = steps[t]
            torch.addcmul(kick, later, leak, out=out)
            if inside is not None:
                out.mul_(inside[t])
            later = out
        return adjoint, (adjoint[:, 1:] * states[:, :-1]).sum((0, 1)), None
