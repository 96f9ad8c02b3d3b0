"""Integer states inside a recurrence: rounding and saturation with straight-through gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rfssm.contract import Rounding


@dataclass(frozen=True, slots=True)
class Grid:
    """States are integers: how products are rounded to them, and where they saturate.

    frac    fractional bits of what multiplies a state: transition or leak are integers * 2^-frac

    A state at ``low`` or ``high`` counts as clipped: no gradient passes through it.
    """

    rounding: Rounding
    low: int
    high: int
    frac: int


def round_(x: Tensor, rounding: Rounding) -> Tensor:
    """Round to integers in place, by the contract's modes (they carry their HLS names)."""
    if rounding == "TRN":
        return x.floor_()
    if rounding == "TRN_ZERO":
        return x.trunc_()
    if rounding == "RND":
        return x.add_(0.5).floor_()
    return x.round_()  # RND_CONV: torch rounds halves to even


def settle(linear: Tensor, current: Tensor, grid: Grid | None) -> Tensor:
    """Return the new state: its linear part rounded, plus the current, saturated.

    Differentiable: rounding passes the gradient on, saturation stops it.
    """
    if grid is None:
        return linear + current
    rounded = linear + (round_(linear.detach().clone(), grid.rounding) - linear.detach())
    state = rounded + current
    inside = (state > grid.low) & (state < grid.high)
    return torch.where(inside, state, state.detach().clamp(grid.low, grid.high))
