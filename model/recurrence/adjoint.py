"""The recurrence with a hand-written backward pass: the adjoint runs over the stored states.

Forward and backward are one short loop each, without a graph; whatever does not depend on the
previous step (spikes, surrogate, gradient of the transition) is computed for all steps at once.
"""

from __future__ import annotations

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


def _inside(states: Tensor, grid: Grid | None, dtype: torch.dtype) -> Tensor | None:
    """1 where a state is not clipped, or nothing when none can be."""
    if grid is None:
        return None
    inside = (states > grid.low) & (states < grid.high)
    return None if bool(inside.all()) else inside.to(dtype)


class _Resonate(torch.autograd.Function):
    """[u; v] <- A [u; v] + current: ``direct`` multiplies the own state, ``cross`` the other."""

    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        transition: Tensor,
        threshold: Tensor,
        unit: Tensor,
        grid: Grid | None,
    ) -> tuple[Tensor, Tensor]:
        direct = torch.stack([transition[:, 0, 0], transition[:, 1, 1]])
        cross = torch.stack([transition[:, 0, 1], transition[:, 1, 0]])
        states = torch.empty_like(current)
        state = torch.zeros_like(current[:, 0])
        for drive, out in zip(current.unbind(1), states.unbind(1), strict=True):
            torch.mul(state, direct, out=out)
            out.addcmul_(state.flip(1), cross)
            _settle_(out, drive, grid)
            state = out
        ctx.save_for_backward(states, transition, unit)
        ctx.grid = grid
        ctx.mark_non_differentiable(states)
        return (states[:, :, 0] > threshold).to(current.dtype), states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        states, transition, unit = ctx.saved_tensors
        inside = _inside(states, ctx.grid, states.dtype)
        slope = multi_gaussian(states[:, :, 0] * unit - 1)
        pulse = grads[0] * unit * slope
        direct = torch.stack([transition[:, 0, 0], transition[:, 1, 1]])
        cross = torch.stack([transition[:, 1, 0], transition[:, 0, 1]])
        adjoint = torch.empty_like(states)
        later = torch.zeros_like(states[:, 0])
        for t in reversed(range(states.shape[1])):
            out = adjoint[:, t]
            torch.mul(later, direct, out=out)
            out.addcmul_(later.flip(1), cross)
            out[:, 0] += pulse[:, t]
            if inside is not None:
                out *= inside[:, t]
            later = out
        before, after = states[:, :-1], adjoint[:, 1:]
        rows = [
            torch.stack([(after[:, :, j] * before[:, :, k]).sum((0, 1)) for k in (0, 1)], -1)
            for j in (0, 1)
        ]
        return adjoint, torch.stack(rows, 1), None, None, None


class _Integrate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, current: Tensor, leak: Tensor, grid: Grid | None) -> Tensor:
        states = torch.empty_like(current)
        state = torch.zeros_like(current[:, 0])
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
        for t in reversed(range(states.shape[1])):
            out = torch.addcmul(grads[0][:, t], later, leak, out=adjoint[:, t])
            if inside is not None:
                out *= inside[:, t]
            later = out
        return adjoint, (adjoint[:, 1:] * states[:, :-1]).sum((0, 1)), None
