"""The spike and the gradient that stands in for its derivative."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

HEIGHT = 0.15
SIGMA = 0.5
WIDENING = 6.0
FAR = 50.0


def multi_gaussian(x: Tensor) -> Tensor:
    """Surrogate derivative of the spike at distance x from the threshold.

    A Gaussian with two wide negative wings: (1 + h) g(x; 0, σ) - h g(x; ±σ, kσ), g unnormalised,
    h = 0.15, σ = 0.5, k = 6.
    """
    wide = (WIDENING * SIGMA) ** 2
    x = x.clamp(-FAR, FAR)  # beyond, cosh overflows and the wings are below 1e-60
    square = x * x
    # Both wings at once: exp(-(x - σ)²/2w) + exp(-(x + σ)²/2w) = 2 exp(-(x² + σ²)/2w) cosh(σx/w)
    wings = torch.exp(square * (-0.5 / wide)).mul_(torch.cosh(x * (SIGMA / wide)))
    centre = square.mul_(-0.5 / SIGMA**2).exp_().mul_(1 + HEIGHT)
    return centre.sub_(wings, alpha=2 * HEIGHT * math.exp(-0.5 * SIGMA**2 / wide))


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, threshold: Tensor, unit: Tensor) -> Tensor:
        ctx.save_for_backward(u, unit)
        return (u > threshold).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        u, unit = ctx.saved_tensors
        return grad * unit * multi_gaussian(u * unit - 1), None, None


def spike(u: Tensor, threshold: Tensor, unit: Tensor) -> Tensor:
    """1 where u > threshold, with the multi-Gaussian surrogate.

    u            state, in any unit                        (..., N)
    threshold    compared with u                           (N,)
    unit         real thresholds per unit of u: the surrogate sees u * unit - 1    (N,)
    """
    spikes: Tensor = _Spike.apply(u, threshold, unit)  # type: ignore[no-untyped-call]
    return spikes
