"""The spike and the gradient that stands in for its derivative."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from rfssm.model.recipe import Surrogate as Surrogate

HEIGHT = 0.15
SIGMA = 0.5
WIDENING = 6.0
MAX_DISTANCE = 50.0


def derivative(x: Tensor, surrogate: Surrogate) -> Tensor:
    """Return the surrogate derivative of the spike at distance x from the threshold."""
    return {"multi_gaussian": multi_gaussian, "boxcar": boxcar, "arctan": arctan}[surrogate](x)


def multi_gaussian(x: Tensor) -> Tensor:
    """Surrogate derivative of the spike at distance x from the threshold.

    A Gaussian with two wide negative wings: (1 + h) g(x; 0, σ) - h g(x; ±σ, kσ), g unnormalised,
    h = 0.15, σ = 0.5, k = 6.
    """
    wide = (WIDENING * SIGMA) ** 2
    x = x.clamp(-MAX_DISTANCE, MAX_DISTANCE)  # beyond, cosh overflows and the wings are below 1e-60
    square = x * x
    # Both wings at once: exp(-(x - σ)²/2w) + exp(-(x + σ)²/2w) = 2 exp(-(x² + σ²)/2w) cosh(σx/w)
    wings = torch.exp(square * (-0.5 / wide)).mul_(torch.cosh(x * (SIGMA / wide)))
    centre = square.mul_(-0.5 / SIGMA**2).exp_().mul_(1 + HEIGHT)
    return centre.sub_(wings, alpha=2 * HEIGHT * math.exp(-0.5 * SIGMA**2 / wide))


def boxcar(x: Tensor) -> Tensor:
    """1 for -1/2 < x <= 1/2, else 0 (SiLIF)."""
    return ((x > -0.5) & (x <= 0.5)).to(x.dtype)


def arctan(x: Tensor) -> Tensor:
    """Derivative of arctan(pi x) / pi: 1 / (1 + (pi x)^2) (PRF)."""
    return 1 / (1 + (math.pi * x).square())


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, u: Tensor, threshold: Tensor, unit: Tensor, surrogate: Surrogate
    ) -> Tensor:
        ctx.save_for_backward(u, unit)
        ctx.surrogate = surrogate
        return (u > threshold).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        u, unit = ctx.saved_tensors
        return grad * unit * derivative(u * unit - 1, ctx.surrogate), None, None, None


def spike(
    u: Tensor, threshold: Tensor, unit: Tensor, surrogate: Surrogate = "multi_gaussian"
) -> Tensor:
    """1 where u > threshold, with a surrogate gradient.

    u            state, in any unit                        (..., N)
    threshold    compared with u                           (N,)
    unit         real thresholds per unit of u: the surrogate sees u * unit - 1    (N,)
    """
    spikes: Tensor = _Spike.apply(u, threshold, unit, surrogate)  # type: ignore[no-untyped-call]
    return spikes
