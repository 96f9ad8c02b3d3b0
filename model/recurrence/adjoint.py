"""The recurrence with a hand-written backward pass: the adjoint runs over the stored states.

Forward and backward are one short loop each, without a graph; whatever does not depend on the
previous step (spikes, surrogate, gradient of the transition) is computed for all steps at once.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from rfssm.model.recurrence.grid import Grid, round_
from rfssm.model.surrogate import multi_gaussian


def resonate(
    current: Tensor, transition: Tensor, threshold: Tensor, unit: Tensor, grid: Grid | None
) -> tuple[Tensor, Tensor]:
    """See ``rfssm.model.recurrence.resonate``."""
    spikes, states = _Resonate.apply(  # type: ignore[no-untyped-call]
        current, transition, threshold, unit, grid
    )
    return spikes, states


def integrate(current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
    """See ``rfssm.model.recurrence.integrate``."""
    states: Tensor = _Integrate.apply(current, leak, grid)  # type: ignore[no-untyped-call]
    return states


def _settle_(linear: Tensor, current: Tensor, grid: Grid | None) -> None:
    """Round, add the current, saturate; all in place."""
    if grid is None:
        linear.add_(current)
    else:
        round_(linear, grid.rounding).add_(current).clamp_(grid.low, grid.high)


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
    """[u; v] <- A [u; v] + current: ``own`` multiplies the state itself, ``other`` its partner."""

    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        transition: Tensor,
        threshold: Tensor,
        unit: Tensor,
        grid: Grid | None,
    ) -> tuple[Tensor, Tensor]:
        own = torch.stack([transition[:, 0, 0], transition[:, 1, 1]])
        other = torch.stack([transition[:, 0, 1], transition[:, 1, 0]])
        states = _states_like(current, grid)
        state = torch.zeros_like(states[:, 0])
        for drive, out in zip(current.unbind(1), states.unbind(1), strict=True):
            torch.mul(state, own, out=out)
            out.addcmul_(state.flip(1), other)
            _settle_(out, drive, grid)
            state = out
        u = states[:, :, 0]
        spikes = torch.gt(u, threshold, out=torch.empty_like(u, dtype=current.dtype))
        ctx.save_for_backward(states, transition, unit)
        ctx.grid = grid
        ctx.mark_non_differentiable(states)
        ctx.set_materialize_grads(False)
        return spikes, states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        spike_grad = grads[0]
        dtype = spike_grad.dtype
        states, transition, unit = ctx.saved_tensors
        inside = _inside(states, ctx.grid, dtype)
        pulse = torch.empty_like(spike_grad)
        scale = unit.to(dtype)
        for rows in _blocks(states):
            slope = multi_gaussian((states[rows, :, 0] * unit).sub_(1).to(dtype))
            torch.mul(slope.mul_(scale), spike_grad[rows], out=pulse[rows])
        own = torch.stack([transition[:, 0, 0], transition[:, 1, 1]]).to(dtype)
        other = torch.stack([transition[:, 1, 0], transition[:, 0, 1]]).to(dtype)
        adjoint = torch.empty_like(states, dtype=dtype)
        later = torch.zeros_like(adjoint[:, 0])
        steps = list(
            zip(adjoint.unbind(1), adjoint[:, :, 0].unbind(1), pulse.unbind(1), strict=True)
        )
        for t in reversed(range(len(steps))):
            out, out_u, kick = steps[t]
            torch.mul(later, own, out=out)
            out.addcmul_(later.flip(1), other)
            out_u.add_(kick)
            if inside is not None:
                out.mul_(inside[t])
            later = out
        return adjoint, _transition_grad(adjoint, states), None, None, None


def _transition_grad(adjoint: Tensor, states: Tensor) -> Tensor:
    """Sum over samples and steps of adjoint times the state before.    (N, 2, 2)"""
    grad = torch.zeros(states.shape[-1], 2, 2, dtype=adjoint.dtype)
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
            _settle_(out, drive, grid)
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
